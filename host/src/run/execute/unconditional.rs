//! The choices of all examples without their queries, once for a run: no seed and no step has a part in them.

use super::scoring::Behind;
use super::scoring_model::ScoringModel;
use super::seeds::Run;
use crate::run::error::RunError;
use crate::run::observer::Event;
use crate::run::plan::render::Query;
use ft_engine::model::Context;

/// What is scored without queries.
#[derive(Clone, Copy)]
pub(super) struct Unconditional<'a> {
    /// The choices of each example, behind nothing; none where they are not asked for.
    pub queries: &'a [Query],
    /// The token behind which a text stands by itself.
    pub text_start: Option<u32>,
}

impl<M: ScoringModel> Run<'_, M> {
    /// Scores the choices behind the token that a text begins with.
    ///
    /// # Errors
    /// Failures of the model; scores that are no numbers; a full disk; a journal that is not this run's;
    /// [`RunError::Interrupted`].
    pub(super) fn unconditional(&mut self) -> Result<(), RunError> {
        let Unconditional { queries, text_start } = self.unconditional;
        let Some(journal) = self.recorder.unconditional() else { return Ok(()) };
        self.scorer.observer.event(Event::Unconditional);
        let queries: Vec<&Query> = queries.iter().collect();
        // The records name no seed.
        let context = Context::zero_shot(text_start);
        let records = self.scorer.score_unconditional(self.model, journal, Behind::context(0, &context), &queries)?;
        self.recorder.unconditional_scored(records);
        Ok(())
    }
}
