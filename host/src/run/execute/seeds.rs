//! The seeds of a run, one after another: zero-shot, the choice of the step, and the method itself.

use std::collections::BTreeSet;
use std::time::Instant;

use super::content_free::ContentFreeScorer;
use super::error::StepError;
use super::iterate::{Criterion, Sink, Step, iterate};
use super::recorder::Recorder;
use super::scoring::{Behind, Scorer};
use super::selection::{Folds, HeldOutLikelihoods, held_out_likelihoods};
use super::tuned_model::TunedModel;
use super::unconditional::Unconditional;
use crate::options::Select;
use crate::run::error::RunError;
use crate::run::observer::Event;
use crate::run::plan::draw::Draw;
use crate::run::plan::render::Query;
use ft_engine::model::Context;
use ft_record::files::results::StepSeconds;
use ft_record::files::samples::{SampleError, SampleRecord};
use ft_record::files::schema::SelectedRecord;

/// What is said of a seed whose result is in-context learning since held-out examples are likeliest there.
const IN_CONTEXT: &str = "held-out examples selected step 1, in-context learning: no later step that was scored made \
                          them likelier";

/// Which steps are taken, and which of them are scored.
pub(super) struct Schedule {
    /// Which step is the result.
    pub select: Select,
    /// The most steps.
    pub steps: usize,
    /// The steps to score, from 1; zero-shot is scored besides.
    pub score_steps: BTreeSet<usize>,
    /// To leave out a step whose scores are not finite, instead of ending the run at it.
    pub allow_nonfinite: bool,
}

impl Schedule {
    /// Where the iteration ends, with the step that held-out examples chose, where they did.
    fn until(&self, chosen: Option<usize>) -> Criterion {
        let scored = self.score_steps.last().copied().unwrap_or(1);
        match self.select {
            Select::Converged { until_norm } => Criterion { last_step: self.steps, until_norm },
            Select::Last | Select::HeldOut(_) => {
                Criterion { last_step: scored.max(chosen.unwrap_or(1)), until_norm: None }
            }
        }
    }

    /// The steps to score: the last one and the chosen one besides those that are asked for.
    fn scored(&self, chosen: Option<usize>, until: Criterion) -> BTreeSet<usize> {
        self.score_steps.iter().copied().chain(chosen).chain([until.last_step]).collect()
    }

    /// How many queries of a draw are scored over all of its steps, as far as it is known before the iteration.
    fn queries(&self, draw: &Draw) -> usize {
        let held_out: usize = draw.held_out.folds.iter().map(|fold| fold.queries.len()).sum();
        draw.queries.len() * self.contexts(draw) + held_out * self.steps
    }

    /// Behind how many contexts queries of a draw are scored: zero-shot, steps and baselines.
    fn contexts(&self, draw: &Draw) -> usize {
        1 + self.score_steps.len() + draw.baselines.len()
    }
}

/// A run with its model.
pub(super) struct Run<'a, M> {
    /// What is tuned.
    pub model: &'a mut M,
    /// The token that the model expects at the beginning of a text, where it expects one.
    pub bos: Option<u32>,
    /// What stands before queries where there are no demonstrations: the tokens of the description, none without one.
    pub description: &'a [u32],
    /// Which steps are taken, and which of them are scored.
    pub schedule: Schedule,
    /// All that any seed scores; draws name them by their places.
    pub queries: &'a [Query],
    /// What is scored behind every context besides the queries.
    pub content_free: &'a [Query],
    /// The choices of the queries without them.
    pub unconditional: Unconditional<'a>,
    /// What scores queries at a step.
    pub scorer: Scorer<'a>,
    /// Writes down what is found.
    pub recorder: Recorder<'a>,
}

impl<'a, M: TunedModel> Run<'a, M> {
    /// Runs every seed, in the order of their draws. What an earlier process did is recalled.
    ///
    /// # Errors
    /// Failures of the model or the optimizer; a full disk; journals that are not this run's; [`RunError::Interrupted`].
    /// What was found before is recorded.
    pub fn all_seeds(&mut self, draws: &[Draw]) -> Result<(), RunError> {
        let observer = self.scorer.observer;
        let content_free = |draw| self.content_free.len() * self.schedule.contexts(draw);
        let of_draws: usize = draws.iter().map(|draw| self.schedule.queries(draw) + content_free(draw)).sum();
        let queries = of_draws + self.unconditional.queries.len();
        observer.event(Event::Started { queries, last_step: self.schedule.until(None).last_step });
        self.unconditional()?;
        for draw in draws {
            let seed = draw.record.seed;
            if draws.len() > 1 {
                observer.event(Event::Seed(seed));
            }
            let step = match self.recorder.earlier_result(seed) {
                Some(step) => {
                    let rows: Vec<usize> = self.queries_of(draw).iter().map(|query| query.index).collect();
                    self.recorder.recall_seed(draw, &rows, step)?;
                    step
                }
                None => {
                    let step = self.one_seed(draw, &draws[0])?;
                    self.baselines(draw)?;
                    step as u32
                }
            };
            self.recorder.select(SelectedRecord { seed, step })?;
        }
        Ok(())
    }

    /// Runs one seed, and gives the step that is its result. `first` is the draw of the first seed.
    fn one_seed(&mut self, draw: &Draw, first: &Draw) -> Result<usize, RunError> {
        self.zero_shot(draw, first)?;
        let likelihoods = self.held_out_likelihoods(draw)?;
        let chosen = likelihoods.as_ref().and_then(|likelihoods| likelihoods.likeliest(|_| true));
        let until = self.schedule.until(chosen);
        let (queries, content_free) = (self.queries_of(draw), self.content_free());
        let Self { model, schedule, scorer, recorder, .. } = self;
        let mut steps = ScoredSteps {
            draw,
            queries: &queries,
            content_free,
            scored: schedule.scored(chosen, until),
            allow_nonfinite: schedule.allow_nonfinite,
            scorer: *scorer,
            recorder: &mut *recorder,
            done: BTreeSet::new(),
        };
        let settled = iterate(&mut **model, &draw.demonstrations, until, scorer.stop, &mut steps)?;
        // A step that could not be scored (`--allow-nonfinite`) or was not come to is no result. Step 1 always is scored:
        // held-out examples never select a step that is less likely.
        let done = steps.done;
        let result = match &likelihoods {
            Some(likelihoods) => likelihoods.likeliest(|step| done.contains(&step)),
            None => done.last().copied(),
        };
        let result = result.unwrap_or(1);
        let (seed, last) = (draw.record.seed, until.last_step);
        match settled {
            Some(t) if t < last => {
                recorder.note(seed, &format!("the cache has converged at step {t}; later steps were not run"));
            }
            None if matches!(schedule.select, Select::Converged { .. }) => {
                recorder.note(seed, &format!("the cache has not converged within {last} steps; the last one is taken"));
            }
            _ => {}
        }
        if likelihoods.is_some() && result == 1 {
            recorder.note(seed, IN_CONTEXT);
        }
        Ok(result)
    }

    /// Scores the queries with no demonstrations before them. That does not depend on the seed: seeds that score the same
    /// rows share it.
    fn zero_shot(&mut self, draw: &Draw, first: &Draw) -> Result<(), RunError> {
        let seed = draw.record.seed;
        let observer = self.scorer.observer;
        observer.event(Event::Step(0));
        let behind = Behind { seed, context: &Context::zero_shot(self.bos), before: self.description };
        if seed != first.record.seed && draw.queries == first.queries {
            let mut records: Vec<SampleRecord> = self.recorder.samples_of(first.record.seed, 0).to_vec();
            for record in &mut records {
                record.seed = seed;
                *record = self.recorder.samples().entry(&record.place(), || Ok(record.clone()))?;
            }
            observer.event(Event::Scored(records.len()));
            self.content_free().score(self.model, &mut self.recorder, behind, None)?;
            return self.recorder.scored(records, StepSeconds::default());
        }
        let queries = self.queries_of(draw);
        let started = Instant::now();
        let records = self.scorer.score(self.model, self.recorder.samples(), behind, &queries)?;
        let score = started.elapsed().as_secs_f64();
        self.content_free().score(self.model, &mut self.recorder, behind, None)?;
        self.recorder.scored(records, StepSeconds { step: 0.0, score })
    }

    /// How likely held-out examples are at every step; `None` where they do not select it.
    fn held_out_likelihoods(&mut self, draw: &Draw) -> Result<Option<HeldOutLikelihoods>, RunError> {
        let Some(journal) = self.recorder.held_out() else { return Ok(None) };
        self.scorer.observer.event(Event::Choosing);
        let Schedule { steps, allow_nonfinite, .. } = self.schedule;
        let folds = Folds { steps, allow_nonfinite, scorer: self.scorer };
        let likelihoods = held_out_likelihoods(self.model, draw, folds, journal)?;
        if let Some(note) = likelihoods.note() {
            self.recorder.note(draw.record.seed, &note);
        }
        Ok(Some(likelihoods))
    }

    pub(super) fn queries_of(&self, draw: &Draw) -> Vec<&'a Query> {
        draw.queries.iter().map(|place| &self.queries[*place]).collect()
    }

    /// What scores the content-free queries.
    pub(super) fn content_free(&self) -> ContentFreeScorer<'a> {
        let allow_nonfinite = self.schedule.allow_nonfinite;
        ContentFreeScorer { queries: self.content_free, scorer: self.scorer, allow_nonfinite }
    }
}

/// Traces every step of a seed, and scores the queries at those that are to be scored and at the one that settles.
struct ScoredSteps<'a, 'r> {
    draw: &'a Draw,
    queries: &'a [&'a Query],
    content_free: ContentFreeScorer<'a>,
    /// The steps to score.
    scored: BTreeSet<usize>,
    allow_nonfinite: bool,
    scorer: Scorer<'a>,
    recorder: &'a mut Recorder<'r>,
    /// The steps that could be scored.
    done: BTreeSet<usize>,
}

impl<M: TunedModel> Sink<M> for ScoredSteps<'_, '_> {
    fn begin(&mut self, t: usize) {
        self.scorer.observer.event(Event::Step(t));
    }

    fn step(&mut self, model: &M, step: &Step<'_>) -> Result<(), RunError> {
        let (seed, t) = (self.draw.record.seed, step.state.step());
        self.recorder.trace(seed, self.draw.record.demonstration_ids.len(), step)?;
        if !step.settled && !self.scored.contains(&t) {
            return Ok(());
        }
        let started = Instant::now();
        let behind = Behind::context(seed, &step.state.context);
        match self.scorer.score(model, self.recorder.samples(), behind, self.queries) {
            Ok(records) => {
                let score = started.elapsed().as_secs_f64();
                self.content_free.score(model, self.recorder, behind, None)?;
                self.recorder.scored(records, StepSeconds { step: step.seconds, score })?;
                self.done.insert(t);
            }
            Err(RunError::Step(StepError::Sample { source: SampleError::NotFinite { .. }, id, .. }))
                if self.allow_nonfinite =>
            {
                self.recorder.note(seed, &format!("step {t} is left out: the scores of example `{id}` are not finite"));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
