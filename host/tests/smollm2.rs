//! The default model against PyTorch: tokens and log-likelihoods through the whole program.
//!
//! The model is the one that `ft-host model pull` fetched (`cargo xtask test` does that first). Where it is missing the
//! tests say so on stderr and end, and under `CI=true` they fail.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use ft_engine::model::Tokenizer;
use ft_engine::model::weights::{Gguf, WeightBytes};
use ft_store::hub::fetch::fetch_model;
use ft_store::machine::environment::Environment;
use ft_store::models::catalogue::DEFAULT_MODEL;
use ft_store::models::files::ModelKind;
use ft_store::progress::Silent;
use serde_json::Value;
use support_data::{data_sets, demonstrations};

#[path = "support_data/mod.rs"]
mod support_data;

const HERE: &str = env!("CARGO_MANIFEST_DIR");
/// What the default model's f32 arithmetic may differ by from PyTorch's.
const TOLERANCE: f64 = 2e-3;

/// The file of the default model, if it is on this machine.
fn model() -> Option<PathBuf> {
    let environment = Environment { offline: true, ..Environment::from_process() };
    match fetch_model(DEFAULT_MODEL, &environment, &Silent) {
        Ok(files) => match files.kind {
            ModelKind::Gguf(mut parts) => parts.pop(),
            other => panic!("the default model is {other:?}"),
        },
        Err(error) => {
            let message = format!("the default model is not here ({error}); `ft-host model pull` fetches it");
            assert!(std::env::var_os("CI").is_none(), "{message}");
            skipped(&message);
            None
        }
    }
}

/// Says so where the test harness, which keeps what passing tests print, does not hide it.
#[expect(clippy::disallowed_methods, reason = "the test harness keeps what passing tests print by macros")]
fn skipped(why: &str) {
    std::io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes()).unwrap();
}

fn expected() -> Value {
    let file = Path::new(HERE).join("tests/data/smollm2/expected.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// What `results.json` holds, and per step from step 1 the log-likelihoods of every row's choices.
type Scored = (Value, Vec<Vec<Vec<f64>>>);

/// Runs SST-2 in f32.
fn run(model: &Path, data: &str, limit: usize, steps: usize) -> Scored {
    run_with(model, data, limit, steps, "dense")
}

/// Runs SST-2 in f32 with weights held as `--weights` says.
fn run_with(model: &Path, data: &str, limit: usize, steps: usize, weights: &str) -> Scored {
    let folder = tempfile::tempdir().unwrap();
    let plugin = Path::new(HERE).join("../plugins/sst2.wasm");
    assert!(plugin.is_file(), "{} is missing: build it with `cargo xtask plugins`", plugin.display());
    let output = Command::new(env!("CARGO_BIN_EXE_ft-host"))
        .arg("run")
        .args([Path::new("--task"), &plugin, Path::new("--model"), model, Path::new("--out"), folder.path()])
        .args(["--data", data, "--seed", "0", "--shots", "1", "--quiet", "--dtype", "f32", "--device", "cpu"])
        .args(["--select", "last"])
        .args(["--limit", &limit.to_string(), "--steps", &steps.to_string(), "--weights", weights])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let results: Value = serde_json::from_slice(&std::fs::read(folder.path().join("results.json")).unwrap()).unwrap();
    let samples = std::fs::read_to_string(folder.path().join("samples.jsonl")).unwrap();
    let mut logliks = vec![Vec::new(); steps + 1];
    for line in samples.lines() {
        let sample: Value = serde_json::from_str(line).unwrap();
        let step = sample["step"].as_u64().unwrap() as usize;
        logliks[step].push(serde_json::from_value(sample["loglik"].clone()).unwrap());
    }
    logliks.remove(0);
    (results, logliks)
}

#[track_caller]
fn close(found: &[Vec<Vec<f64>>], expected: &[Vec<Vec<f64>>]) {
    assert_eq!(found.len(), expected.len());
    for (step, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(!expected.is_empty() && found.len() >= expected.len());
        for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
            assert!((found - expected).abs() < TOLERANCE, "step {}: {found} and {expected}", step + 1);
        }
    }
}

#[test]
fn texts_have_the_tokens_of_the_hugging_face_tokenizer() {
    let Some(path) = model() else { return };
    let bytes: WeightBytes = Arc::new(std::fs::read(path).unwrap());
    let tokenizer = Tokenizer::from_gguf(&Gguf::new("the default model", bytes).unwrap()).unwrap();
    let texts: Vec<(String, Vec<u32>)> = serde_json::from_value(expected()["texts"].clone()).unwrap();
    assert!(texts.len() > 10);
    for (text, ids) in texts {
        assert_eq!(tokenizer.encode(&text).unwrap(), ids, "{text:?}");
        assert_eq!(tokenizer.encode_with_special(&text).unwrap(), ids, "no token stands before a text: {text:?}");
    }
}

#[test]
fn the_bundled_sample_scores_as_in_pytorch() {
    let Some(path) = model() else { return };
    let expected = expected();
    let steps: Vec<Vec<Vec<f64>>> = serde_json::from_value(expected["steps"].clone()).unwrap();
    let (results, found) = run(&path, "sample", steps[0].len(), steps.len());
    assert_eq!(results["demonstrations"], expected["demonstrations"]);
    assert_eq!(results["demonstration_ids"], expected["demonstration_ids"]);
    close(&found, &steps);
}

/// The reference's own data: demonstrations by its seed, and log-likelihoods and accuracy that PyTorch gives for them.
/// `the_bundled_sample_scores_as_in_pytorch` is the twin on data that is always there.
#[test]
fn the_reference_data_score_as_in_pytorch() {
    let what = "the reference's scores on the whole of SST-2 (`the_bundled_sample_scores_as_in_pytorch` is the twin)";
    let (Some(data), Some(golden)) = (data_sets(what), demonstrations(what)) else { return };
    let Some(path) = model() else { return };
    let golden = std::fs::read(golden).unwrap();
    let golden: Value = serde_json::from_slice(&golden).unwrap();
    let (results, found) = run(&path, data.to_str().unwrap(), 2, 3);
    assert_eq!(results["demonstrations"], golden["sst2"]["seed0_k1"]["demonstrations"]);
    assert_eq!(results["evaluation_split_rows"], golden["sst2"]["seed0_k1"]["n_eval"]);
    let step = |a: [f64; 2], b: [f64; 2]| vec![a.to_vec(), b.to_vec()];
    let expected = [
        step([-1.22800, -0.57116], [-1.23233, -0.65816]),
        step([-1.22599, -0.57018], [-1.16695, -0.68629]),
        step([-1.23149, -0.56505], [-1.05479, -0.74161]),
    ];
    close(&found, &expected);
    let (results, _) = run(&path, data.to_str().unwrap(), 100, 1);
    assert_eq!(results["steps"][1]["correct"], 80);
}

/// Predictions with 8-bit weights against those with f32's: equal in so many of so many rows at step 1.
fn equal_predictions(model: &Path, data: &str, limit: usize) -> (usize, usize) {
    let predicted = |weights: &str| -> Vec<bool> {
        let (results, logliks) = run_with(model, data, limit, 1, weights);
        assert_eq!(results["memory"]["weights"] != results["memory"]["dense_weights"], weights == "quantized");
        logliks[0].iter().map(|row| row[1] > row[0]).collect()
    };
    let (dense, quantized) = (predicted("dense"), predicted("quantized"));
    assert_eq!((dense.len(), quantized.len()), (limit, limit));
    let equal = dense.iter().zip(&quantized).filter(|(dense, quantized)| dense == quantized).count();
    println!("predictions with 8-bit weights equal those with f32 in {equal} of {limit} rows");
    (equal, limit)
}

#[test]
fn eight_bit_weights_predict_the_same() {
    let Some(path) = model() else { return };
    let (equal, rows) = equal_predictions(&path, "sample", 40);
    // One row of 40 is 2.5 %.
    assert!(equal * 100 >= rows * 97, "{equal} of {rows}");
}

/// The same on 200 rows of the reference's data; `eight_bit_weights_predict_the_same` is the twin that is always there.
#[test]
fn eight_bit_weights_predict_the_same_on_the_reference_data() {
    let what = "8-bit weights on 200 rows of SST-2 (`eight_bit_weights_predict_the_same` is the twin)";
    let Some(data) = data_sets(what) else { return };
    let Some(path) = model() else { return };
    let (equal, rows) = equal_predictions(&path, data.to_str().unwrap(), 200);
    assert!(equal * 100 >= rows * 97, "{equal} of {rows}");
}
