//! A sample is like its split, and rows that are not like it are told.

use std::path::Path;

use serde_json::Value;

use super::{lines, mixed, notes, row, scored};
use crate::support::*;

/// The draws of `data/sampling/make.py`, by CPython's `random`.
fn draws() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sampling/tasks.json");
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    all["draws"].as_array().unwrap().clone()
}

#[test]
fn a_sample_is_cpythons_and_the_same_for_every_rule() {
    let place = Place::with_model();
    let is_wanted =
        |draw: &&Value| draw["task"] == "sst2" && draw["evaluation_sample"] == 50 && draw["sampling"] == "stratified";
    let draws = draws();
    let draws: Vec<&Value> = draws.iter().filter(is_wanted).collect();
    assert!(draws.len() >= 3);
    for draw in &draws {
        let (seed, shots) = (draw["seed"].to_string(), draw["shots"].to_string());
        let out = format!("seed{seed}");
        let fixed = ["--sample", "50", "--seed", &seed, "--shots", &shots, "--steps", "1", "--out"];
        place.sst2(&[&fixed[..], &[&out]].concat()).good();
        let seed: u64 = seed.parse().unwrap();
        let rows = scored(&place, &out, seed);
        let expected: Vec<u64> =
            draw["evaluation"].as_array().unwrap().iter().map(|row| row.as_u64().unwrap()).collect();
        assert_eq!((rows.len(), &rows[..expected.len()]), (50, &expected[..]));
        let results = place.json(&format!("{out}/results.json"));
        assert_eq!(results["demonstration_rows"], draw["demonstrations"]);
        assert_eq!(results["config"]["sample"], 50);
        assert_eq!(notes(&results)[1], "50 of 120 evaluation rows were drawn at random, as `--sample` asks");
        // Another rule, another number of steps: the same rows.
        let other =
            ["--optimizer", &guest("sgd"), "--steps", "2", "--score-steps", "last", "--out", "other", "--restart"];
        place.sst2(&[&fixed[..6], &other].concat()).good();
        assert_eq!(scored(&place, "other", seed), rows);
    }
    // The limit counts in the order of the draw; the prompt is that of the run.
    let first = ["--sample", "50", "--shots", "2", "--steps", "1", "--limit", "3", "--out", "first"];
    place.sst2(&first).good();
    assert_eq!(scored(&place, "first", 0), scored(&place, "seed0", 0)[..3]);
    let results = place.json("first/results.json");
    assert!(notes(&results).contains(&"limited to the first 3 of 50 evaluation rows"), "{results}");
    let (task, index) = (guest("sst2"), scored(&place, "first", 0)[0].to_string());
    let fixed =
        ["prompt", "--task", &task, "--model", "model", "--data", "sample", "--shots", "2", "--json", "--index"];
    let prompt = place.host(&[&fixed[..], &[&index, "--sample", "50"]].concat()).good().json();
    assert_eq!((&prompt["demonstrations"], &prompt["notes"]), (&results["demonstrations"], &Value::Null));
    let missed = (0..120).find(|row| !scored(&place, "seed0", 0).contains(row)).unwrap().to_string();
    let prompt = place.host(&[&fixed[..], &[&missed, "--sample", "50"]].concat()).good().json();
    assert_eq!(notes(&prompt), ["this row is not among the 50 evaluation rows that seed 0 draws"]);
}

#[test]
fn a_sample_of_more_than_there_is_is_all_of_it() {
    let place = Place::with_model();
    place.sst2(&["--sample", "121", "--steps", "1"]).good();
    assert_eq!(scored(&place, "out", 0), (0..120).collect::<Vec<u64>>());
    let results = place.json("out/results.json");
    assert_eq!(notes(&results)[1], "`--sample 121` asks for more than the 120 evaluation rows; all of them are taken");
    // Nothing was drawn before the demonstrations.
    place.sst2(&["--steps", "1", "--out", "whole"]).good();
    assert_eq!(results["demonstration_rows"], place.json("whole/results.json")["demonstration_rows"]);
    place.sst2(&["--sample", "0"]).failed(2, &["invalid value '0' for '--sample <N>'"]);
}

#[test]
fn a_task_that_draws_rows_itself_draws_as_many_as_are_asked_for() {
    let place = Place::with_model();
    let fixed = ["--task", &guest("agnews"), "--steps", "1"];
    place.sst2(&[&fixed[..], &["--sample", "30"]].concat()).good();
    let draws = draws();
    let of_thirty = scored(&place, "out", 0);
    // CPython draws thirty of as many rows in the same order whatever the task.
    place.sst2(&["--sample", "30", "--steps", "1", "--out", "sst2"]).good();
    assert!(draws.iter().any(|draw| draw["task"] == "agnews"));
    let rows = |out: &str| place.json(&format!("{out}/results.json"))["evaluation_split_rows"].as_u64().unwrap();
    if rows("out") == rows("sst2") {
        assert_eq!(of_thirty, scored(&place, "sst2", 0));
    }
    assert_eq!(of_thirty.len(), 30);
    let note = "evaluation rows were drawn at random, as `--sample` asks";
    assert!(notes(&place.json("out/results.json")).iter().any(|found| found.ends_with(note)));
}

#[test]
fn the_first_rows_of_a_sorted_split_are_told_in_every_output() {
    let place = Place::with_model();
    let sorted: Vec<Value> = (0..60).map(|number| row(&format!("text {number}"), usize::from(number < 30))).collect();
    place.data("sorted", lines(&mixed("other", 8)), lines(&sorted));
    let run =
        |out: &str, more: &[&str]| place.sst2(&[&["--data", "sorted", "--steps", "2", "--out", out], more].concat());
    let printed = run("limit", &["--limit", "20"]).good().stdout;
    let note = "the scored rows do not have the classes of their split: `negative` 0 of 20 scored and 30 of all 60, `positive` \
        20 of 20 scored and 30 of all 60 (p<0.001 for rows drawn at random); `--sample N` draws rows at random";
    assert!(printed.contains(&format!("note: {note}\n")), "{printed}");
    assert!(notes(&place.json("limit/results.json")).contains(&note));
    let part = "do not have the classes of their split";
    for format in REPORT_FORMATS {
        let report = place.host(&[&["report", "limit"], format].concat()).good().stdout;
        assert!(report.contains(part), "{format:?}:\n{report}");
    }
    assert!(place.host(&["compare", "limit", "limit"]).good().stdout.contains(part));
    assert!(run("limit", &["--limit", "20", "--dry-run"]).good().stdout.contains(part));
    assert!(run("json", &["--limit", "20", "--json"]).good().stdout.contains(part));
    // A sample has both, and so has everything.
    for (out, more) in [("sample", &["--sample", "20"][..]), ("all", &[])] {
        assert!(!run(out, more).good().stdout.contains(part), "{out}");
    }
    // Of two rows no share can be told, and yet that a class is missing.
    let printed = run("two", &["--limit", "2"]).good().stdout;
    let lacks =
        "the scored rows lack classes of their split: `negative` 0 of 2 scored and 30 of all 60; `--sample N` draws";
    assert!(printed.contains(lacks), "{printed}");
}
