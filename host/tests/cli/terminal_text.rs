//! What others wrote acts on no terminal, whichever file or plugin it comes from and whichever command shows it. That
//! nothing harmful is in any output is for `Done` to check; here it is put into everything that is read.
#![cfg(unix)]

use std::process::Command;

use ft_engine::text::{harmless, is_harmless};
use safetensors::tensor::SafeTensors;
use serde_json::{Map, Value, json};

use crate::support::*;

/// Clears the screen, turns the direction of writing, ends the line in two ways.
const EVIL: &str = "a\u{1b}[2J\u{202e}b\u{2028}c\nerror: d";

/// Adds [`EVIL`] to every text and to the name of every option in a results.json, but for what says which split it is
/// and whether the data are the same.
fn spoil(value: &mut Value) {
    match value {
        Value::String(text) => text.push_str(EVIL),
        Value::Array(values) => values.iter_mut().for_each(spoil),
        Value::Object(entries) => {
            for (key, value) in &mut *entries {
                match key.as_str() {
                    "split" | "examples_sha256" => {}
                    "options" => value.as_object_mut().unwrap().values_mut().for_each(spoil_names),
                    _ => spoil(value),
                }
            }
        }
        _ => {}
    }
}

fn spoil_names(options: &mut Value) {
    let spoilt = options.as_object().unwrap().iter().map(|(name, value)| (format!("{name}{EVIL}"), value.clone()));
    *options = spoilt.chain([(EVIL.to_owned(), EVIL.into())]).collect::<Map<String, Value>>().into();
}

/// A copy of a run whose results.json `change` has been at.
fn copy(place: &Place, from: &str, to: &str, change: impl FnOnce(&mut Value)) {
    let mut results = place.json(&format!("{from}/results.json"));
    change(&mut results);
    place.write(&format!("{to}/results.json"), results.to_string());
    place.write(&format!("{to}/samples.jsonl"), place.read(&format!("{from}/samples.jsonl")));
}

#[test]
fn a_finished_run_is_shown_with_its_notes_harmless() {
    let place = Place::with_model();
    let run = ["--steps", "1", "--limit", "4"];
    place.sst2(&run).good();
    copy(&place, "out", "out", |results| {
        results["notes"].as_array_mut().unwrap().push(EVIL.into());
        results["config"]["model"] = EVIL.into();
    });
    let before = place.read("out/results.json");
    let done = place.sst2(&run).good();
    assert!(done.stderr.contains("already, complete; nothing was computed"), "{}", done.stderr);
    assert!(done.stdout.contains(&format!("note: {}\n", harmless(EVIL))), "{}", done.stdout);
    assert_eq!(place.read("out/results.json"), before, "what is data stays as it is");
    let printed = place.sst2(&[&run[..], &["--json"]].concat()).good().json();
    assert_eq!(printed["notes"].as_array().unwrap().last().unwrap(), EVIL);
    copy(&place, "out", "out", |results| {
        results["complete"] = false.into();
        results["task"]["version"] = EVIL.into();
    });
    place.sst2(&run).failed(
        2,
        &["has an unfinished run of another configuration:\n", "task.version, line 1: \"a\\u{1b}[2J\\u{202e}b"],
    );
}

#[test]
fn every_text_of_a_run_is_harmless_in_every_report() {
    let place = Place::with_model();
    place.sst2(&["--steps", "2", "--limit", "8"]).good();
    copy(&place, "out", "evil", spoil);
    copy(&place, "out", "worse", |results| {
        spoil(results);
        results["options"]["optimizer"][EVIL] = "other".into();
        results["config"]["dtype"] = EVIL.into();
    });
    let shown = harmless(EVIL);
    let report = |flags: &[&str]| place.host(&[&["report", "evil"], flags].concat()).good().stdout;
    let text = report(&[]);
    for fact in ["task       sst2a", "optimizer  momentuma", "model      modela", "data       ", "host       ft-host "]
    {
        let line =
            text.lines().find(|line| line.trim_start().starts_with(fact)).unwrap_or_else(|| panic!("{fact}: {text}"));
        assert!(line.contains(&shown), "{line}");
    }
    assert!(text.contains(&format!("negative{shown}")), "a class: {text}");
    assert!(text.lines().any(|line| line.starts_with("note: ") && line.ends_with(&shown)), "{text}");
    assert!(!text.contains("\nerror: "), "{text}");
    for flags in ["--markdown", "--csv", "--html"] {
        assert!(report(&[flags]).contains("u{1b}"), "{flags}");
    }
    let json: Value = serde_json::from_str(&report(&["--json"])).unwrap();
    assert_eq!(json["runs"][0]["plan"]["task"]["name"], format!("sst2{EVIL}"));
    assert_eq!(json["runs"][0]["plan"]["options"]["optimizer"][EVIL], EVIL);
    assert_eq!(json["runs"][0]["plan"]["notes"], place.json("evil/results.json")["notes"]);

    let compared = place.host(&["compare", "evil", "worse"]).good().stdout;
    assert!(compared.contains(&format!("options.optimizer.{shown}: ")), "{compared}");
    assert!(compared.contains("config.dtype: ") && !compared.contains("\nerror: "), "{compared}");
    let compared = place.host(&["compare", "evil", "worse", "--json"]).good().json();
    let names: Vec<&Value> = compared["differences"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert!(names.iter().any(|name| **name == format!("options.optimizer.{EVIL}")), "{names:?}");

    // In messages: the folder's own name, a name of an example, a key that no record has.
    let folder = "folder\u{1b}[2J\u{202e}\u{2028}";
    copy(&place, "evil", folder, |results| results["data"][1]["examples_sha256"] = EVIL.into());
    let name = format!("`{}", harmless(folder));
    assert!(place.host(&["report", folder]).good().stdout.starts_with(&name[1..]));
    place.host(&["compare", "evil", folder]).failed(2, &["got those of `", &shown, "which differ"]);
    let samples = place.read("out/samples.jsonl");
    let spoilt = |from: &str, to: &str| {
        let (before, after) = samples.rsplit_once(from).unwrap();
        place.write(&format!("{folder}/samples.jsonl"), format!("{before}{to}{after}"));
        place.host(&["report", folder])
    };
    let id = serde_json::to_string(EVIL).unwrap();
    spoilt("\"id\":\"", &format!("\"id\":{id},\"x\":\"")).failed(2, &[&name, "expected a record on each line"]);
    let id = format!("\"id\":\"{}", id.trim_matches('"'));
    spoilt("\"id\":\"", &id).failed(2, &[&name, "expected the name ", "\\u{202e}b"]);
    spoilt("\"seed\"", &format!("\"{}\"", id[6..].trim_matches('"'))).failed(2, &[&name, "\\u{202e}b"]);
}

#[test]
fn a_table_of_data_keeps_words_and_emoji_whole() {
    let place = Place::with_model();
    place.sst2(&["--steps", "1", "--limit", "4"]).good();
    let note = "می\u{200c}خواهم 👩\u{200d}🚀";
    copy(&place, "out", "joined", |results| results["notes"] = json!([note]));
    let csv = place.host(&["report", "joined", "--csv"]).good().stdout;
    assert!(csv.lines().skip(1).all(|line| line.ends_with(note)) && csv.lines().count() > 1, "{csv}");
    let json = place.host(&["report", "joined", "--json"]).good().json();
    assert_eq!(json["runs"][0]["notes"], json!([note]));
    assert!(is_harmless(&place.host(&["report", "joined"]).good().stdout.replace('\n', "")));
}

#[test]
fn plugins_and_their_files_are_shown_harmless() {
    let place = Place::with_model();
    let file = place.path("plugins/x\u{1b}[2J\u{202e}\u{2028}.wasm");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::copy(guest("sst2"), &file).unwrap();
    let file = file.to_str().unwrap();
    let broken = place.write("plugins/\u{1b}[2J.wasm", "no \u{1b}[2J component");
    let name = "x\\u{1b}[2J\\u{202e}\\u{2028}.wasm";
    for command in [&["plugin", "inspect", file][..], &["plugin", "list"]] {
        let shown = place.host(command).good().stdout;
        assert!(shown.contains(name), "{command:?}: {shown}");
        let listed = place.host(&[command, &["--json"]].concat()).good().json();
        let is_taken = |one: &&Value| one.get("plugin").is_some();
        let one = listed.as_array().map_or(&listed, |all| all.iter().find(is_taken).unwrap());
        assert!(one["file"].as_str().unwrap().ends_with("x\u{1b}[2J\u{202e}\u{2028}.wasm"), "{one}");
    }
    place.host(&["plugin", "validate", file]).good();
    place.host(&["plugin", "validate", file, "-O", EVIL]).failed(2, &["\\u{202e}b", "expected NAME=VALUE"]);
    place.host(&["plugin", "test", file]).good();
    place.host(&["plugin", "inspect", broken.to_str().unwrap()]).failed(2, &["\\u{1b}[2J"]);
    place.host(&["plugin", "inspect", "none\u{1b}[2J\u{202e}"]).failed(2, &["none\\u{1b}[2J\\u{202e}"]);
    for attack in ["escapes-in-log", "escapes-in-names", "escapes-in-row-errors", "escapes-in-errors"] {
        let option = format!("attack={attack}");
        let done = place.host(&["plugin", "test", &guest("hostile/task"), "-O", &option, "--data", "sample"]);
        assert!((done.stdout + &done.stderr).contains("\\u{202e}three"), "{attack}");
    }
}

#[test]
fn names_and_cells_of_data_are_shown_harmless() {
    let place = Place::with_model();
    let row = json!({ "sentence": EVIL, EVIL: ["👩\u{200d}🚀", "\u{7f}\u{85}"], "label": 1 });
    let line = row.to_string();
    assert!(line.contains('\u{202e}'), "JSON leaves it as it is");
    place.write("rows.jsonl", format!("{}\n", line.replacen("\":", "\":\t", 1)));
    let head = place.host(&["data", "head", "rows.jsonl"]).good();
    assert_eq!(serde_json::from_str::<Value>(&head.stdout).unwrap(), row, "a row is still the same row");
    assert!(head.stderr.contains(&harmless(EVIL)) && head.stderr.lines().count() == 1, "{}", head.stderr);
    place.write("rows.csv", "sentence\u{202e}\u{2028},label\nfine,1,2\n");
    let cells = place.host(&["data", "head", "rows.csv"]);
    assert!(cells.stderr.contains("expected 2 cells"), "{}", cells.stderr);
    place.write("twice.csv", "a\u{202e},a\u{202e}\n1,2\n");
    assert_eq!(place.host(&["data", "head", "twice.csv"]).status, Some(2));

    let line = |sentence: &str, label: Value| json!({ "sentence": sentence, "label": label }).to_string() + "\n";
    let train = line("fine", 1.into()) + &line("poor", 0.into());
    let odd = line(EVIL, EVIL.into());
    place.data("data", &train, line("a nice one", 1.into()) + &odd + &line("not so nice", 0.into()));
    let run = ["--data", "data", "--steps", "1"];
    place.sst2(&run).failed(2, &["line 2, column `label`"]);
    let skipped = place.sst2(&[&run[..], &["--skip-bad-rows"]].concat()).good().stdout;
    assert!(skipped.contains("note: 1 of 3 rows of the evaluation split were left out: "), "{skipped}");
}

#[test]
fn names_of_tensors_are_shown_harmless() {
    let place = Place::with_model();
    let bytes = std::fs::read(place.path("model/model.safetensors")).unwrap();
    let mut tensors = SafeTensors::deserialize(&bytes).unwrap().tensors();
    let (_, vector) = tensors.iter().find(|(_, view)| view.shape().len() == 1).unwrap().clone();
    tensors.push((EVIL.to_owned(), vector));
    place.write("model/model.safetensors", safetensors::serialize(tensors, None).unwrap());
    let name = "`a\\u{1b}[2J\\u{202e}b\\u{2028}c";
    place.sst2(&["--dry-run"]).failed(2, &["`model/model.safetensors` has 1 tensor that the model does not use", name]);
    let described = place.host(&["model", "inspect", "model"]).good().stdout;
    assert!(described.contains(name) && !described.contains("\nerror: "), "{described}");
}

#[test]
fn arguments_and_run_files_are_told_harmless() {
    let place = Place::with_model();
    place.host(&["run", "--x\u{1b}[2J\u{202e}"]).failed(2, &["\\u{202e}"]);
    place.host(&["run", "--steps", "many\u{202e}"]).failed(2, &["many\\u{202e}"]);
    assert!(place.host(&["--help"]).good().stdout.contains("Usage: ft-host"));
    place.write("run.toml", "\"steps\\u202E\\u2028\\u001b\" = 1\n");
    let unknown = place.host(&["run", "--config", "run.toml"]);
    assert_eq!(unknown.status, Some(2), "{}", unknown.stderr);
    // A message in several lines keeps them, and none of them begins like a message of its own.
    place.write("run\u{1b}[2J\nhint: x.toml", "steps = \"a\u{202e}\"\n");
    let wrong = place.host(&["run", "--config", "run\u{1b}[2J\nhint: x.toml"]);
    assert_eq!(wrong.status, Some(2), "{}", wrong.stderr);
    assert!(wrong.stderr.starts_with("error: `run\\u{1b}[2J\n    hint: x.toml`"), "{}", wrong.stderr);
}

/// A path is data for the program that reads it from a pipe, and text on a terminal.
#[test]
fn a_path_is_as_it_is_in_a_pipe_and_harmless_on_a_terminal() {
    let place = Place::empty();
    let folder = "👩\u{200d}🚀\u{1b}[2J";
    std::fs::create_dir(place.path(folder)).unwrap();
    let new = |name| ["plugin", "new", "task", name, "--dir", folder];
    let piped = Command::output(&mut place.command(&new("one"))).unwrap();
    assert_eq!(String::from_utf8(piped.stdout).unwrap(), format!("{folder}/one\n"));
    let told = String::from_utf8(piped.stderr).unwrap();
    assert!(told.contains(&harmless(folder)) && is_harmless(&told.replace('\n', "")), "{told}");
    let (status, text) = place.in_terminal((200, 24), &new("two"), |_| ());
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("\\u{1b}[2J/two") && !text.contains('\u{1b}'), "{text:?}");
}
