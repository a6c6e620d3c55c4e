//! Logits and caches in f32.
//!
//! Runs the models of `tests/data`, or those of the folder that `FT_GOLDEN_DIR` names, and prints the worst differences.

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use candle_core::Tensor;
use ft_engine::model::decoder::{Batch, Output, TokenTree};
use ft_engine::model::{Context, Decoder, KvCache};
use ft_engine::tune::State;

use crate::support::{F32, Golden, families, load, load_for_library, logits, models_in, name, states, variants, worst};

const LOGITS: f32 = 1e-4;
const CACHE: f32 = 1e-5;

fn stacked(cache: &KvCache) -> (Tensor, Tensor) {
    let stack = |tensors: Vec<&Tensor>| Tensor::stack(&tensors, 0).unwrap();
    (
        stack(cache.layers().iter().map(|layer| &layer.keys).collect()),
        stack(cache.layers().iter().map(|layer| &layer.values).collect()),
    )
}

/// What is wrong with a folder's model, if anything is.
fn check(folder: &Path) -> Option<String> {
    let golden = Golden::read(folder);
    let decoder = load(folder, &F32);
    let joined = [golden.demonstrations.as_slice(), &golden.query].concat();
    let plain = worst(&logits(&decoder, &Context::zero_shot(None), &joined), golden.tensor("plain_logits"));
    let (mut caches, mut queries) = (0f32, 0f32);
    for state in states(&decoder, &golden) {
        let expected = |what: &str| golden.tensor(&format!("step{}_{what}", state.step()));
        let (keys, values) = stacked(&state.context.cache);
        caches = caches.max(worst(&keys, expected("k"))).max(worst(&values, expected("v")));
        let found = logits(&decoder, &state.context, &golden.query);
        queries = queries.max(worst(&found, expected("query_logits")));
    }
    let (name, steps) = (name(folder), golden.steps);
    println!("{name}: plain logits {plain:.1e}, caches {caches:.1e}, query logits {queries:.1e} ({steps} steps)");
    // Not `>`: a NaN is no agreement.
    let within = plain <= LOGITS && caches <= CACHE && queries <= LOGITS;
    (!within).then(|| format!("{name} differs by more than {LOGITS:e} in logits or {CACHE:e} in caches"))
}

#[test]
fn logits_and_caches_match_pytorch() {
    let folders = match std::env::var_os("FT_GOLDEN_DIR") {
        // Cargo runs tests in the package's folder, and users name folders from the workspace's.
        Some(dir) => models_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(dir)),
        None => [families(), variants()].concat(),
    };
    // All are run, whatever one of them does: each has its line.
    let failure = |folder: &PathBuf| match catch_unwind(|| check(folder)) {
        Ok(failure) => failure,
        Err(_) => Some(format!("{} cannot be run; its error stands above", name(folder))),
    };
    let failures: Vec<String> = folders.iter().filter_map(failure).collect();
    assert!(failures.is_empty(), "{} of {} models: {failures:#?}", failures.len(), folders.len());
}

/// Devices other than the CPU run the tensor library's operations; here they run on the CPU, over two trees and a past.
#[test]
fn the_tensor_librarys_operations_give_the_same() {
    for folder in [families(), variants()].concat() {
        let golden = Golden::read(&folder);
        let (decoder, library) = (load(&folder, &F32), load_for_library(&folder, &F32));
        let demonstrations = State::first(&decoder, &golden.demonstrations).unwrap().context;
        let mut branching = TokenTree::chain(&golden.query);
        branching.insert(golden.query[0], Some(0));
        let trees = [branching, TokenTree::chain(&golden.query)];
        let rows: Vec<usize> = (0..trees.iter().map(TokenTree::len).sum()).collect();
        for context in [Context::zero_shot(None), demonstrations] {
            let batch = Batch::after(&context, &trees, &rows);
            let (ours, theirs) = (decoder.forward(batch).unwrap(), library.forward(batch).unwrap());
            let logits = |decoder: &Decoder, output: &Output| decoder.logits(&output.hidden_states).unwrap();
            let difference = worst(&logits(&decoder, &ours), &logits(&library, &theirs));
            let (a, b) = (stacked(&ours.cache), stacked(&theirs.cache));
            let caches = worst(&a.0, &b.0).max(worst(&a.1, &b.1));
            assert!(difference <= 2e-5 && caches <= 1e-5, "{}: {difference:e}, {caches:e}", name(&folder));
        }
    }
}
