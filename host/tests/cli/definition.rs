//! `--task mine.toml`: a definition in a task's place.

use crate::support::*;

/// SST-2 as a definition.
const SST2: &str = include_str!("../../../plugins/template/examples/sst2.toml");

/// The same without rows that ask nothing, so that a fault shows in the data's rows; its lines stay where they are.
fn without_content_free() -> String {
    let line = SST2.lines().find(|line| line.starts_with("content-free")).unwrap();
    SST2.replace(line, "summary = \"film reviews\"")
}

/// A place with the tiny model, and `plugins/` with what a definition needs.
fn place() -> Place {
    let place = Place::with_model();
    for name in ["template", "sst2", "momentum"] {
        place.write(&format!("plugins/{name}.wasm"), std::fs::read(guest(name)).unwrap());
    }
    place
}

/// A run of two steps over the bundled sample.
const RUN: [&str; 9] = ["--model", "model", "--data", "sample", "--steps", "2", "--sample", "8", "--quiet"];

#[test]
fn a_definition_gives_the_samples_of_the_component() {
    let place = place();
    place.write("tasks/mine.toml", SST2);
    let run = |task: &str, out: &str| place.host(&[&["run", "--task", task, "--out", out], &RUN[..]].concat()).good();
    run("tasks/mine.toml", "defined");
    run("sst2", "component");
    assert_eq!(place.read("defined/samples.jsonl"), place.read("component/samples.jsonl"));
    let results = place.json("defined/results.json");
    assert_eq!(
        (&results["task"]["name"], results["options"]["task"]["definition"].as_str()),
        (&"sst2".into(), Some(SST2))
    );
    assert_eq!(results["options"]["task"]["parameters"], "{}");
    assert_eq!(results["task"]["file"], "plugins/template.wasm");
    // A run file names it relative to itself, and the folder of results has the definition's name.
    place.write("tasks/run.toml", "task = \"mine.toml\"\n");
    place.host(&[&["run", "--config", "tasks/run.toml"], &RUN[..]].concat()).good();
    assert_eq!(place.read("runs/mine/samples.jsonl"), place.read("defined/samples.jsonl"));
    // Another text is another run.
    place.write("tasks/mine.toml", SST2.replace("Review", "Text"));
    place.write(
        "defined/results.json",
        place.read("defined/results.json").replace("\"complete\": true", "\"complete\": false"),
    );
    let again = place.host(&[&["run", "--task", "tasks/mine.toml", "--out", "defined"], &RUN[..]].concat());
    again.failed(2, &["options.task.definition"]);
}

#[test]
fn a_definition_is_refused_by_file_key_and_line() {
    let place = place();
    let refused = |text: &str, more: &[&str], parts: &[&str]| {
        place.write("mine.toml", text);
        place
            .host(&[&["prompt", "--task", "mine.toml", "--data", "sample", "--model", "model"], more].concat())
            .failed(2, parts);
    };
    refused(
        &SST2.replace("answer =", "anser ="),
        &[],
        &["error: `mine.toml`: line 9: expected in `[row]` the key `answer`, got none"],
    );
    refused(
        &SST2.replace("| trim }}\"\nlabels", "| trin }}\"\nlabels"),
        &[],
        &["`mine.toml`: `content-free[0]` (line 3): `row.query` (line 10): unknown filter: filter trin"],
    );
    refused(SST2, &["-T", "x=1"], &["`mine.toml`: expected options of the definition (none), got `x`"]);
    refused(
        &without_content_free().replace("{{ sentence | trim }}\\n", "{{ sentense | trim }}\\n"),
        &[],
        &[
            "sst2/train.jsonl, line 1: `mine.toml`: `prompt.context` (line 15): expected a column `sentense`, the row has none",
        ],
    );
    std::fs::remove_file(place.path("plugins/template.wasm")).unwrap();
    refused(
        SST2,
        &[],
        &["`mine.toml`: expected the component `template`", "hint: `cargo xtask plugins`", "FT_PLUGIN_PATH"],
    );
}

/// Rows of its own, an option, and a filter.
const OWN: &str = "task = \"template\"
[options]
word = { default = \"Review\", choices = [\"Review\", \"Text\"] }
[data]
demonstration-files = \"rows/train-*.csv\"
evaluation-files = [\"rows/test.jsonl\"]
filter = \"label != '-1'\"
[row]
labels = [\"bad\", \"good\"]
answer = \"label\"
[prompt]
context = \"{{ options.word }}: {{ text }}\"
";

#[test]
fn a_definition_may_have_rows_beside_it() {
    let place = place();
    place.write("own/mine.toml", OWN);
    place.write("own/rows/train-1.csv", "text,label\npoor,0\nnone,-1\n");
    place.write("own/rows/train-2.csv", "text,label\nfine,1\n");
    place.write(
        "own/rows/test.jsonl",
        "{\"text\": \"nice\", \"label\": \"good\"}\n{\"text\": \"?\", \"label\": \"-1\"}\n",
    );
    let prompt =
        |more: &[&str]| place.host(&[&["prompt", "--task", "own/mine.toml", "--model", "model"], more].concat());
    let shown = prompt(&["--json", "-T", "word=Text"]).good().json();
    assert_eq!(shown["choices"][1]["full"], "Text: nice good");
    let demonstrations = shown["demonstrations"].as_str().unwrap();
    assert!(
        demonstrations.contains("Text: poor bad\n\n") && demonstrations.contains("Text: fine good\n\n"),
        "{demonstrations}"
    );
    let notes = shown["notes"].to_string();
    assert!(notes.contains("1 of 3 rows of") && notes.contains("are none of the task's"), "{notes}");
    prompt(&["-T", "word=Tweet"])
        .failed(2, &["`own/mine.toml`: `options.word` (line 3): expected one of Review, Text, got `Tweet`"]);
    let head = place.host(&["data", "head", "--task", "own/mine.toml"]).good().stdout;
    assert!(head.contains("nice"), "{head}");
    for (pattern, part) in [("../x.csv", "expected the name or pattern of files below"), ("rows/none*.csv", "got none")]
    {
        place.write("own/mine.toml", OWN.replace("rows/train-*.csv", pattern));
        prompt(&[]).failed(2, &["`own/mine.toml`, the demonstrations split: ", part]);
    }
}

#[test]
fn task_check_is_plugin_test_with_the_first_prompts() {
    let place = place();
    place.write("mine.toml", SST2);
    let checked = place.host(&["task", "check", "mine.toml", "--model", "model"]).good().stdout;
    for part in [
        "ok      rows: evaluation",
        "ok      spoilt rows: demonstrations",
        "ok      rows to predict",
        " prompts as with answers; can do without `idx`, `label`",
        "0 failed",
        "query 0 (`0`), 2 choices",
        "query 1",
    ] {
        assert!(checked.contains(part), "no {part:?} in:\n{checked}");
    }
    let report = place.host(&["task", "check", "mine.toml", "--model", "model", "--json"]).good().json();
    assert_eq!(report["prompts"].as_array().unwrap().len(), 2);
    // Without the tokenizer at hand, the checks are made all the same.
    let without = place.host(&["task", "check", "mine.toml", "--model", "owner/none"]).good();
    assert!(without.stderr.contains("note: no prompts are shown: "), "{}", without.stderr);
    place.write("mine.toml", without_content_free().replace("sentence |", "sentense |"));
    let failed = place.host(&["task", "check", "mine.toml"]);
    assert_eq!(failed.status, Some(1), "{}", failed.stderr);
    assert!(
        failed.stdout.contains("FAILED  rows: evaluation") && failed.stdout.contains("(line 15)"),
        "{}",
        failed.stdout
    );
}
