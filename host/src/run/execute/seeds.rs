//! The seeds of a run, one after another: zero-shot, the choice of the step, and the method itself.

use std::collections::BTreeSet;
use std::time::Instant;

use super::content_free::ContentFreeScorer;
use super::error::StepError;
use super::iterate::{Criterion, Sink, Step, iterate};
use super::recorder::Recorder;
use super::saving::{ContextSaver, Keeper, Kept, SavedSeed, StepContexts};
use super::scoring::{Behind, Scorer, Start};
use super::scoring_model::ScoringModel;
use super::selection::{Folds, HeldOutLikelihoods, held_out_likelihoods};
use super::step_queries::StepQueries;
use super::tuned_model::TunedModel;
use super::unconditional::Unconditional;
use crate::context::ContextError;
use crate::options::Select;
use crate::run::error::RunError;
use crate::run::observer::Event;
use crate::run::plan::draw::Draw;
use crate::run::plan::render::Query;
use ft_engine::model::Context;
use ft_engine::text::size;
use ft_record::files::results::StepSeconds;
use ft_record::files::samples::{SampleError, SampleRecord};
use ft_record::files::schema::SelectedRecord;
use ft_record::files::trace::TraceRecord;

/// What is said of a seed whose result is in-context learning since held-out examples are likeliest there.
pub(super) const IN_CONTEXT: &str = "held-out examples selected step 1, in-context learning: no later step that was scored made \
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
    pub fn until(&self, chosen: Option<usize>) -> Criterion {
        let scored = self.score_steps.last().copied().unwrap_or(1);
        match self.select {
            Select::Converged { until_norm } => Criterion { last_step: self.steps, until_norm },
            Select::Last | Select::HeldOut(_) => {
                Criterion { last_step: scored.max(chosen.unwrap_or(1)), until_norm: None }
            }
        }
    }

    /// What is to be said of an iteration that settled at a step, or went on to the last one.
    pub fn notes(&self, settled: Option<usize>, until: Criterion) -> Option<String> {
        let last = until.last_step;
        match settled {
            Some(t) if t < last => Some(format!("the cache has converged at step {t}; later steps were not run")),
            None if matches!(self.select, Select::Converged { .. }) => {
                Some(format!("the cache has not converged within {last} steps; the last one is taken"))
            }
            _ => None,
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
    /// What queries of the task start with.
    pub shared_start: &'a [u32],
    /// Where the contexts of results go, if they are to be saved.
    pub saver: Option<ContextSaver>,
    /// Saves the contexts of a seed's steps, where they are asked for.
    pub step_contexts: Box<dyn Fn(u64) -> Option<StepContexts<'a>> + 'a>,
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
        self.started(of_draws);
        self.unconditional()?;
        for draw in draws {
            let seed = draw.record.seed;
            if draws.len() > 1 {
                observer.event(Event::Seed(seed));
            }
            match self.recorder.earlier_result(seed) {
                Some(step) if self.needs_no_context(SelectedRecord { seed, step })? => {
                    self.recall(draw, step)?;
                }
                _ => {
                    let (step, kept) = self.one_seed(draw, &draws[0])?;
                    self.baselines(draw)?;
                    let selected = SelectedRecord { seed, step: step as u32 };
                    self.recorder.select(selected)?;
                    self.save(selected, kept)?;
                }
            }
        }
        Ok(())
    }

    /// Whether the context of a seed's result is not to be saved, or is saved already.
    fn needs_no_context(&self, selected: SelectedRecord) -> Result<bool, RunError> {
        self.saver.as_ref().map_or(Ok(true), |saver| saver.has_saved(self.recorder.plan(), selected))
    }

    /// Saves the context of a seed's result, where that is asked for.
    fn save(&mut self, selected: SelectedRecord, kept: Option<Kept>) -> Result<(), RunError> {
        let Some(saver) = &self.saver else { return Ok(()) };
        let Some(kept) = kept else {
            self.recorder.note(selected.seed, "no context is saved: the scores of no step are finite");
            return Ok(());
        };
        let scores = self.recorder.scores_of(selected);
        let observer = self.scorer.observer;
        match saver.save(self.recorder.plan(), selected, &kept, scores, observer) {
            Ok(SavedSeed { record, folder, .. }) => {
                let (step, folder, bytes) = (kept.step, folder.display(), size(record.tensors.file.bytes));
                observer.event(Event::Note(&format!("the context of step {step} is saved in `{folder}` ({bytes})")));
            }
            // The other seeds' contexts may well be saved.
            Err(RunError::Context(error @ ContextError::Tensors(_))) => {
                self.recorder.note(selected.seed, &format!("no context is saved: {error}"));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Runs one seed, and gives the step that is its result, with its context where that is to be saved. `first` is the draw of the
    /// first seed.
    fn one_seed(&mut self, draw: &Draw, first: &Draw) -> Result<(usize, Option<Kept>), RunError> {
        self.zero_shot(draw, first)?;
        let likelihoods = self.held_out_likelihoods(draw)?;
        let chosen = likelihoods.as_ref().and_then(|likelihoods| likelihoods.likeliest(|_| true));
        let until = self.schedule.until(chosen);
        let (queries, content_free) = (self.queries_of(draw), self.content_free());
        let Self { model, schedule, scorer, recorder, shared_start, saver, step_contexts, .. } = self;
        let mut steps = ScoredSteps {
            draw,
            queries: StepQueries { queries: &queries, shared_start, content_free },
            likelihoods: likelihoods.as_ref(),
            keeper: saver.as_ref().map(|_| Keeper::default()),
            step_contexts: step_contexts(draw.record.seed),
            scored: schedule.scored(chosen, until),
            allow_nonfinite: schedule.allow_nonfinite,
            recorder: &mut *recorder,
            done: BTreeSet::new(),
        };
        let settled = iterate(&mut **model, &draw.demonstrations, until, scorer.stop, &mut steps)?;
        // A step that could not be scored (`--allow-nonfinite`) or was not come to is no result. Step 1 always is scored:
        // held-out examples never select a step that is less likely.
        let ScoredSteps { done, keeper, .. } = steps;
        let result = match &likelihoods {
            Some(likelihoods) => likelihoods.likeliest(|step| done.contains(&step)),
            None => done.last().copied(),
        };
        let result = result.unwrap_or(1);
        let seed = draw.record.seed;
        schedule.notes(settled, until).iter().for_each(|note| recorder.note(seed, note));
        if likelihoods.is_some() && result == 1 {
            recorder.note(seed, IN_CONTEXT);
        }
        Ok((result, keeper.and_then(Keeper::finish).filter(|kept| kept.step == result)))
    }

    /// Scores the queries with no demonstrations before them. That does not depend on the seed: seeds that score the same
    /// rows share it.
    fn zero_shot(&mut self, draw: &Draw, first: &Draw) -> Result<(), RunError> {
        let seed = draw.record.seed;
        let observer = self.scorer.observer;
        observer.event(Event::Step(0));
        let start = Start::OfQueries { before: self.description };
        let behind = Behind { seed, context: &Context::zero_shot(self.bos), start };
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
}

impl<'a, M: ScoringModel> Run<'a, M> {
    /// Says how many queries are scored: so many of the draws, and the choices without theirs.
    pub(super) fn started(&self, of_draws: usize) {
        let queries = of_draws + self.unconditional.queries.len();
        self.scorer.observer.event(Event::Started { queries, last_step: self.schedule.until(None).last_step });
    }

    /// Takes over a seed that an earlier process brought to its end, with this step as its result.
    ///
    /// # Errors
    /// Journals that are not this run's; I/O errors, e.g. a full disk.
    pub(super) fn recall(&mut self, draw: &Draw, step: u32) -> Result<(), RunError> {
        let rows: Vec<usize> = self.queries_of(draw).iter().map(|query| query.index).collect();
        self.recorder.recall_seed(draw, &rows, step)?;
        self.recorder.select(SelectedRecord { seed: draw.record.seed, step })
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
    queries: StepQueries<'a>,
    /// How likely held-out examples are, where they select the step.
    likelihoods: Option<&'a HeldOutLikelihoods>,
    /// Keeps the context of the result, where it is to be saved.
    keeper: Option<Keeper>,
    /// Saves the context of every step, where that is asked for.
    step_contexts: Option<StepContexts<'a>>,
    /// The steps to score.
    scored: BTreeSet<usize>,
    allow_nonfinite: bool,
    recorder: &'a mut Recorder<'r>,
    /// The steps that could be scored.
    done: BTreeSet<usize>,
}

impl ScoredSteps<'_, '_> {
    fn keep(&mut self, step: &Step<'_>, is_result: bool, trace: Option<TraceRecord>) -> Result<(), RunError> {
        if let Some(contexts) = &mut self.step_contexts {
            let of = SelectedRecord { seed: self.draw.record.seed, step: step.state.step() as u32 };
            contexts.step(self.recorder.plan(), of, step, trace.as_ref(), self.recorder.scores_of(of))?;
        }
        if let Some(keeper) = &mut self.keeper {
            keeper.step(step, is_result, trace);
        }
        Ok(())
    }
}

impl<M: TunedModel> Sink<M> for ScoredSteps<'_, '_> {
    fn begin(&mut self, t: usize) {
        self.queries.content_free.scorer.observer.event(Event::Step(t));
    }

    fn step(&mut self, model: &M, step: &Step<'_>) -> Result<(), RunError> {
        let (seed, t) = (self.draw.record.seed, step.state.step());
        let trace = self.recorder.trace(seed, self.draw.record.demonstration_ids.len(), step)?;
        if !step.settled && !self.scored.contains(&t) {
            return self.keep(step, false, trace);
        }
        match self.queries.score(model, self.recorder, (seed, &step.state.context), step.seconds) {
            Ok(()) => {
                self.done.insert(t);
                let is_done = |step| self.done.contains(&step);
                let is_result = self.likelihoods.is_none_or(|known| known.likeliest(is_done) == Some(t));
                self.keep(step, is_result, trace)
            }
            Err(RunError::Step(StepError::Sample { source: SampleError::NotFinite { .. }, id, .. }))
                if self.allow_nonfinite =>
            {
                self.recorder.note(seed, &format!("step {t} is left out: the scores of example `{id}` are not finite"));
                self.keep(step, false, trace)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
