//! The executable among other processes: signals, pipes that close, terminals, help.

use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::*;

/// SST-2 on so many rows that no machine is through with it before a test has interrupted it.
fn long_run(place: &Place) -> Child {
    let rows: String = (0..4000)
        .map(|row| format!("{{\"sentence\": \"film number {row} is a film\", \"label\": {}}}\n", row % 2))
        .collect();
    place.data("data", &rows, &rows);
    let task = guest("sst2");
    let fixed = ["run", "--task", &task, "--model", "model", "--data", "data", "--out", "out", "--device", "cpu"];
    let more = ["--steps", "40", "--batch-tokens", "64", "--select", "last"];
    let mut child = place.command(&[&fixed[..], &more].concat()).spawn().unwrap();
    let started = Instant::now();
    let samples = place.path("out/samples.jsonl");
    // Until it is in the middle of scoring.
    while std::fs::metadata(&samples).map_or(0, |metadata| metadata.len()) < 5000 {
        assert_eq!(child.try_wait().unwrap(), None, "it ended by itself");
        assert!(started.elapsed() < Duration::from_secs(120), "nothing is scored");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

/// Checks what an interrupted run left; gives how many lines are whole.
fn left_behind(place: &Place) -> usize {
    let results = place.json("out/results.json");
    assert_eq!(results["complete"], false);
    assert_eq!(results["config"]["steps"], 40);
    let samples = place.read("out/samples.jsonl");
    let whole = &samples[..samples.rfind('\n').map_or(0, |end| end + 1)];
    for (number, line) in whole.lines().enumerate() {
        let sample: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("line {number}: {error}"));
        assert_eq!((&sample["step"], &sample["index"]), (&(number / 4000).into(), &(number % 4000).into()));
    }
    // A step is in the results only when all of its queries are scored.
    assert_eq!(results["steps"].as_array().unwrap().len(), whole.lines().count() / 4000);
    whole.lines().count()
}

#[test]
#[cfg(unix)]
fn an_interrupted_run_keeps_what_it_has() {
    for name in ["INT", "TERM"] {
        let place = Place::with_model();
        let child = long_run(&place);
        signal(&child, name);
        let started = Instant::now();
        let done = Done::of(child.wait_with_output().unwrap());
        assert!(started.elapsed() < Duration::from_secs(30), "{name}: {:?}", started.elapsed());
        assert_eq!(done.status, Some(130), "{name}: {}", done.stderr);
        assert!(done.stderr.ends_with("interrupted: what was scored is in `out`\n"), "{name}: {}", done.stderr);
        assert!(left_behind(&place) > 0);
        assert!(place.read("out/samples.jsonl").ends_with('\n'), "{name}");
        assert_eq!(place.names("out"), ["content-free.jsonl", "results.json", "samples.jsonl", "trace.jsonl"]);
    }
}

#[test]
#[cfg(unix)]
fn a_second_interrupt_ends_it_at_once() {
    let place = Place::with_model();
    let child = long_run(&place);
    signal(&child, "INT");
    signal(&child, "INT");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    left_behind(&place);
}

#[test]
#[cfg(unix)]
fn a_killed_run_leaves_whole_lines_and_whole_results() {
    let place = Place::with_model();
    let mut child = long_run(&place);
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None);
    assert!(left_behind(&place) > 0);
    // Another run does not write over it, unless it is told to, and then it is kept.
    let refused = "error: `out` has an unfinished run of another configuration:\n";
    let hint = "start over with `--restart`";
    let limit = "config.limit: null -> 1\n";
    place.sst2(&["--steps", "1", "--limit", "1"]).failed(2, &[refused, limit, "config.steps: 40 -> 1\n", hint]);
    place.sst2(&["--steps", "1", "--limit", "1", "--restart"]).good();
    assert!(place.names("out").contains(&"samples.1.jsonl".to_owned()));
}

#[test]
fn readers_that_go_away_are_no_error() {
    let place = Place::with_model();
    let task = guest("sst2");
    let fixed = ["run", "--task", &task, "--model", "model", "--data", "sample", "--limit", "2", "--steps", "2"];
    for out in ["table", "json"] {
        let mut arguments = [&fixed[..], &["--select", "last", "--out", out]].concat();
        if out == "json" {
            arguments.push("--json");
        }
        let mut child = place.command(&arguments).spawn().unwrap();
        // Both ends are closed before anything is printed.
        drop((child.stdout.take(), child.stderr.take()));
        assert_eq!(child.wait().unwrap().code(), Some(0), "{out}");
        assert_eq!(place.json(&format!("{out}/results.json"))["complete"], true, "{out}");
    }
    let mut child = place.command(&["run", "--task", "none.wasm"]).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(2), "an error that nobody reads is an error");
}

#[test]
#[cfg(target_os = "linux")]
fn a_table_that_cannot_be_written_is_an_error() {
    let place = Place::with_model();
    let task = guest("sst2");
    let arguments = ["run", "--task", &task, "--model", "model", "--data", "sample", "--limit", "1", "--steps", "1"];
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = place.command(&arguments).stdout(full).output().unwrap();
    Done::of(output).failed(4, &["No space left on device"]);
    assert_eq!(place.json("runs/sst2/results.json")["complete"], true);
}

/// `tests/data/cli/run_help.txt` is what `ft-host run --help` prints; with `FT_BLESS` set it is written instead.
#[test]
fn help_is_there_for_every_command() {
    let place = Place::empty();
    let model = ["model", "model pull", "model list", "model inspect"];
    let data = ["data", "data pull", "data head", "prompt", "report", "compare", "completions", "man"];
    let context = ["tune", "predict", "serve", "context", "context inspect", "context diff"];
    let plugin =
        ["plugin", "plugin new", "plugin build", "plugin test", "plugin inspect", "plugin validate", "plugin list"];
    for command in ["", "run"].iter().chain(&model).chain(&data).chain(&context).chain(&plugin) {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let done = place.host(&arguments).good();
        assert!(done.stdout.contains(&format!("Usage: ft-host {command}").trim_end().to_owned()), "{}", done.stdout);
        assert_eq!(done.stderr, "");
    }
    let help = place.host(&["run", "--help"]).good().stdout;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cli/run_help.txt");
    if std::env::var_os("FT_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &help).unwrap();
    }
    let expected = std::fs::read_to_string(&path).expect("FT_BLESS=1 writes it");
    assert_eq!(help, expected, "FT_BLESS=1 writes {} anew", path.display());
    let version = format!("ft-host {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(place.host(&["--version"]).good().stdout, version);
    assert_eq!(place.names(""), [""; 0], "asking for help leaves nothing behind");
}

#[test]
fn models_are_listed_pulled_and_described() {
    let place = Place::with_model();
    let listed = place.host(&["model", "list"]).good().stdout;
    assert!(listed.starts_with("smollm2-135m-instruct  98.4 MB  not fetched\n"), "{listed}");
    assert_eq!(place.host(&["model", "pull", "model"]).good().stdout, "model\n");
    let described = place.host(&["model", "inspect", "model"]).good().stdout;
    assert!(described.contains("2 layers, 32 wide, 4 heads of 8 (2 for keys and values)"), "{described}");
    assert!(described.contains("2048 positions"), "{described}");
    place.host(&["model", "pull", "--offline"]).failed(2, &["is not in the cache", "hint: "]);
    place.host(&["model", "inspect", "none.gguf"]).failed(2, &["no model file or folder `none.gguf`"]);
}
