//! Guests that misbehave, through the executable: a message of its own for each, the plugin named, status 3 (2 where
//! the plugin says that its input is wrong), soon, and nothing lost that was done before.

#[path = "../plugins/encode.rs"]
mod encode;
#[path = "../attacks/made.rs"]
mod made;
#[path = "../attacks/table.rs"]
mod table;

use std::time::{Duration, Instant};

use self::table::{Attack, Guest, attacks};
use crate::support::*;

/// Limits that end an attack in about a second.
const TIGHT: [(&str, &str); 6] = [
    ("--plugin-fuel", "100000000"),
    ("--plugin-time", "20"),
    ("--plugin-memory", "16M"),
    ("--plugin-tables", "5000"),
    ("--plugin-call-bytes", "1M"),
    ("--plugin-tensor-bytes", "1M"),
];

fn attack(place: &Place, more: &[&str]) -> Done {
    let started = Instant::now();
    let left_out = TIGHT.iter().filter(|(flag, _)| !more.contains(flag));
    let limits: Vec<&str> = left_out.flat_map(|(flag, value)| [*flag, *value]).collect();
    let done = place.sst2(&[&["--steps", "2", "--limit", "2"], more, &limits].concat());
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

/// The flags that bring an attack into a run.
fn flags(place: &Place, attack: &Attack) -> Vec<String> {
    let (name, momentum) = (attack.name, guest("momentum"));
    let option = format!("attack={name}");
    let file = || {
        let path = place.write(&format!("files/{name}.wasm"), made::file(name));
        path.to_str().unwrap().to_owned()
    };
    let mut flags = match attack.guest {
        Guest::Task => vec!["--task".into(), guest("hostile/task"), "-T".into(), option],
        Guest::Optimizer => vec!["--optimizer".into(), guest("hostile/optimizer"), "-O".into(), option],
        Guest::TaskFile => vec!["--task".into(), file()],
        Guest::OptimizerFile => vec!["--optimizer".into(), file()],
    };
    if matches!(attack.guest, Guest::Task | Guest::TaskFile) {
        flags.extend(["--optimizer".into(), momentum]);
    }
    // This call is made only where the user wants what it gives.
    if ["loop-in-written", "escapes-in-ids", "huge-ids"].contains(&name) {
        flags.extend(["--sampling".into(), "written".into()]);
    }
    if name == "loop-in-drop" {
        // A session is dropped for the next seed's.
        flags.extend(["--seeds".into(), "0..2".into()]);
    }
    if name.starts_with("huge") {
        // A text of 100 MB has to come into being first.
        flags.extend(["--plugin-memory", "1G", "--plugin-fuel", "10000000000"].map(Into::into));
    }
    flags
}

#[test]
fn every_attack_ends_as_listed() {
    let place = Place::with_model();
    let attacks = attacks();
    assert!(attacks.len() > 80, "docs/sandbox.md lists {} attacks", attacks.len());
    let wrong: Vec<String> = attacks.iter().filter_map(|listed| try_one(&place, listed).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Tries an attack; an error if it does not end as it is to end.
fn try_one(place: &Place, listed: &Attack) -> Result<(), String> {
    let (flags, name) = (flags(place, listed), listed.name);
    let out = format!("out/{:?}-{name}", listed.guest);
    let arguments: Vec<&str> = flags.iter().map(String::as_str).chain(["--out", &out]).collect();
    let done = attack(place, &arguments);
    // Large files are not kept for the others; what cannot be removed goes with the whole place.
    let _ = std::fs::remove_dir_all(place.path("files"));
    match done.status == Some(listed.status) && table::has_parts(&done.stderr, &listed.parts) {
        true => Ok(()),
        false => {
            Err(format!("`{name}`: {:?}, expected {} {:?}:\n{}", done.status, listed.status, listed.parts, done.stderr))
        }
    }
}

#[test]
fn every_kind_of_failure_has_its_advice() {
    let place = Place::with_model();
    let cases = [
        (
            "loop-in-read",
            "in `dataset.read`: used up its fuel",
            "hint: if you trust the plugin, raise the limit with `--plugin-fuel`",
        ),
        ("memory-in-read", "in `dataset.read`: used up its memory", "`--plugin-memory`"),
        ("recursion-in-read", "trapped: call stack exhausted", "for its author to mend"),
        ("duplicate-ids", "in `dataset.read`: two examples have the id `twin`", "for its author to mend"),
    ];
    for (attack, message, after) in cases {
        task(&place, "hostile/task", attack, &[]).failed(3, &["error: plugin hostile-task 0.1.0 (", message, after]);
    }
    task(&place, "hostile/table-hog", "", &[])
        .failed(3, &["table-hog.wasm", "used up its tables", "`--plugin-tables`"]);
    task(&place, "hostile/loop-describe", "", &[]).failed(3, &["in `info.describe`: used up its fuel"]);
    assert_eq!(place.names("out"), [""; 0], "none of them came so far as to leave results");
    task(&place, "hostile/task", "none", &[]).good();
}

#[test]
fn a_plugin_that_answers_differently_the_second_time_fails_its_test() {
    let place = Place::empty();
    let (task, rule) = (guest("hostile/task"), guest("hostile/optimizer"));
    let other = place.write("other.wasm", made::file("unsteady-description"));
    let other = other.to_str().unwrap();
    for (arguments, parts) in [
        (["plugin", "test", &task, "-O", "attack=unsteady-query"], ["FAILED", "same twice: "]),
        (["plugin", "test", &rule, "-O", "attack=unsteady-step"], ["FAILED", "same twice"]),
        (
            ["plugin", "test", other, "--data", "sample"],
            ["FAILED  description", "in another way when it is asked again"],
        ),
    ] {
        let done = place.host(&arguments);
        assert_eq!(done.status, Some(1), "{}", done.stderr);
        assert!(table::has_parts(&done.stdout, &parts), "{}", done.stdout);
    }
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

/// Fuel without end and half a second: what ends these calls is the clock, in every export, in a run as in a test.
#[test]
fn time_ends_every_endless_call_of_a_run() {
    let place = Place::with_model();
    let endless = |attack: &Attack| ["loop", "log-flood"].iter().any(|start| attack.name.starts_with(start));
    let is_built = |attack: &Attack| matches!(attack.guest, Guest::Task | Guest::Optimizer);
    let endless: Vec<Attack> = attacks().into_iter().filter(|attack| endless(attack) && is_built(attack)).collect();
    assert!(endless.len() >= 12, "only {} endless attacks are listed", endless.len());
    for listed in endless {
        let (flags, name) = (flags(&place, &listed), listed.name);
        let limits = ["--plugin-time", "0.5", "--plugin-fuel", "18446744073709551615", "--show-usage"];
        let limits = [&limits[..], &["--plugin-call-bytes", "64M", "--plugin-tensor-bytes", "2G"]].concat();
        let out = format!("endless/{:?}-{name}", listed.guest);
        let arguments: Vec<&str> = flags.iter().map(String::as_str).chain(limits).chain(["--out", &out]).collect();
        let started = Instant::now();
        attack(&place, &arguments).failed(3, &["used up its time: more than 500ms in one call", "`--plugin-time`"]);
        assert!(started.elapsed() < Duration::from_secs(15), "`{name}` took {:?}", started.elapsed());
    }
}

/// Small enough to pass by its size: 900 kB of loops, which would take wasmtime many minutes and gigabytes.
#[test]
fn a_component_is_compiled_within_its_time() {
    let place = Place::with_model();
    let file = place.write("loops.wasm", made::file("loops-in-a-row"));
    let limits = ["--plugin-compile-time", "1", "--plugin-compile-memory", "8G"];
    let started = Instant::now();
    attack(&place, &[&["--optimizer", file.to_str().unwrap()], &limits[..]].concat()).failed(
        3,
        &["error: plugin ", "loops.wasm: takes too long to compile: more than 1s", "`--plugin-compile-time`"],
    );
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

/// Systems other than Linux need not hold a process to its address space.
#[test]
#[cfg(target_os = "linux")]
fn a_component_is_compiled_within_its_memory() {
    let place = Place::with_model();
    let file = place.write("loops.wasm", made::file("loops-in-a-row"));
    let limits = ["--plugin-compile-memory", "64M"];
    attack(&place, &[&["--optimizer", file.to_str().unwrap()], &limits[..]].concat())
        .failed(3, &["loops.wasm: takes too much memory to compile: more than 64 MiB", "`--plugin-compile-memory`"]);
}

#[test]
fn an_interrupt_ends_a_guest_s_call() {
    let place = Place::with_model();
    let (optimizer, out) = (guest("hostile/optimizer"), "stopped");
    let more = ["--optimizer", &optimizer, "-O", "attack=loop", "--plugin-fuel", "18446744073709551615", "--out", out];
    let mut child = place.sst2_command(&[&["--steps", "2", "--limit", "2"], &more[..]].concat()).spawn().unwrap();
    // Step 1 is scored, and the rule goes round and round in step 2.
    let deadline = Instant::now() + Duration::from_secs(60);
    while place.names(out).iter().all(|name| name != "samples.jsonl") || place.samples(out).len() < 2 * 2 {
        assert!(Instant::now() < deadline, "step 1 is never scored");
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(300));
    let asked = Instant::now();
    signal(&child, "TERM");
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert_eq!(place.json(&format!("{out}/results.json"))["complete"], false);
}

#[test]
fn hostile_optimizers_lose_nothing_that_was_done() {
    let place = Place::with_model();
    let optimizer = guest("hostile/optimizer");
    let named = "plugin hostile-optimizer 0.1.0 (";
    let update = "): the meta-optimizer's update in step 2 has ";
    let unfit = "): the meta-optimizer's update in step 2: expected ";
    let cases: [(&str, &[&str]); 15] = [
        ("error", &[named, "reported (failed): no update at step 2"]),
        ("loop", &[named, "used up its fuel", "`--plugin-fuel`"]),
        ("memory", &[named, "used up its memory", "`--plugin-memory`"]),
        ("panic", &[named, "a panic in `step`, at step 2", "for its author to mend"]),
        ("log-flood", &["further messages dropped", named, "used up its fuel"]),
        ("tensor-hoard", &[named, "used up its tensors", "1 MiB are allowed", "`--plugin-tensor-bytes`"]),
        ("huge-shape", &[named, "is more than can be counted", "for its author to mend"]),
        ("wrong-count", &[named, "expected 6 values for shape [2, 3], got 1"]),
        ("mismatched-shapes", &[named, "called `tensor.add-scaled` wrongly"]),
        ("bad-range", &[named, "called `tensor.narrow` wrongly"]),
        ("too-few", &[named, update, "3 matrices, and the cache has 4 slots"]),
        ("too-many", &[named, update, "5 matrices, and the cache has 4 slots"]),
        ("wrong-shape", &[named, unfit, "a key matrix of [2, ", "] f32 for layer 0, got ["]),
        ("wrong-dtype", &[named, unfit, "a key matrix of [2, ", "] f32 for layer 0, got [2, ", "] f16"]),
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
