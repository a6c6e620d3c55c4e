//! The contexts that a run keeps: which step's is a seed's result, and where it is saved; those of all steps, where they are asked
//! for.

use std::path::{Path, PathBuf};

use super::iterate::Step;
use crate::context::{ContextError, ContextFolder};
use crate::run::error::RunError;
use crate::run::folder::plan_diff::plan_diff;
use crate::run::inputs::config::RunConfig;
use crate::run::observer::{Event, Observer};
use ft_engine::model::Context;
use ft_engine::model::saved_context::{ContextToSave, HalfFormat};
use ft_engine::text::size;
use ft_record::files::context::{ContextRecord, NewContext};
use ft_record::files::schema::{PlanRecord, SelectedRecord};
use ft_record::files::scores::StepScores;
use ft_record::files::trace::TraceRecord;
use ft_store::fs::error::FileError;

/// Bytes from which on a context says its size before it is written.
const LARGE: u64 = 256 << 20;

/// Where the contexts of a run's seeds go.
#[derive(Clone, Debug)]
pub(super) struct ContextSaver {
    folder: PathBuf,
    cache_dtype: Option<HalfFormat>,
    /// Whether each seed has a folder of its own.
    by_seed: bool,
}

/// A context that was saved.
pub struct SavedSeed {
    /// What was written of it.
    pub record: ContextRecord,
    /// Its folder.
    pub folder: PathBuf,
    /// The record of an earlier context, under its new name.
    pub earlier: Option<PathBuf>,
}

impl ContextSaver {
    /// For a run's contexts in a folder.
    pub fn new(folder: &Path, config: &RunConfig) -> Self {
        let by_seed = config.seeds.len() > 1;
        Self { folder: folder.to_owned(), cache_dtype: config.cache_dtype, by_seed }
    }

    /// The folder of a seed's context.
    pub fn folder(&self, seed: u64) -> PathBuf {
        if self.by_seed { self.folder.join(format!("seed-{seed}")) } else { self.folder.clone() }
    }

    /// Whether an earlier process has saved the context of a seed's result, whole.
    ///
    /// # Errors
    /// Plans that cannot be compared.
    pub fn has_saved(&self, plan: &PlanRecord, selected: SelectedRecord) -> Result<bool, RunError> {
        Ok(self.earlier(plan, selected.seed)?.is_some_and(|saved| saved.record.selected == selected))
    }

    /// The context that an earlier process has saved of a seed of the same plan in the same number format, whole.
    ///
    /// # Errors
    /// Plans that cannot be compared.
    pub fn earlier(&self, plan: &PlanRecord, seed: u64) -> Result<Option<SavedSeed>, RunError> {
        let folder = self.folder(seed);
        let Some(plan) = plan.of_seed(seed) else { return Ok(None) };
        // One that is damaged is made again.
        let Ok(opened) = ContextFolder::open(&folder) else { return Ok(None) };
        let record = opened.record().clone();
        let format = self.cache_dtype.map_or_else(|| record.tensors.dtype.clone(), |format| format.as_str().into());
        let differs = plan_diff(&record.plan, &plan).map_err(|error| FileError::io("read", &folder, error.into()))?;
        let is_it = record.selected.seed == seed && record.tensors.stored_dtype == format && differs.is_empty();
        Ok(is_it.then_some(SavedSeed { record, folder, earlier: None }))
    }

    /// Saves the context of a seed's result.
    ///
    /// # Errors
    /// Numbers that cannot be saved, a full disk.
    pub fn save(
        &self,
        plan: &PlanRecord,
        selected: SelectedRecord,
        Kept { context, trace, .. }: &Kept,
        scores: Option<StepScores>,
        observer: &dyn Observer,
    ) -> Result<SavedSeed, RunError> {
        let folder = self.folder(selected.seed);
        let new = NewContext::new(plan, selected, trace, scores)
            .map_err(|source| ContextError::Record { path: folder.clone(), source })?;
        let tensors = ContextToSave::new(context, self.cache_dtype).map_err(ContextError::from)?;
        if tensors.bytes() > LARGE {
            let (folder, bytes) = (folder.display(), size(tensors.bytes()));
            observer.event(Event::Note(&format!("writing a context of {bytes} to `{folder}`")));
        }
        let written = ContextFolder::write(&folder, new, &tensors)?;
        Ok(SavedSeed { record: written.record, folder, earlier: written.earlier })
    }
}

/// Bytes of all steps' contexts together.
const ROOM: u64 = 2 << 30;

/// Bytes that the trace of a layer takes in a record.
const TRACED_LAYER: u64 = 330;

/// Saves the contexts of a seed's steps, every one or, where they would take more than [`ROOM`], as many as there is room for.
pub(super) struct StepContexts<'a> {
    folder: PathBuf,
    /// How many steps of all seeds there may be.
    steps: usize,
    observer: &'a dyn Observer,
    trace: Vec<TraceRecord>,
}

impl<'a> StepContexts<'a> {
    /// For the steps of a seed; `None` where they are not asked for.
    pub fn new(config: &RunConfig, seed: u64, observer: &'a dyn Observer) -> Option<Self> {
        let by_seed = config.seeds.len() > 1;
        let folder = config.step_contexts.as_deref()?;
        let folder = if by_seed { folder.join(format!("seed-{seed}")) } else { folder.to_owned() };
        Some(Self { folder, steps: config.steps * config.seeds.len(), observer, trace: Vec::new() })
    }

    /// Saves the context after a step. One with numbers that cannot be saved is passed over.
    ///
    /// # Errors
    /// A full disk.
    pub fn step(
        &mut self,
        plan: &PlanRecord,
        of: SelectedRecord,
        step: &Step<'_>,
        trace: Option<&TraceRecord>,
        scores: Option<StepScores>,
    ) -> Result<(), RunError> {
        self.trace.extend(trace.cloned());
        let Ok(tensors) = ContextToSave::new(&step.state.context, None) else { return Ok(()) };
        // The record of each step has the trace of all before it: half as many on average as there are steps.
        let of_trace = trace.map_or(0, |trace| (trace.layers.len() * self.steps / 2) as u64 * TRACED_LAYER);
        let bytes = tensors.bytes() + of_trace;
        let apart = bytes.saturating_mul(self.steps as u64).div_ceil(ROOM).max(1);
        if !u64::from(of.step - 1).is_multiple_of(apart) && !step.settled {
            return Ok(());
        }
        let folder = self.folder.join(of.step.to_string());
        let new = NewContext::new(plan, of, &self.trace, scores)
            .map_err(|source| ContextError::Record { path: folder.clone(), source })?;
        match ContextFolder::write(&folder, new, &tensors) {
            Ok(_) => self.observer.event(Event::StepSaved { of, folder: &folder }),
            Err(ContextError::Tensors(_)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// The context that would be a seed's result if no further step came, and the trace up to it.
pub(super) struct Kept {
    /// The step after which it was taken.
    pub step: usize,
    /// What the model has read.
    pub context: Context,
    /// How far each step moved the cache, in the order of the steps.
    pub trace: Vec<TraceRecord>,
}

/// Keeps the context of the step that is a seed's result so far.
#[derive(Default)]
pub(super) struct Keeper {
    kept: Option<(usize, Context)>,
    trace: Vec<TraceRecord>,
}

impl Keeper {
    /// Takes a step; `is_result` says whether it is the result so far. `trace` is how far it moved the cache.
    pub fn step(&mut self, step: &Step<'_>, is_result: bool, trace: Option<TraceRecord>) {
        self.trace.extend(trace);
        if is_result {
            self.kept = Some((step.state.step(), step.state.context.clone()));
        }
    }

    /// What is kept, if anything is.
    pub fn finish(self) -> Option<Kept> {
        let (step, context) = self.kept?;
        let trace = self.trace.into_iter().filter(|row| row.step as usize <= step).collect();
        Some(Kept { step, context, trace })
    }
}
