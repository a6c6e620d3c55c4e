//! Carrying out the plan of a run that scores a saved context: nothing is tuned, and one step is scored.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::execution::{Outcome, concluded, found_whole, open_folder};
use super::recorder::Recorder;
use super::scoring::Scorer;
use super::scoring_model::{ScoredDecoder, ScoringModel};
use super::seeds::{Run, Schedule};
use super::step_queries::StepQueries;
use super::stop::StopFlag;
use super::unconditional::Unconditional;
use crate::run::error::RunError;
use crate::run::folder::out_folder::FurtherJournals;
use crate::run::observer::{Event, Observer};
use crate::run::plan::context_plan::ContextPlan;
use crate::run::plan::draw::Draw;
use crate::run::plan::weights::SharedWeights;
use ft_engine::model::Context;
use ft_engine::model::decoder::Placement;
use ft_record::files::schema::SelectedRecord;

/// Reads the weights and the context, and scores the plan's queries behind it. When `stop` becomes true, the run ends at the next
/// batch and keeps what it has. What an earlier process did of the same plan is not done again.
///
/// # Errors
/// Failures of the model or the disk, a context that is not of the model's shape; what was scored before is in the folder.
pub fn execute_context(
    plan: ContextPlan,
    weights: &SharedWeights,
    observer: &Arc<dyn Observer>,
    stop: &AtomicBool,
) -> Result<Outcome, RunError> {
    let observer = observer.as_ref();
    let usage = plan.usage();
    let ContextPlan { config, context, device, dtype, model, drawn, record, beginning, .. } = plan;
    if let Some(found) = found_whole(&config.out, &beginning, &drawn.unconditional)? {
        return Ok(found.before(&config.out, usage, observer));
    }
    observer.event(Event::LoadingWeights);
    let decoder = weights.decoder(&model, &record.model, &Placement { device, dtype, weights: config.weights })?;
    let context = context.context(&decoder)?;
    let further = FurtherJournals {
        content_free: !drawn.content_free.queries.is_empty(),
        unconditional: config.mutual_information,
        ..FurtherJournals::default()
    };
    let folder = open_folder(&config.out, &beginning, further, observer)?;
    let tokenizer = &model.model.tokenizer;
    let mut scored = ScoredDecoder::new(&decoder, &record.optimizer);
    let (steps, score_steps) = (context.step(), BTreeSet::from([context.step()]));
    let recorder = Recorder::new(folder, &beginning, record, observer, false)?;
    let mut run = Run {
        model: &mut scored,
        bos: tokenizer.bos(),
        description: &drawn.description.ids,
        schedule: Schedule { select: drawn.select, steps, score_steps, allow_nonfinite: false },
        queries: &drawn.queries,
        content_free: &drawn.content_free.queries,
        shared_start: &drawn.shared_start,
        step_contexts: Box::new(|_| None),
        saver: None,
        unconditional: Unconditional { queries: &drawn.unconditional, text_start: tokenizer.text_start() },
        scorer: Scorer { batch_tokens: config.batch_tokens, observer, stop: StopFlag(stop) },
        recorder,
    };
    let ran = run.behind(&drawn.draws, &context);
    Ok(concluded(run, ran)?.in_folder(config.out, usage))
}

impl<M: ScoringModel> Run<'_, M> {
    /// Scores the queries of every draw behind the same context, whose step is the result. What an earlier process did is recalled.
    ///
    /// # Errors
    /// Failures of the model; scores that are no numbers; a full disk; journals that are not this run's;
    /// [`RunError::Interrupted`]. What was found before is recorded.
    pub(super) fn behind(&mut self, draws: &[Draw], context: &Context) -> Result<(), RunError> {
        let of_draw = |draw: &Draw| draw.queries.len() + self.content_free.len();
        self.started(draws.iter().map(of_draw).sum());
        self.unconditional()?;
        for draw in draws {
            let (seed, step) = (draw.record.seed, context.step() as u32);
            match self.recorder.earlier_result(seed) {
                Some(step) => self.recall(draw, step)?,
                None => {
                    self.scorer.observer.event(Event::Step(context.step()));
                    let (queries, content_free) = (self.queries_of(draw), self.content_free());
                    let shared_start = self.shared_start;
                    let queries = StepQueries { queries: &queries, shared_start, content_free };
                    queries.score(self.model, &mut self.recorder, (seed, context), 0.0)?;
                    self.recorder.select(SelectedRecord { seed, step })?;
                }
            }
        }
        Ok(())
    }
}
