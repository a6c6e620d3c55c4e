//! Tuned once, used everywhere: contexts that `tune` and `run` save, and what `predict` makes of rows behind them.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::*;

/// A task of short texts, which fit behind few positions.
pub const MOODS: &str = r#"task = "template"
name = "moods"
[data]
repository = "nobody/nothing"
demonstrations = "train"
evaluation = "test"
[row]
query = "{{ text }}"
labels = ["no", "yes"]
answer = "label"
[prompt]
context = "T: {{ text }}"
"#;

const FAMILIES: [&str; 7] = ["llama", "opt", "gpt2", "gpt_neo", "gptj", "gpt_neox", "bloom"];

/// A place with the task and `rows` rows to score; `data/moods/asked.jsonl` are the same without answers.
pub fn place(rows: usize) -> Place {
    let place = Place::with_model();
    for name in ["template", "momentum"] {
        place.write(&format!("plugins/{name}.wasm"), std::fs::read(guest(name)).unwrap());
    }
    place.write("moods.toml", MOODS);
    let text = |split: &str, index: usize| format!("{split}{}", index * 7919 % 1000);
    let row = |split: &str, index: usize| json!({"text": text(split, index), "label": index % 2}).to_string();
    let all = |split: &str, rows: usize| (0..rows).map(|index| row(split, index)).collect::<Vec<_>>().join("\n");
    place.write("data/moods/train.jsonl", all("a", 12));
    place.write("data/moods/test.jsonl", all("b", rows));
    let asked = |index: usize| json!({"text": text("b", index)}).to_string() + "\n";
    place.write("asked.jsonl", (0..rows).map(asked).collect::<String>());
    place
}

/// `command` of the task into `out`, with few steps.
pub fn tuned<'a>(command: &'a str, out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let common =
        ["--task", "moods.toml", "--model", "model", "--data", "data", "--steps", "3", "--out", out, "--device", "cpu"];
    [&[command][..], &common, more].concat()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

/// Predictions of a file behind contexts.
fn predicted(place: &Place, contexts: &[&str], data: &str, more: &[&str]) -> Vec<Value> {
    lines(&place.host(&[&["predict"][..], contexts, &["--data", data], more].concat()).good().stdout)
}

/// Holds predictions to what a run scored of the same rows at a step, bit for bit.
fn same_as_run(place: &Place, run: &str, predictions: &[Value]) -> usize {
    let results = place.json(&format!("{run}/results.json"));
    let step = &results["selected"][0]["step"];
    let scored: Vec<Value> = place.samples(run).into_iter().filter(|sample| sample["step"] == *step).collect();
    for sample in &scored {
        let line = &predictions[sample["index"].as_u64().unwrap() as usize];
        assert_eq!(line["loglik"], sample["loglik"], "{line}\n{sample}");
        assert_eq!(line["choice"], sample["prediction"], "{line}\n{sample}");
    }
    scored.len()
}

#[test]
fn predictions_are_the_runs_bit_for_bit_for_every_family_and_format() {
    let place = place(23);
    for family in FAMILIES {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny").join(family);
        for name in ["config.json", "model.safetensors"] {
            place.write(&format!("{family}/{name}"), std::fs::read(folder.join(name)).unwrap());
        }
        place.write(&format!("{family}/tokenizer.json"), place.read("model/tokenizer.json"));
        for (format, flags) in [
            ("f32", &["--dtype", "f32"][..]),
            ("bf16", &["--dtype", "bf16"]),
            ("f16", &["--dtype", "f16"]),
            ("quantized", &["--weights", "quantized"]),
        ] {
            let at = |what: &str| format!("{family}-{format}/{what}");
            let (out, saved, alone) = (at("run"), at("saved"), at("tuned"));
            let of_family = [&["--model", family, "--shots", "1", "--positions", "restart"], flags].concat();
            let base: Vec<&str> = tuned("run", &out, &["--save-context", &saved])
                .into_iter()
                .scan(false, |skip, word| {
                    // The family's model in place of the place's.
                    let left_out = std::mem::replace(skip, word == "--model") || word == "--model";
                    Some((!left_out).then_some(word))
                })
                .flatten()
                .collect();
            place.host(&[&base[..], &of_family].concat()).good();
            let predictions = predicted(&place, &[&saved], "asked.jsonl", &[]);
            assert_eq!(same_as_run(&place, &out, &predictions), 23, "{family}, {format}");
            // A run behind the context gives them too.
            let scored = at("scored");
            place.host(&["run", "--context", &saved, "--data", "data", "--out", &scored, "--device", "cpu"]).good();
            let of_result =
                |sample: &Value| sample["step"] == place.json(&format!("{out}/results.json"))["selected"][0]["step"];
            let expected: Vec<Value> = place.samples(&out).into_iter().filter(of_result).collect();
            assert_eq!(place.samples(&scored), expected, "{family}, {format}");
            // Batches of other rows are no others.
            let alone_each = predicted(&place, &[&saved], "asked.jsonl", &["--batch-tokens", "1"]);
            assert_eq!(alone_each, predictions, "{family}, {format}");
            let tune: Vec<&str> = base.iter().copied().map(|word| if word == "run" { "tune" } else { word }).collect();
            let at_save = tune.iter().position(|word| *word == "--save-context").unwrap();
            let mut tune = [&tune[..at_save], &tune[at_save + 2..], &of_family].concat();
            *tune.iter_mut().find(|word| **word == out).unwrap() = &alone;
            place.host(&tune).good();
            let record = |folder: &str| place.json(&format!("{folder}/context.json"));
            let (of_run, of_tune) = (record(&saved), record(&alone));
            assert_eq!(of_tune["tensors"], of_run["tensors"], "{family}, {format}");
            assert_eq!((&of_tune["selected"], &of_tune["scores"]), (&of_run["selected"], &Value::Null));
        }
    }
}

#[test]
fn held_out_examples_select_the_same_context_with_and_without_queries() {
    let place = place(9);
    for selection in
        [&["--select", "held-out"][..], &["--held-out", "4"], &["--select", "converged"], &["--select", "last"]]
    {
        let out = format!("run{}", selection.concat());
        let (saved, alone) = (format!("{out}-saved"), format!("{out}-alone"));
        let shown = ["--shots", "2", "--seeds", "0,3"];
        let more = [selection, &shown, &["--save-context", &saved]].concat();
        place.host(&tuned("run", &out, &more)).good();
        place.host(&tuned("tune", &alone, &[selection, &shown].concat())).good();
        for seed in ["seed-0", "seed-3"] {
            let record = |folder: &str| place.json(&format!("{folder}/{seed}/context.json"));
            let (of_run, of_tune) = (record(&saved), record(&alone));
            assert_eq!(of_run["tensors"]["sha256"], of_tune["tensors"]["sha256"], "{selection:?}, {seed}");
            assert_eq!(of_run["selected"], of_tune["selected"], "{selection:?}, {seed}");
            let steps = |record: &Value| {
                record["trace"].as_array().unwrap().iter().map(|row| row["step"].clone()).collect::<Vec<_>>()
            };
            assert_eq!(steps(&of_run), steps(&of_tune));
            assert_eq!(of_run["scores"]["step"], of_run["selected"]["step"]);
        }
    }
}

#[test]
fn a_context_works_wherever_it_is_with_what_it_was_tuned_with() {
    let place = place(7);
    place.host(&tuned("tune", "context", &["--shots", "1"])).good();
    let before = predicted(&place, &["context"], "asked.jsonl", &[]);
    // Another folder, with the model and the component under other names; the definition's file is gone.
    for (from, to) in [("context", "else/where"), ("model", "else/weights"), ("asked.jsonl", "else/asked.jsonl")] {
        std::fs::create_dir_all(place.path("else")).unwrap();
        std::fs::rename(place.path(from), place.path(to)).unwrap();
    }
    place.write("else/interpreter.wasm", std::fs::read(place.path("plugins/template.wasm")).unwrap());
    std::fs::remove_file(place.path("plugins/template.wasm")).unwrap();
    std::fs::remove_file(place.path("moods.toml")).unwrap();
    let gone = place.host(&["predict", "else/where", "--data", "else/asked.jsonl", "--model", "else/weights"]);
    gone.failed(2, &["`else/where`: expected the task `moods` at `", "hint: name the task's file with `--task FILE`"]);
    let more = ["--task", "else/interpreter.wasm", "--model", "else/weights"];
    assert_eq!(predicted(&place, &["else/where"], "else/asked.jsonl", &more), before);
    // With another model it is refused by the name of what differs.
    place.model("other", |config| config["rope_theta"] = 9999.into());
    let other =
        ["predict", "else/where", "--data", "else/asked.jsonl", "--task", "else/interpreter.wasm", "--model", "other"];
    place.host(&other).failed(2, &["expected the model and the task that the context was tuned with", "config.json"]);
    place.write("changed.toml", MOODS.replace("T: ", "U: "));
    place.write("plugins/template.wasm", std::fs::read(place.path("else/interpreter.wasm")).unwrap());
    let changed =
        ["predict", "else/where", "--data", "else/asked.jsonl", "--model", "else/weights", "--task", "changed.toml"];
    place
        .host(&changed)
        .failed(2, &["`changed.toml`: expected the definition that the context `else/where` was tuned with"]);
    place.write("changed.toml", MOODS);
    assert_eq!(lines(&place.host(&changed).good().stdout), before);
    // Another component is refused before it runs.
    let momentum = guest("momentum");
    let other = ["predict", "else/where", "--data", "else/asked.jsonl", "--model", "else/weights", "--task", &momentum];
    place.host(&other).failed(2, &["momentum.wasm`: sha256: expected "]);
    let mut tensors = std::fs::read(place.path("else/where/context.safetensors")).unwrap();
    *tensors.last_mut().unwrap() ^= 1;
    place.write("else/where/context.safetensors", tensors);
    let damaged = [&["predict", "else/where", "--data", "else/asked.jsonl"][..], &more].concat();
    place.host(&damaged).failed(2, &["context.safetensors`: expected sha256"]);
}

#[test]
fn lines_come_as_rows_do() {
    let place = place(3);
    place.host(&tuned("tune", "context", &[])).good();
    let rows = place.read("asked.jsonl");
    let expected = predicted(&place, &["context"], "asked.jsonl", &[]);
    let mut command = place.command(&["predict", "context", "--data", "-", "--quiet"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (send, come) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        BufReader::new(stdout).lines().for_each(|line| send.send(line.unwrap()).unwrap());
    });
    for (row, expected) in rows.lines().zip(&expected) {
        // No further row is written until the line of this one is there.
        writeln!(stdin, "{row}").unwrap();
        let line = come.recv_timeout(Duration::from_secs(60)).expect("a line for the row");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), *expected);
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
    reader.join().unwrap();
    assert!(come.recv().is_err(), "no line more than rows");
}

#[test]
fn a_killed_prediction_goes_on_from_the_line_where_it_stopped() {
    let place = place(400);
    place.host(&tuned("tune", "context", &[])).good();
    let whole = place.host(&["predict", "context", "--data", "asked.jsonl"]).good().stdout;
    assert_eq!(whole.lines().count(), 400);
    for kill_behind in [1, 30, 300] {
        let mut child = place.command(&["predict", "context", "--data", "asked.jsonl", "-q"]).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        for _ in 0..kill_behind {
            stdout.read_line(&mut first).unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let skip = kill_behind.to_string();
        let rest = place.host(&["predict", "context", "--data", "asked.jsonl", "--skip", &skip]).good().stdout;
        assert_eq!(first + &rest, whole);
    }
    let some = place.host(&["predict", "context", "--data", "asked.jsonl", "--skip", "100", "--limit", "50"]).good();
    let expected: Vec<&str> = whole.lines().skip(100).take(50).collect();
    assert_eq!(some.stdout.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn rows_that_cannot_be_used_have_a_line_with_the_reason() {
    let place = place(2);
    place.host(&tuned("tune", "context", &[])).good();
    let long = "x".repeat(3000);
    let rows = [
        "{\"text\": \"b0\"}",
        "{\"txt\": \"b0\"}",
        "{\"text\": ",
        &format!("{{\"text\": \"{long}\"}}"),
        "{\"text\": \"b919\"}",
    ];
    place.write("rows.jsonl", rows.join("\n"));
    let done = place.host(&["predict", "context", "--data", "rows.jsonl"]);
    assert_eq!(done.status, Some(1), "{}", done.stderr);
    let found = lines(&done.stdout);
    assert_eq!(found.iter().map(|line| line["index"].clone()).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    for (line, part) in [(1, "line 2: "), (1, "column `text`"), (2, "line 3"), (3, "positions")] {
        let error = found[line]["error"].as_str().unwrap_or_else(|| panic!("{}", found[line]));
        assert!(error.contains(part) && error.contains("rows.jsonl"), "{part}: {error}");
    }
    let good = predicted(&place, &["context"], "asked.jsonl", &[]);
    assert_eq!((&found[0]["loglik"], &found[4]["loglik"]), (&good[0]["loglik"], &good[1]["loglik"]));
    let missing = place.host(&["predict", "context", "--data", "nothing.jsonl"]);
    assert!(!missing.stderr.contains("reading weights"), "{}", missing.stderr);
    missing.failed(2, &["nothing.jsonl"]);
    place.host(&["predict", "context"]).failed(2, &["--data <FILE|->|--text <TEXT>"]);
    for both in [&["--text", "b0"][..], &["--text", "b0", "--skip", "1"]] {
        let both = [&["predict", "context", "--data", "asked.jsonl"][..], both].concat();
        place.host(&both).failed(2, &["cannot be used with"]);
    }
    // A text that is too long is a row that cannot be used, and no other task.
    let done = place.host(&["predict", "context", "--text", "b0", "--text", &long]);
    assert_eq!((done.status, done.stdout.lines().count()), (Some(1), 2), "{}", done.stderr);
    place.host(&["predict", "context", "context", "--data", "asked.jsonl"]).failed(2, &["expected different contexts"]);
}

#[test]
fn several_contexts_predict_by_their_mean_and_classes_are_calibrated() {
    let place = place(12);
    place.host(&tuned("tune", "context", &["--seeds", "0,1,2"])).good();
    let seeds = ["context/seed-0", "context/seed-1", "context/seed-2"];
    let each: Vec<Vec<Value>> = seeds.iter().map(|seed| predicted(&place, &[seed], "asked.jsonl", &[])).collect();
    let together = predicted(&place, &seeds, "asked.jsonl", &["--calibrate", "prior"]);
    let numbers = |value: &Value| -> Vec<f64> {
        value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
    };
    let mut sums = [0.0; 2];
    for (row, line) in together.iter().enumerate() {
        let of_each: Vec<Vec<f64>> = each.iter().map(|lines| numbers(&lines[row]["probabilities"])).collect();
        let mean: Vec<f64> = (0..2).map(|class| of_each.iter().map(|of| of[class]).sum::<f64>() / 3.0).collect();
        assert!(apart(&mean, &numbers(&line["probabilities"])) < 1e-12, "{line}");
        let logliks: Vec<Value> = each.iter().map(|lines| lines[row]["loglik"].clone()).collect();
        assert_eq!(line["logliks"], Value::from(logliks));
        // Divided by the means over the rows so far, and made to add up to 1.
        sums.iter_mut().zip(&mean).for_each(|(sum, mean)| *sum += mean);
        let means: Vec<f64> = sums.iter().map(|sum| sum / (row + 1) as f64).collect();
        let divided: Vec<f64> = mean.iter().zip(&means).map(|(mean, of_all)| mean / of_all).collect();
        let all: f64 = divided.iter().sum();
        let calibrated: Vec<f64> = divided.iter().map(|share| share / all).collect();
        assert!(apart(&calibrated, &numbers(&line["calibrated"]["probabilities"])) < 1e-9, "{line}");
        assert!(apart(&means, &numbers(&line["calibrated"]["divided_by"])) < 1e-12, "{line}");
    }
    // What is passed over counts for the prior of what is not.
    let rest = predicted(&place, &seeds, "asked.jsonl", &["--calibrate", "prior", "--skip", "7"]);
    assert_eq!(rest, together[7..]);
    let several = place.host(&["predict", "context", "--data", "asked.jsonl"]);
    several.failed(
        2,
        &[
            "`context`: expected a saved context, got a folder of several",
            "hint: name one of them, like `context/seed-0`; `ft-host predict` takes several",
        ],
    );
    let again = place.host(&tuned("tune", "context", &["--seeds", "0,1,2"])).good();
    assert_eq!(again.stderr.matches("already").count(), 3, "{}", again.stderr);
    assert!(!again.stderr.contains("reading weights"), "{}", again.stderr);
    assert_eq!(place.names("context/seed-1"), ["context.json", "context.safetensors"]);
    place.host(&tuned("tune", "context", &["--seeds", "0,1,2", "--restart"])).good();
    assert!(place.path("context/seed-1/context.1.json").exists());
    let refused = place.host(&["predict", "context/seed-0", "--data", "asked.jsonl", "--calibrate", "content-free"]);
    refused.failed(2, &["expected content-free inputs of the task", "hint: `--calibrate prior` needs none"]);
}

#[test]
fn rows_of_every_format_and_a_text_alone_are_predicted_alike() {
    let place = place(5);
    place.host(&tuned("tune", "context", &[])).good();
    let expected = predicted(&place, &["context"], "asked.jsonl", &[]);
    let rows = lines(&place.read("asked.jsonl"));
    let texts: Vec<&str> = rows.iter().map(|row| row["text"].as_str().unwrap()).collect();
    place.write("asked.csv", format!("more,text\n{}\n", texts.map_rows(|text| format!("x,{text}"))));
    place.write("asked.tsv", format!("text\n{}\n", texts.join("\n")));
    place.write("asked.json", Value::from(rows.clone()).to_string());
    for file in ["asked.csv", "asked.tsv", "asked.json"] {
        assert_eq!(predicted(&place, &["context"], file, &[]), expected, "{file}");
    }
    let words: Vec<&str> = texts.iter().flat_map(|text| ["--text", text]).collect();
    let of_texts = lines(&place.host(&[&["predict", "context"][..], &words].concat()).good().stdout);
    for (line, expected) in of_texts.iter().zip(&expected) {
        assert_eq!((&line["loglik"], &line["index"]), (&expected["loglik"], &expected["index"]));
    }
    let csv = place.host(&["predict", "context", "--data", "asked.jsonl", "--format", "csv"]).good().stdout;
    let header = "index,id,prediction,margin,probability:no,probability:yes,loglik:no,loglik:yes,left_out,error";
    assert_eq!(csv.lines().next(), Some(header));
    for (line, expected) in csv.lines().skip(1).zip(&expected) {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!((cells[2], cells.len()), (expected["prediction"].as_str().unwrap(), 10));
        assert_eq!(cells[6].parse::<f64>().unwrap(), expected["loglik"][0].as_f64().unwrap());
    }
}

/// Texts as lines.
trait MapRows {
    fn map_rows(&self, of: impl Fn(&str) -> String) -> String;
}

impl MapRows for Vec<&str> {
    fn map_rows(&self, of: impl Fn(&str) -> String) -> String {
        self.iter().map(|text| of(text)).collect::<Vec<_>>().join("\n")
    }
}

#[test]
fn a_context_is_saved_again_where_it_is_missing_and_nothing_is_scored_again() {
    let place = place(6);
    let run = |more: &[&str]| place.host(&tuned("run", "out", more)).good();
    run(&[]);
    let samples = place.read("out/samples.jsonl");
    assert!(!place.path("context").exists());
    // A complete run has no context to save: it is tuned again, and scored no more.
    run(&["--save-context", "context"]);
    let record = place.read("context/context.json");
    assert_eq!(place.read("out/samples.jsonl"), samples);
    let again = run(&["--save-context", "context"]);
    assert!(again.stderr.contains("already, complete"), "{}", again.stderr);
    assert_eq!(place.names("context"), ["context.json", "context.safetensors"]);
    let refused =
        place.host(&tuned("run", "half", &["--save-context", "x", "--cache-dtype", "bf16", "--dtype", "bf16"]));
    assert!(!refused.stderr.contains("reading weights"), "{}", refused.stderr);
    refused.failed(2, &["expected a run in f32 for `--cache-dtype bf16`, got one in bf16"]);
    place.write("file", "");
    place.host(&tuned("run", "late", &["--save-context", "file/x"])).failed(2, &["file/x"]);
    // In half precision it is another context; the earlier one is kept.
    run(&["--save-context", "context", "--cache-dtype", "bf16"]);
    assert_eq!(place.read("context/context.1.json"), record);
    assert_eq!(place.json("context/context.json")["tensors"]["stored_dtype"], "bf16");
    let halved = predicted(&place, &["context"], "asked.jsonl", &[]);
    let whole = place.samples("out");
    let result = &place.json("out/results.json")["selected"][0]["step"];
    for sample in whole.iter().filter(|sample| sample["step"] == *result) {
        let numbers = |value: &Value| -> Vec<f64> {
            value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
        };
        let line = &halved[sample["index"].as_u64().unwrap() as usize];
        let apart = apart(&numbers(&line["loglik"]), &numbers(&sample["loglik"]));
        assert!(apart > 0.0 && apart < 0.1, "{line}\n{sample}");
    }
}

/// As the README has it: twelve labelled lines, a hundred without labels, four commands.
#[test]
fn twelve_labelled_lines_predict_a_hundred_others() {
    let place = Place::with_model();
    for name in ["template", "momentum"] {
        place.write(&format!("plugins/{name}.wasm"), std::fs::read(guest(name)).unwrap());
    }
    let mood = |index: usize| ["sunny", "rainy"][index % 2];
    let labelled: String = (0..12).map(|index| format!("day {index} was nice,{}\n", mood(index))).collect();
    place.write("labelled.csv", format!("text,label\n{labelled}"));
    let others: String = (0..100).map(|index| format!("\"it is day {index}, so\"\n")).collect();
    place.write("others.csv", format!("text\n{others}"));
    place.host(&["task", "new", "moods.toml", "--from", "labelled.csv"]).good();
    place.host(&["tune", "--task", "moods.toml", "--model", "model", "--shots", "6", "--steps", "2"]).good();
    place.host(&["context", "inspect", "contexts/moods"]).good();
    let found = predicted(&place, &["contexts/moods"], "others.csv", &[]);
    assert_eq!(found.len(), 100);
    for line in &found {
        assert!(["sunny", "rainy"].contains(&line["prediction"].as_str().unwrap()), "{line}");
    }
}
