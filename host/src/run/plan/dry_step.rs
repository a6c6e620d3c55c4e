//! A step of the optimizer before any weights are read: a value of an option that does not fit the model, like a range of
//! layers beyond its last, is found out about now, and so is what the optimizer asks the model.

use std::time::Duration;

use candle_core::{DType, Device, Tensor};

use crate::run::error::RunError;
use crate::run::inputs::plugins::Plugins;
use crate::run::inputs::plugins::{Configured, PluginSpec};
use ft_engine::tune::{Demonstrations, MetaOptimizer, Question, Slot, SlotKind, StandInStep};
use ft_sandbox::{ErrorKind, Failure, Limit, Limits, PluginError};

/// The most time for each call of a dry step.
const MOST_TIME: Duration = Duration::from_secs(2);

fn is_over(error: &PluginError) -> bool {
    matches!(error.failure(), Failure::LimitExceeded(Limit::Time { .. }))
}

/// What an optimizer asked in a dry step, in order; nothing if none was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked(pub Vec<Question>);

/// Lets another instance of the optimizer, with the same options, take step 2 over these demonstrations, on a cache of zeros
/// for so many layers. Its questions are answered by a [`StandInStep`]. An optimizer that asks more in a later step, or when
/// it gets other answers, is not found out about.
///
/// # Errors
/// What the optimizer says of its options, and one that does not load or open. How its step fails otherwise is left to the
/// run, with its own numbers.
pub(super) fn dry_step(
    plugins: &Plugins,
    spec: PluginSpec<'_>,
    demonstrations: &Demonstrations,
    layers: usize,
) -> Result<Asked, RunError> {
    // An optimizer that does not come to an end is the run's to report, and is not waited for twice.
    let limits = Limits { time: spec.limits.time.min(MOST_TIME), ..spec.limits.clone() };
    let opened = plugins.silent().optimizer(PluginSpec { limits: &limits, ..spec }, &Device::Cpu);
    let Configured { plugin: mut optimizer, .. } = match opened {
        Err(RunError::Plugin(error)) if is_over(&error) => return Ok(Asked::default()),
        opened => opened?,
    };
    let zeros = Tensor::zeros((1, demonstrations.ids.len(), 1), DType::F32, &Device::Cpu);
    let Ok(zeros) = zeros else { return Ok(Asked::default()) };
    let slot = |layer, kind| Slot { layer, kind, previous: zeros.clone(), proposed: zeros.clone() };
    let slots = (0..layers).flat_map(|layer| [slot(layer, SlotKind::Key), slot(layer, SlotKind::Value)]);
    let slots: Vec<Slot> = slots.collect();
    let Some(mut step) = StandInStep::new(2, &slots, demonstrations) else { return Ok(Asked::default()) };
    if let Err(error) = MetaOptimizer::step(&mut optimizer, &mut step)
        && let Ok(error) = error.downcast::<PluginError>()
        && matches!(error.failure(), Failure::Returned { kind: ErrorKind::InvalidOption, .. })
    {
        return Err((*error).into());
    }
    Ok(Asked(step.asked().to_vec()))
}
