//! Deep-Thinking with the optimizer plugin: the iteration with its clock, and with the plugin named where it is to blame.

use std::time::Instant;

use super::RunError;
use super::record::called;
use ft_engine::model::Decoder;
use ft_engine::tune::{Iteration, State, StepPolicy, TuneError};
use ft_record::schema::PluginRecord;
use ft_sandbox::OptimizerPlugin;
use ft_sandbox::options::OptionSetting;

/// Everything of a plan that tuning needs besides the model.
pub struct Tuning<'a> {
    /// The optimizer.
    pub optimizer: &'a mut OptimizerPlugin,
    /// Values of all its options.
    pub options: &'a [OptionSetting],
    /// What it is called in messages.
    pub name: &'a PluginRecord,
    /// How steps are taken.
    pub policy: StepPolicy,
}

/// An iteration over some demonstrations.
pub struct Tuner<'a>(Iteration<'a>);

impl<'a> Tuner<'a> {
    /// Over the demonstrations with these token ids.
    pub fn new(decoder: &'a Decoder, demonstrations: &'a [u32], policy: StepPolicy) -> Self {
        Self(Iteration::new(decoder, demonstrations, policy))
    }

    /// Takes the next step, step 1 first, at which the optimizer starts afresh; gives the state after it and the seconds it
    /// took.
    ///
    /// # Errors
    /// Propagates model errors; what the plugin fails with, or an update of it that does not fit the cache.
    pub fn advance(&mut self, tuning: &mut Tuning<'_>) -> Result<(&State, f64), RunError> {
        let started = Instant::now();
        if self.0.state().is_none() {
            tuning.optimizer.open(tuning.options)?;
        }
        let state = self.0.advance(tuning.optimizer).map_err(|error| attribute_to_plugin(error, tuning.name))?;
        Ok((state, started.elapsed().as_secs_f64()))
    }
}

/// Failures of the plugin itself name it already; what the loop found wrong with its update does not.
fn attribute_to_plugin(error: TuneError, optimizer: &PluginRecord) -> RunError {
    match error {
        TuneError::UpdateCount { .. } | TuneError::UpdateShape { .. } | TuneError::NotFinite { .. } => {
            RunError::BadUpdate { plugin: called(optimizer), source: error.into() }
        }
        error => error.into(),
    }
}
