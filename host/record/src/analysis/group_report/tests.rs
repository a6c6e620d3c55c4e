use serde_json::{Value, json};

use super::*;
use crate::analysis::run_report::Files;

/// A run of one seed with 4 rows: none is right at step 0, `right` at step 1 and all at step 2, the result. `change` has been at
/// its `results.json`.
pub(crate) fn run(name: &str, right: usize, change: impl FnOnce(&mut Value)) -> RunReport {
    let plugin = |name: &str| json!({"name": name, "version": "0.1.0", "file": "p.wasm", "sha256": "00"});
    let data = json!({"split": "evaluation", "repository": name, "config": null, "name": "test", "file": "r.jsonl",
        "rows": 4, "skipped": 0, "sha256": name, "examples_sha256": name});
    let mut results = json!({
        "complete": true, "format_version": 2, "host_version": "0.1.0",
        "config": {"model": "tiny", "data": "sample", "skip_bad_rows": false, "sampling": "random", "shots": 1,
            "seeds": [7], "steps": 2, "limit": null, "score_steps": "all", "select": "last", "positions": "continue",
            "device": "cpu", "dtype": "f32", "weights": "dense", "threads": 1, "batch_tokens": 64, "limits": {"fuel": 1,
            "seconds": 1.0, "memory": 1, "table_elements": 1, "call_bytes": 1, "tensor_bytes": 1}},
        "task": plugin(name), "optimizer": plugin("momentum"), "options": {"task": {"subject": name}, "optimizer": {}},
        "model": {"asked": "tiny", "source": "m", "files": [], "layers": 2, "hidden": 8, "max_positions": null},
        "data": [data], "labels": [], "seed": 7, "demonstrations": name, "demonstration_ids": [1],
        "demonstration_rows": [0], "evaluation_rows": 4, "evaluation_split_rows": 4, "longest_query": 9,
        "score_steps": [0, 1, 2], "memory": {"weights": 1, "dense_weights": 1, "cache": 1, "activations": 1, "total": 1,
        "available": null}, "notes": ["bundled", format!("4 rows of {name}")], "selected": [{"seed": 7, "step": 2}],
        "steps": []
    });
    change(&mut results);
    let line = |step: u32, right: usize, index: usize| {
        let prediction = usize::from(index >= right);
        let mut loglik = [-3.5, -3.5];
        loglik[prediction] = -1.25;
        json!({"seed": 7, "step": step, "index": index, "id": index.to_string(), "answer": 0, "prediction": prediction,
            "loglik": loglik, "tokens": [1, 1], "characters": [8, 8]})
    };
    let steps = [(0, 0), (1, right), (2, 4)].into_iter();
    let lines = steps.flat_map(|(step, right)| (0..4).map(move |index| format!("{}\n", line(step, right, index))));
    let (samples, results) = (lines.collect::<String>(), results.to_string());
    let files = Files {
        results: results.as_bytes(),
        samples: samples.as_bytes(),
        trace: None,
        held_out: None,
        baselines: None,
        content_free: None,
        unconditional: None,
    };
    RunReport::new(&format!("out/{name}"), files).unwrap()
}

/// A group of subtasks, each in the smaller group beside it, if any. Its averages are wrong.
pub(crate) fn record(subtasks: &[(&str, &str)]) -> GroupRecord {
    let of_subtask = |(name, group): &(&str, &str)| match *group {
        "" => json!({ "name": name }),
        group => json!({"name": name, "groups": [group]}),
    };
    let wrong = json!({"result": {"seeds": 1, "mean": 0.123, "sd": null, "min": 0.123, "max": 0.123}});
    let value = json!({"format_version": 1, "host_version": "0.1.0", "name": "two_of_three", "complete": true,
        "subtasks": subtasks.iter().map(of_subtask).collect::<Vec<Value>>(),
        "averages": [{"subtasks": 9, "of": 9, "n": 123, "micro": wrong, "macro": wrong}]});
    GroupReport::record("out", value.to_string().as_bytes()).unwrap()
}

fn notes(group: &GroupReport) -> Vec<String> {
    group.notes.iter().map(|note| note.raw().clone()).collect()
}

fn report(record: GroupRecord, runs: Vec<(usize, RunReport)>) -> GroupReport {
    GroupReport::new("out", record, runs, &["config.threads"]).unwrap()
}

#[test]
fn averages_are_those_of_the_samples() {
    let group = report(record(&[("a", "x"), ("b", "")]), vec![(0, run("a", 1, |_| ())), (1, run("b", 3, |_| ()))]);
    assert_eq!(notes(&group), ["bundled", "a: 4 rows of a", "b: 4 rows of b"]);
    let [x, whole] = group.averages.as_slice() else { panic!("{:?}", group.averages) };
    assert_eq!((x.record.subtasks, x.record.n, whole.record.subtasks, whole.record.n), (1, 4, 2, 8));
    assert_eq!(x.record.micro_average.in_context.unwrap().spread.mean, 0.25);
    assert_eq!(whole.record.micro_average.in_context.unwrap().spread.mean, 0.5);
    assert_eq!(group.steps.iter().map(|step| step.macro_average.mean).collect::<Vec<f64>>(), [0.0, 0.5, 1.0]);
}

#[test]
fn subtasks_that_are_not_complete_are_named_and_left_out() {
    let unfinished = run("c", 4, |results| {
        results["complete"] = false.into();
        results["selected"] = json!([]);
    });
    let subtasks = [("a", ""), ("b", ""), ("c", "")];
    let group = report(record(&subtasks), vec![(0, run("a", 1, |_| ())), (2, unfinished.clone())]);
    let expected = [
        "1 of 3 subtasks are complete; averages are of those",
        "subtasks that are not complete: b, c",
        "bundled",
        "a: 4 rows of a",
        "c: 4 rows of c",
        "c: this run is unfinished: 0 of 1 seeds are complete",
    ];
    assert_eq!(notes(&group), expected);
    assert_eq!((group.averages[0].record.subtasks, group.averages[0].record.of), (1, 3));
    let none = report(record(&subtasks), vec![(2, unfinished)]);
    assert_eq!(notes(&none)[0], "0 of 3 subtasks are complete; there are no averages");
    assert!(none.averages.is_empty() && none.steps.is_empty());
    // It says of itself that it is complete, and has not scored its result.
    let without = run("a", 1, |results| results["selected"] = json!([{"seed": 7, "step": 3}]));
    assert_eq!(notes(&report(record(&subtasks[..1]), vec![(0, without)]))[1], "subtasks that are not complete: a");
}

#[test]
fn long_lists_are_counted() {
    let names: Vec<String> = (0..23).map(|number| format!("t{number:02}")).collect();
    let subtasks: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    let missing = notes(&report(record(&subtasks), Vec::new())).pop().unwrap();
    assert!(missing.ends_with("t18, t19 and 3 more"), "{missing}");
    let runs = names.iter().enumerate().map(|(index, name)| (index, run(name, 1, |_| ()))).collect();
    let all = notes(&report(record(&subtasks), runs));
    assert_eq!(all.len(), 1 + MOST_SHOWN + 1);
    assert_eq!(all.last().unwrap(), "further notes of single subtasks: 3");
}

#[test]
fn runs_of_other_plans_are_told() {
    let other = run("b", 1, |results| {
        results["config"]["steps"] = 3.into();
        results["config"]["threads"] = 2.into();
        results["model"]["source"] = "elsewhere".into();
    });
    let group = report(record(&[("a", ""), ("b", "")]), vec![(0, run("a", 1, |_| ())), (1, other)]);
    assert_eq!(notes(&group)[0], "the subtasks' runs differ in config.steps, model.source");
    let seeds = run("b", 1, |results| results["config"]["seeds"] = json!([7, 8]));
    let group = report(record(&[("a", ""), ("b", "")]), vec![(0, run("a", 1, |_| ())), (1, seeds)]);
    // The second seed has no result: that run is not complete.
    assert_eq!(notes(&group)[2], "the subtasks' runs differ in config.seeds");
    assert_eq!(group.complete().count(), 1);
}

#[test]
fn a_file_that_is_no_group_is_an_error_with_its_folder() {
    let error = GroupReport::record("out\u{1b}[2J", br#"{"format_version": 7}"#).unwrap_err();
    assert_eq!(error.to_string(), "`out\\u{1b}[2J/group.json`: expected format version 1, got 7");
    assert!(error.hint().unwrap().contains("with the version that wrote it"));
    let error = GroupReport::record("out", b"{").unwrap_err();
    assert_eq!(error.to_string(), "`out/group.json`: expected the record of a group");
    assert!(error.hint().is_some());
}
