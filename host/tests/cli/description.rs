//! `--description`: text before the first demonstration and before zero-shot queries.

use serde_json::Value;

use crate::support::*;

const SHORT: [&str; 6] = ["--steps", "2", "--limit", "4", "--baseline", "repeat=2"];

const FILES: [&str; 4] = ["samples.jsonl", "baselines.jsonl", "content-free.jsonl", "trace.jsonl"];

const TEXT: &str = "Which is it?\n\n";

/// What a run leaves but for times.
fn left(place: &Place, out: &str) -> Vec<String> {
    let without_seconds = |line: &str| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        record.as_object_mut().unwrap().remove("seconds");
        record.to_string()
    };
    FILES
        .iter()
        .flat_map(|name| place.read(&format!("{out}/{name}")).lines().map(without_seconds).collect::<Vec<_>>())
        .collect()
}

fn run(place: &Place, out: &str, more: &[&str]) -> Value {
    place.sst2(&[&SHORT[..], &["--out", out], more].concat()).good();
    place.json(&format!("{out}/results.json"))
}

#[test]
fn an_empty_description_is_none_to_the_last_bit() {
    let place = Place::with_model();
    let (without, empty) = (run(&place, "without", &[]), run(&place, "empty", &["--description", ""]));
    assert_eq!(left(&place, "empty"), left(&place, "without"));
    for results in [&without, &empty] {
        assert_eq!((&results["description"], &results["config"]["description"]), (&Value::Null, &Value::Null));
    }
    // A complete run is the same one.
    let done = place.sst2(&[&SHORT[..], &["--out", "without", "--description", ""]].concat()).good();
    assert!(done.stderr.contains("nothing was computed"), "{}", done.stderr);
}

#[test]
fn a_description_stands_before_the_first_demonstration_and_before_zero_shot_queries() {
    let place = Place::with_model();
    let (without, with) = (run(&place, "without", &[]), run(&place, "with", &["--description", TEXT]));
    assert_eq!(with["description"], TEXT);
    let text = |results: &Value| results["demonstrations"].as_str().unwrap().to_owned();
    assert_eq!(text(&with), TEXT.to_owned() + &text(&without));
    // The tokenizer's tokens are characters, but for a few: the ids begin with the description's.
    let ids = |results: &Value| results["demonstration_ids"].as_array().unwrap().clone();
    let before = ids(&with).len() - ids(&without).len();
    assert_eq!(ids(&with)[before..], ids(&without)[..]);
    let (plain, described) = (place.samples("without"), place.samples("with"));
    assert_eq!(plain.len(), described.len());
    for (plain, described) in plain.iter().zip(&described) {
        assert_eq!((&plain["index"], &plain["tokens"]), (&described["index"], &described["tokens"]));
        assert_ne!(plain["loglik"], described["loglik"], "step {}", plain["step"]);
    }
    // An unfinished run does not go on with another one; a complete one stays beside it.
    let cut = place.read("with/samples.jsonl").lines().take(2).map(|line| line.to_owned() + "\n").collect::<String>();
    place.write("with/samples.jsonl", cut);
    let mut results = place.json("with/results.json");
    results["complete"] = false.into();
    results["selected"] = Value::Array(Vec::new());
    place.write("with/results.json", results.to_string());
    place
        .sst2(&[&SHORT[..], &["--out", "with", "--description", "Other.\n"]].concat())
        .failed(2, &["description, line 1: \"Which is it?\" -> \"Other.\""]);
    // In a run file, and in a prompt.
    place.write("run.toml", "description = \"Which is it?\\n\\n\"\n");
    assert_eq!(run(&place, "file", &["--config", "run.toml"])["description"], TEXT);
    let prompt = ["prompt", "--task", &guest("sst2"), "--model", "model", "--data", "sample", "--json"];
    let described = place.host(&[&prompt[..], &["--description", TEXT]].concat()).good().json();
    assert_eq!(described["description"], TEXT);
    assert!(described["demonstrations"].as_str().unwrap().starts_with(TEXT));
    assert_eq!(place.host(&prompt).good().json()["description"], Value::Null);
}
