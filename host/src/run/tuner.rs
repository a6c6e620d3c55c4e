//! One iteration of Deep-Thinking with the optimizer plugin, a step at a time.

use std::time::Instant;

use super::RunError;
use super::record::called;
use ft_engine::model::Decoder;
use ft_engine::tune::{State, StepPolicy, TuneError};
use ft_record::schema::PluginRecord;
use ft_sandbox::OptimizerPlugin;
use ft_sandbox::options::OptionSetting;

/// Everything of a plan that tuning needs.
pub struct Tuning<'a> {
    /// The model.
    pub decoder: &'a Decoder,
    /// The rule.
    pub optimizer: &'a mut OptimizerPlugin,
    /// Its options.
    pub options: &'a [OptionSetting],
    /// What it is called in messages.
    pub name: &'a PluginRecord,
    /// How steps are taken.
    pub policy: StepPolicy,
}

/// An iteration over some demonstrations.
pub struct Tuner<'a> {
    ids: &'a [u32],
    state: Option<State>,
}

impl<'a> Tuner<'a> {
    /// Over the demonstrations with these token ids.
    pub fn new(ids: &'a [u32]) -> Self {
        Self { ids, state: None }
    }

    /// Takes the next step, step 1 first, at which the rule starts afresh; gives the demonstrations' state after it and
    /// the seconds it took.
    ///
    /// # Errors
    /// The model's or the plugin's.
    pub fn advance(&mut self, tuning: &mut Tuning<'_>) -> Result<(&State, f64), RunError> {
        let started = Instant::now();
        let next = match &self.state {
            None => {
                tuning.optimizer.open(tuning.options)?;
                State::first(tuning.decoder, self.ids)?
            }
            Some(state) => {
                let next = state.next(tuning.decoder, self.ids, tuning.policy, tuning.optimizer);
                next.map_err(|error| blame(error, tuning.name))?
            }
        };
        Ok((self.state.insert(next), started.elapsed().as_secs_f64()))
    }
}

/// Failures of the plugin itself name it already; what the loop found wrong with its update does not.
fn blame(error: TuneError, optimizer: &PluginRecord) -> RunError {
    match error {
        TuneError::UpdateCount { .. } | TuneError::UpdateForm { .. } | TuneError::NotFinite { .. } => {
            RunError::BadUpdate { plugin: called(optimizer), source: error.into() }
        }
        error => error.into(),
    }
}
