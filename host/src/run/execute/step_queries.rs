//! What is scored behind the context of every step.

use std::time::Instant;

use super::content_free::ContentFreeScorer;
use super::recorder::Recorder;
use super::scoring::{Behind, Start};
use super::scoring_model::ScoringModel;
use crate::run::error::RunError;
use crate::run::plan::render::Query;
use ft_engine::model::Context;
use ft_record::files::results::StepSeconds;

/// The queries of a seed, and the content-free ones.
#[derive(Clone, Copy)]
pub(super) struct StepQueries<'a> {
    pub queries: &'a [&'a Query],
    /// What queries of the task start with.
    pub shared_start: &'a [u32],
    pub content_free: ContentFreeScorer<'a>,
}

impl StepQueries<'_> {
    /// Scores them behind the context of a seed's step, and records the step, whose pass and update took so many seconds.
    ///
    /// # Errors
    /// Failures of the model; scores of the queries that are no numbers; a full disk; [`RunError::Interrupted`].
    pub fn score(
        self,
        model: &impl ScoringModel,
        recorder: &mut Recorder<'_>,
        (seed, context): (u64, &Context),
        step: f64,
    ) -> Result<(), RunError> {
        let started = Instant::now();
        let behind = Behind { start: Start::OfTask(self.shared_start), ..Behind::context(seed, context) };
        let records = self.content_free.scorer.score(model, recorder.samples(), behind, self.queries)?;
        let score = started.elapsed().as_secs_f64();
        self.content_free.score(model, recorder, behind, None)?;
        recorder.scored(records, StepSeconds { step, score })
    }
}
