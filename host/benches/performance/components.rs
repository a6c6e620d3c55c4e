//! What a plugin costs: to compile, to start, to call.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use candle_core::{DType, Device, Tensor};
use ft_engine::model::KvCache;
use ft_engine::model::decoder::LayerCache;
use ft_engine::task::example::Split;
use ft_engine::tune::{MetaOptimizer, Momentum, QuestionError, StepContext};
use ft_sandbox::{EngineOptions, Limits, OptimizerPlugin, PluginBinary, PluginEngine, TaskPlugin, Usage, options};

use crate::common::Outcome;
use crate::common::figures::{Figure, Part};
use crate::common::rounds::{Case, Samples, in_turns};
use crate::{Bench, tasks_support};

/// Calls that are timed together, where one is too short.
const CALLS: u32 = 200;
/// Rows that are rendered.
const ROWS: usize = 100;

/// An engine, with a folder for compiled plugins or without.
pub fn engine(cache: Option<&Path>) -> Outcome<PluginEngine> {
    Ok(PluginEngine::new(EngineOptions { cache: cache.map(Path::to_owned), ..EngineOptions::default() })?)
}

/// A rule as a component, with its default options.
pub fn optimizer(engine: &PluginEngine, name: &str) -> Outcome<OptimizerPlugin> {
    let mut plugin = load_optimizer(engine, &binary(name)?)?;
    let settings = options::resolve(&plugin.description().options, &[])?;
    plugin.open(&settings)?;
    Ok(plugin)
}

fn binary(name: &str) -> Outcome<PluginBinary> {
    let file = format!("{name}.wasm");
    let path = tasks_support::repository().join("plugins").join(&file);
    let bytes = std::fs::read(&path)
        .map_err(|error| format!("{}: {error}; build it with `cargo xtask plugins`", path.display()))?;
    Ok(PluginBinary::new(file, bytes))
}

fn load_optimizer(engine: &PluginEngine, binary: &PluginBinary) -> Outcome<OptimizerPlugin> {
    Ok(OptimizerPlugin::load(engine, binary.clone(), Limits::default(), Arc::new(|_| ()), &Device::Cpu)?)
}

fn load_task(engine: &PluginEngine, binary: &PluginBinary) -> Outcome<TaskPlugin> {
    Ok(TaskPlugin::load(engine, binary.clone(), Limits::default(), Arc::new(|_| ()))?)
}

pub fn measure(bench: &Bench) -> Outcome<Part> {
    let mut figures = Vec::new();
    let (task, rule) = (binary("sst2")?, binary("momentum")?);
    figures.extend(starts(bench, "task sst2", |engine| Ok(load_task(engine, &task)?.usage()))?);
    figures.extend(starts(bench, "rule momentum", |engine| Ok(load_optimizer(engine, &rule)?.usage()))?);
    figures.extend(calls(bench)?);
    let what = "a start is all from the file's bytes to the plugin's description; instantiating and describing are the \
                part of it that runs in the plugin";
    Ok(Part { name: "components", what: what.into(), figures })
}

/// A plugin's start with nothing in the compile cache and with itself there, by an engine of its own each time.
fn starts(bench: &Bench, name: &str, load: impl Fn(&PluginEngine) -> Outcome<Usage>) -> Outcome<Vec<Figure>> {
    let within = RefCell::new(Vec::new());
    let start = |folder: &Path| -> Outcome<(Duration, Usage)> {
        let engine = engine(Some(folder))?;
        let started = Instant::now();
        let usage = load(&engine)?;
        let spent = started.elapsed();
        Ok((spent, usage))
    };
    let warm = tempfile::tempdir()?;
    start(warm.path())?;
    let samples = in_turns(
        bench.effort,
        &mut [
            Case::clocked(format!("{name}: start, compiled anew"), || Ok(start(tempfile::tempdir()?.path())?.0)),
            Case::clocked(format!("{name}: start, from the compile cache"), || {
                let (spent, usage) = start(warm.path())?;
                within.borrow_mut().push(usage.time.as_secs_f64());
                Ok(spent)
            }),
        ],
    )?;
    let within = within.into_inner();
    let counted = samples[1].seconds.len();
    let within = Samples {
        name: format!("{name}: instantiate and describe"),
        seconds: within[within.len() - counted..].to_vec(),
    };
    let mut figures: Vec<Figure> = samples.iter().map(|case| Figure::time(&case.name, "ms", case)).collect();
    figures.push(Figure::time(&within.name, "us", &within));
    Ok(figures)
}

fn calls(bench: &Bench) -> Outcome<Vec<Figure>> {
    let task = RefCell::new(tasks_support::load("sst2", &[]));
    let examples = tasks_support::examples(&mut task.borrow_mut(), &tasks_support::sample(), Split::Evaluation);
    let engine = engine(None)?;
    let mut component = optimizer(&engine, "momentum")?;
    let mut native = Momentum::new(0.01, 0.9);
    let tensor = Tensor::zeros((1, 1, 64), DType::F32, &Device::Cpu)?;
    let samples = in_turns(
        bench.effort,
        &mut [
            Case::clocked("the cheapest call of a task: `separator`", || {
                let mut task = task.borrow_mut();
                each(|_| {
                    task.separator()?;
                    Ok(())
                })
            }),
            Case::clocked("a step over two slots of 64 numbers, component", || small_steps(&mut component, &tensor)),
            Case::clocked("a step over two slots of 64 numbers, native", || small_steps(&mut native, &tensor)),
            Case::new(format!("rendering {ROWS} queries of sst2"), || {
                let mut task = task.borrow_mut();
                Ok(examples.iter().cycle().take(ROWS).try_for_each(|example| task.render_query(example).map(drop))?)
            }),
        ],
    )?;
    Ok(samples.iter().map(|case| Figure::time(&case.name, "us", case)).collect())
}

/// The time of one of many calls.
fn each(mut call: impl FnMut(usize) -> Outcome<()>) -> Outcome<Duration> {
    let started = Instant::now();
    for index in 0..CALLS {
        call(index as usize)?;
    }
    Ok(started.elapsed() / CALLS)
}

/// A step over the two slots of one layer, whose proposal is the cache itself.
struct OneLayer {
    step: usize,
    cache: KvCache,
}

impl StepContext for OneLayer {
    fn step(&self) -> usize {
        self.step
    }

    fn cache(&self) -> &KvCache {
        &self.cache
    }

    fn propose(&mut self) -> Result<KvCache, QuestionError> {
        Ok(self.cache.clone())
    }
}

fn small_steps(rule: &mut dyn MetaOptimizer, matrix: &Tensor) -> Outcome<Duration> {
    let cache = KvCache::new(vec![LayerCache { keys: matrix.clone(), values: matrix.clone() }])?;
    each(|index| {
        rule.step(&mut OneLayer { step: index + 2, cache: cache.clone() }).map_err(|error| error.to_string())?;
        Ok(())
    })
}
