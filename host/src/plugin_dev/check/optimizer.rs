//! The checks of an optimizer.

use candle_core::{DType, Device, Tensor};

use super::checks::{Checks, listed_values};
use super::fixtures::{Fixtures, StepsFixture, as_given};
use super::harness::{Harness, same_description};
use crate::run::{RunError, resolve_options};
use ft_engine::model::ModelError;
use ft_engine::tune::{Slot, SlotKind, check_update};
use ft_sandbox::{ErrorKind, Failure, OptimizerPlugin, PluginError, Usage};

/// Layers, and the shape of a slot, of the caches that optimizers are tried on.
const LAYERS: usize = 3;
const SHAPE: [usize; 3] = [2, 7, 4];

/// Steps after which an optimizer has all that it keeps, and steps after which it still has no more: an optimizer with a window
/// of some tens of steps is within it.
const SETTLED: usize = 40;
const LATER: usize = 80;

/// Makes the checks.
pub fn check(harness: Harness<'_>, fixtures: Option<&Fixtures>, checks: &mut Checks) {
    checks.record("description", description(harness));
    checks.record("options", options(harness));
    match fixtures.filter(|fixtures| !fixtures.steps.is_empty()) {
        Some(fixtures) => {
            for (number, steps) in (1..).zip(&fixtures.steps) {
                checks.record(format!("fixture {number}"), fixture(harness, steps));
            }
        }
        None => checks.without_fixtures("[[steps]]", fixtures),
    }
    checks.record("steps", steps(harness));
    checks.record("same twice", same_twice(harness));
    checks.record("where nothing moves", at_rest(harness));
    checks.record("what it keeps", keeps_no_more(harness));
}

fn description(harness: Harness<'_>) -> Result<String, String> {
    let load = || harness.optimizer(harness.options).map_err(|error| error.to_string());
    same_description(&mut load()?, &load()?)
}

/// Every listed value of every option is taken, or refused in the orderly way, and a step can be taken with it.
fn options(harness: Harness<'_>) -> Result<String, String> {
    let described = harness.optimizer(harness.options).map_err(|error| error.to_string())?;
    let made = |seed: u32| cache(seed, DType::F32).map_err(failed);
    let lent = slots(&made(0)?, &made(1)?);
    let mut tried = 0;
    for spec in &described.description().options {
        for value in listed_values(&spec.kind) {
            let mut given: Vec<(String, String)> =
                harness.options.iter().filter(|(name, _)| *name != spec.name).cloned().collect();
            given.push((spec.name.clone(), value.to_string()));
            let fault = |error: &dyn std::fmt::Display| Err(format!("{}={value}: {error}", spec.name));
            let stepped =
                harness.optimizer(&given).and_then(|mut optimizer| Ok(optimizer.step(2, lent.clone()).map(drop)?));
            match stepped {
                Err(RunError::Plugin(error)) if !matches!(error.failure(), Failure::Returned { .. }) => {
                    return fault(&error);
                }
                _ => tried += 1,
            }
        }
    }
    Ok(format!("{} options, {tried} of their values tried", described.description().options.len()))
}

/// Numbers that look random and are the same everywhere: a cache's slots.
fn cache(seed: u32, dtype: DType) -> candle_core::Result<Vec<Tensor>> {
    let mut state = seed.wrapping_mul(0x9e37_79b9).wrapping_add(12345);
    let mut number = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 * 4.0 - 2.0
    };
    let elements: usize = SHAPE.iter().product();
    let mut slot =
        || Tensor::from_vec((0..elements).map(|_| number()).collect(), &SHAPE, &Device::Cpu)?.to_dtype(dtype);
    (0..2 * LAYERS).map(|_| slot()).collect()
}

fn slots(previous: &[Tensor], proposed: &[Tensor]) -> Vec<Slot> {
    let kinds = [SlotKind::Key, SlotKind::Value].into_iter().cycle();
    let pairs = previous.iter().zip(proposed).zip(kinds).enumerate();
    pairs
        .map(|(index, ((previous, proposed), kind))| Slot {
            layer: index / 2,
            kind,
            previous: previous.clone(),
            proposed: proposed.clone(),
        })
        .collect()
}

/// Why steps could not be taken.
enum Fault {
    /// The optimizer says that it does not do this.
    Unsupported(String),
    /// It failed, or its update is not one.
    Wrong(String),
}

impl From<PluginError> for Fault {
    fn from(error: PluginError) -> Self {
        match error.failure() {
            Failure::Returned { kind: ErrorKind::Unsupported, message } => Self::Unsupported(message.clone()),
            _ => Self::Wrong(error.to_string()),
        }
    }
}

impl From<Fault> for String {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unsupported(message) | Fault::Wrong(message) => message,
        }
    }
}

/// What the tensor library says, without its backtraces.
fn failed(error: candle_core::Error) -> String {
    ModelError::from(error).to_string()
}

/// Takes steps from 2 on, each update held to what the loop takes, and gives the last cache.
fn run(optimizer: &mut OptimizerPlugin, steps: usize, dtype: DType) -> Result<Vec<Tensor>, Fault> {
    let made = |seed: usize| cache(seed as u32, dtype).map_err(|error| Fault::Wrong(failed(error)));
    let mut current = made(0)?;
    for step in 2..2 + steps {
        let lent = slots(&current, &made(step)?);
        let update = optimizer.step(step, lent.clone())?;
        check_update(step, &lent, &update.cache, false).map_err(|error| Fault::Wrong(error.to_string()))?;
        current = update.cache;
    }
    Ok(current)
}

/// Every update has a finite matrix for each slot, of its shape and number format; in half precision an optimizer may say that
/// it does not do that.
fn steps(harness: Harness<'_>) -> Result<String, String> {
    let mut told = format!("4 steps over {LAYERS} layers of {SHAPE:?}, counts, shapes, formats, finite:");
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        let mut optimizer = harness.optimizer(harness.options).map_err(|error| error.to_string())?;
        let name = dtype.as_str();
        match run(&mut optimizer, 4, dtype) {
            Ok(_) => told += &format!(" {name}"),
            Err(Fault::Unsupported(message)) if dtype != DType::F32 => told += &format!(" (not {name}: {message})"),
            Err(fault) => return Err(format!("{name}: {}", String::from(fault))),
        }
    }
    Ok(told)
}

/// A pass may propose what there is already: the values of a model's first layer are the same in every pass. The update is
/// finite then too.
fn at_rest(harness: Harness<'_>) -> Result<String, String> {
    let mut optimizer = harness.optimizer(harness.options).map_err(|error| error.to_string())?;
    let mut current = cache(0, DType::F32).map_err(failed)?;
    for step in 2..6 {
        let lent = slots(&current, &current);
        let update = optimizer.step(step, lent.clone()).map_err(|error| error.to_string())?;
        check_update(step, &lent, &update.cache, false).map_err(|error| error.to_string())?;
        current = update.cache;
    }
    Ok("4 steps whose proposal is the cache itself, finite".into())
}

/// Two instances come to the same bits, and so does a session that is opened anew.
fn same_twice(harness: Harness<'_>) -> Result<String, String> {
    let fault = |error: RunError| error.to_string();
    let mut optimizer = harness.optimizer(harness.options).map_err(fault)?;
    let first = bits(&run(&mut optimizer, 6, DType::F32)?)?;
    let mut other = harness.optimizer(harness.options).map_err(fault)?;
    if bits(&run(&mut other, 6, DType::F32)?)? != first {
        return Err("a second instance comes to another cache".into());
    }
    let options = resolve_options(optimizer.description(), harness.options).map_err(|error| error.to_string())?;
    optimizer.open(&options).map_err(|error| error.to_string())?;
    if bits(&run(&mut optimizer, 6, DType::F32)?)? != first {
        return Err("a session that is opened anew remembers the one before".into());
    }
    Ok("6 steps in two instances and in a session opened anew, bit by bit".into())
}

fn bits(cache: &[Tensor]) -> Result<Vec<u32>, String> {
    let values = |slot: &Tensor| slot.flatten_all()?.to_vec1::<f32>();
    let values = cache.iter().map(values).collect::<candle_core::Result<Vec<_>>>().map_err(failed)?;
    Ok(values.into_iter().flatten().map(f32::to_bits).collect())
}

/// An optimizer that keeps more tensors with every step will run out of them in a long run.
fn keeps_no_more(harness: Harness<'_>) -> Result<String, String> {
    let peak = |steps: usize| -> Result<Usage, String> {
        let mut optimizer = harness.optimizer(harness.options).map_err(|error| error.to_string())?;
        run(&mut optimizer, steps, DType::F32)?;
        Ok(optimizer.usage())
    };
    let (settled, later) = (peak(SETTLED)?, peak(LATER)?);
    if later.peak_tensor_bytes > settled.peak_tensor_bytes {
        return Err(format!(
            "its tensors grow with the steps: {} bytes at most in {SETTLED} steps, {} in {LATER}",
            settled.peak_tensor_bytes, later.peak_tensor_bytes
        ));
    }
    let cache = 4 * 2 * LAYERS * SHAPE.iter().product::<usize>();
    let times = later.peak_tensor_bytes as f64 / cache as f64;
    Ok(format!("at most {times:.1} times the cache, over {LATER} steps"))
}

/// One entry of the fixtures.
fn fixture(harness: Harness<'_>, fixture: &StepsFixture) -> Result<String, String> {
    let given = as_given(&fixture.options);
    let options = if given.is_empty() { harness.options } else { &given };
    let mut optimizer = harness.optimizer(options).map_err(|error| error.to_string())?;
    let tensors = |cache: &[Vec<f32>]| {
        let slot = |values: &Vec<f32>| Tensor::from_slice(values, (1, values.len(), 1), &Device::Cpu);
        cache.iter().map(slot).collect::<candle_core::Result<Vec<Tensor>>>().map_err(failed)
    };
    let mut current = tensors(&fixture.cache)?;
    for (step, (proposed, expected)) in (2..).zip(fixture.proposed.iter().zip(&fixture.expected)) {
        let lent = slots(&current, &tensors(proposed)?);
        let update = optimizer.step(step, lent.clone()).map_err(|error| error.to_string())?;
        check_update(step, &lent, &update.cache, false).map_err(|error| error.to_string())?;
        for (index, (slot, expected)) in update.cache.iter().zip(expected).enumerate() {
            let found: Vec<f32> = slot.flatten_all().and_then(|slot| slot.to_vec1()).map_err(failed)?;
            let apart = |(a, b): (&f32, &f32)| (a - b).abs() > fixture.tolerance * b.abs().max(1.0);
            if found.iter().zip(expected).any(apart) {
                return Err(format!("step {step}, slot {index}: expected {expected:?}, got {found:?}"));
            }
        }
        current = update.cache;
    }
    Ok(format!("{} steps as expected", fixture.proposed.len()))
}
