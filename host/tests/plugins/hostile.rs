//! Guests that misbehave: each ends within its limits in a message of its own, and the host goes on.

use std::time::{Duration, Instant};

use candle_core::DType;
use ft_engine::task::example::{Example, Split};
use ft_sandbox::{
    EngineOptions, Failure, Limit, Limits, PluginEngine, PluginError, Stop, TaskPlugin, inspect, options,
};

use super::support::*;

/// The error that an attack by the hostile task ends in, wherever it strikes.
fn attack_by_task(attack: &str, limits: Limits) -> PluginError {
    run_task(attack, limits).err().unwrap_or_else(|| panic!("`{attack}` went through"))
}

fn run_task(attack: &str, limits: Limits) -> Result<(), PluginError> {
    let mut task = task(binary("hostile/task"), limits, no_log(), &[("attack", attack)])?;
    task.sources()?;
    task.labels()?;
    let outcome = task.read_all(Split::Evaluation, Box::new(Rows::sst2(3)))?;
    for example in &outcome.examples {
        task.render_demonstration(example)?;
        task.render_query(example)?;
    }
    Ok(())
}

#[test]
fn a_hostile_task_ends_in_its_own_message() {
    let cases = [
        ("error-in-configure", "in `dataset.configure`: reported (invalid option): no such luck"),
        ("loop-in-read", "in `dataset.read`: exceeded the fuel limit (100000000 units per call)"),
        ("memory-in-read", "in `dataset.read`: exceeded the memory limit ("),
        ("recursion-in-read", "in `dataset.read`: trapped: call stack exhausted"),
        ("panic-in-read", "a panic in `read`, at row 0"),
        ("log-flood-in-read", "in `dataset.read`: exceeded the fuel limit ("),
        (
            "escapes-in-names",
            "in `dataset.labels`: expected no labels, or at least 2 distinct ones on one line each, got [\"one\\\\ntwo\\\\r\\\\u{1b}[2J\\\\u{7}\\\\u{202e}three\", ",
        ),
        ("answer-out-of-range", "in `dataset.read`: example `0`: expected an answer index below 2, got 99"),
        ("no-answer", "in `dataset.read`: example `0`: expected the index of the right choice, got none"),
        ("duplicate-ids", "in `dataset.read`: duplicate id `twin` of example 1"),
        (
            "one-choice",
            "in `dataset.labels`: expected no labels, or at least 2 distinct ones on one line each, got [\"negative\"]",
        ),
        ("loop-in-demonstration", "in `prompt.render-demonstration`: exceeded the fuel limit"),
        ("loop-in-query", "in `prompt.render-query`: exceeded the fuel limit"),
        (
            "panic-in-query",
            "in `prompt.render-query`: trapped: wasm `unreachable` instruction executed; it said: panicked at ",
        ),
        ("error-in-query", "in `prompt.render-query`: reported (failed): no text for example 0"),
        ("too-few-choices-in-query", "in `prompt.render-query`: example `0`: expected 2 rendered choices, got 1"),
    ];
    for (attack, expected) in cases {
        let message = attack_by_task(attack, tight()).to_string();
        assert!(message.starts_with("plugin hostile-task 0.1.0 (hostile/task.wasm), "), "{attack}: {message}");
        assert!(message.contains(expected), "{attack}: {message}");
    }
    run_task("none", tight()).unwrap();
    the_host_goes_on();
}

#[test]
fn a_hostile_optimizer_ends_in_its_own_message() {
    let cases = [
        ("error-in-open", "in `meta-optimizer.session.open`: reported (invalid option): no such luck"),
        ("error", "reported (failed): no update at step 2"),
        ("loop", "exceeded the fuel limit (100000000 units per call)"),
        ("memory", "exceeded the memory limit ("),
        ("panic", "a panic in `step`, at step 2"),
        ("log-flood", "exceeded the fuel limit ("),
        ("tensor-hoard", "exceeded the tensor memory limit (1 MiB): 1 MiB in use, asked for 256 bytes more"),
        (
            "huge-shape",
            "invalid arguments to `tensor.from-values`: expected a shape whose bytes fit 64 bits, got [4294967295, 4294967295, 4294967295]",
        ),
        ("wrong-count", "invalid arguments to `tensor.from-values`: expected 6 values for shape [2, 3], got 1"),
        (
            "mismatched-shapes",
            "invalid arguments to `tensor.add-scaled`: expected equal shapes and dtypes, got [2, 4, 8] fp32 and [2, 8, 8] fp32",
        ),
        (
            "bad-range",
            "invalid arguments to `tensor.narrow`: expected a part of dimension 1 of [2, 4, 8] fp32, got start 4294967295 and length 2",
        ),
    ];
    for (attack, expected) in cases {
        let opened = optimizer(binary("hostile/optimizer"), tight(), no_log(), &[("attack", attack)]);
        let error = opened.and_then(|mut rule| rule.step(2, slots(1, &[2, 4, 8], DType::F32))).unwrap_err();
        let message = error.to_string();
        assert!(
            message.starts_with("plugin hostile-optimizer 0.1.0 (hostile/optimizer.wasm), "),
            "{attack}: {message}"
        );
        assert!(message.contains(expected), "{attack}: {message}");
    }
    // What the loop checks, since native rules may do it too, comes through as it is.
    for (attack, count) in
        [("none", 2), ("too-few", 1), ("too-many", 3), ("wrong-shape", 2), ("wrong-dtype", 2), ("not-a-number", 2)]
    {
        let mut rule = optimizer(binary("hostile/optimizer"), tight(), no_log(), &[("attack", attack)]).unwrap();
        assert_eq!(rule.step(2, slots(1, &[2, 4, 8], DType::F32)).unwrap().cache.len(), count, "{attack}");
    }
    the_host_goes_on();
}

#[test]
fn hostile_parts_end_in_their_own_message() {
    let message = |name: &str, limits: Limits| inspect(&ENGINE, binary(name), limits).unwrap_err().to_string();
    assert_eq!(
        message("hostile/loop-describe", tight()),
        "plugin hostile/loop-describe.wasm, in `info.describe`: exceeded the fuel limit (100000000 units per call)"
    );
    assert_eq!(
        message("hostile/table-hog", tight()),
        "plugin hostile/table-hog.wasm, in `info.describe`: exceeded the table limit (5000 elements): asked for 5001"
    );
    assert_eq!(
        message("sst2", Limits { memory: 1 << 16, ..tight() }),
        "plugin sst2.wasm, in `instantiate`: exceeded the memory limit (64 KiB): asked for 1114112 bytes (1.1 MiB)"
    );
    assert_eq!(
        message("sst2", Limits { instances: 1, ..tight() }),
        "plugin sst2.wasm, in `instantiate`: exceeded the instance limit (1 instances, tables or memories)"
    );
    the_host_goes_on();
}

#[test]
fn time_ends_what_fuel_does_not() {
    let limits = Limits { fuel: u64::MAX, time: Duration::from_millis(300), ..tight() };
    let started = Instant::now();
    let error = attack_by_task("loop-in-query", limits);
    assert!(
        error
            .to_string()
            .ends_with("in `prompt.render-query`: exceeded the time limit (300 ms per call) (example `0`)"),
        "{error}"
    );
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!(error.hint().as_deref(), Some("if you trust the plugin, raise the limit with `--plugin-time`"));
}

#[test]
fn a_user_who_wants_to_stop_ends_the_call() {
    let stop = Stop::default();
    let engine = PluginEngine::new(EngineOptions { stop: stop.clone(), ..EngineOptions::default() }).unwrap();
    let limits = Limits { fuel: u64::MAX, ..tight() };
    let mut task = TaskPlugin::load(&engine, binary("hostile/task"), limits, no_log()).unwrap();
    let given = given(&[("attack", "loop-in-separator")]);
    let options = options::resolve(&task.description().options, &given).unwrap();
    task.configure(&options).unwrap();
    let user = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        stop.ask()
    });
    let started = Instant::now();
    let error = task.separator().unwrap_err();
    assert!(!user.join().unwrap(), "it was asked for before");
    assert!(matches!(error.failure(), Failure::Interrupted), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn host_functions_keep_to_the_time_themselves() {
    // The guest's few instructions may well be done before the next epoch; the first tensor operation finds the time over.
    let limits = Limits { fuel: u64::MAX, time: Duration::ZERO, ..tight() };
    let rule = optimizer(binary("momentum"), limits, no_log(), &[]);
    let error = rule.and_then(|mut rule| rule.step(2, slots(1, &[2, 4, 8], DType::F32))).unwrap_err();
    assert!(matches!(error.failure(), Failure::LimitExceeded(Limit::Time { .. })), "{error}");
}

#[test]
fn a_huge_answer_is_refused_before_it_is_copied() {
    let limits = Limits { memory: 1 << 30, fuel: 10_000_000_000, ..tight() };
    let error = attack_by_task("huge-prompt-in-query", limits);
    assert!(error.to_string().ends_with("exceeded the per-call transfer limit (1 MiB) (example `0`)"), "{error}");
}

#[test]
fn a_flood_of_messages_is_cut_off() {
    let (log, records) = kept_log();
    let mut task = task(binary("hostile/task"), tight(), log, &[("attack", "log-flood-in-read")]).unwrap();
    task.read_all(Split::Evaluation, Box::new(Rows::sst2(3))).unwrap_err();
    let records = records.lock().unwrap();
    assert_eq!(records.len(), 5);
    assert!(records[..4].iter().all(|record| record.message.starts_with("glug glug")));
    assert_eq!(records[4].message, "further messages dropped");
    assert!(records.iter().all(|record| record.plugin == "hostile-task"));
}

#[test]
fn messages_cannot_act_on_the_terminal() {
    let (log, records) = kept_log();
    let mut task = task(binary("hostile/task"), tight(), log, &[("attack", "escapes-in-log")]).unwrap();
    task.read_all(Split::Evaluation, Box::new(Rows::sst2(1))).unwrap();
    assert_eq!(records.lock().unwrap()[0].message, "one\\ntwo\\r\\u{1b}[2J\\u{7}\\u{202e}three");
}

#[test]
fn after_a_trap_the_plugin_is_dead_and_says_so() {
    let mut task = task(binary("hostile/task"), tight(), no_log(), &[("attack", "panic-in-query")]).unwrap();
    let examples = task.read_all(Split::Evaluation, Box::new(Rows::sst2(1))).unwrap().examples;
    task.render_query(&examples[0]).unwrap_err();
    let error = task.separator().unwrap_err();
    assert!(
        error.to_string().ends_with("in `prompt.separator`: cannot be called after it failed in `prompt.render-query`"),
        "{error}"
    );
}

#[test]
fn after_a_reported_error_the_plugin_goes_on() {
    let mut task = task(binary("hostile/task"), tight(), no_log(), &[("attack", "error-in-query")]).unwrap();
    let examples = task.read_all(Split::Evaluation, Box::new(Rows::sst2(1))).unwrap().examples;
    task.render_query(&examples[0]).unwrap_err();
    task.separator().unwrap();
}

/// A good plugin on the same engine does its work.
fn the_host_goes_on() {
    let mut task = task(binary("sst2"), Limits::default(), no_log(), &[]).unwrap();
    let examples: Vec<Example> = task.read_all(Split::Evaluation, Box::new(Rows::sst2(4))).unwrap().examples;
    assert_eq!(task.render_query(&examples[3]).unwrap().len(), 2);
    let mut rule = optimizer(binary("momentum"), Limits::default(), no_log(), &[]).unwrap();
    assert_eq!(rule.step(2, slots(1, &[1, 2, 3], DType::F32)).unwrap().cache.len(), 2);
}
