//! The queries behind baselines, once a seed's steps are done.

use std::time::Instant;

use super::seeds::Run;
use super::tuned_model::TunedModel;
use crate::run::error::RunError;
use crate::run::observer::Event;
use crate::run::plan::draw::Draw;
use ft_record::files::results::StepSeconds;

impl<M: TunedModel> Run<'_, M> {
    /// Scores the queries of a seed behind each of its baselines.
    ///
    /// # Errors
    /// Failures of the model; a full disk; journals that are not this run's; [`RunError::Interrupted`].
    pub(super) fn baselines(&mut self, draw: &Draw) -> Result<(), RunError> {
        let (seed, queries) = (draw.record.seed, self.queries_of(draw));
        for context in &draw.baselines {
            let baseline = context.baseline;
            self.scorer.stop.check()?;
            self.scorer.observer.event(Event::Baseline(baseline));
            let started = Instant::now();
            let behind = self.model.read(&context.ids)?;
            let step = started.elapsed().as_secs_f64();
            let started = Instant::now();
            let Some(journal) = self.recorder.baselines() else { return Ok(()) };
            let tagged = (journal, Some(baseline));
            let records = self.scorer.score_control(self.model, tagged, (seed, &behind), &queries)?;
            let score = started.elapsed().as_secs_f64();
            self.content_free().score(self.model, &mut self.recorder, (seed, &behind), Some(baseline))?;
            self.recorder.baseline_scored(baseline, records, StepSeconds { step, score })?;
        }
        Ok(())
    }
}
