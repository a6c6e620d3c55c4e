//! What the method's outer loop asks of a model and its optimizer: the seam at which a test puts a table of numbers.

use super::error::StepError;
use super::scoring_model::{ScoredDecoder, ScoringModel};
use super::stop::StopFlag;
use super::watched_step::Watched;
use crate::run::error::RunError;
use crate::run::inputs::config::RunConfig;
use crate::run::inputs::plugins::Configured;
use crate::run::observer::Observer;
use ft_engine::model::{Context, Decoder};
use ft_engine::score::{ChoiceScore, QueryTokens};
use ft_engine::tune::{Demonstrations, State, StepPolicy, TuneError};
use ft_record::files::schema::PluginRecord;
use ft_sandbox::OptimizerPlugin;
use ft_sandbox::options::OptionSetting;

/// A model whose key/value cache an optimizer moves.
pub(super) trait TunedModel: ScoringModel {
    /// Takes the step behind `state` over the demonstrations; `None` stands before
    /// step 1, at which the optimizer starts afresh.
    ///
    /// # Errors
    /// A failure of the model or the optimizer, an update that does not fit the cache, or [`RunError::Interrupted`].
    fn step(&mut self, demonstrations: &Demonstrations, state: Option<&State>) -> Result<State, RunError>;

    /// These tokens, one or more, read in one plain pass; no optimizer has a part in it.
    ///
    /// # Errors
    /// A failure of the model.
    fn read(&self, tokens: &[u32]) -> Result<Context, RunError>;
}

/// A decoder with an optimizer plugin.
pub(super) struct PluginTuned<'a> {
    scored: ScoredDecoder<'a>,
    pub optimizer: OptimizerPlugin,
    /// The values of all options of the optimizer.
    options: Vec<OptionSetting>,
    /// How steps are taken.
    policy: StepPolicy,
    /// Told of the passes that the optimizer asks for.
    observer: &'a dyn Observer,
    /// Ends a step at the optimizer's next question.
    stop: StopFlag<'a>,
}

impl<'a> PluginTuned<'a> {
    /// The optimizer of a run on its model.
    pub fn new(
        decoder: &'a Decoder,
        Configured { plugin: optimizer, options }: Configured<OptimizerPlugin>,
        (config, record): (&RunConfig, &PluginRecord),
        (observer, stop): (&'a dyn Observer, StopFlag<'a>),
    ) -> Self {
        let policy = StepPolicy {
            positions: config.positions,
            allow_nonfinite: config.allow_nonfinite,
            batch_tokens: config.batch_tokens,
        };
        Self { scored: ScoredDecoder::new(decoder, record), optimizer, options, policy, observer, stop }
    }

    /// Failures of the plugin itself name it already; what is wrong with its update does not.
    fn attribute_to_plugin(&self, error: TuneError) -> RunError {
        match error {
            TuneError::UpdateCount { .. } | TuneError::UpdateShape { .. } | TuneError::NotFinite { .. } => {
                StepError::BadUpdate { plugin: self.optimizer(), source: error.into() }.into()
            }
            error => error.into(),
        }
    }
}

impl TunedModel for PluginTuned<'_> {
    fn step(&mut self, demonstrations: &Demonstrations, state: Option<&State>) -> Result<State, RunError> {
        match state {
            None => {
                self.optimizer.open(&self.options)?;
                Ok(State::first(self.scored.decoder, &demonstrations.ids)?)
            }
            Some(state) => {
                let mut watched = Watched::new(&mut self.optimizer, self.observer, self.stop);
                let next = state.next(self.scored.decoder, demonstrations, self.policy, &mut watched);
                let interrupted = watched.was_interrupted();
                next.map_err(|error| match interrupted {
                    true => RunError::Interrupted,
                    false => self.attribute_to_plugin(error),
                })
            }
        }
    }

    fn read(&self, tokens: &[u32]) -> Result<Context, RunError> {
        Ok(State::first(self.scored.decoder, tokens)?.context)
    }
}

impl ScoringModel for PluginTuned<'_> {
    fn extend(&self, context: &Context, tokens: &[u32]) -> Result<Context, RunError> {
        self.scored.extend(context, tokens)
    }

    fn score(&self, context: &Context, queries: &[QueryTokens]) -> Result<Vec<Vec<ChoiceScore>>, RunError> {
        self.scored.score(context, queries)
    }

    fn fault(&self, query: &QueryTokens) -> RunError {
        self.scored.fault(query)
    }

    fn optimizer(&self) -> String {
        self.scored.optimizer()
    }
}
