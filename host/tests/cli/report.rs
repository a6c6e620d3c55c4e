//! `ft-host report` and `ft-host compare`, over folders made by hand.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::*;

/// A run of three steps on twelve examples of two classes; its samples are `samples`, and `change` has been at its
/// `results.json`.
pub fn folder(place: &Place, name: &str, seeds: &[u64], samples: &[Value], change: impl FnOnce(&mut Value)) {
    let model =
        json!({"asked": "tiny", "source": "model", "files": [], "layers": 2, "hidden": 8, "max_positions": null});
    let plugin = |name: &str| json!({"name": name, "version": "0.1.0", "file": format!("{name}.wasm"), "sha256": "00"});
    let data = |split: &str| {
        json!({"split": split, "repository": "nyu-mll/glue", "config": "sst2", "name": split, "file": "rows.jsonl",
            "rows": 12, "skipped": 0, "sha256": "d1", "examples_sha256": "e1"})
    };
    let draw = |seed: &u64| {
        json!({"seed": seed, "demonstrations": "Review: fine\nSentiment: positive\n\n", "demonstration_ids": [1, 2],
            "demonstration_rows": [4]})
    };
    let mut results = json!({
        "complete": true, "format_version": 2, "host_version": "0.1.0",
        "config": {"model": "tiny", "data": "sample", "skip_bad_rows": false, "sampling": "stratified", "shots": 1, "seeds": seeds, "steps": 3,
            "limit": 12, "score_steps": "all", "select": "last", "positions": "continue", "device": "cpu", "dtype": "f32",
            "weights": "dense", "threads": 1, "batch_tokens": 64, "limits": {"fuel": 1, "seconds": 1.0, "memory": 1,
            "table_elements": 1, "call_bytes": 1, "tensor_bytes": 1}},
        "task": plugin("sst2"), "optimizer": plugin("momentum"),
        "options": {"task": {}, "optimizer": {"momentum": 0.9, "step_size": 0.01}},
        "model": model, "data": [data("demonstrations"), data("evaluation")], "labels": ["negative", "positive"],
        "evaluation_rows": 12, "evaluation_split_rows": 120, "longest_query": 9, "score_steps": [0, 1, 2, 3],
        "memory": {"weights": 1, "dense_weights": 1, "cache": 1, "activations": 1, "total": 1, "available": null},
        "notes": ["using the bundled sample, not the full data set", "limited to the first 12 of 120 evaluation rows"],
        "selected": seeds.iter().map(|seed| json!({"seed": seed, "step": 3})).collect::<Vec<Value>>(),
        "steps": [],
    });
    let object = results.as_object_mut().unwrap();
    object.extend(draw(&seeds[0]).as_object().unwrap().clone());
    if seeds.len() > 1 {
        object.insert("further_draws".into(), seeds[1..].iter().map(draw).collect());
    }
    // Times are in `results.json` alone; its other numbers are wrong here, since none of them may be shown.
    let steps = seeds.iter().flat_map(|seed| (0..=3).map(move |step| (seed, step))).map(|(seed, step)| {
        json!({"seed": seed, "step": step, "n": 1, "correct": 1, "accuracy": 0.123, "standard_error": 0.123,
            "interval": [0.123, 0.123], "accuracy_tokens": 0.123, "accuracy_norm": 0.123, "versus_icl": null,
            "step_seconds": f64::from(step), "score_seconds": 0.5})
    });
    results["steps"] = steps.collect();
    change(&mut results);
    place.write(&format!("{name}/results.json"), results.to_string());
    place.write(&format!("{name}/samples.jsonl"), lines(samples));
    let layer = |norm: f64| json!({"pseudo_gradient": [norm, norm], "update": [norm / 50.0, 0.0], "cache": [9.0, 8.0]});
    let trace = seeds.iter().flat_map(|seed| {
        (2..=3).map(move |step: u32| {
            let layers = [layer(12.0 / f64::from(step)), layer(6.0 / f64::from(step))];
            json!({"seed": seed, "step": step, "tokens": 2, "seconds": 0.25, "layers": layers})
        })
    });
    place.write(&format!("{name}/trace.jsonl"), lines(&trace.collect::<Vec<Value>>()));
}

pub fn lines(records: &[Value]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

/// All examples of a step; `right` of the twelve are answered rightly, the first ones.
fn step(seed: u64, step: u32, right: usize) -> Vec<Value> {
    let of = |index: usize| {
        let answer = index % 2;
        let prediction = if index < right { answer } else { 1 - answer };
        let mut loglik = [-3.5, -3.5];
        loglik[prediction] = -1.25;
        json!({"seed": seed, "step": step, "index": index, "id": format!("row-{index}"), "answer": answer,
            "prediction": prediction, "loglik": loglik, "tokens": [1, 1], "characters": [8, 8]})
    };
    (0..12).map(of).collect()
}

pub fn seed(number: u64, right: [usize; 4]) -> Vec<Value> {
    (0..).zip(right).flat_map(|(at, right)| step(number, at, right)).collect()
}

pub fn one_seed(place: &Place, name: &str) {
    folder(place, name, &[7], &seed(7, [5, 6, 11, 10]), |_| ());
}

fn two_seeds(place: &Place, name: &str) {
    folder(place, name, &[7, 3], &[seed(7, [5, 6, 11, 10]), seed(3, [5, 8, 8, 9])].concat(), |_| ());
}

/// Compares with `tests/data/report/<name>`; with `FT_BLESS` set it writes that file instead.
#[track_caller]
pub fn check(name: &str, printed: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/report").join(name);
    if std::env::var_os("FT_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, printed).unwrap();
    }
    let expected = std::fs::read_to_string(&path).expect("FT_BLESS=1 writes it");
    assert!(printed == expected, "{} differs:\n{printed}", path.display());
}

#[test]
fn every_form_is_as_it_was() {
    let place = Place::empty();
    one_seed(&place, "one");
    two_seeds(&place, "two");
    let printed = |flags: &[&str]| place.host(&[&["report", "one", "two"], flags].concat()).good();
    let forms =
        [("txt", &[][..]), ("md", &["--markdown"]), ("csv", &["--csv"]), ("json", &["--json"]), ("html", &["--html"])];
    for (extension, flags) in forms {
        let done = printed(flags);
        assert_eq!(done.stderr, "");
        check(&format!("runs.{extension}"), &done.stdout);
        // Whatever the form: what restricts the results, and none of the numbers that only `results.json` has.
        for part in ["bundled sample", "limited to the first 12 of 120", "oracle"] {
            assert!(done.stdout.contains(part), "{extension}: {part}");
        }
        assert!(!done.stdout.contains("0.123") && !done.stdout.contains("12.3 %"), "{extension}");
    }
    place.host(&["report", "one", "--csv", "--json"]).failed(2, &["--csv"]);
}

/// A group of three subtasks, of which the third has not begun.
fn group(place: &Place, name: &str) {
    folder(place, &format!("{name}/anatomy"), &[7], &seed(7, [5, 6, 11, 10]), |_| ());
    folder(place, &format!("{name}/virology"), &[7], &seed(7, [0, 2, 4, 4]), |_| ());
    let subtasks = json!([{"name": "anatomy", "groups": ["stem"]}, {"name": "virology"}, {"name": "law"}]);
    let record =
        json!({"format_version": 1, "host_version": "0.1.0", "name": "mmlu", "subtasks": subtasks, "complete": false});
    place.write(&format!("{name}/group.json"), record.to_string());
}

/// At the results 10 and 4 of 12 rows are right, at step 1 it was 6 and 2.
#[test]
fn a_group_is_shown_with_its_averages_and_without_the_tables_of_its_subtasks() {
    let place = Place::empty();
    group(&place, "group");
    one_seed(&place, "one");
    let shown = place.host(&["report", "one", "group"]).good().stdout;
    for part in [
        "mmlu, micro (2 of 3)",
        "mmlu, macro (2 of 3)",
        "stem, micro",
        "`ft-host report group/<subtask>`",
        "All runs at their results",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    for form in REPORT_FORMATS {
        let shown = place.host(&[&["report", "group"], form].concat()).good().stdout.replace('\\', "");
        for part in ["2 of 3 subtasks are complete", "not complete: law", "bundled sample"] {
            assert!(shown.contains(part), "{form:?}: {part}: {shown}");
        }
    }
    let report = place.host(&["report", "one", "group", "--json"]).good().json();
    assert_eq!((report["runs"].as_array().unwrap().len(), &report["groups"][0]["group"]), (1, &"mmlu".into()));
    let averages = report["groups"][0]["averages"].as_array().unwrap();
    assert_eq!(
        (&averages[0]["group"], &averages[1]["group"], &averages[1]["n"]),
        (&"stem".into(), &Value::Null, &24.into())
    );
    let micro = &averages[1]["micro"];
    assert_eq!(
        (micro["result"]["mean"].as_f64(), micro["in_context"]["mean"].as_f64()),
        (Some(14.0 / 24.0), Some(8.0 / 24.0))
    );
    place.host(&["report", "group/anatomy"]).good();
}

#[test]
fn a_group_is_no_run_to_compare_and_leads_nowhere_else() {
    let place = Place::empty();
    group(&place, "group");
    one_seed(&place, "one");
    place.host(&["compare", "group/anatomy", "one"]).good();
    place.host(&["compare", "one", "group"]).failed(
        2,
        &[
            "`group`: expected the output folder of one run, got that of a group of 3",
            "name one of its subtasks, like `group/anatomy`",
        ],
    );
    let record = |name: &str| json!({"format_version": 1, "host_version": "0.1.0", "name": "g", "subtasks": [{"name": name}], "complete": true});
    place.write("group/group.json", record("../one").to_string());
    for command in [&["report", "group"][..], &["compare", "group", "one"]] {
        place.host(command).failed(2, &["`group/group.json`: subtask 1: expected a name", "got `../one`"]);
    }
}

#[test]
fn numbers_in_json_follow_from_the_samples() {
    let place = Place::empty();
    one_seed(&place, "one");
    let report = place.host(&["report", "one", "--json"]).good().json();
    let run = &report["runs"][0];
    let steps = run["analysis"]["steps"].as_array().unwrap();
    let accuracies: Vec<f64> = steps.iter().map(|step| step["accuracy"].as_f64().unwrap()).collect();
    assert_eq!(accuracies, [5.0 / 12.0, 0.5, 11.0 / 12.0, 10.0 / 12.0]);
    let versus = &steps[3]["versus_icl"];
    assert_eq!((&versus["wins"], &versus["losses"]), (&4.into(), &0.into()));
    assert!((versus["p_value"].as_f64().unwrap() - 0.125).abs() < 1e-12);
    assert_eq!(run["analysis"]["confusion"]["counts"], json!([[5, 1], [1, 5]]));
    let norm = run["norms"][0]["pseudo_gradient"].as_f64().unwrap();
    assert!((norm - (2.0 * (36.0 + 9.0f64)).sqrt()).abs() < 1e-12, "{norm}");
    assert_eq!(run["times"][3]["seconds"], 3.5);
}

#[test]
fn a_page_is_whole_in_itself_and_foreign_text_stays_text() {
    let place = Place::empty();
    let evil = "</pre><script>alert(1)</script>";
    folder(&place, "evil", &[7], &seed(7, [5, 6, 11, 10]), |results| {
        results["labels"] = json!([evil, "=1+1,\u{202e}\"x\"|y\n# z"]);
        results["demonstrations"] = evil.into();
        results["notes"] = json!(["=HYPERLINK(\"http://x\")\u{1b}[2J", evil]);
        results["task"]["name"] = "@SUM(1)".into();
    });
    let html = place.host(&["report", "evil", "--html"]).good().stdout;
    assert!(html.contains("&lt;script&gt;alert(1)"), "{html}");
    for part in ["<script", "http:", "https:", "src=", "href=", "url(", "@import", "onload"] {
        assert!(!html.replace("&quot;http://x&quot;", "").contains(part), "{part}");
    }
    assert_eq!(html.matches("</html>").count(), 1);
    let markdown = place.host(&["report", "evil", "--markdown"]).good().stdout;
    assert!(!markdown.contains("<script") && !markdown.contains("\n# z"), "{markdown}");
    let csv = place.host(&["report", "evil", "--csv"]).good().stdout;
    assert!(csv.contains(",'@SUM(1),") && csv.contains("\"'=HYPERLINK(\"\"http://x\"\")"), "{csv}");
    assert_eq!(csv.lines().count(), 5);
    // `Done` looks for what acts on a terminal.
    place.host(&["report", "evil"]).good();
    place.host(&["report", "evil", "--json"]).good();
}

#[test]
fn a_killed_run_is_shown_as_far_as_it_came() {
    let place = Place::empty();
    let mut samples = seed(7, [5, 6, 11, 10]);
    samples.truncate(12 + 12 + 12 + 5);
    folder(&place, "killed", &[7], &samples, |results| {
        results["complete"] = false.into();
        results["selected"] = json!([]);
    });
    // In the middle of a character.
    let half = [lines(&samples).as_bytes(), br#"{"seed":7,"step":3,"index":5,"id":""#, &[0xe9, 0x9b]].concat();
    place.write("killed/samples.jsonl", half);
    let done = place.host(&["report", "killed"]).good();
    for note in [
        "note: this run is unfinished: 0 of 1 seeds are complete",
        "note: the last line of samples.jsonl is half-written; it is left out",
        "note: seed 7, step 3: 5 of 12 examples are scored; left out",
    ] {
        assert!(done.stdout.contains(note), "{note}:\n{}", done.stdout);
    }
    assert!(!done.stdout.contains("2*") && !done.stdout.contains("\n3 "), "{}", done.stdout);
    let run = &place.host(&["report", "killed", "--json"]).good().json()["runs"][0];
    assert_eq!(run["analysis"]["results"], json!([{"seed": 7, "step": 2, "selected": false}]));
}

/// Log-likelihoods of two held-out examples at three steps, as a run writes them: one fold after the other.
fn held_out() -> Vec<Value> {
    let of = |index: usize, step: usize, right: f64| {
        json!({"seed": 7, "step": step, "index": index, "id": format!("demo-{index}"), "answer": 0,
            "prediction": usize::from(right < -2.0), "loglik": [right, -2.0], "tokens": [1, 1], "characters": [8, 8]})
    };
    let folds = [[-3.0, -2.0, -1.0], [-1.0, -1.0, -0.5]];
    let of_fold = |(index, fold): (usize, &[f64; 3])| {
        (1..).zip(fold).map(|(step, right)| of(index, step, *right)).collect::<Vec<Value>>()
    };
    folds.iter().enumerate().flat_map(of_fold).collect()
}

#[test]
fn training_and_held_out_likelihood_are_drawn_together() {
    let place = Place::empty();
    one_seed(&place, "run");
    let plain = place.host(&["report", "run", "--html"]).good().stdout;
    assert!(!plain.contains("log-likelihood at every step"), "{plain}");
    let trace: Vec<Value> =
        place.read("run/trace.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<Value> = trace
        .iter()
        .zip([2.0, 1.5])
        .map(|(record, loss)| {
            let mut record = record.clone();
            record["loss"] = loss.into();
            record["passes"] = 3.into();
            record["accepted"] = true.into();
            record
        })
        .collect();
    place.write("run/trace.jsonl", lines(&told));
    place.write("run/held-out.jsonl", lines(&held_out()));
    let html = place.host(&["report", "run", "--html"]).good().stdout;
    // The loss of step 2 is that of the cache of step 1. Of twelve queries 11 have -1.25 at step 2, and one -3.5.
    for point in [
        "training, step 1: -2.00",
        "training, step 2: -1.50",
        "held-out, step 1: -2.00",
        "held-out, step 3: -0.75",
        "evaluation, step 2: -1.44",
    ] {
        assert!(html.contains(&format!("<title>{point}</title>")), "{point}: {html}");
    }
    let figure = html.split("<figcaption>seed 7: log-likelihood at every step</figcaption>").nth(1).unwrap();
    let figure = figure.split("</figure>").next().unwrap();
    let is_marked = |point: &str| figure.split(point).next().unwrap().ends_with("r=\"6\"><title>");
    assert!(is_marked("held-out, step 3") && is_marked("evaluation, step 3"), "{figure}");
    assert!(!is_marked("held-out, step 2") && !is_marked("training, step 2"), "{figure}");
    let run = &place.host(&["report", "run", "--json"]).good().json()["runs"][0];
    assert_eq!(run["held_out"][2], json!({"seed": 7, "step": 3, "n": 2, "mean": -0.75}));
    assert_eq!((&run["norms"][0]["loss"], &run["norms"][0]["accepted"]), (&2.0.into(), &true.into()));
    assert_eq!(run["norms"][0]["passes"], 3);
}

#[test]
fn held_out_examples_of_an_unfinished_seed_are_not_drawn() {
    let place = Place::empty();
    folder(&place, "run", &[7], &seed(7, [5, 6, 11, 10]), |results| {
        results["complete"] = false.into();
        results["selected"] = json!([]);
    });
    let half = lines(&held_out()[..4]);
    place.write("run/held-out.jsonl", &half[..half.len() - 20]);
    let html = place.host(&["report", "run", "--html"]).good().stdout;
    assert!(html.contains("the last line of held-out.jsonl is half-written; it is left out"), "{html}");
    assert!(!html.contains("log-likelihood at every step"), "{html}");
    place.write("run/held-out.jsonl", format!("{{}}\n{half}"));
    let parts = ["`run/held-out.jsonl`: expected a record on each line", "line 1"];
    place.host(&["report", "run"]).failed(2, &parts);
}

#[test]
fn what_is_no_run_is_refused_by_name() {
    let place = Place::empty();
    place.host(&["report", "none"]).failed(2, &["cannot open `none/results.json`", "hint: check the path"]);
    let change = |name: &str, change: &dyn Fn(&mut Vec<Value>)| {
        let mut samples = seed(7, [5, 6, 11, 10]);
        change(&mut samples);
        folder(&place, name, &[7], &samples, |_| ());
        place.host(&["report", name])
    };
    let twice = change("twice", &|samples| samples.push(samples[13].clone()));
    twice.failed(
        2,
        &[
            "`twice/samples.jsonl`: expected the journal of one run",
            "line 49 repeats line 14: seed 7, step 1, example 1",
        ],
    );
    let other = change("other", &|samples| samples[13]["id"] = "another".into());
    other.failed(2, &["line 14: expected the name \"row-1\" for example 1, as in line 2, got \"another\""]);
    let bad = change("bad", &|samples| samples[13]["prediction"] = 7.into());
    bad.failed(2, &["`bad/samples.jsonl`: expected a record on each line", "line 14", "expected the prediction"]);
    folder(&place, "old", &[7], &[], |results| results["format_version"] = 1.into());
    place.host(&["report", "old"]).failed(2, &["`old/results.json`: expected format version 2, got 1", "hint:"]);
    place.write("old/results.json", "[]");
    place.host(&["report", "old"]).failed(2, &["`old/results.json`: expected the record of a run"]);
}

#[test]
fn two_runs_are_compared_example_by_example() {
    let place = Place::empty();
    two_seeds(&place, "a");
    let samples = [seed(7, [5, 6, 7, 7]), seed(3, [5, 8, 8, 12])].concat();
    folder(&place, "b", &[7, 3], &samples, |results| {
        results["options"]["optimizer"]["step_size"] = 0.02.into();
        results["model"]["asked"] = "other\u{1b}[2J".into();
    });
    let done = place.host(&["compare", "a", "b"]).good();
    check("compare.txt", &done.stdout);
    let comparison = place.host(&["compare", "a", "b", "--json"]).good().json();
    assert_eq!(comparison["n"], 24);
    assert_eq!((&comparison["a"]["correct"], &comparison["b"]["correct"]), (&19.into(), &19.into()));
    assert_eq!((&comparison["versus"]["wins"], &comparison["versus"]["losses"]), (&3.into(), &3.into()));
    let step = place.host(&["compare", "a", "a", "--step-a", "2", "--step-b", "0", "--json"]).good().json();
    assert_eq!((&step["versus"]["wins"], &step["differences"]), (&9.into(), &json!([])));
    place
        .host(&["compare", "a", "b", "--step-b", "9"])
        .failed(2, &["step 9 of seed 7 is not scored whole in `b`", "hint:"]);
}

#[test]
fn different_examples_are_not_compared() {
    let place = Place::empty();
    one_seed(&place, "a");
    two_seeds(&place, "seeds");
    let expected = "expected the same seeds in both runs, got [7] in `a` and [3, 7] in `seeds`";
    place.host(&["compare", "a", "seeds"]).failed(2, &[expected]);
    let compare = |name: &str, samples: &[Value], change: &dyn Fn(&mut Value)| {
        folder(&place, name, &[7], samples, change);
        place.host(&["compare", "a", name])
    };
    let all = seed(7, [5, 6, 11, 10]);
    let renamed: Vec<Value> = all
        .iter()
        .cloned()
        .map(|mut sample| {
            if sample["index"] == 4 {
                sample["id"] = "other".into();
            }
            sample
        })
        .collect();
    let message = "got example 4 of seed 7 with the name \"row-4\" in the first and \"other\" in the second";
    compare("renamed", &renamed, &|_| ()).failed(2, &[message, "hint:"]);
    let fewer: Vec<Value> = all.iter().filter(|sample| sample["index"] != 4).cloned().collect();
    let fewer = compare("fewer", &fewer, &|results| results["evaluation_rows"] = 11.into());
    fewer.failed(2, &["got example 4 of seed 7 in `a` alone"]);
    let other = compare("digest", &all, &|results| results["data"][1]["examples_sha256"] = "e2".into());
    other.failed(2, &["expected the same evaluation examples in both runs"]);
}

/// What a real run leaves is what the report reads, and both print the same table.
#[test]
fn a_real_run_is_reported_as_it_was_printed() {
    let place = Place::with_model();
    let printed = place.sst2(&["--steps", "3", "--limit", "20", "--seeds", "0,1"]).good().stdout;
    let reported = place.host(&["report", "out"]).good().stdout;
    let tables = printed.split("note: ").next().unwrap();
    assert!(reported.contains(tables.trim_end()), "{printed}\n\n{reported}");
    let report = place.host(&["report", "out", "--json"]).good().json();
    let written = place.json("out/results.json");
    let scores = |steps: &Value| {
        let mut steps = steps.as_array().unwrap().clone();
        for step in &mut steps {
            let step = step.as_object_mut().unwrap();
            step.remove("step_seconds");
            step.remove("score_seconds");
        }
        steps
    };
    assert_eq!(scores(&report["runs"][0]["analysis"]["steps"]), scores(&written["steps"]));
    assert!(place.host(&["report", "out", "--html"]).good().stdout.contains("pseudo-gradient norm"));
}
