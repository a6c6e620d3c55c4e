//! Tuning without queries: each seed's steps are taken, the step that is its result is selected, and its context is saved.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::execution::load;
use super::iterate::{Sink, Step, iterate};
use super::recorder::{has_finite_norms, trace_record};
use super::saving::{ContextSaver, Keeper, SavedSeed, StepContexts};
use super::scoring::Scorer;
use super::seeds::Schedule;
use super::selection::{Folds, HeldOutLikelihoods, held_out_likelihoods};
use super::stop::StopFlag;
use super::tuned_model::{PluginTuned, TunedModel};
use crate::options::Select;
use crate::run::error::RunError;
use crate::run::folder::journal::Journal;
use crate::run::observer::{Event, Observer};
use crate::run::plan::draw::Draw;
use crate::run::plan::prepare::{Plan, optimizer_usage};
use crate::run::plan::weights::SharedWeights;
use crate::run::usage::PluginUsage;
use ft_engine::tune::first_not_finite;
use ft_record::files::schema::{PlanRecord, SelectedRecord};

/// What came of tuning.
pub struct TuneOutcome {
    /// The contexts that were saved, in the order of the seeds.
    pub contexts: Vec<SavedSeed>,
    /// What the plugins used.
    pub usage: Vec<PluginUsage>,
}

/// Reads the weights, tunes every seed's demonstrations, and saves the context of its result; `saved` is told of each as soon as it
/// is there. Contexts that an earlier process has saved of the same plan are not made again. When `stop` becomes true, tuning ends;
/// contexts of seeds that came to their end are saved by then.
///
/// # Errors
/// Failures of the model, the optimizer or the disk, [`RunError::Interrupted`].
pub fn tune(
    plan: Plan,
    weights: &SharedWeights,
    observer: &Arc<dyn Observer>,
    stop: &AtomicBool,
    mut saved: impl FnMut(&SavedSeed),
) -> Result<TuneOutcome, RunError> {
    let saver = ContextSaver::new(&plan.config.out, &plan.config);
    let mut contexts = Vec::with_capacity(plan.draws.len());
    if !plan.config.restart {
        for draw in &plan.draws {
            contexts.extend(saver.earlier(&plan.record, draw.record.seed)?);
        }
    }
    for found in &contexts {
        let folder = found.folder.display();
        observer.event(Event::Note(&format!("this context is in `{folder}` already (`--restart` tunes again)")));
        saved(found);
    }
    let is_there = |contexts: &[SavedSeed], seed| contexts.iter().any(|found| found.record.selected.seed == seed);
    if plan.draws.iter().all(|draw| is_there(&contexts, draw.record.seed)) {
        let usage = plan.usage();
        return Ok(TuneOutcome { contexts, usage });
    }
    let decoder = load(&plan, weights, observer.as_ref())?;
    let Plan { config, optimizer, draws, select, score_steps, record, task_usage, .. } = plan;
    let (observer, stop) = (observer.as_ref(), StopFlag(stop));
    let mut model = PluginTuned::new(&decoder, optimizer, (&config, &record.optimizer), (observer, stop));
    let tuning = Tuning {
        schedule: Schedule { select, steps: config.steps, score_steps, allow_nonfinite: config.allow_nonfinite },
        scorer: Scorer { batch_tokens: config.batch_tokens, observer, stop },
    };
    let of_seed = |draw: &Draw| {
        let held_out: usize = draw.held_out.folds.iter().map(|fold| fold.queries.len()).sum();
        held_out * config.steps
    };
    let queries = draws.iter().map(of_seed).sum();
    observer.event(Event::Started { queries, last_step: tuning.schedule.until(None).last_step });
    for draw in &draws {
        if is_there(&contexts, draw.record.seed) {
            continue;
        }
        if draws.len() > 1 {
            observer.event(Event::Seed(draw.record.seed));
        }
        let step_contexts = StepContexts::new(&config, draw.record.seed, observer);
        let of_seed = tuning.one_seed(&mut model, draw, &record, (&saver, step_contexts))?;
        saved(&of_seed);
        contexts.push(of_seed);
    }
    Ok(TuneOutcome { contexts, usage: vec![task_usage, optimizer_usage(&model.optimizer, &config)] })
}

/// How every seed is tuned.
struct Tuning<'a> {
    schedule: Schedule,
    /// What scores held-out examples.
    scorer: Scorer<'a>,
}

impl Tuning<'_> {
    /// Tunes a seed's demonstrations and saves the context of the result.
    fn one_seed<M: TunedModel>(
        &self,
        model: &mut M,
        draw: &Draw,
        plan: &PlanRecord,
        (saver, step_contexts): (&ContextSaver, Option<StepContexts<'_>>),
    ) -> Result<SavedSeed, RunError> {
        let (seed, observer) = (draw.record.seed, self.scorer.observer);
        // What is said of this seed is in its context alone.
        let mut plan = plan.clone();
        let note = |plan: &mut PlanRecord, text: String| {
            observer.event(Event::Note(&text));
            plan.notes.push(text.into());
        };
        let likelihoods = self.held_out_likelihoods(model, draw)?;
        let chosen = likelihoods.as_ref().and_then(|likelihoods| likelihoods.likeliest(|_| true));
        likelihoods.as_ref().and_then(HeldOutLikelihoods::note).into_iter().for_each(|text| note(&mut plan, text));
        let until = self.schedule.until(chosen);
        let keeps_all = !self.schedule.allow_nonfinite;
        let keeper = Keeper::default();
        let mut steps =
            KeptSteps { draw, observer, chosen, keeps_all, keeper, plan: &plan, step_contexts, left_out: 0 };
        let settled = iterate(model, &draw.demonstrations, until, self.scorer.stop, &mut steps)?;
        let KeptSteps { keeper, left_out, .. } = steps;
        self.schedule.notes(settled, until).into_iter().for_each(|text| note(&mut plan, text));
        if left_out > 0 {
            note(&mut plan, format!("steps that are left out since their caches are not finite: {left_out}"));
        }
        // Step 1 is finite, or there would be no step at all.
        let kept = keeper.finish().expect("step 1 is kept");
        if likelihoods.is_some() && kept.step == 1 {
            note(&mut plan, super::seeds::IN_CONTEXT.to_owned());
        }
        saver.save(&plan, SelectedRecord { seed, step: kept.step as u32 }, &kept, None, observer)
    }

    /// How likely held-out examples are at every step; `None` where they do not select it.
    fn held_out_likelihoods<M: TunedModel>(
        &self,
        model: &mut M,
        draw: &Draw,
    ) -> Result<Option<HeldOutLikelihoods>, RunError> {
        if !matches!(self.schedule.select, Select::HeldOut(_)) {
            return Ok(None);
        }
        self.scorer.observer.event(Event::Choosing);
        let Schedule { steps, allow_nonfinite, .. } = self.schedule;
        let folds = Folds { steps, allow_nonfinite, scorer: self.scorer };
        Ok(Some(held_out_likelihoods(model, draw, folds, &mut Journal::unwritten())?))
    }
}

/// Keeps the context of the chosen step, or of the last one.
struct KeptSteps<'a> {
    draw: &'a Draw,
    observer: &'a dyn Observer,
    chosen: Option<usize>,
    /// Whether every cache is finite.
    keeps_all: bool,
    keeper: Keeper,
    /// What is done.
    plan: &'a PlanRecord,
    /// Saves the context of every step, where that is asked for.
    step_contexts: Option<StepContexts<'a>>,
    /// Steps whose caches are not finite.
    left_out: usize,
}

impl<M: TunedModel> Sink<M> for KeptSteps<'_> {
    fn begin(&mut self, t: usize) {
        self.observer.event(Event::Step(t));
    }

    fn step(&mut self, _model: &M, step: &Step<'_>) -> Result<(), RunError> {
        let t = step.state.step();
        let is_finite = self.keeps_all || first_not_finite(&step.state.context.cache)?.is_none();
        self.left_out += usize::from(!is_finite);
        let (seed, tokens) = (self.draw.record.seed, self.draw.record.demonstration_ids.len());
        let trace = (t > 1 && has_finite_norms(step)).then(|| trace_record(seed, tokens, step));
        trace.iter().for_each(|record| self.observer.event(Event::Traced(record)));
        if let Some(contexts) = &mut self.step_contexts {
            contexts.step(self.plan, SelectedRecord { seed, step: t as u32 }, step, trace.as_ref(), None)?;
        }
        self.keeper.step(step, is_finite && self.chosen.is_none_or(|chosen| t <= chosen), trace);
        Ok(())
    }
}
