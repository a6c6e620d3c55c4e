//! Values of an independent implementation: PyTorch's logits and caches for tiny models with random weights.
//!
//! Runs every folder in `tests/data/tiny`, or in the folder that `FT_GOLDEN_DIR` names, and prints the worst differences.
//! A folder holds `config.json`, `model.safetensors` and `golden.safetensors` with `demo_ids`, `query_ids`,
//! `plain_logits`, `step{t}_k`, `step{t}_v`, `step{t}_query_logits` (step size 0.01, momentum 0.9; f32 on the CPU).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use ft_host::model::decoder::{Batch, Placement, TokenTree};
use ft_host::model::weights::{Safetensors, WeightBytes, WeightFormat};
use ft_host::model::{Decoder, KvCache, families};
use ft_host::tune::{Momentum, Positions, State};

const LOGITS: f32 = 1e-4;
const CACHE: f32 = 1e-5;

fn load(folder: &Path) -> Decoder {
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let family = families::from_config_json("config.json", &read("config.json")).unwrap();
    let bytes: WeightBytes = Arc::new(read("model.safetensors"));
    let source = Safetensors::new(vec![("model.safetensors".into(), bytes)]).unwrap();
    let placement = Placement { device: Device::Cpu, dtype: DType::F32, weights: WeightFormat::Dense };
    Decoder::load(family.config, &family.layout, &source, &placement).unwrap()
}

fn worst(found: &Tensor, expected: &Tensor) -> f32 {
    assert_eq!(found.dims(), expected.dims());
    let difference = (found - expected).unwrap().abs().unwrap().flatten_all().unwrap();
    let values: Vec<f32> = difference.to_vec1().unwrap();
    // A NaN would pass a plain maximum unseen.
    values.into_iter().fold(0.0, |worst, x| if x.is_nan() || worst < x { x } else { worst })
}

fn logits(decoder: &Decoder, ids: &[u32], first_position: usize, past: Option<&KvCache>) -> Tensor {
    let wanted: Vec<usize> = (0..ids.len()).collect();
    let trees = [TokenTree::chain(ids)];
    let output = decoder.forward(Batch { trees: &trees, first_position, past, wanted: &wanted }).unwrap();
    decoder.logits(&output.states).unwrap()
}

fn cache_of(cache: &KvCache) -> (Tensor, Tensor) {
    let stack = |tensors: Vec<&Tensor>| Tensor::stack(&tensors, 0).unwrap();
    (
        stack(cache.layers().iter().map(|layer| &layer.keys).collect()),
        stack(cache.layers().iter().map(|layer| &layer.values).collect()),
    )
}

fn check(folder: &Path) {
    let golden: HashMap<String, Tensor> =
        candle_core::safetensors::load(folder.join("golden.safetensors"), &Device::Cpu).unwrap();
    let ids = |name: &str| -> Vec<u32> { golden[name].to_dtype(DType::U32).unwrap().to_vec1().unwrap() };
    let (demonstrations, query) = (ids("demo_ids"), ids("query_ids"));
    let steps = (1..).take_while(|step| golden.contains_key(&format!("step{step}_k"))).count();
    assert!(steps >= 2, "{}: golden.safetensors has {steps} steps", folder.display());

    let decoder = load(folder);
    let joined = [demonstrations.as_slice(), &query].concat();
    let plain = worst(&logits(&decoder, &joined, 0, None), &golden["plain_logits"]);
    let mut rule = Momentum::new(0.01, 0.9);
    let mut state = State::first(&decoder, &demonstrations).unwrap();
    let (mut caches, mut queries) = (0f32, 0f32);
    for step in 1..=steps {
        if step > 1 {
            state = state.next(&decoder, &demonstrations, Positions::Continue, &mut rule).unwrap();
        }
        let (keys, values) = cache_of(&state.cache);
        caches = caches.max(worst(&keys, &golden[&format!("step{step}_k")]));
        caches = caches.max(worst(&values, &golden[&format!("step{step}_v")]));
        let found = logits(&decoder, &query, demonstrations.len(), Some(&state.cache));
        queries = queries.max(worst(&found, &golden[&format!("step{step}_query_logits")]));
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    println!("{name}: plain logits {plain:.1e}, caches {caches:.1e}, query logits {queries:.1e} ({steps} steps)");
    assert!(plain <= LOGITS, "{name}: plain logits differ by {plain:e}");
    assert!(caches <= CACHE, "{name}: caches differ by {caches:e}");
    assert!(queries <= LOGITS, "{name}: query logits differ by {queries:e}");
}

#[test]
fn logits_and_caches_match_pytorch() {
    let root = std::env::var_os("FT_GOLDEN_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny")),
        // Cargo runs tests in the package's folder, and users name folders from the workspace's.
        |dir| Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(dir),
    );
    let mut folders: Vec<PathBuf> = std::fs::read_dir(&root)
        .unwrap_or_else(|e| panic!("{}: {e}", root.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(!folders.is_empty(), "{} has no folder", root.display());
    folders.iter().for_each(|folder| check(folder));
}
