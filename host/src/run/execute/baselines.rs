//! The queries behind baselines, once a seed's steps are done.

use std::time::Instant;

use super::scoring::Behind;
use super::seeds::Run;
use super::tuned_model::TunedModel;
use crate::run::error::RunError;
use crate::run::observer::Event;
use crate::run::plan::baseline::BaselineContext;
use crate::run::plan::draw::Draw;
use crate::run::plan::render::Query;
use ft_record::files::results::StepSeconds;

impl<M: TunedModel> Run<'_, M> {
    /// Scores the queries of a seed behind each of its baselines. One behind which numbers are not finite is left out where that
    /// is allowed.
    ///
    /// # Errors
    /// Failures of the model; a full disk; journals that are not this run's; [`RunError::Interrupted`].
    pub(super) fn baselines(&mut self, draw: &Draw) -> Result<(), RunError> {
        let (seed, queries) = (draw.record.seed, self.queries_of(draw));
        for context in &draw.baselines {
            self.scorer.stop.check()?;
            self.scorer.observer.event(Event::Baseline(context.baseline));
            match self.baseline(seed, context, &queries) {
                Err(error) if self.schedule.allow_nonfinite && error.is_pass_not_finite() => {
                    let note = format!("{} is left out: its numbers are not finite", context.baseline);
                    self.recorder.note(seed, &note);
                }
                scored => scored?,
            }
        }
        Ok(())
    }

    fn baseline(&mut self, seed: u64, context: &BaselineContext, queries: &[&Query]) -> Result<(), RunError> {
        let baseline = context.baseline;
        let started = Instant::now();
        let behind = self.model.read(&context.ids)?;
        let step = started.elapsed().as_secs_f64();
        let started = Instant::now();
        let Some(journal) = self.recorder.baselines() else { return Ok(()) };
        let tagged = (journal, Some(baseline));
        let records = self.scorer.score_control(self.model, tagged, Behind::context(seed, &behind), queries)?;
        let score = started.elapsed().as_secs_f64();
        self.content_free().score(self.model, &mut self.recorder, Behind::context(seed, &behind), Some(baseline))?;
        self.recorder.baseline_scored(baseline, records, StepSeconds { step, score })
    }
}
