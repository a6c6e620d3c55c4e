//! Guests that misbehave, through the executable: a message of its own for each, the plugin named, status 3 (2 where
//! the plugin says that its input is wrong), soon, and nothing lost that was done before.

use std::time::{Duration, Instant};

use crate::support::*;

/// Limits that end an attack in about a second.
const TIGHT: [&str; 10] = [
    "--plugin-fuel",
    "100000000",
    "--plugin-time",
    "20",
    "--plugin-memory",
    "16M",
    "--plugin-call-bytes",
    "1M",
    "--plugin-tensor-bytes",
    "1M",
];

fn attack(place: &Place, more: &[&str]) -> Done {
    let started = Instant::now();
    let done = place.sst2(&[&["--steps", "2", "--limit", "2"], more, &TIGHT].concat());
    assert!(started.elapsed() < Duration::from_secs(60), "{more:?} took {:?}", started.elapsed());
    done
}

fn task(place: &Place, name: &str, attack_name: &str, more: &[&str]) -> Done {
    let (task, optimizer, option) = (guest(name), guest("momentum"), format!("attack={attack_name}"));
    let mut arguments = vec!["--task", &task, "--optimizer", &optimizer];
    if !attack_name.is_empty() {
        arguments.extend(["-T", &option]);
    }
    arguments.extend(more);
    attack(place, &arguments)
}

#[test]
fn hostile_tasks() {
    let place = Place::with_model();
    let cases = [
        (
            "loop-in-read",
            "in `dataset.read`: used up its fuel",
            "hint: if you trust the plugin, raise the limit with `--plugin-fuel`",
        ),
        ("memory-in-read", "in `dataset.read`: used up its memory", "`--plugin-memory`"),
        ("recursion-in-read", "in `dataset.read`: trapped: call stack exhausted", "tell its author"),
        ("panic-in-read", "in `dataset.read`: trapped: ", "a panic in `read`, at row 0"),
        ("log-flood-in-read", "in `dataset.read`: used up its fuel", "`--plugin-fuel`"),
        ("escapes-in-names", "in `dataset.labels`: its labels are [", "tell its author"),
        ("answer-out-of-range", "in `dataset.read`: example `0` has answer 99", "tell its author"),
        ("duplicate-ids", "in `dataset.read`: two examples have the id `twin`", "tell its author"),
        ("one-choice", "in `dataset.labels`: its labels are [\"negative\"]", "tell its author"),
        ("loop-in-demonstration", "in `prompt.render-demonstration`: used up its fuel", "`--plugin-fuel`"),
        ("loop-in-query", "in `prompt.render-query`: used up its fuel", "`--plugin-fuel`"),
        ("panic-in-query", "in `prompt.render-query`: trapped: ", "a panic in `render-query`, at example 0"),
        ("error-in-query", "in `prompt.render-query`: reported (failed): no text for example 0", ""),
        ("huge-prompt-in-query", "in `prompt.render-query`: used up its memory", "`--plugin-memory`"),
        ("too-few-choices-in-query", "in `prompt.render-query`: example `0` has 2 choices, and was rendered as 1", ""),
    ];
    for (attack, message, after) in cases {
        task(&place, "hostile/task", attack, &[]).failed(3, &["error: plugin hostile-task 0.1.0 (", message, after]);
    }
    task(&place, "hostile/task", "error-in-configure", &[])
        .failed(2, &["error: plugin hostile-task", "reported (invalid option): no such luck", "hint: "]);
    let tables = ["--plugin-tables", "5000"];
    task(&place, "hostile/table-hog", "", &tables)
        .failed(3, &["table-hog.wasm", "used up its tables", "`--plugin-tables`"]);
    task(&place, "hostile/loop-describe", "", &[]).failed(3, &["in `info.describe`: used up its fuel"]);
    assert_eq!(place.names("out"), [""; 0], "none of them came so far as to leave results");
    // What it logs is shown, and does nothing to the terminal.
    let done = task(&place, "hostile/task", "escapes-in-log", &[]).good();
    assert!(done.stderr.contains("hostile-task (info): one\\ntwo\\r\\u{1b}[2J\\u{7}\\u{202e}three"), "{}", done.stderr);
    task(&place, "hostile/task", "none", &[]).good();
}

#[test]
fn a_huge_prompt_is_refused_before_it_is_copied() {
    let place = Place::with_model();
    let (task, optimizer) = (guest("hostile/task"), guest("momentum"));
    let plugins =
        ["--task", &task, "--optimizer", &optimizer, "-T", "attack=huge-prompt-in-query", "--plugin-memory", "1G"];
    place.sst2(&plugins).failed(3, &["moved too much at once: more than 64 MiB", "`--plugin-call-bytes`"]);
}

#[test]
fn time_ends_what_fuel_does_not() {
    let place = Place::with_model();
    let (task, optimizer) = (guest("hostile/task"), guest("momentum"));
    let plugins = ["--task", &task, "--optimizer", &optimizer, "-T", "attack=loop-in-query"];
    let limits = ["--plugin-time", "0.5", "--plugin-fuel", "18446744073709551615"];
    let started = Instant::now();
    let parts = ["in `prompt.render-query`: used up its time: more than 500ms in one call", "`--plugin-time`"];
    place.sst2(&[&plugins[..], &limits].concat()).failed(3, &parts);
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

#[test]
fn hostile_optimizers_lose_nothing_that_was_done() {
    let place = Place::with_model();
    let optimizer = guest("hostile/optimizer");
    let named = "plugin hostile-optimizer 0.1.0 (";
    let update = "): the meta-optimizer's update in step 2 has ";
    let cases: [(&str, &[&str]); 15] = [
        ("error", &[named, "reported (failed): no update at step 2"]),
        ("loop", &[named, "used up its fuel", "`--plugin-fuel`"]),
        ("memory", &[named, "used up its memory", "`--plugin-memory`"]),
        ("panic", &[named, "a panic in `step`, at step 2", "tell its author"]),
        ("log-flood", &["further messages dropped", named, "used up its fuel"]),
        ("tensor-hoard", &[named, "used up its tensors", "1 MiB are allowed", "`--plugin-tensor-bytes`"]),
        ("huge-shape", &[named, "is more than can be counted", "tell its author"]),
        ("wrong-count", &[named, "shape [2, 3] needs 6 values, and 1 came"]),
        ("mismatched-shapes", &[named, "called `tensor.add-scaled` wrongly"]),
        ("bad-range", &[named, "called `tensor.narrow` wrongly"]),
        ("too-few", &[named, update, "3 matrices, and the cache has 4 slots"]),
        ("too-many", &[named, update, "5 matrices, and the cache has 4 slots"]),
        ("wrong-shape", &[named, update, "a key matrix of [2, ", "] f32 was expected"]),
        ("wrong-dtype", &[named, update, "a key matrix of [2, ", " f16 for layer 0"]),
        ("not-a-number", &[named, update, "a number that is not finite in the key matrix of layer 0"]),
    ];
    for (name, parts) in cases {
        let option = format!("attack={name}");
        let more = ["--optimizer", &optimizer, "-O", &option, "--out", name];
        let done = attack(&place, &more).failed(3, parts);
        assert!(done.stderr.contains("hostile-optimizer"), "{name} names no plugin:\n{}", done.stderr);
        assert_eq!(place.names(name), ["results.json", "samples.jsonl", "trace.jsonl"], "{name}");
        let results = place.json(&format!("{name}/results.json"));
        assert_eq!(results["complete"], false, "{name}");
        let steps: Vec<_> = results["steps"].as_array().unwrap().iter().map(|step| step["step"].clone()).collect();
        assert_eq!(steps, [0, 1], "{name}");
        assert_eq!(place.samples(name).len(), 2 * 2, "{name}");
    }
    attack(&place, &["--optimizer", &optimizer, "-O", "attack=error-in-open"]).failed(2, &[named, "no such luck"]);
    attack(&place, &["--optimizer", &optimizer]).good();
}

/// An attack that is added to a fixture and tried here nowhere fails this test.
#[test]
fn every_attack_is_tried() {
    let place = Place::with_model();
    let source = include_str!("hostile.rs");
    for (flag, option, name) in [("--task", "-T", "hostile/task"), ("--optimizer", "-O", "hostile/optimizer")] {
        let plugin = guest(name);
        let momentum = guest("momentum");
        let mut arguments = vec![flag, plugin.as_str(), option, "attack=?"];
        if flag == "--task" {
            arguments.extend(["--optimizer", &momentum]);
        }
        let done = place.sst2(&arguments).failed(2, &["option `attack` takes one of "]);
        let (_, listed) = done.stderr.split_once("takes one of ").unwrap();
        let (listed, _) = listed.split_once(", and `?`").unwrap();
        for attack in listed.split(", ").map(|quoted| quoted.trim_matches('`')) {
            let tried = source.contains(&format!("\"{attack}\"")) || source.contains(&format!("\"attack={attack}\""));
            assert!(tried || attack == "none", "no test tries the attack `{attack}` of {name}");
        }
    }
}
