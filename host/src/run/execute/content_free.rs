//! Content-free queries behind every context that queries are scored behind.

use super::recorder::Recorder;
use super::scoring::{Behind, Scorer};
use super::scoring_model::ScoringModel;
use crate::run::error::RunError;
use crate::run::plan::render::Query;
use ft_record::files::controls::Baseline;

/// What scores content-free queries; nothing is done where there are none.
#[derive(Clone, Copy)]
pub(super) struct ContentFreeScorer<'a> {
    /// The queries.
    pub queries: &'a [Query],
    /// Scores them as all others.
    pub scorer: Scorer<'a>,
    /// To go on without calibration where their scores are not finite.
    pub allow_nonfinite: bool,
}

impl ContentFreeScorer<'_> {
    /// Scores the content-free queries behind a context, before what is scored behind it is recorded.
    ///
    /// # Errors
    /// Failures of the model; scores that are no numbers, unless they are allowed; a full disk; [`RunError::Interrupted`].
    pub fn score(
        self,
        model: &impl ScoringModel,
        recorder: &mut Recorder<'_>,
        behind: Behind<'_>,
        baseline: Option<Baseline>,
    ) -> Result<(), RunError> {
        let Some(journal) = recorder.content_free() else { return Ok(()) };
        let queries: Vec<&Query> = self.queries.iter().collect();
        match self.scorer.score_control(model, (journal, baseline), behind, &queries) {
            Ok(records) => recorder.content_free_scored(records),
            // Where such numbers are allowed, the step stands without them.
            Err(error) if self.allow_nonfinite && (error.is_score_not_finite() || error.is_pass_not_finite()) => {
                let place =
                    baseline.map_or_else(|| format!("step {}", behind.context.step()), |baseline| baseline.to_string());
                let why = "the scores of a content-free query are not finite";
                recorder.note(behind.seed, &format!("{place} has no contextual calibration: {why}"));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
