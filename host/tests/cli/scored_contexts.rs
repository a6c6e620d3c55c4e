//! `run --context`: evaluation rows scored behind a context that was saved before, as the run that saved it scored them.

use serde_json::{Value, json};

use crate::predict::{MOODS, place, tuned};
use crate::support::*;

/// What a run saves its context with, besides the task.
const SAVE: [&str; 6] = ["--shots", "1", "--select", "last", "--save-context", "saved"];

/// A run behind the context `saved` into `out`.
fn scored<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["run", "--context", "saved", "--data", "data", "--out", out, "--device", "cpu"][..], more].concat()
}

/// The records of a journal at the result of the run `run`; none where there is no such journal.
fn at_result(place: &Place, run: &str, journal: &str) -> Vec<Value> {
    let step = place.json(&format!("{run}/results.json"))["selected"][0]["step"].clone();
    let text = std::fs::read_to_string(place.path(&format!("{run}/{journal}"))).unwrap_or_default();
    let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.filter(|record| record["step"] == step).collect()
}

/// Holds all that `out` scored to what `run` scored at its result, bit for bit.
#[track_caller]
fn same_as(place: &Place, out: &str, run: &str) {
    let expected = at_result(place, run, "samples.jsonl");
    assert!(!expected.is_empty());
    assert_eq!(place.samples(out), expected);
    assert_eq!(at_result(place, out, "content-free.jsonl"), at_result(place, run, "content-free.jsonl"));
    let (found, expected) = (place.json(&format!("{out}/results.json")), place.json(&format!("{run}/results.json")));
    assert_eq!((&found["complete"], &found["selected"]), (&json!(true), &expected["selected"]));
    let step = &expected["selected"][0]["step"];
    assert_eq!(found["score_steps"], json!([step]));
    let of_step = |step_of: &&Value| step_of["step"] == *step;
    let expected_step = expected["steps"].as_array().unwrap().iter().find(of_step).unwrap();
    let steps = found["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 1);
    for key in ["n", "correct", "accuracy", "interval", "calibrated", "brier_score", "right_loglik"] {
        assert_eq!(steps[0][key], expected_step[key], "{key}");
    }
    for key in ["evaluation_rows", "evaluation_split_rows", "demonstrations", "demonstration_rows", "shared_start"] {
        assert_eq!(found[key], expected[key], "{key}");
    }
    assert_eq!(found["overlapping_rows"], expected["overlapping_rows"]);
}

#[test]
fn a_context_is_scored_as_by_the_run_that_saved_it() {
    let place = place(9);
    place.host(&tuned("run", "run", &SAVE)).good();
    let done = place.host(&scored("again", &[])).good();
    same_as(&place, "again", "run");
    assert!(done.stdout.contains("3*") && !done.stdout.contains("in-context)"), "{}", done.stdout);
    assert_eq!((place.names("again"), place.read("again/trace.jsonl")), (place.names("run"), String::new()));
    let (results, record) = (place.json("again/results.json"), place.json("saved/context.json"));
    let expected = json!({
        "folder": "saved", "step": 3, "sha256": record["tensors"]["sha256"], "stored_dtype": "f32",
        "host_version": record["plan"]["host_version"]
    });
    assert_eq!(results["context"], expected);
    assert!(results["notes"].to_string().contains("scored behind a saved context, step 3 of seed 0"), "{results}");
    // What it was tuned with is what the run has of it.
    let run = place.json("run/results.json");
    for key in ["optimizer", "options", "model", "task", "labels", "data"] {
        assert_eq!(results[key], run[key], "{key}");
    }
    for key in ["steps", "select", "positions", "shots", "sampling", "seeds", "dtype", "weights"] {
        assert_eq!(results["config"][key], run["config"][key], "{key}");
    }
    assert_eq!(run["context"], Value::Null);
    // Options that say what the context says change nothing, and neither does a run file.
    let same =
        ["--dtype", "f32", "--weights", "dense", "--model", "model", "--task", "moods.toml", "--description", ""];
    place.host(&scored("same", &same)).good();
    same_as(&place, "same", "run");
    place.write("run.toml", "context = 'saved'\ndata = 'data'\nout = 'by-file'\ndevice = 'cpu'\n");
    place.host(&["run", "--config", "run.toml", "--batch-tokens", "7"]).good();
    same_as(&place, "by-file", "run");

    let report = place.host(&["report", "again"]).good();
    assert!(report.stdout.contains("`saved`, tuned before: step 3, stored in f32"), "{}", report.stdout);
    let compared = place.host(&["compare", "run", "again", "--json"]).good().json();
    assert_eq!((&compared["n"], &compared["versus"]["difference"]), (&json!(9), &json!(0.0)));
    let plan = place.host(&["run", "--context", "saved", "--data", "data", "--dry-run", "--json"]).good();
    assert!(!plan.stderr.contains("reading weights"), "{}", plan.stderr);
    assert_eq!((&plan.json()["context"], &plan.json()["score_steps"]), (&expected, &json!([3])));
    // The resolved configuration is a run file of the same run.
    let printed = place.host(&scored("printed", &["--print-config"])).good().stdout;
    place.write("printed.toml", printed);
    place.host(&["run", "--config", "printed.toml"]).good();
    same_as(&place, "printed", "run");
    // Where nobody names a folder, it is none of the task's own runs.
    place.host(&["run", "--context", "saved", "--data", "data", "--device", "cpu", "--quiet"]).good();
    same_as(&place, "runs/context-saved", "run");
}

#[test]
fn in_context_learning_is_scored_as_what_it_is() {
    let place = place(5);
    let first = ["--shots", "1", "--select", "last", "--score-steps", "1", "--save-context", "saved"];
    place.host(&tuned("run", "run", &first)).good();
    let done = place.host(&scored("again", &[])).good();
    same_as(&place, "again", "run");
    assert!(done.stdout.contains("1 (in-context)*"), "{}", done.stdout);
    assert_eq!(place.json("again/results.json")["context"]["step"], 1);
}

#[test]
fn a_context_is_scored_wherever_it_is() {
    let place = place(7);
    place.host(&tuned("run", "run", &SAVE)).good();
    std::fs::create_dir_all(place.path("else")).unwrap();
    for (from, to) in [("saved", "else/where"), ("model", "else/weights"), ("data", "else/rows")] {
        std::fs::rename(place.path(from), place.path(to)).unwrap();
    }
    place.write("else/interpreter.wasm", std::fs::read(place.path("plugins/template.wasm")).unwrap());
    std::fs::remove_file(place.path("plugins/template.wasm")).unwrap();
    // No optimizer is needed any more.
    std::fs::remove_file(place.path("plugins/momentum.wasm")).unwrap();
    let there = ["run", "--context", "else/where", "--out", "again", "--device", "cpu", "--data", "else/rows"];
    let gone = place.host(&[&there[..], &["--model", "else/weights"]].concat());
    gone.failed(2, &["`else/where`: expected the task `moods` at `", "hint: name the task's file with `--task FILE`"]);
    let named = ["--task", "else/interpreter.wasm", "--model", "else/weights"];
    place.host(&[&there[..], &named].concat()).good();
    same_as(&place, "again", "run");
}

#[test]
fn what_a_context_was_not_tuned_with_is_refused_by_name() {
    let place = place(5);
    place.host(&tuned("tune", "saved", &["--shots", "1"])).good();
    let refused = |more: &[&str], parts: &[&str]| {
        let done = place.host(&scored("out", more));
        assert!(!done.stderr.contains("reading weights"), "{more:?}: {}", done.stderr);
        done.failed(2, parts);
        assert!(!place.path("out").exists(), "{more:?}");
    };
    let tuning = ["--steps", "3", "-O", "beta=0.5", "--seeds", "0,1", "--held-out", "4", "--baseline", "repeat=2"];
    let told = "`--context`: expected no options on tuning, since the context was tuned before, got `-O`, `--seeds`, `--steps`, \
                `--held-out`, `--baseline`";
    refused(&tuning, &[told, "hint: leave them out"]);
    for one in [
        &["--optimizer", "momentum"][..],
        &["--shots", "2"],
        &["--seed", "0"],
        &["--sampling", "first"],
        &["--positions", "restart"],
        &["--select", "last"],
        &["--score-steps", "1"],
        &["--published"],
        &["--allow-nonfinite"],
        &["--save-context", "other"],
        &["--cache-dtype", "bf16"],
    ] {
        refused(one, &[&format!("got `{}`", one[0])]);
    }
    refused(&["--data", "demonstrations=asked.jsonl"], &["got `--data demonstrations="]);
    let others = "expected the model and the task that the context was tuned with, got others:";
    refused(&["--dtype", "bf16"], &[others, "number format (`--dtype`): expected `f32`, got `bf16`"]);
    refused(&["--weights", "quantized"], &[others, "weights (`--weights`): expected `dense`, got `quantized`"]);
    refused(&["--description", "Sort:"], &[others, "description (`--description`): expected none, got `Sort:`"]);
    place.model("other", |config| config["rope_theta"] = 9999.into());
    refused(&["--model", "other"], &[others, "model file `config.json`: expected sha256 "]);
    place.write("changed.toml", MOODS.replace("T: ", "U: "));
    refused(
        &["--task", "changed.toml"],
        &["`changed.toml`: expected the definition that the context `saved` was tuned with"],
    );
    refused(&["--task", "momentum"], &["momentum.wasm`: sha256: expected "]);
    place.host(&tuned("tune", "several", &["--seeds", "0,1"])).good();
    place.host(&["run", "--context", "several", "--data", "data"]).failed(
        2,
        &[
            "`several`: expected a saved context, got a folder of several",
            "hint: name one of them, like `several/seed-0`",
        ],
    );
    place.host(&["run", "--context", "nowhere", "--data", "data"]).failed(2, &["nowhere"]);
}

#[test]
fn rows_are_drawn_and_left_out_as_in_a_run() {
    let place = place(0);
    place.write("model/tokenizer_config.json", r#"{"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "{"}"#);
    // All demonstrations that there can be, with their answers and with others, and rows of its own.
    let train = place.read("data/moods/train.jsonl");
    let flipped = train.replace("\"label\":0", "\"label\":2").replace("\"label\":1", "\"label\":0");
    let flipped = flipped.replace("\"label\":2", "\"label\":1");
    let own: Vec<String> =
        (0..6).map(|index| json!({"text": format!("c{index}"), "label": index % 2}).to_string()).collect();
    place.write("data/moods/test.jsonl", [&train, "\n", &flipped, "\n", &own.join("\n")].concat());
    for (run, more) in [
        ("all", &["--allow-overlap"][..]),
        ("left-out", &[]),
        ("sample", &["--sample", "11"]),
        ("limit", &["--limit", "4", "--mutual-information"]),
    ] {
        let out = format!("{run}-again");
        place.host(&tuned("run", run, &[&SAVE[..], more].concat())).good();
        place.host(&scored(&out, more)).good();
        same_as(&place, &out, run);
        let notes = |out: &str| {
            let results = place.json(&format!("{out}/results.json"));
            let notes = results["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap().to_owned());
            notes.filter(|note| note.contains("evaluation rows")).collect::<Vec<String>>()
        };
        assert_eq!(notes(&out), notes(run), "{run}");
        if run == "left-out" {
            assert_eq!(place.json(&format!("{out}/results.json"))["overlapping_rows"].as_array().unwrap().len(), 2);
            assert!(
                notes(&out).iter().any(|note| note.starts_with("2 of 30 evaluation rows ask what")),
                "{:?}",
                notes(&out)
            );
        }
    }
    assert_eq!(place.read("limit-again/unconditional.jsonl"), place.read("limit/unconditional.jsonl"));
    // Without a folder of data a file of the split will do.
    std::fs::rename(place.path("data/moods/test.jsonl"), place.path("rows.jsonl")).unwrap();
    let file = ["run", "--context", "saved", "--data", "evaluation=rows.jsonl", "--out", "file", "--limit", "4"];
    place.host(&[&file[..], &["--mutual-information", "--device", "cpu"]].concat()).good();
    assert_eq!(place.samples("file"), place.samples("limit-again"));
}

#[test]
fn a_context_in_half_precision_is_scored_up_to_rounding() {
    let place = place(6);
    place.host(&tuned("run", "run", &[&SAVE[..], &["--cache-dtype", "bf16"]].concat())).good();
    place.host(&scored("half", &[])).good();
    let numbers = |sample: &Value| -> Vec<f64> {
        sample["loglik"].as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
    };
    let (expected, found) = (at_result(&place, "run", "samples.jsonl"), place.samples("half"));
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!((&found["id"], &found["step"]), (&expected["id"], &expected["step"]));
        let apart = apart(&numbers(found), &numbers(expected));
        assert!(apart > 0.0 && apart < 0.1, "{found}\n{expected}");
    }
    let results = place.json("half/results.json");
    assert_eq!((&results["context"]["stored_dtype"], &results["config"]["dtype"]), (&json!("bf16"), &json!("f32")));
    assert!(
        results["notes"].to_string().contains("the context is stored in bf16: scores differ by rounding"),
        "{results}"
    );
}

/// Leaves a run as a process leaves it that is killed while it scores: a line is half-written, and results have nothing.
fn kill(place: &Place, out: &str) {
    let (samples, mut results) =
        (place.read(&format!("{out}/samples.jsonl")), place.json(&format!("{out}/results.json")));
    results["complete"] = json!(false);
    (results["selected"], results["steps"]) = (json!([]), json!([]));
    place.write(&format!("{out}/results.json"), results.to_string());
    place.write(&format!("{out}/samples.jsonl"), &samples[..samples.len() / 2]);
    place.write(&format!("{out}/content-free.jsonl"), "");
}

#[test]
fn a_killed_run_behind_a_context_goes_on_where_it_was() {
    let place = place(40);
    place.host(&tuned("run", "run", &SAVE)).good();
    let again = |more: &[&str]| place.host(&scored("out", &[&["--batch-tokens", "60"], more].concat()));
    again(&[]).good();
    let samples = place.read("out/samples.jsonl");
    let complete = again(&[]).good();
    assert!(
        complete.stderr.contains("already, complete") && !complete.stderr.contains("reading weights"),
        "{}",
        complete.stderr
    );
    kill(&place, "out");
    // It is the run of this context, and of no other, over these rows.
    place.host(&tuned("tune", "other", &["--shots", "2"])).good();
    let other = ["run", "--context", "other", "--data", "data", "--out", "out", "--device", "cpu"];
    let unfinished = "has an unfinished run of another configuration";
    place.host(&other).failed(2, &[unfinished, "context.sha256: "]);
    again(&["--limit", "3"]).failed(2, &[unfinished, "config.limit: null -> 3"]);
    place.host(&tuned("run", "out", &["--shots", "1"])).failed(2, &[unfinished, "context: "]);
    std::fs::rename(place.path("saved"), place.path("moved")).unwrap();
    let moved =
        ["run", "--context", "moved", "--data", "data", "--out", "out", "--device", "cpu", "--batch-tokens", "60"];
    let gone_on = place.host(&moved).good();
    assert!(!gone_on.stderr.contains("kept as"), "{}", gone_on.stderr);
    assert_eq!(place.read("out/samples.jsonl"), samples);
    same_as(&place, "out", "run");
    kill(&place, "out");
    std::fs::rename(place.path("moved"), place.path("saved")).unwrap();
    let restarted = again(&["--restart"]).good();
    assert!(restarted.stderr.contains("samples.1.jsonl"), "{}", restarted.stderr);
    same_as(&place, "out", "run");
}
