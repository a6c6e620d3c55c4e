//! The whole suite of attacks in one process: each ends in the message that `docs/sandbox.md` lists for it, in time, the
//! memory comes back, and plugins that are loaded afterwards do their work.

mod answering;
#[path = "../plugins/encode.rs"]
mod encode;
mod made;
#[path = "../plugins/support.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod support;
#[allow(dead_code, reason = "what `plugin test` makes of an attack is for the tests of the executable")]
mod table;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use candle_core::{DType, Device};
use ft_engine::task::example::Split;
use ft_engine::tune::MetaOptimizer;
use ft_sandbox::{
    Limits, LogRecord, OptimizerPlugin, OptionKind, OptionSetting, PluginBinary, PluginError, TaskPlugin, inspect,
    options,
};

use answering::Answering;
use support::{ENGINE, Rows, binary, given, kept_log, no_log, optimizer, slots, task, tight};
use table::{Attack, Guest, attacks, has_parts};

/// Tests that measure run one at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// Limits under which an attack gets as far as it is to get.
fn limits(attack: &str) -> Limits {
    let Limits { memory, fuel, call_bytes, .. } = Limits::default();
    match attack {
        // Texts within what a call may move.
        _ if attack.ends_with("-text") => Limits { memory: 1 << 30, fuel, call_bytes, ..tight() },
        // A text of 100 MB has to come into being first.
        _ if attack.starts_with("huge") => Limits { memory: 1 << 30, fuel, ..tight() },
        _ if attack.starts_with("thousands-of") => Limits { memory, fuel, call_bytes, ..tight() },
        // A message of 30 MB has to come into being first.
        _ if attack.starts_with("loop-of-long-messages") => Limits { memory: LONG_MESSAGES, ..tight() },
        _ => tight(),
    }
}

/// Memory in which a guest has room for its long messages.
const LONG_MESSAGES: u64 = 64 << 20;

/// Everything that a run does with a task.
fn use_task(task: &mut TaskPlugin) -> Result<(), PluginError> {
    task.sources()?;
    task.labels()?;
    task.separator()?;
    task.written()?;
    let outcome = task.read_all(Split::Evaluation, Box::new(Rows::sst2(5)))?;
    for example in &outcome.examples {
        task.render_demonstration(example)?;
        task.render_query(example)?;
    }
    Ok(())
}

/// What an attack ends in, and what was logged on the way.
fn outcome(attack: &Attack) -> (Result<(), PluginError>, Vec<LogRecord>) {
    let (log, records) = kept_log();
    let (limits, name) = (limits(attack.name), attack.name);
    let file = || PluginBinary::new(format!("{name}.wasm"), made::file(name));
    let step = |mut rule: OptimizerPlugin| {
        for step in [2, 3] {
            MetaOptimizer::step(&mut rule, &mut Answering::new(step))
                .map_err(|error| *error.downcast::<PluginError>().expect("no model fails here"))?;
        }
        // Opened again, as for the next seed of a run.
        rule.open(&options_of(&rule, name))
    };
    let outcome = match attack.guest {
        Guest::Task => {
            task(binary("hostile/task"), limits, log, &[("attack", name)]).and_then(|mut task| use_task(&mut task))
        }
        Guest::Optimizer => optimizer(binary("hostile/optimizer"), limits, log, &[("attack", name)]).and_then(step),
        Guest::TaskFile => task(file(), limits, log, &[]).and_then(|mut task| use_task(&mut task)),
        Guest::OptimizerFile => optimizer(file(), limits, log, &[]).and_then(step),
        Guest::Compiled => unreachable!("this process compiles without bounds"),
    };
    let records = std::mem::take(&mut *records.lock().unwrap());
    (outcome, records)
}

/// A rule's options, with the attack if it takes one.
fn options_of(rule: &OptimizerPlugin, attack: &str) -> Vec<OptionSetting> {
    let known = &rule.description().options;
    let pairs: &[(&str, &str)] = if known.is_empty() { &[] } else { &[("attack", attack)] };
    options::resolve(known, &given(pairs)).unwrap()
}

/// What the loop says of an update is not the plugin's own failure, and a run's rows and its model are not read here.
fn is_found_by_the_run(attack: &Attack) -> bool {
    let parts = ["update in step 2", "line 1: ", "at most 134217728 bytes"];
    attack.status == 0
        || attack.name.ends_with("-text")
        || attack.parts.iter().any(|part| parts.iter().any(|run| part.contains(run)))
}

/// Tries all but those on the compiler, which has bounds in a process of its own alone.
fn try_all() {
    let attacks = attacks().into_iter().filter(|attack| attack.guest != Guest::Compiled);
    let wrong: Vec<String> = attacks.filter_map(|attack| try_one(&attack).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Tries an attack; an error if it does not end as it is to end.
fn try_one(attack: &Attack) -> Result<(), String> {
    let started = Instant::now();
    let (outcome, records) = outcome(attack);
    let (elapsed, name) = (started.elapsed(), attack.name);
    match outcome.map_err(|error| error.to_string()) {
        Err(message) if !has_parts(&message, &attack.parts) => return Err(format!("`{name}`: {message}")),
        Ok(()) if !is_found_by_the_run(attack) => return Err(format!("`{name}` went through")),
        _ => {}
    }
    // Files are compiled, and a flood is sent on; the limits of single calls are measured below.
    if elapsed > Duration::from_secs(20) {
        return Err(format!("`{name}` took {elapsed:?}"));
    }
    let is_harmful = |record: &LogRecord| record.message.chars().any(|c| c.is_control() || c == '\u{202e}');
    match records.iter().find(|record| is_harmful(record)) {
        Some(record) => Err(format!("`{name}` logged {:?}", record.message)),
        None if records.len() > 5 => Err(format!("`{name}` logged {} messages", records.len())),
        None => Ok(()),
    }
}

/// Bytes that may be left in memory after all attacks.
const MOST_LEFT: i64 = 10 << 20;

/// Bytes of this process in memory, on systems that say so.
fn resident() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<i64>().ok().map(|count| count << 10)
}

#[test]
fn every_attack_ends_as_listed_and_the_memory_comes_back() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    try_all();
    // The first times fill what stays: threads, tables of the engine, the allocator's pools. What an attack leaves
    // behind it leaves behind each time.
    let more: Vec<i64> = (0..4)
        .map_while(|_| {
            let before = resident()?;
            try_all();
            Some(resident()? - before)
        })
        .scan(false, |is_over, more| {
            let last = std::mem::replace(is_over, more < MOST_LEFT);
            (!last).then_some(more)
        })
        .collect();
    eprintln!("bytes that all attacks together left in memory, time after time: {more:?}");
    assert!(more.is_empty() || more.iter().any(|more| *more < MOST_LEFT), "{more:?}");
    the_next_plugins_work();
}

fn the_next_plugins_work() {
    let mut task = task(binary("sst2"), Limits::default(), no_log(), &[]).unwrap();
    use_task(&mut task).unwrap();
    let mut rule = optimizer(binary("momentum"), Limits::default(), no_log(), &[]).unwrap();
    assert_eq!(rule.step(2, slots(1, &[1, 2, 3], DType::F32)).unwrap().cache.len(), 2);
}

/// The time of the call in which an attack ended.
fn last_call(attack: &Attack, limits: Limits) -> Duration {
    let options = |known| options::resolve(known, &given(&[("attack", attack.name)])).unwrap();
    let (failed, usage) = match attack.guest {
        Guest::Task => {
            let mut task = TaskPlugin::load(&ENGINE, binary("hostile/task"), limits, no_log()).unwrap();
            let options = options(&task.description().options);
            (task.configure(&options).and_then(|()| use_task(&mut task)), task.usage())
        }
        _ => {
            let binary = binary("hostile/optimizer");
            let mut rule = OptimizerPlugin::load(&ENGINE, binary, limits, no_log(), &Device::Cpu).unwrap();
            let options = options(&rule.description().options);
            let step = |rule: &mut OptimizerPlugin| rule.step(2, slots(1, &[2, 4, 8], DType::F32)).map(drop);
            (rule.open(&options).and_then(|()| step(&mut rule)), rule.usage())
        }
    };
    let message = failed.unwrap_err().to_string();
    assert!(message.contains("exceeded the time limit (300 ms per call)"), "`{}`: {message}", attack.name);
    usage.most_time
}

#[test]
fn every_endless_call_ends_when_its_time_is_up() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let time = Duration::from_millis(300);
    let mut longest = Duration::ZERO;
    let endless = attacks().into_iter().filter(|attack| {
        let is_loop = ["loop", "log-flood"].iter().any(|start| attack.name.starts_with(start));
        is_loop && matches!(attack.guest, Guest::Task | Guest::Optimizer)
    });
    let mut tried = 0;
    for attack in endless {
        // What a call may move and make is as much as in a run, and takes its time.
        let Limits { call_bytes, tensor_bytes, .. } = Limits::default();
        let limits = Limits { time, fuel: u64::MAX, memory: LONG_MESSAGES, call_bytes, tensor_bytes, ..tight() };
        // The machine may have other things to do while a call's time is up, but not three times.
        let over = (0..3).map(|_| last_call(&attack, limits.clone()).saturating_sub(time)).min().unwrap_or_default();
        assert!(over < Duration::from_millis(100), "`{}` went on for {over:?} longer", attack.name);
        longest = longest.max(over);
        tried += 1;
    }
    assert!(tried >= 17, "only {tried} endless attacks are listed");
    eprintln!("{tried} endless calls, at most {longest:?} beyond their time");
}

#[test]
fn every_attack_of_the_guests_is_listed() {
    let listed: BTreeSet<(bool, String)> =
        attacks().into_iter().map(|attack| (attack.guest == Guest::Task, attack.name.to_owned())).collect();
    for (name, is_task) in [("hostile/task", true), ("hostile/optimizer", false)] {
        let inspection = inspect(&ENGINE, binary(name), Limits::default()).unwrap();
        let OptionKind::Choice(known) = &inspection.description.options[0].kind else {
            panic!("{name} has no choice of attacks");
        };
        for attack in known.iter().filter(|attack| *attack != "none") {
            assert!(listed.contains(&(is_task, attack.clone())), "docs/sandbox.md does not list `{attack}` of {name}");
        }
    }
}
