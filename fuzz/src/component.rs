//! A plugin's file, as `ft-host plugin inspect` takes it, and its calls with nothing to work on.
//!
//! An even first byte: the rest is the file. An odd one: the next byte says of which world the component is, and the rest
//! makes a core module in it, with proposals that the host does not take where the first byte's second bit says so.
//!
//! Components are compiled in a child process of the program, as they are for a user. The program is the one that the
//! tests were built with, or that the variable `FT_HOST_BINARY` names: it has to be built of the same sources.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use arbitrary::{Result as Drawn, Unstructured};
use candle_core::{Device, Tensor};
use ft_engine::tune::{Slot, SlotKind};
use ft_host::plugin_dev::PluginCard;
use ft_host::ui;
use ft_host::ui::screen::Screen;
use ft_sandbox::{
    Compiler, CompilerProgram, EngineOptions, Failure, Inspection, Limit, Limits, OptimizerPlugin, PluginBinary,
    PluginEngine, PluginError, PluginKind, TaskPlugin, inspect, kind_of, options,
};
use wasm_smith::{Config, Module};
use wasmparser::{Parser, Payload};

use super::input::{assert_fit_to_be_shown, assert_lines_fit_to_be_shown};
use super::world::{WIT, WIT_SINCE_0_1, World};

/// What messages call the file.
const FILE: &str = "fuzzed.wasm";
/// The longest message of an error: some cut texts in a sentence.
const LONGEST_MESSAGE: usize = 4000;
/// How much later than its limits say an inspection may end, on a machine with other work.
const SLACK: Duration = Duration::from_secs(10);
/// Pages of a made module's memory: with none, no text of it could be read.
const PAGES: u8 = 4;

/// Little enough that every component ends within seconds.
fn limits() -> Limits {
    Limits {
        fuel: 10_000_000,
        time: Duration::from_secs(1),
        compile_time: Duration::from_secs(2),
        compile_memory: 256 << 20,
        memory: 16 << 20,
        table_elements: 5000,
        call_bytes: 1 << 20,
        tensor_bytes: 1 << 20,
        log_messages: 5,
        log_characters: 100,
        ..Limits::default()
    }
}

/// One engine for all inputs, as in a process of its own.
static ENGINE: LazyLock<PluginEngine> = LazyLock::new(|| {
    let program = option_env!("CARGO_BIN_EXE_ft-host").map(PathBuf::from);
    let program = program.or_else(|| std::env::var_os("FT_HOST_BINARY").map(PathBuf::from));
    let program = program.filter(|program| program.is_file());
    let program =
        program.expect("FT_HOST_BINARY names the `ft-host` that `cargo build --release` made of these sources");
    let compiler = Compiler::Child(CompilerProgram { program, arguments: vec!["compile-plugin".into()] });
    let engine = PluginEngine::new(EngineOptions { compiler, ..EngineOptions::default() }).expect("wasmtime runs here");
    let Made { world, shape } = &WORLDS[0];
    let hollow = world.component(shape.clone()).expect("it is a module of this world");
    // The code of a program of other sources is not taken here, and all inputs would end alike.
    let error = inspect(&engine, PluginBinary::new(FILE, hollow), Limits::default()).expect_err("its functions trap");
    assert_eq!(error.call(), Some("info.describe"), "FT_HOST_BINARY was built of other sources: {error}");
    engine
});

/// A world, and a module with its imports and exports.
struct Made {
    world: World,
    shape: Vec<u8>,
}

/// Both worlds of the package as they are, and then those that differ from them in one thing.
static WORLDS: LazyLock<Vec<Made>> = LazyLock::new(|| {
    let of_package = |package: &str| ["task-plugin", "optimizer-plugin"].map(|name| World::new(&[], package, name));
    let changed = |from: &str, to: &str| {
        assert!(WIT.contains(from), "the package has no `{from}`");
        of_package(&WIT.replace(from, to))
    };
    let spy = "package evil:corp; interface spy { send: func(text: string); }";
    let random = "package wasi:random@0.2.6; interface random { get-random-bytes: func(len: u64) -> list<u8>; }";
    let further = |item: &str| {
        ["task-plugin", "optimizer-plugin"].map(|name| {
            let package =
                format!("package test:further; world w {{ include forward-tuning:plugin/{name}@0.2.0; {item} }}");
            World::new(&[WIT, spy, random], &package, "w")
        })
    };
    let half = "package forward-tuning:plugin@0.2.0; interface info { describe: func(); } world half { export info; }";
    let both = "package test:both; world w { include forward-tuning:plugin/task-plugin@0.2.0; \
                include forward-tuning:plugin/optimizer-plugin@0.2.0; }";
    let pairs = [
        of_package(WIT),
        changed("@0.2.0", "@0.2.9"),
        changed("@0.2.0", "@0.3.0"),
        changed("message: string);", "message: list<u8>);"),
        changed("separator: func() -> string;", "separator: func() -> u32;"),
        changed("version: string,", "version: u32,"),
        further("import evil:corp/spy;"),
        further("import wasi:random/random@0.2.6;"),
        further("export spare: func() -> string;"),
        [World::new(&[], half, "half"), World::new(&[WIT], both, "w")],
        of_package(WIT_SINCE_0_1),
    ];
    pairs.into_iter().flatten().map(|world| Made { shape: with_memory(world.hollow_module()), world }).collect()
});

/// The module with some pages of memory in the place of none.
fn with_memory(mut module: Vec<u8>) -> Vec<u8> {
    let payloads = Parser::new(0).parse_all(&module).map(|payload| payload.expect("the module is whole"));
    let end = payloads.filter_map(|payload| match payload {
        Payload::MemorySection(section) => Some(section.range().end),
        _ => None,
    });
    // The section ends with the pages of its one memory.
    if let Some(end) = end.last() {
        module[end - 1] = PAGES;
    }
    module
}

/// Of any bytes.
pub fn run(bytes: &[u8]) {
    let Some((form, rest)) = bytes.split_first() else { return };
    let component = if form % 2 == 0 { Some(rest.to_vec()) } else { made(rest, form & 2 != 0) };
    if let Some(component) = component {
        look_at(&component);
    }
}

/// A component around a module that the bytes make, of the world that the first of them says; None where it is no module
/// of that world after all.
fn made(bytes: &[u8], any_proposal: bool) -> Option<Vec<u8>> {
    let (which, rest) = bytes.split_first()?;
    // Half of all are of the very worlds.
    let index = if *which < 128 { which % 2 } else { which % 128 };
    let Made { world, shape } = WORLDS.get(usize::from(index)).unwrap_or(&WORLDS[usize::from(index % 2)]);
    world.component(module(shape, rest, any_proposal).ok()?).ok()
}

/// A module of this shape, whose functions, data and tables are arbitrary.
fn module(shape: &[u8], bytes: &[u8], any_proposal: bool) -> Drawn<Vec<u8>> {
    let mut input = Unstructured::new(bytes);
    let mut config: Config = input.arbitrary()?;
    config.module_shape = Some(shape.to_vec());
    config.threads_enabled &= any_proposal;
    config.gc_enabled &= any_proposal;
    config.exceptions_enabled &= any_proposal;
    Ok(Module::new(config, &mut input)?.to_bytes())
}

/// What `plugin inspect` does, twice where it shows something.
fn look_at(component: &[u8]) {
    let binary = || PluginBinary::new(FILE, component);
    let Ok(first) = inspected(binary()) else { return };
    assert_eq!(kind_of(&binary()).ok(), Some(first.kind), "{first:?}");
    show(first.clone());
    match inspected(binary()) {
        Ok(second) => assert_eq!(first, second),
        Err(error) => assert!(is_of_the_machine(error.failure()), "{error}"),
    }
    let called = match first.kind {
        PluginKind::Task => call_task(binary()),
        PluginKind::Optimizer => call_optimizer(binary()),
    };
    if let Err(error) = called {
        check_error(&error);
        // It has said its name before.
        assert!(error.plugin().name_and_version.is_some() || is_of_the_machine(error.failure()), "{error}");
    }
}

/// An inspection, in time and with what always holds.
fn inspected(binary: PluginBinary) -> Result<Inspection, PluginError> {
    let (engine, limits) = (&*ENGINE, limits());
    // It is compiled, instantiated and asked what it is.
    let most = limits.compile_time + 2 * limits.time + SLACK;
    let started = Instant::now();
    let outcome = inspect(engine, binary, limits);
    let elapsed = started.elapsed();
    assert!(elapsed < most, "it took {elapsed:?}, not {most:?}: {outcome:?}");
    outcome.inspect_err(check_error)
}

/// An error names the plugin, in words that are fit to be shown.
fn check_error(error: &PluginError) {
    let message = error.to_string();
    assert_fit_to_be_shown(&message, LONGEST_MESSAGE);
    assert!(message.contains(FILE), "{message}");
    if let Some(hint) = error.hint() {
        assert_fit_to_be_shown(&hint, LONGEST_MESSAGE);
    }
    if let Failure::Compile { reason } = error.failure() {
        // A compiler refuses in words of its own; what else ends it is its fault.
        assert!(!reason.starts_with("the compiler ended"), "{message}");
    }
}

/// Whether a busy machine may have had its part in it.
fn is_of_the_machine(failure: &Failure) -> bool {
    match failure {
        Failure::LimitExceeded(limit) => {
            matches!(limit, Limit::Time { .. } | Limit::CompileTime { .. } | Limit::CompileMemory { .. })
        }
        Failure::NoCompiler { .. } | Failure::Interrupted => true,
        _ => false,
    }
}

/// The card as it is printed moves no cursor.
fn show(inspection: Inspection) {
    let card = PluginCard::new(FILE.into(), inspection);
    for width in [None, Some(40)] {
        assert_lines_fit_to_be_shown(ui::plugin::card(&card, Screen { width, ..Screen::PLAIN }).as_str());
    }
    assert!(serde_json::to_string_pretty(&card).is_ok());
}

/// Calls that take no rows, with the options' defaults.
fn call_task(binary: PluginBinary) -> Result<(), PluginError> {
    let mut task = TaskPlugin::load(&ENGINE, binary, limits(), Arc::new(|_| ()))?;
    let defaults = options::resolve(&task.description().options, &[]).expect("an option takes its default");
    task.configure(&defaults)?;
    task.sources()?;
    task.labels()?;
    task.prompt_description()?;
    task.separator()?;
    task.written().map(drop)
}

/// A step over a small cache, with the options' defaults.
fn call_optimizer(binary: PluginBinary) -> Result<(), PluginError> {
    let mut rule = OptimizerPlugin::load(&ENGINE, binary, limits(), Arc::new(|_| ()), &Device::Cpu)?;
    let defaults = options::resolve(&rule.description().options, &[]).expect("an option takes its default");
    rule.open(&defaults)?;
    let matrix = Tensor::from_vec(vec![0.5f32, -1.0, 2.0, 0.25], &[1, 2, 2], &Device::Cpu).expect("a small tensor");
    let slot = |kind| Slot { layer: 0, kind, previous: matrix.clone(), proposed: matrix.clone() };
    rule.step(2, vec![slot(SlotKind::Key), slot(SlotKind::Value)]).map(drop)
}
