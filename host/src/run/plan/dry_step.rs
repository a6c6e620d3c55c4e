//! A step of the optimizer before any weights are read: a value of an option that does not fit the model, like a range of
//! layers beyond its last, is found out about now.

use std::time::Duration;

use candle_core::{DType, Device, Tensor};

use crate::run::error::RunError;
use crate::run::inputs::plugins::Plugins;
use crate::run::inputs::plugins::{Configured, PluginSpec};
use ft_engine::tune::{Slot, SlotKind};
use ft_sandbox::{ErrorKind, Failure, Limit, Limits, PluginError};

/// The most time for each call of a dry step.
const MOST_TIME: Duration = Duration::from_secs(2);

fn is_over(error: &PluginError) -> bool {
    matches!(error.failure(), Failure::LimitExceeded(Limit::Time { .. }))
}

/// The cache that an optimizer will meet, as far as it is known without weights.
#[derive(Clone, Copy, Debug)]
pub(super) struct CacheShape {
    /// The model's layers.
    pub layers: usize,
    /// Positions of the cache: the fewest of all draws.
    pub positions: usize,
}

/// Lets another instance of the optimizer, with the same options, take step 2 on a cache of zeros.
///
/// # Errors
/// What the optimizer says of its options, and one that does not load or open. How its step fails otherwise is left to the
/// run, with its own numbers.
pub(super) fn dry_step(plugins: &Plugins, spec: PluginSpec<'_>, shape: CacheShape) -> Result<(), RunError> {
    // An optimizer that does not come to an end is the run's to report, and is not waited for twice.
    let limits = Limits { time: spec.limits.time.min(MOST_TIME), ..spec.limits.clone() };
    let opened = plugins.silent().optimizer(PluginSpec { limits: &limits, ..spec }, &Device::Cpu);
    let Configured { plugin: mut optimizer, .. } = match opened {
        Err(RunError::Plugin(error)) if is_over(&error) => return Ok(()),
        opened => opened?,
    };
    let Ok(zeros) = Tensor::zeros((1, shape.positions, 1), DType::F32, &Device::Cpu) else { return Ok(()) };
    let slot = |layer, kind| Slot { layer, kind, previous: zeros.clone(), proposed: zeros.clone() };
    let slots = (0..shape.layers).flat_map(|layer| [slot(layer, SlotKind::Key), slot(layer, SlotKind::Value)]);
    match optimizer.step(2, slots.collect()) {
        Err(error) if matches!(error.failure(), Failure::Returned { kind: ErrorKind::InvalidOption, .. }) => {
            Err(error.into())
        }
        _ => Ok(()),
    }
}
