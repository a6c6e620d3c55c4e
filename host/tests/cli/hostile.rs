//! Guests that misbehave, through the executable: a message of its own for each, the plugin named, status 3 (2 where
//! the plugin says that its input is wrong), soon, and nothing lost that was done before.

#[path = "../plugins/encode.rs"]
mod encode;
#[path = "../attacks/made.rs"]
mod made;
#[path = "../attacks/table.rs"]
pub mod table;

use std::time::{Duration, Instant};

use serde_json::Value;

use self::table::{Attack, Guest, Test, attacks};
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

/// Seconds that no attack takes.
const LONGEST: u32 = 60;

/// Those of the tight limits that `more` does not set.
fn tight(more: &[&str]) -> Vec<&'static str> {
    let left_out = TIGHT.iter().filter(|(flag, _)| !more.contains(flag));
    left_out.flat_map(|(flag, value)| [*flag, *value]).collect()
}

fn attack(place: &Place, more: &[&str]) -> Done {
    let steps: &[&str] = if more.contains(&"--steps") { &[] } else { &["--steps", "2"] };
    bounded(place.sst2_command(&[steps, &["--limit", "2"], more, &tight(more)].concat()), LONGEST)
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

/// A plugin that attacks, and its options.
struct Attacker {
    file: String,
    options: Vec<String>,
    is_task: bool,
}

impl Attacker {
    fn of(place: &Place, attack: &Attack) -> Self {
        let (name, is_task) = (attack.name, matches!(attack.guest, Guest::Task | Guest::TaskFile));
        let option = || vec![format!("attack={name}")];
        let (file, options) = match attack.guest {
            Guest::Task => (guest("hostile/task"), option()),
            Guest::Optimizer => (guest("hostile/optimizer"), option()),
            Guest::TaskFile | Guest::OptimizerFile | Guest::Compiled => {
                let path = place.write(&format!("files/{name}.wasm"), made::file(name));
                (path.to_str().unwrap().to_owned(), Vec::new())
            }
        };
        Self { file, options, is_task }
    }
}

/// The limits under which an attack gets as far as it is to get; `fuel` is for those that begin with much of their own.
fn limits<'a>(attack: &Attack, fuel: &'a str) -> Vec<&'a str> {
    match attack.name {
        _ if attack.guest == Guest::Compiled => {
            vec!["--plugin-compile-time", "0.5", "--plugin-compile-memory", "4G"]
        }
        // Texts within what a call may move.
        name if name.ends_with("-text") => {
            vec!["--plugin-memory", "1G", "--plugin-fuel", fuel, "--plugin-call-bytes", "64M"]
        }
        // A text of 100 MB has to come into being first.
        name if name.starts_with("huge") => vec!["--plugin-memory", "1G", "--plugin-fuel", fuel],
        name if name.starts_with("thousands-of") => {
            vec!["--plugin-memory", "256M", "--plugin-fuel", fuel, "--plugin-call-bytes", "64M"]
        }
        // A message of 30 MB has to come into being first.
        name if name.starts_with("loop-of-long-messages") => vec!["--plugin-memory", "64M"],
        _ => Vec::new(),
    }
}

/// The rows that an attack is tried on: the bundled sample, unless each of them becomes a large example.
fn data(place: &Place, attack: &Attack) -> &'static str {
    if !attack.name.starts_with("thousands-of") && !attack.name.ends_with("-text") {
        return "sample";
    }
    let row = |text: &str, label: u32| format!("{{\"sentence\": \"{text} film .\", \"label\": {label}}}\n");
    place.data("few", row("a good", 1) + &row("a bad", 0), row("a fine", 1));
    "few"
}

/// The flags that bring an attack into a run.
fn flags(place: &Place, attack: &Attack) -> Vec<String> {
    let Attacker { file, options, is_task } = Attacker::of(place, attack);
    let mut flags = match is_task {
        true => vec!["--task".into(), file, "--optimizer".into(), guest("momentum")],
        false => vec!["--optimizer".into(), file],
    };
    let option = if is_task { "-T" } else { "-O" };
    flags.extend(options.into_iter().flat_map(|value| [option.into(), value]));
    let mut add = |more: &[&str]| flags.extend(more.iter().map(ToString::to_string));
    add(&["--data", data(place, attack)]);
    add(&limits(attack, "10000000000"));
    match attack.name {
        // This call is made only where the user wants what it gives.
        "loop-in-written" | "escapes-in-ids" | "huge-ids" => add(&["--sampling", "written"]),
        // A session is dropped for the next seed's.
        "loop-in-drop" => add(&["--seeds", "0..2"]),
        // What is kept in the first step that an optimizer takes is used in the next.
        "kept-cache" => add(&["--steps", "3"]),
        // There is no row of each class.
        "thousands-of-labels" => add(&["--sampling", "first"]),
        _ => {}
    }
    flags
}

/// Tries every attack in one way; what does not end as it is to end is told together.
fn try_all(try_one: impl Fn(&Place, &Attack) -> Result<(), String>) {
    let place = Place::with_model();
    let attacks = attacks();
    assert!(attacks.len() > 120, "docs/sandbox.md lists {} attacks", attacks.len());
    let wrong: Vec<String> = attacks.iter().filter_map(|listed| try_one(&place, listed).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_attack_ends_as_listed() {
    try_all(try_in_a_run);
}

/// Tries an attack in a run; an error if it does not end as it is to end.
fn try_in_a_run(place: &Place, listed: &Attack) -> Result<(), String> {
    let (flags, name) = (flags(place, listed), listed.name);
    let out = format!("out/{:?}-{name}", listed.guest);
    let arguments: Vec<&str> = flags.iter().map(String::as_str).chain(["--out", &out]).collect();
    let done = attack(place, &arguments);
    // Large files are not kept for the others; what cannot be removed goes with the whole place.
    let _ = std::fs::remove_dir_all(place.path("files"));
    // A run compiles two plugins.
    let is_of_the_other = listed.guest == Guest::Compiled && !done.stderr.contains(&format!("{name}.wasm: exceeded"));
    match done.status == Some(listed.status) && table::has_parts(&done.stderr, &listed.parts) && !is_of_the_other {
        true => Ok(()),
        false => {
            Err(format!("`{name}`: {:?}, expected {} {:?}:\n{}", done.status, listed.status, listed.parts, done.stderr))
        }
    }
}

#[test]
fn every_attack_ends_as_listed_in_its_test() {
    try_all(try_in_a_test);
}

/// Tries an attack by `plugin test`; an error if it does not end as it is to end.
fn try_in_a_test(place: &Place, listed: &Attack) -> Result<(), String> {
    let (Attacker { file, options, is_task }, name) = (Attacker::of(place, listed), listed.name);
    let mut arguments = vec!["plugin", "test", &file, "--json"];
    arguments.extend(options.iter().flat_map(|value| ["-O", value]));
    if is_task {
        arguments.extend(["--data", data(place, listed)]);
    }
    // Less than in a run: all values of the option `attack` are tried, and some of them spend all of it.
    let mut limits = limits(listed, "1000000000");
    if listed.guest == Guest::Compiled {
        // In a run it is the time that ends them.
        limits = vec!["--plugin-compile-time", "5", "--plugin-compile-memory", "128M"];
    }
    arguments.extend(&limits);
    arguments.extend(tight(&limits));
    let done = bounded(place.command(&arguments), LONGEST);
    let _ = std::fs::remove_dir_all(place.path("files"));
    let wrong = |expected: String| {
        Err(format!("`{name}`: {:?}, expected {expected}:\n{}\n{}", done.status, done.stdout, done.stderr))
    };
    if listed.test == Test::Refused {
        let is_refused = done.status == Some(2) && table::has_parts(&done.stderr, &listed.parts);
        return if is_refused { Ok(()) } else { wrong(format!("2 {:?}", listed.parts)) };
    }
    let failed = failed_checks(&done);
    // All values of the option are tried, and what they do and take is no part of this attack.
    let others = failed.iter().filter(|(check, _)| !["options", "limits"].contains(&check.as_str()));
    let others: Vec<&(String, String)> = others.collect();
    let is_as_listed = match listed.test {
        Test::Fails => others.iter().any(|(_, told)| table::has_parts(told, &listed.parts)),
        Test::FailsAs(check) => others.iter().any(|(name, _)| name.starts_with(check)),
        Test::Passes => others.is_empty(),
        Test::Refused => false,
    };
    let is_told = listed.test != Test::Passes || listed.status != 0 || table::has_parts(&done.stderr, &listed.parts);
    let status = if failed.is_empty() { 0 } else { 1 };
    match done.status == Some(status) && is_as_listed && is_told {
        true => Ok(()),
        false => wrong(format!("{status}, {:?} {:?}", listed.test, listed.parts)),
    }
}

/// The names of the checks that failed in a `plugin test --json`, each with what was told of it.
fn failed_checks(done: &Done) -> Vec<(String, String)> {
    let report: Value = serde_json::from_str(&done.stdout).unwrap_or_default();
    let checks = report["checks"].as_array().into_iter().flatten();
    let failed = checks.filter_map(|check| Some((check["name"].as_str()?, check["verdict"]["failed"].as_str()?)));
    failed.map(|(name, told)| (name.to_owned(), told.to_owned())).collect()
}

/// What a task makes of all of its rows is kept to be compared, and may be any number of texts that a call may move.
#[test]
fn the_texts_of_a_task_s_test_are_bounded() {
    let place = Place::empty();
    let task = guest("hostile/task");
    let plugin = ["plugin", "test", &task, "--json", "-O", "attack=huge-demonstration-text"];
    let limits = ["--plugin-memory", "1G", "--plugin-fuel", "1000000000"];
    let done = bounded(place.command(&[&plugin[..], &limits].concat()), LONGEST);
    assert_eq!(done.status, Some(1), "{}", done.stderr);
    let expected = "expected texts of at most 1073741824 bytes of a split's rows, got more";
    let failed = failed_checks(&done);
    assert!(failed.iter().any(|(check, told)| check == "rows: evaluation" && told.contains(expected)), "{failed:?}");
}

#[test]
fn every_kind_of_failure_has_its_advice() {
    let place = Place::with_model();
    let cases = [
        (
            "loop-in-read",
            "in `dataset.read`: exceeded the fuel limit",
            "hint: if you trust the plugin, raise the limit with `--plugin-fuel`",
        ),
        ("memory-in-read", "in `dataset.read`: exceeded the memory limit", "`--plugin-memory`"),
        ("recursion-in-read", "trapped: call stack exhausted", "please report it to its author"),
        ("duplicate-ids", "in `dataset.read`: duplicate id `twin`", "please report it to its author"),
    ];
    for (attack, message, after) in cases {
        task(&place, "hostile/task", attack, &[]).failed(3, &["error: plugin hostile-task 0.1.0 (", message, after]);
    }
    task(&place, "hostile/table-hog", "", &[])
        .failed(3, &["table-hog.wasm", "exceeded the table limit", "`--plugin-tables`"]);
    task(&place, "hostile/loop-describe", "", &[]).failed(3, &["in `info.describe`: exceeded the fuel limit"]);
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
    place.sst2(&plugins).failed(3, &["exceeded the per-call transfer limit (64 MiB)", "`--plugin-call-bytes`"]);
}

#[test]
fn time_ends_what_fuel_does_not() {
    let place = Place::with_model();
    let (task, optimizer) = (guest("hostile/task"), guest("momentum"));
    let plugins = ["--task", &task, "--optimizer", &optimizer, "-T", "attack=loop-in-query"];
    let limits = ["--plugin-time", "0.5", "--plugin-fuel", "18446744073709551615"];
    let started = Instant::now();
    let parts = ["in `prompt.render-query`: exceeded the time limit (500 ms per call)", "`--plugin-time`"];
    place.sst2(&[&plugins[..], &limits].concat()).failed(3, &parts);
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

/// Fuel without end and half a second: what ends these calls is the clock, in every export.
#[test]
fn time_ends_every_endless_call_of_a_run() {
    let place = Place::with_model();
    for listed in endless(20) {
        let (flags, name) = (flags(&place, &listed), listed.name);
        let out = format!("endless/{:?}-{name}", listed.guest);
        let arguments = flags.iter().map(String::as_str).chain(ENDLESS).chain(["--show-usage", "--out", &out]);
        let started = Instant::now();
        attack(&place, &arguments.collect::<Vec<&str>>())
            .failed(3, &["exceeded the time limit (500 ms per call)", "`--plugin-time`"]);
        assert!(started.elapsed() < Duration::from_secs(15), "`{name}` took {:?}", started.elapsed());
    }
}

/// The same in tests of plugins: one of each way to go on without end.
#[test]
fn time_ends_endless_calls_of_a_test() {
    let place = Place::empty();
    let names = ["loop-in-read", "loop-of-long-messages", "loop-of-long-operations", "loop-in-describe"];
    let tried: Vec<Attack> = endless(20).into_iter().filter(|attack| names.contains(&attack.name)).collect();
    assert_eq!(tried.len(), names.len());
    for listed in tried {
        let Attacker { file, options, .. } = Attacker::of(&place, &listed);
        let plugin = ["plugin", "test", &file, "--json"].into_iter().chain(options.iter().flat_map(|it| ["-O", it]));
        let arguments: Vec<&str> = plugin.chain(limits(&listed, "")).chain(ENDLESS).collect();
        let done = bounded(place.command(&arguments), LONGEST);
        let failed = failed_checks(&done);
        let is_over = |(check, told): &(String, String)| {
            check != "options" && told.contains("exceeded the time limit (500 ms per call)")
        };
        assert!(done.status == Some(1) && failed.iter().any(is_over), "`{}`: {failed:?}\n{}", listed.name, done.stderr);
    }
}

/// Limits of which only the time ends a call.
const ENDLESS: [&str; 8] = [
    "--plugin-time",
    "0.5",
    "--plugin-fuel",
    "18446744073709551615",
    "--plugin-call-bytes",
    "64M",
    "--plugin-tensor-bytes",
    "2G",
];

/// The attacks that go on without end, at least so many.
fn endless(least: usize) -> Vec<Attack> {
    let is_endless = |attack: &Attack| {
        attack.status == 3 && ["loop", "log-flood"].iter().any(|start| attack.name.starts_with(start))
    };
    let endless: Vec<Attack> = attacks().into_iter().filter(is_endless).collect();
    assert!(endless.len() >= least, "only {} endless attacks are listed", endless.len());
    endless
}

/// Small enough to pass by its size: 900 kB of loops, which would take wasmtime many minutes and gigabytes.
#[test]
fn a_component_is_compiled_within_its_time() {
    let place = Place::with_model();
    let file = place.write("loops.wasm", made::file("many-loops"));
    let limits = ["--plugin-compile-time", "1", "--plugin-compile-memory", "8G"];
    let started = Instant::now();
    place
        .sst2(&[&["--optimizer", file.to_str().unwrap()], &limits[..]].concat())
        .failed(3, &["error: plugin ", "loops.wasm: exceeded the compile time limit (1 s)", "`--plugin-compile-time`"]);
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

/// Systems other than Linux need not hold a process to its address space.
#[test]
#[cfg(target_os = "linux")]
fn a_component_is_compiled_within_its_memory() {
    let place = Place::with_model();
    let file = place.write("loops.wasm", made::file("many-loops"));
    let limits = ["--plugin-compile-memory", "64M"];
    place
        .sst2(&[&["--optimizer", file.to_str().unwrap()], &limits[..]].concat())
        .failed(3, &["loops.wasm: exceeded the compile memory limit (64 MiB)", "`--plugin-compile-memory`"]);
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
    let update = "): the optimizer's update in step 2: expected ";
    let cases: [(&str, &[&str]); 15] = [
        ("error", &[named, "reported (failed): no update at step 2"]),
        ("loop", &[named, "exceeded the fuel limit", "`--plugin-fuel`"]),
        ("memory", &[named, "exceeded the memory limit", "`--plugin-memory`"]),
        ("panic", &[named, "a panic in `step`, at step 2", "please report it to its author"]),
        ("log-flood", &["further messages dropped", named, "exceeded the fuel limit"]),
        ("tensor-hoard", &[named, "exceeded the tensor memory limit (1 MiB)", "`--plugin-tensor-bytes`"]),
        ("huge-shape", &[named, "expected a shape whose bytes fit 64 bits", "please report it to its author"]),
        ("wrong-count", &[named, "expected 6 values for shape [2, 3], got 1"]),
        ("mismatched-shapes", &[named, "invalid arguments to `tensor.add-scaled`"]),
        ("bad-range", &[named, "invalid arguments to `tensor.narrow`"]),
        ("too-few", &[named, update, "4 matrices, one for each slot of the cache, got 3"]),
        ("too-many", &[named, update, "4 matrices, one for each slot of the cache, got 5"]),
        ("wrong-shape", &[named, update, "a key matrix of [2, ", "] f32 for layer 0, got ["]),
        ("wrong-dtype", &[named, update, "a key matrix of [2, ", "] f32 for layer 0, got [2, ", "] f16"]),
        ("not-a-number", &[named, update, "finite numbers in the key matrix of layer 0, got a NaN or an infinity"]),
    ];
    for (name, parts) in cases {
        let option = format!("attack={name}");
        let more = ["--optimizer", &optimizer, "-O", &option, "--out", name];
        let done = attack(&place, &more).failed(3, parts);
        assert!(done.stderr.contains("hostile-optimizer"), "{name} names no plugin:\n{}", done.stderr);
        assert_eq!(place.names(name), ["content-free.jsonl", "results.json", "samples.jsonl", "trace.jsonl"], "{name}");
        let results = place.json(&format!("{name}/results.json"));
        assert_eq!(results["complete"], false, "{name}");
        let steps: Vec<_> = results["steps"].as_array().unwrap().iter().map(|step| step["step"].clone()).collect();
        assert_eq!(steps, [0, 1], "{name}");
        assert_eq!(place.samples(name).len(), 2 * 2, "{name}");
    }
    attack(&place, &["--optimizer", &optimizer, "-O", "attack=error-in-open"]).failed(2, &[named, "no such luck"]);
    attack(&place, &["--optimizer", &optimizer]).good();
}
