//! A run that ended early, however it ended, goes on where it was and comes to the same result.

use std::process::Child;
use std::time::Duration;

use serde_json::Value;

use crate::support::*;

/// Everything that decides about the result of the run below.
const SETTINGS: [&str; 14] = [
    "--steps",
    "4",
    "--limit",
    "40",
    "--seeds",
    "3,0",
    "--select",
    "held-out",
    "--held-out",
    "6",
    "--baseline",
    "repeat=2",
    "--batch-tokens",
    "200",
];

fn start(place: &Place, out: &str, more: &[&str]) -> Child {
    let task = guest("sst2");
    let fixed = ["run", "--task", &task, "--model", "model", "--data", "sample", "--out", out, "--device", "cpu"];
    place.command(&[&fixed[..], &SETTINGS, more].concat()).spawn().unwrap()
}

/// `results.json` without the times and the free memory, which no two runs share.
fn without_times(mut results: Value) -> Value {
    assert!(results["memory"].as_object_mut().unwrap().remove("available").is_some());
    for list in ["steps", "baselines"] {
        for step in results[list].as_array_mut().unwrap() {
            let step = step.as_object_mut().unwrap();
            assert!(step.remove("step_seconds").is_some() && step.remove("score_seconds").is_some());
        }
    }
    results
}

/// `trace.jsonl` without the times.
fn trace(place: &Place, out: &str) -> Vec<Value> {
    let without_seconds = |line: &str| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        assert!(record.as_object_mut().unwrap().remove("seconds").is_some());
        record
    };
    place.read(&format!("{out}/trace.jsonl")).lines().map(without_seconds).collect()
}

#[track_caller]
fn same(place: &Place, out: &str, expected: &str) {
    for name in ["samples.jsonl", "held-out.jsonl", "baselines.jsonl", "content-free.jsonl"] {
        assert_eq!(place.read(&format!("{out}/{name}")), place.read(&format!("{expected}/{name}")), "{name}");
    }
    assert_eq!(trace(place, out), trace(place, expected));
    let results = |out: &str| without_times(place.json(&format!("{out}/results.json")));
    assert_eq!(results(out), results(expected));
    assert_eq!(results(out)["complete"], true);
    let names =
        ["baselines.jsonl", "content-free.jsonl", "held-out.jsonl", "results.json", "samples.jsonl", "trace.jsonl"];
    assert_eq!(place.names(out), names);
}

/// Numbers from 0 to 1 that look random and are the same in every run of the tests.
fn fractions(seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    })
}

#[test]
#[cfg(unix)]
fn two_hundred_kills_lose_nothing_and_double_nothing() {
    let place = Place::with_model();
    let whole = std::time::Instant::now();
    assert!(start(&place, "whole", &[]).wait().unwrap().success());
    let whole = whole.elapsed();

    let mut moments = fractions(7);
    let (mut kills, mut rounds, mut in_the_middle) = (0, 0, 0);
    while kills < 200 {
        let out = format!("out{rounds}");
        rounds += 1;
        assert!(rounds < 400, "after {kills} kills; the rest came too late");
        loop {
            let mut child = start(&place, &out, &[]);
            let moment = moments.next().unwrap();
            std::thread::sleep(whole.mul_f64(moment).max(Duration::from_millis(1)));
            child.kill().unwrap();
            let status = child.wait().unwrap();
            if status.success() {
                break;
            }
            assert_eq!(status.code(), None, "it was killed, and did not fail");
            kills += 1;
            let left = std::fs::read_to_string(place.path(&format!("{out}/samples.jsonl"))).unwrap_or_default();
            in_the_middle += usize::from(!left.is_empty());
            // What is there is the beginning of what will be there.
            assert!(place.read("whole/samples.jsonl").starts_with(&left), "{left}");
            if kills == 200 {
                assert!(start(&place, &out, &[]).wait().unwrap().success());
                break;
            }
        }
        same(&place, &out, "whole");
    }
    assert!(in_the_middle > 20, "only {in_the_middle} of {kills} kills came while it was scoring");
}

#[test]
fn a_half_written_line_is_written_anew() {
    let place = Place::with_model();
    assert!(start(&place, "whole", &[]).wait().unwrap().success());
    let whole = place.read("whole/samples.jsonl");
    for keep in [1, whole.len() / 3, whole.len() - 1] {
        assert!(start(&place, "cut", &["--restart"]).wait().unwrap().success());
        place.write("cut/samples.jsonl", &whole[..keep]);
        let mut results = place.json("cut/results.json");
        results["complete"] = false.into();
        results["selected"] = serde_json::json!([]);
        place.write("cut/results.json", results.to_string());
        assert!(start(&place, "cut", &[]).wait().unwrap().success());
        assert_eq!(place.read("cut/samples.jsonl"), whole);
    }
}

#[test]
fn a_complete_run_is_shown_again_and_not_done_again() {
    let place = Place::with_model();
    let first = place.sst2(&["--steps", "2", "--limit", "5"]).good();
    let before = (place.read("out/results.json"), place.read("out/samples.jsonl"));
    let again = place.sst2(&["--steps", "2", "--limit", "5"]).good();
    assert_eq!(again.stdout, first.stdout);
    assert!(again.stderr.contains("is in `out` already, complete"), "{}", again.stderr);
    assert_eq!((place.read("out/results.json"), place.read("out/samples.jsonl")), before);
    // Limits and the places of files change no result.
    let moved = place.write("elsewhere/sst2.wasm", std::fs::read(guest("sst2")).unwrap());
    place
        .sst2(&[
            "--steps",
            "2",
            "--limit",
            "5",
            "--plugin-time",
            "5",
            "--task",
            moved.to_str().unwrap(),
            "--optimizer",
            &guest("momentum"),
        ])
        .good();
    assert_eq!(place.read("out/samples.jsonl"), before.1);
    assert_eq!(place.names("out"), ["content-free.jsonl", "results.json", "samples.jsonl", "trace.jsonl"]);
}

/// Somebody made room: what is left of the run is kept, and the run is done again, not called complete without a number.
#[test]
fn a_complete_run_without_its_samples_is_done_again() {
    let place = Place::with_model();
    let short = ["--steps", "2", "--limit", "5"];
    place.sst2(&short).good();
    let (results, samples) = (place.json("out/results.json"), place.read("out/samples.jsonl"));
    std::fs::remove_file(place.path("out/samples.jsonl")).unwrap();
    place.sst2(&short).good();
    assert_eq!(place.read("out/samples.jsonl"), samples);
    let again = place.json("out/results.json");
    assert_eq!((&again["complete"], again["steps"].as_array().unwrap().len()), (&true.into(), 3));
    assert_eq!(place.json("out/results.1.json"), results);
    // With a part of them it is another thing: something was lost, and nothing is guessed.
    let lines: Vec<&str> = samples.lines().collect();
    place.write("out/samples.jsonl", lines[..lines.len() - 2].join("\n") + "\n");
    place.sst2(&short).failed(2, &["expected the record of step 2, with the rows of seed 0", "hint: ", "--restart"]);
    place.write("out/samples.jsonl", lines[..10].join("\n") + "\n");
    place.sst2(&short).failed(2, &["expected the records of step 2 of seed 0, which is the seed's result, got none"]);
    assert_eq!(place.json("out/results.json")["complete"], true, "what was there is left as it was");
}

#[test]
fn samples_that_are_not_the_runs_are_refused_by_line() {
    let place = Place::with_model();
    place.sst2(&["--steps", "2", "--limit", "5"]).good();
    let mut results = place.json("out/results.json");
    results["complete"] = false.into();
    results["selected"] = serde_json::json!([]);
    let samples = place.read("out/samples.jsonl");
    let lines: Vec<&str> = samples.split_inclusive('\n').collect();
    for (bad, line) in [([lines[0], lines[2]].concat(), 2), (format!("{}nonsense\n", lines[0]), 2), ("{}\n".into(), 1)]
    {
        place.write("out/results.json", results.to_string());
        place.write("out/samples.jsonl", &bad);
        let named = format!("`out/samples.jsonl`, line {line}");
        place.sst2(&["--steps", "2", "--limit", "5"]).failed(2, &[&named, "--restart"]);
        assert_eq!(place.read("out/samples.jsonl"), bad, "nothing is lost");
    }
}

#[test]
fn two_processes_do_not_write_into_one_folder() {
    let place = Place::with_model();
    place.sst2(&["--steps", "1", "--limit", "1"]).good();
    let held = std::fs::File::open(place.path("out/samples.jsonl")).unwrap();
    held.lock().unwrap();
    place.sst2(&["--steps", "2", "--limit", "1"]).failed(2, &["another process is writing to `out/samples.jsonl`"]);
}
