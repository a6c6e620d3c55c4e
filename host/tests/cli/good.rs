//! Runs that work.

use serde_json::{Value, json};

use super::support::{Done, Room, plugin};

fn room() -> Room {
    let room = Room::new();
    room.model(json!({}));
    room
}

fn logliks(samples: &[Value], step: u64) -> Vec<Vec<f64>> {
    let of_step = samples.iter().filter(|sample| sample["step"] == step);
    of_step.map(|sample| serde_json::from_value(sample["loglik"].clone()).unwrap()).collect()
}

#[track_caller]
fn close(a: &[Vec<f64>], b: &[Vec<f64>], tolerance: f64) {
    assert!(!a.is_empty() && a.len() == b.len());
    for (a, b) in a.iter().flatten().zip(b.iter().flatten()) {
        assert!((a - b).abs() <= tolerance, "{a} and {b}");
    }
}

#[test]
fn a_run_prints_a_table_and_leaves_results() {
    let room = room();
    let done = room.sst2(&["--data", "sample", "--steps", "3", "--limit", "20", "--out", "out"]);
    done.succeeds();
    for text in ["zero-shot", "1 (in-context)", "\n 3 ", "95 % Wilson", "oracle", "bundled sample", "first 20 of 120"] {
        assert!(done.stdout.contains(text), "stdout lacks {text:?}: {done:?}");
    }
    assert!(done.stderr.contains("Review: "), "the demonstrations' head is missing: {done:?}");

    let results = room.json("out/results.json");
    assert_eq!(results["complete"], true);
    assert_eq!(results["format_version"], 1);
    assert_eq!(results["options"]["optimizer"], json!({"step_size": 0.01, "momentum": 0.9}));
    for digest in [&results["task"]["sha256"], &results["optimizer"]["sha256"], &results["data"][1]["sha256"]] {
        assert_eq!(digest.as_str().map(str::len), Some(64), "{results}");
    }
    assert_eq!(results["model"]["files"].as_array().unwrap().len(), 3);
    assert_eq!(results["data"][1]["rows"], 120);

    // Every number follows from the samples alone.
    let samples = room.samples("out");
    assert_eq!(samples.len(), 4 * 20);
    let steps = results["steps"].as_array().unwrap();
    assert_eq!(steps.iter().map(|step| step["step"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 1, 2, 3]);
    for step in steps {
        let own: Vec<&Value> = samples.iter().filter(|sample| sample["step"] == step["step"]).collect();
        assert_eq!(step["n"], own.len());
        let best =
            |scores: &[f64]| (0..scores.len()).rev().max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap() as u64;
        let share = |right: usize| right as f64 / own.len() as f64;
        let floats = |value: &Value| -> Vec<f64> { serde_json::from_value(value.clone()).unwrap() };
        let right = own.iter().filter(|s| s["answer"] == best(&floats(&s["loglik"]))).count();
        assert_eq!(step["accuracy"], share(right));
        let mean = |s: &Value| -> Vec<f64> {
            floats(&s["loglik"]).iter().zip(floats(&s["tokens"])).map(|(sum, n)| sum / n).collect()
        };
        assert_eq!(step["accuracy_tokens"], share(own.iter().filter(|s| s["answer"] == best(&mean(s))).count()));
        assert!(own.iter().all(|s| s["prediction"] == best(&floats(&s["loglik"]))));
        for key in ["step_seconds", "score_seconds"] {
            assert!(step[key].as_f64().unwrap() >= 0.0);
        }
    }
    let keys: Vec<&String> = samples[0].as_object().unwrap().keys().collect();
    let mut expected = ["answer", "id", "index", "loglik", "prediction", "step", "tokens"];
    expected.sort_unstable();
    let mut keys: Vec<&str> = keys.into_iter().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, expected);
}

#[test]
fn json_goes_to_stdout_and_nothing_else() {
    let room = room();
    let done = room.sst2(&["--data", "sample", "--steps", "1", "--limit", "3", "--json", "--out", "out"]);
    done.succeeds();
    assert_eq!(serde_json::from_str::<Value>(&done.stdout).unwrap(), room.json("out/results.json"));
    assert_eq!(done.stderr, "");
    let quiet = room.sst2(&["--data", "sample", "--steps", "1", "--limit", "3", "--quiet"]);
    quiet.succeeds();
    assert_eq!(quiet.stderr, "");
    assert!(room.path("runs/sst2/results.json").is_file());
}

#[test]
fn a_dry_run_reads_no_weights_and_writes_nothing() {
    let room = room();
    // The header is whole and a tensor has another shape: only reading the weights would find out.
    room.model(json!({"intermediate_size": 81}));
    let done = room.sst2(&["--data", "sample", "--dry-run", "--json", "-O", "momentum=0.5", "--out", "out"]);
    done.succeeds();
    let plan: Value = serde_json::from_str(&done.stdout).unwrap();
    let text = plan["demonstrations"].as_str().unwrap();
    assert!(text.starts_with("Review: ") && text.ends_with("\n\n"), "{text}");
    assert_eq!(plan["demonstration_ids"].as_array().unwrap().len(), text.chars().count());
    assert_eq!(plan["evaluation_rows"], 120);
    assert_eq!(plan["options"]["optimizer"]["momentum"], 0.5);
    assert!(!room.path("out").exists());
    let run = room.sst2(&["--data", "sample", "--out", "out"]);
    run.fails(2, &["tensor `model.layers.0.mlp.gate_proj.weight`", "[80, 32]", "[81, 32]", "model.safetensors"]);
}

#[test]
fn one_seed_gives_one_result_and_another_seed_another() {
    let room = room();
    let samples = |seed: &str, out: &str| {
        room.sst2(&["--data", "sample", "--steps", "2", "--limit", "5", "--seed", seed, "--out", out]).succeeds();
        std::fs::read(room.path(out).join("samples.jsonl")).unwrap()
    };
    let first = samples("0", "a");
    assert_eq!(first, samples("0", "b"));
    assert_ne!(first, samples("1", "c"));
    assert_ne!(room.json("a/results.json")["demonstrations"], room.json("c/results.json")["demonstrations"]);
}

#[test]
fn results_do_not_depend_on_the_batch() {
    let room = room();
    let run = |batch: &str| {
        room.sst2(&["--data", "sample", "--steps", "2", "--limit", "12", "--batch-tokens", batch, "--out", batch])
            .succeeds();
        room.samples(batch)
    };
    let single = run("1");
    for batch in ["300", "100000"] {
        let batched = run(batch);
        for step in 0..=2 {
            close(&logliks(&single, step), &logliks(&batched, step), 1e-4);
        }
    }
}

#[test]
fn a_step_size_of_zero_changes_nothing() {
    let room = room();
    let done = room.sst2(&["--data", "sample", "--steps", "4", "--limit", "6", "-O", "step_size=0", "--out", "out"]);
    done.succeeds();
    let samples = room.samples("out");
    for step in 2..=4 {
        assert_eq!(logliks(&samples, 1), logliks(&samples, step));
    }
    let moved = room.sst2(&["--data", "sample", "--steps", "2", "--limit", "6", "-O", "step_size=0.5", "--out", "m"]);
    moved.succeeds();
    assert_ne!(logliks(&room.samples("m"), 1), logliks(&room.samples("m"), 2));
}

#[test]
fn the_steps_asked_for_are_scored_and_the_baseline_always() {
    let room = room();
    for (asked, expected) in [("last", vec![0, 1, 4]), ("2", vec![0, 1, 2]), ("4,3", vec![0, 1, 3, 4])] {
        let arguments =
            ["--data", "sample", "--steps", "4", "--limit", "2", "--score-steps", asked, "--json", "--out", asked];
        let done = room.sst2(&arguments);
        done.succeeds();
        let results: Value = serde_json::from_str(&done.stdout).unwrap();
        let steps = results["steps"].as_array().unwrap().iter();
        assert_eq!(steps.map(|step| step["step"].as_u64().unwrap()).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn positions_may_restart() {
    let room = room();
    let run = |positions: &str| {
        let arguments =
            ["--data", "sample", "--steps", "2", "--limit", "4", "--positions", positions, "--out", positions];
        room.sst2(&[&arguments[..], &["-O", "step_size=0.5"]].concat()).succeeds();
        room.samples(positions)
    };
    let (on, again) = (run("continue"), run("restart"));
    assert_eq!(logliks(&on, 1), logliks(&again, 1));
    assert_ne!(logliks(&on, 2), logliks(&again, 2));
}

#[test]
fn eight_bit_weights_stay_close() {
    let room = room();
    let run = |weights: &str| {
        room.sst2(&["--data", "sample", "--steps", "2", "--limit", "6", "--weights", weights, "--out", weights])
            .succeeds();
        room.samples(weights)
    };
    let (dense, quantized) = (run("dense"), run("quantized"));
    assert_ne!(logliks(&dense, 1), logliks(&quantized, 1));
    // Sums over labels of nine characters, each within 2e-2.
    close(&logliks(&dense, 2), &logliks(&quantized, 2), 9.0 * 2e-2);
}

#[test]
fn an_earlier_run_is_kept() {
    let room = room();
    let run =
        |seed: &str| room.sst2(&["--data", "sample", "--steps", "1", "--limit", "2", "--seed", seed, "--out", "out"]);
    run("0").succeeds();
    let (results, samples) = (room.json("out/results.json"), room.samples("out"));
    let second = run("3");
    second.succeeds();
    assert!(second.stderr.contains("samples.1.jsonl"), "{second:?}");
    assert_eq!(room.json("out/results.1.json"), results);
    let kept = std::fs::read_to_string(room.path("out/samples.1.jsonl")).unwrap();
    assert_eq!(kept.lines().count(), samples.len());
}

#[test]
fn data_come_from_a_folder() {
    let room = room();
    room.data(7);
    let done = room.sst2(&["--data", "data", "--steps", "1", "--json", "--out", "out"]);
    done.succeeds();
    let results: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(results["steps"][0]["n"], 7);
    assert_eq!(results["notes"], json!([]));
    assert_eq!(results["config"]["data"], "data");
}

#[test]
fn an_optimizer_is_found_or_named() {
    let room = room();
    let task = room.write("elsewhere/sst2.wasm", std::fs::read(plugin("sst2")).unwrap());
    let arguments = ["run", "--task", task.to_str().unwrap(), "--model", "model", "--data", "sample", "--limit", "1"];
    room.run(&[&arguments[..], &["--steps", "1"]].concat())
        .fails(2, &["momentum.wasm", "--optimizer", "xtask plugins"]);
    room.write("plugins/momentum.wasm", std::fs::read(plugin("momentum")).unwrap());
    room.run(&[&arguments[..], &["--steps", "1"]].concat()).succeeds();
}

#[test]
fn help_says_what_there_is() {
    let room = room();
    for (arguments, text) in [
        (vec!["--help"], "model"),
        (vec!["run", "--help"], "--score-steps"),
        (vec!["model", "--help"], "pull"),
        (vec!["model", "pull", "--help"], "--offline"),
        (vec!["--version"], env!("CARGO_PKG_VERSION")),
    ] {
        let done = room.run(&arguments);
        done.succeeds();
        assert!(done.stdout.contains(text) && done.stderr.is_empty(), "{done:?}");
    }
    let listed = room.run(&["model", "list"]);
    listed.succeeds();
    assert!(listed.stdout.contains("smollm2-135m-instruct") && listed.stdout.contains("not fetched"), "{listed:?}");
    let described = room.run(&["model", "inspect", "model"]);
    described.succeeds();
    assert!(described.stdout.contains("2 layers, 32 wide") && described.stdout.contains("4096 positions"));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    use std::process::Stdio;
    let room = room();
    let task = plugin("sst2");
    let mut child = room
        .command(&["run", "--task", &task, "--model", "model", "--data", "sample", "--limit", "1", "--steps", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let done = Done::of(child.wait_with_output().unwrap());
    done.succeeds();
    assert!(!done.stderr.contains("error"), "{done:?}");
}
