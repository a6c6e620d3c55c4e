//! A step of the rule before any weights are read: a value of an option that does not fit the model, like a range of
//! layers beyond its last, is found out about now.

use std::time::Duration;

use candle_core::{DType, Device, Tensor};

use super::{Plugins, RunError};
use ft_engine::tune::{Slot, SlotKind};
use ft_sandbox::options::OptionSetting;
use ft_sandbox::{Budget, ErrorKind, Failure, Limits, PluginError};

/// The time of each call of a rehearsal.
const MOST_TIME: Duration = Duration::from_secs(2);

fn is_over(error: &PluginError) -> bool {
    matches!(error.failure(), Failure::Spent(Budget::Time { .. }))
}

/// The cache that a rule will meet, as far as it is known without weights.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// The model's layers.
    pub layers: usize,
    /// Positions of the cache: the fewest of all draws.
    pub positions: usize,
}

/// Lets another instance of the rule take step 2 on a cache of zeros.
///
/// # Errors
/// What the rule says of its options, and a rule that does not load or open. How its step fails otherwise is left to the
/// run, with its own numbers.
pub fn rehearse(
    plugins: &Plugins,
    file: &std::path::Path,
    limits: &Limits,
    options: &[OptionSetting],
    form: Form,
) -> Result<(), RunError> {
    // A rule that does not come to an end is the run's to report, and is not waited for twice.
    let limits = Limits { time: limits.time.min(MOST_TIME), ..limits.clone() };
    let mut rule = match plugins.silent().optimizer(file, &limits, &Device::Cpu) {
        Ok(rule) => rule,
        Err(RunError::Plugin(error)) if is_over(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    match rule.open(options) {
        Err(error) if is_over(&error) => return Ok(()),
        opened => opened?,
    }
    let Ok(zeros) = Tensor::zeros((1, form.positions, 1), DType::F32, &Device::Cpu) else { return Ok(()) };
    let slot = |layer, kind| Slot { layer, kind, previous: zeros.clone(), proposed: zeros.clone() };
    let slots = (0..form.layers).flat_map(|layer| [slot(layer, SlotKind::Key), slot(layer, SlotKind::Value)]);
    match rule.step(2, slots.collect()) {
        Err(error) if matches!(error.failure(), Failure::Returned { kind: ErrorKind::InvalidOption, .. }) => {
            Err(error.into())
        }
        _ => Ok(()),
    }
}
