//! Carrying out a plan: the weights are read, and every seed is run.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::recorder::Recorder;
use super::saving::{ContextSaver, StepContexts};
use super::scoring::Scorer;
use super::seeds::{Run, Schedule};
use super::stop::StopFlag;
use super::tuned_model::{PluginTuned, TunedModel};
use super::unconditional::Unconditional;
use crate::diagnosis::{Diagnosis, Fault};
use crate::options::Select;
use crate::run::error::RunError;
use crate::run::folder::out_folder::{self, Beginning, FurtherJournals, OutFolder};
use crate::run::observer::{Event, Observer};
use crate::run::plan::draw::Draw;
use crate::run::plan::prepare::{Plan, optimizer_usage};
use crate::run::plan::render::Query;
use crate::run::plan::weights::SharedWeights;
use crate::run::usage::PluginUsage;
use ft_engine::model::Decoder;
use ft_engine::model::decoder::Placement;
use ft_record::files::controls::Controls;
use ft_record::files::samples::SampleRecord;
use ft_record::files::schema::ResultsRecord;
use ft_record::files::unconditional::UnconditionalRecord;

/// What came of a run.
pub struct Outcome {
    /// What was written to `results.json`.
    pub results: ResultsRecord,
    /// All records of `samples.jsonl`, in its order.
    pub records: Vec<SampleRecord>,
    /// What was scored besides.
    pub controls: Controls,
    /// The folder of the results.
    pub folder: PathBuf,
    /// Whether the run was stopped before its end.
    pub interrupted: bool,
    /// What the plugins used.
    pub usage: Vec<PluginUsage>,
}

/// Reads the weights, if they are not among those that are shared, and carries out a plan. When `stop` becomes true, the run ends at the next batch or question of
/// the optimizer and keeps what it has.
/// What an earlier process did of the same plan is not done again.
///
/// # Errors
/// Failures of the model, the optimizer or the disk; what was scored before is in the folder.
pub fn execute(
    plan: Plan,
    weights: &SharedWeights,
    observer: &Arc<dyn Observer>,
    stop: &AtomicBool,
) -> Result<Outcome, RunError> {
    if let Some(found) = done_already(&plan)? {
        return Ok(found.before(&plan.config.out, plan.usage(), observer.as_ref()));
    }
    let decoder = load(&plan, weights, observer.as_ref())?;
    execute_with(plan, &decoder, observer, stop)
}

/// Reads the weights.
///
/// # Errors
/// A missing or misshapen tensor, files that have changed since they were first read.
pub(super) fn load(plan: &Plan, weights: &SharedWeights, observer: &dyn Observer) -> Result<Arc<Decoder>, RunError> {
    observer.event(Event::LoadingWeights);
    let placement = Placement { device: plan.device.clone(), dtype: plan.dtype, weights: plan.config.weights };
    weights.decoder(&plan.model, &plan.record.model, &placement)
}

/// Opens a run's folder, after the weights: a model that cannot be read must not set an earlier run aside.
///
/// # Errors
/// Those of [`OutFolder::open`].
pub(super) fn open_folder(
    folder: &Path,
    beginning: &Beginning,
    further: FurtherJournals,
    observer: &dyn Observer,
) -> Result<OutFolder, RunError> {
    let (folder, moved) = OutFolder::open(folder, beginning, further)?;
    if let Some(moved) = moved {
        observer.event(Event::Note(&format!("the samples of an earlier run are kept as `{}`", moved.display())));
    }
    Ok(folder)
}

/// Carries out a plan with its model's weights.
///
/// # Errors
/// Those of [`execute`].
pub(super) fn execute_with(
    plan: Plan,
    decoder: &Decoder,
    observer: &Arc<dyn Observer>,
    stop: &AtomicBool,
) -> Result<Outcome, RunError> {
    let folder = open_folder(&plan.config.out, &plan.beginning, further_journals(&plan), observer.as_ref())?;
    let Plan {
        config,
        optimizer,
        model,
        queries,
        content_free,
        unconditional,
        description,
        shared_start,
        draws,
        select,
        score_steps,
        record,
        beginning,
        task_usage,
        ..
    } = plan;
    let tokenizer = &model.model.tokenizer;
    let (observer, stop) = (observer.as_ref(), StopFlag(stop));
    let mut tuned = PluginTuned::new(decoder, optimizer, (&config, &record.optimizer), (observer, stop));
    let recorder = Recorder::new(folder, &beginning, record, observer, config.allow_nonfinite)?;
    let run = Run {
        model: &mut tuned,
        bos: tokenizer.bos(),
        description: &description.ids,
        schedule: Schedule { select, steps: config.steps, score_steps, allow_nonfinite: config.allow_nonfinite },
        queries: &queries,
        content_free: &content_free.queries,
        shared_start: &shared_start,
        step_contexts: Box::new(|seed| StepContexts::new(&config, seed, observer)),
        saver: config.save_context.as_deref().map(|folder| ContextSaver::new(folder, &config)),
        unconditional: Unconditional { queries: &unconditional, text_start: tokenizer.text_start() },
        scorer: Scorer { batch_tokens: config.batch_tokens, observer, stop },
        recorder,
    };
    let found = carry_out(run, &draws)?;
    let usage = vec![task_usage, optimizer_usage(&tuned.optimizer, &config)];
    Ok(found.in_folder(config.out, usage))
}

/// Which journals a plan has that not every plan has.
fn further_journals(plan: &Plan) -> FurtherJournals {
    FurtherJournals {
        held_out: matches!(plan.select, Select::HeldOut(_)),
        baselines: !plan.config.baselines.0.is_empty(),
        content_free: !plan.content_free.queries.is_empty(),
        unconditional: plan.config.mutual_information,
    }
}

/// What a run with its model came to.
pub(super) struct Found {
    /// What was written to `results.json`.
    pub results: ResultsRecord,
    /// All records of `samples.jsonl`, in its order.
    pub records: Vec<SampleRecord>,
    /// What was scored besides.
    pub controls: Controls,
    /// Whether the run was stopped before its end.
    pub interrupted: bool,
}

impl Found {
    /// As what came of a run in this folder.
    pub(super) fn in_folder(self, folder: PathBuf, usage: Vec<PluginUsage>) -> Outcome {
        let Self { results, records, controls, interrupted } = self;
        Outcome { results, records, controls, folder, interrupted, usage }
    }

    /// As what came of a run that an earlier process brought to its end in this folder, which is said.
    pub(super) fn before(self, folder: &Path, usage: Vec<PluginUsage>, observer: &dyn Observer) -> Outcome {
        let path = folder.display();
        observer.event(Event::Note(&format!(
            "this run is in `{path}` already, complete; nothing was computed (`--restart` does it anew)"
        )));
        self.in_folder(folder.to_owned(), usage)
    }
}

/// Runs all seeds and writes down what they came to; a run that the user stops comes to what there is.
///
/// # Errors
/// Those of [`Run::all_seeds`], but for an interruption.
pub(super) fn carry_out<M: TunedModel>(mut run: Run<'_, M>, draws: &[Draw]) -> Result<Found, RunError> {
    let ran = run.all_seeds(draws);
    concluded(run, ran)
}

/// What there is of a run that has ended, or that the user has stopped.
///
/// # Errors
/// Why it failed; I/O errors, e.g. a full disk.
pub(super) fn concluded<M>(run: Run<'_, M>, ran: Result<(), RunError>) -> Result<Found, RunError> {
    let interrupted = match ran {
        // Between two steps or batches, or in a call into the optimizer.
        Err(error) if error.fault() == Fault::Interrupted => true,
        ran => ran.map(|()| false)?,
    };
    let (results, records, controls) = run.recorder.finish(!interrupted)?;
    Ok(Found { results, records, controls, interrupted })
}

/// Whether the records of choices without their queries are those of the plan's rows, in their order.
fn unconditional_is_whole(rows: &[Query], records: &[UnconditionalRecord]) -> bool {
    records.len() >= rows.len() && rows.iter().zip(records).all(|(row, record)| row.index == record.index)
}

/// Whether the contexts of all results are saved, or are not to be.
fn contexts_are_saved(plan: &Plan, earlier: &ResultsRecord) -> Result<bool, RunError> {
    let Some(folder) = &plan.config.save_context else { return Ok(true) };
    let saver = ContextSaver::new(folder, &plan.config);
    for selected in &earlier.selected {
        if !saver.has_saved(&plan.record, *selected)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The results and records of an earlier process that brought the same plan to its end.
pub(super) fn done_already(plan: &Plan) -> Result<Option<Found>, RunError> {
    match &plan.beginning {
        Beginning::Continue(earlier) if earlier.complete && !contexts_are_saved(plan, earlier)? => Ok(None),
        beginning => found_whole(&plan.config.out, beginning, &plan.unconditional),
    }
}

/// The results and records of a run that an earlier process brought to its end in this folder, with the choices of these rows
/// scored without their queries; `None` where it was not brought to its end, or journals lack some of it.
///
/// # Errors
/// Journals that cannot be read.
pub(super) fn found_whole(
    folder: &Path,
    beginning: &Beginning,
    unconditional: &[Query],
) -> Result<Option<Found>, RunError> {
    let Beginning::Continue(earlier) = beginning else { return Ok(None) };
    if !earlier.complete {
        return Ok(None);
    }
    let (records, controls) = (out_folder::samples(folder)?, out_folder::controls(folder)?);
    let expected: usize = earlier.steps.iter().map(|step| step.scores.n).sum();
    let behind_baselines: usize = earlier.baselines.iter().map(|baseline| baseline.step.scores.n).sum();
    let is_whole = records.len() == expected
        && controls.baselines.len() == behind_baselines
        && unconditional_is_whole(unconditional, &controls.unconditional);
    let results = ResultsRecord::clone(earlier);
    Ok(is_whole.then_some(Found { results, records, controls, interrupted: false }))
}
