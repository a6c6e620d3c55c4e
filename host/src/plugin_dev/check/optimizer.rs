//! The checks of an optimizer.

use candle_core::{DType, Device, Tensor};

use super::checks::{Checks, listed_values};
use super::fixtures::{Fixtures, StepsFixture, as_given};
use super::harness::{Harness, same_description};
use super::questions::questions;
use super::trial::{
    DEMONSTRATIONS, Fault, LAYERS, SHAPE, cache, demonstrations, failed, run, slots, step, unchecked_step,
    usual_demonstrations,
};
use crate::run::{RunError, resolve_options};
use ft_sandbox::{ErrorKind, Failure, Usage};

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
    checks.record("questions", questions(harness));
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
    let (lent, demonstrations) = (slots(&made(0)?, &made(1)?), usual_demonstrations());
    let mut tried = 0;
    for spec in &described.description().options {
        for value in listed_values(&spec.kind) {
            let mut given: Vec<(String, String)> =
                harness.options.iter().filter(|(name, _)| *name != spec.name).cloned().collect();
            given.push((spec.name.clone(), value.to_string()));
            let fault = |error: &dyn std::fmt::Display| Err(format!("{}={value}: {error}", spec.name));
            let stepped = match harness.optimizer(&given) {
                Ok(mut optimizer) => unchecked_step(&mut optimizer, 2, &lent, &demonstrations).map(drop),
                Err(RunError::Plugin(error)) => Err(Fault::Plugin(error)),
                Err(_) => Ok(()),
            };
            match stepped {
                Err(Fault::Plugin(error)) if !matches!(error.failure(), Failure::Returned { .. }) => {
                    return fault(&error);
                }
                _ => tried += 1,
            }
        }
    }
    Ok(format!("{} options, {tried} of their values tried", described.description().options.len()))
}

/// Every update has a finite matrix for each slot, of its shape and number format; in half precision an optimizer may say that
/// it does not do that.
fn steps(harness: Harness<'_>) -> Result<String, String> {
    let mut told = format!("4 steps over {LAYERS} layers of {SHAPE:?}, counts, shapes, formats, finite:");
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        let mut optimizer = harness.optimizer(harness.options).map_err(|error| error.to_string())?;
        let name = dtype.as_str();
        match run(&mut optimizer, 4, dtype, &usual_demonstrations()) {
            Ok(_) => told += &format!(" {name}"),
            Err(fault) => match fault.returned() {
                Some((ErrorKind::Unsupported, message)) if dtype != DType::F32 => {
                    told += &format!(" (not {name}: {message})");
                }
                _ => return Err(format!("{name}: {}", String::from(fault))),
            },
        }
    }
    Ok(told)
}

/// A pass may propose what there is already: the values of a model's first layer are the same in every pass. The update is
/// finite then too.
fn at_rest(harness: Harness<'_>) -> Result<String, String> {
    let mut optimizer = harness.optimizer(harness.options).map_err(|error| error.to_string())?;
    let mut current = cache(0, DType::F32).map_err(failed)?;
    for number in 2..6 {
        let (update, _) = step(&mut optimizer, number, &slots(&current, &current), &usual_demonstrations())?;
        current = update.cache;
    }
    Ok("4 steps whose proposal is the cache itself, finite".into())
}

/// Two instances that get the same answers ask the same and come to the same bits, and so does a session that is opened anew.
fn same_twice(harness: Harness<'_>) -> Result<String, String> {
    let fault = |error: RunError| error.to_string();
    let mut optimizer = harness.optimizer(harness.options).map_err(fault)?;
    let demonstrations = usual_demonstrations();
    let (first, asked) = run(&mut optimizer, 6, DType::F32, &demonstrations)?;
    let first = (bits(&first)?, asked);
    let mut other = harness.optimizer(harness.options).map_err(fault)?;
    let (second, asked) = run(&mut other, 6, DType::F32, &demonstrations)?;
    if (bits(&second)?, asked) != first {
        return Err("a second instance comes to another cache or asks otherwise".into());
    }
    let options = resolve_options(optimizer.description(), harness.options).map_err(|error| error.to_string())?;
    optimizer.open(&options).map_err(|error| error.to_string())?;
    let (anew, asked) = run(&mut optimizer, 6, DType::F32, &demonstrations)?;
    if (bits(&anew)?, asked) != first {
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
        run(&mut optimizer, steps, DType::F32, &usual_demonstrations())?;
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
    let positions = fixture.cache.first().map_or(0, Vec::len);
    let demonstrations = demonstrations(positions, DEMONSTRATIONS, 0);
    for (number, (proposed, expected)) in (2..).zip(fixture.proposed.iter().zip(&fixture.expected)) {
        let (update, _) = step(&mut optimizer, number, &slots(&current, &tensors(proposed)?), &demonstrations)?;
        for (index, (slot, expected)) in update.cache.iter().zip(expected).enumerate() {
            let found: Vec<f32> = slot.flatten_all().and_then(|slot| slot.to_vec1()).map_err(failed)?;
            let apart = |(a, b): (&f32, &f32)| (a - b).abs() > fixture.tolerance * b.abs().max(1.0);
            if found.iter().zip(expected).any(apart) {
                return Err(format!("step {number}, slot {index}: expected {expected:?}, got {found:?}"));
            }
        }
        current = update.cache;
    }
    Ok(format!("{} steps as expected", fixture.proposed.len()))
}
