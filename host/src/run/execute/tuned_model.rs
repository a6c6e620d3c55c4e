//! What the method's outer loop asks of a model and its optimizer: the seam at which a test puts a table of numbers.

use super::error::StepError;
use super::stop::StopFlag;
use super::watched_step::Watched;
use crate::run::error::RunError;
use crate::run::inputs::config::RunConfig;
use crate::run::inputs::plugins::Configured;
use crate::run::observer::Observer;
use ft_engine::model::decoder::{Batch, TokenTree};
use ft_engine::model::{Context, Decoder, ModelError};
use ft_engine::score::{self, ChoiceScore, QueryTokens};
use ft_engine::tune::{Demonstrations, State, StepPolicy, TuneError, first_not_finite};
use ft_record::files::schema::PluginRecord;
use ft_sandbox::OptimizerPlugin;
use ft_sandbox::options::OptionSetting;

/// A model whose key/value cache an optimizer moves.
pub(super) trait TunedModel {
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

    /// The context with these tokens, one or more, read behind it.
    ///
    /// # Errors
    /// A failure of the model.
    fn extend(&self, context: &Context, tokens: &[u32]) -> Result<Context, RunError>;

    /// The scores of every choice of queries that are one batch behind the context, in the queries' and the choices' order.
    ///
    /// # Errors
    /// A failure of the model.
    fn score(&self, context: &Context, queries: &[QueryTokens]) -> Result<Vec<Vec<ChoiceScore>>, RunError>;

    /// What is wrong with a model that gives a query no number before an optimizer has had a part in anything.
    fn fault(&self, query: &QueryTokens) -> RunError;

    /// What messages call the optimizer.
    fn optimizer(&self) -> String;
}

/// A decoder with an optimizer plugin.
pub(super) struct PluginTuned<'a> {
    decoder: &'a Decoder,
    pub optimizer: OptimizerPlugin,
    /// The values of all options of the optimizer.
    options: Vec<OptionSetting>,
    /// What the optimizer is.
    record: PluginRecord,
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
        Self { decoder, optimizer, options, record: record.clone(), policy, observer, stop }
    }

    /// Failures of the plugin itself name it already; what is wrong with its update does not.
    fn attribute_to_plugin(&self, error: TuneError) -> RunError {
        match error {
            TuneError::UpdateCount { .. } | TuneError::UpdateShape { .. } | TuneError::NotFinite { .. } => {
                StepError::BadUpdate { plugin: called(&self.record), source: error.into() }.into()
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
                Ok(State::first(self.decoder, &demonstrations.ids)?)
            }
            Some(state) => {
                let mut watched = Watched::new(&mut self.optimizer, self.observer, self.stop);
                let next = state.next(self.decoder, demonstrations, self.policy, &mut watched);
                let interrupted = watched.was_interrupted();
                next.map_err(|error| match interrupted {
                    true => RunError::Interrupted,
                    false => self.attribute_to_plugin(error),
                })
            }
        }
    }

    fn read(&self, tokens: &[u32]) -> Result<Context, RunError> {
        Ok(State::first(self.decoder, tokens)?.context)
    }

    fn extend(&self, context: &Context, tokens: &[u32]) -> Result<Context, RunError> {
        Ok(score::extended(self.decoder, context, tokens)?)
    }

    fn score(&self, context: &Context, queries: &[QueryTokens]) -> Result<Vec<Vec<ChoiceScore>>, RunError> {
        Ok(score::score(self.decoder, context, queries)?)
    }

    /// The demonstrations' own cache is finite, or there would be no step 1: it is a pass over the query that is not.
    fn fault(&self, query: &QueryTokens) -> RunError {
        let ids = query.choices.first().map(|choice| choice.ids.as_slice()).unwrap_or_default();
        let trees = [TokenTree::chain(ids)];
        let pass = self.decoder.forward(Batch::after(&Context::zero_shot(None), &trees, &[0]));
        match pass.and_then(|pass| first_not_finite(&pass.cache)) {
            Ok(layer) => ModelError::NotFinitePass { layer }.into(),
            Err(error) => error.into(),
        }
    }

    fn optimizer(&self) -> String {
        called(&self.record)
    }
}

/// What messages call a plugin that ran.
fn called(PluginRecord { name, version, file, .. }: &PluginRecord) -> String {
    format!("{} {} ({})", name.harmless(), version.harmless(), file.harmless())
}
