//! What saved contexts were tuned with, opened again and held to their records.

use std::path::PathBuf;
use std::sync::Arc;

use candle_core::{DType, Device};

use super::error::PredictError;
use super::predictor::PredictRequest;
use crate::context::{ContextError, ContextFolder};
use crate::run::error::RunError;
use crate::run::inputs::error::TunedWithError;
use crate::run::inputs::plugins::{PluginSpec, Plugins};
use crate::run::inputs::tuned_with::{known, open_context, task_file, task_options};
use crate::run::plan::at_hand::AtHand;
use crate::run::plan::common::ModelInput;
use crate::run::plan::shared_start::check_recorded;
use crate::run::plan::weights::SharedWeights;
use ft_engine::model::decoder::Placement;
use ft_engine::model::device::DTypeChoice;
use ft_engine::model::families::UnknownSettings;
use ft_engine::model::weights::WeightFormat;
use ft_engine::model::{Context, Decoder};
use ft_sandbox::{Limits, TaskPlugin};
use ft_store::datasets::location::Access;
use ft_store::fs::digest_cache::DigestCache;
use ft_store::plugin_path::PluginPath;

/// A task and a model, without its weights, that all of some contexts were tuned with.
pub(super) struct Reopened {
    pub task: TaskPlugin,
    /// The classes; none where rows have choices of their own.
    pub labels: Vec<String>,
    pub model: ModelInput,
    /// The task's file, and its options as a user would give them.
    file: PathBuf,
    options: Vec<(String, String)>,
    /// What contexts are held to.
    at_hand: AtHand,
    device: Device,
    dtype: DType,
    weights: WeightFormat,
}

impl Reopened {
    /// Opens the contexts, and what the first was tuned with; the others have to have been tuned with the same. Gives the contexts
    /// too.
    ///
    /// # Errors
    /// A context that is damaged, a task or a model that is not there, or that is another than a context's.
    pub fn open(
        request: &PredictRequest<'_>,
        (plugins, digests): (&Plugins, &DigestCache),
        path: &PluginPath,
        access: Access<'_>,
    ) -> Result<(Self, Vec<ContextFolder>), RunError> {
        let contexts = open_contexts(request.contexts)?;
        let first = contexts.first().ok_or(PredictError::NoContext)?;
        let (folder, record) = (first.folder(), first.record());
        let file = task_file(request.task, first, path)?.plugin;
        let options = task_options(record);
        let spec = PluginSpec { file: &file, options: &options, limits: request.limits, definition: None };
        let mut task = plugins.task(spec)?;
        let labels = task.plugin.labels()?;
        let config = &record.plan.config;
        let weights: WeightFormat = known(folder, "a way to hold weights", &config.weights)?;
        let dtype: DTypeChoice = known(folder, "a number format", &config.dtype)?;
        let device = request.device.open()?;
        let dtype = dtype.resolve(&device);
        let model = request.model.unwrap_or_else(|| record.plan.model.asked.raw().as_str());
        let model = ModelInput::open(model, UnknownSettings::Note, access)?;
        let found = model.files.digests(digests, access.progress)?;
        let at_hand = AtHand::new((&task, &labels), (&model, found), (dtype, weights));
        let task = task.plugin;
        let opened = Self { task, labels, model, file, options, at_hand, device, dtype, weights };
        contexts.iter().try_for_each(|context| opened.check_use(context))?;
        Ok((opened, contexts))
    }

    /// Opens the task anew.
    ///
    /// # Errors
    /// A task that is not there any more; [`PredictError::OtherTask`] where it is another by now.
    pub fn reopen_task(&mut self, plugins: &Plugins, limits: &Limits) -> Result<(), RunError> {
        let spec = PluginSpec { file: &self.file, options: &self.options, limits, definition: None };
        let task = plugins.task(spec)?.plugin;
        if task.binary().sha256() != self.task.binary().sha256() {
            return Err(PredictError::OtherTask { file: self.file.clone() }.into());
        }
        self.task = task;
        Ok(())
    }

    /// Says whether a context was tuned with this model and task.
    ///
    /// # Errors
    /// [`ContextError::Mismatch`] names every difference.
    pub fn check_use(&self, context: &ContextFolder) -> Result<(), ContextError> {
        // What stood before the demonstrations has been read.
        self.at_hand.check(context, None)
    }

    /// Holds what queries are said to start with to the model: it may be anybody's record.
    ///
    /// # Errors
    /// Those of [`check_recorded`].
    pub fn check_start(&self, folder: &ContextFolder, plain: &Context, start: &[u32]) -> Result<(), TunedWithError> {
        check_recorded(folder.folder(), &self.model.model, plain.next_position, start)
    }

    /// Reads the weights, if they are not among those that are shared.
    ///
    /// # Errors
    /// A missing or misshapen tensor, files that have changed since they were first read.
    pub fn load(&self, weights: &SharedWeights) -> Result<Arc<Decoder>, RunError> {
        let placement = Placement { device: self.device.clone(), dtype: self.dtype, weights: self.weights };
        weights.decoder(&self.model, self.at_hand.model(), &placement)
    }
}

/// Opens the contexts; each may be named once.
fn open_contexts(folders: &[PathBuf]) -> Result<Vec<ContextFolder>, RunError> {
    let mut contexts: Vec<ContextFolder> = Vec::with_capacity(folders.len());
    for folder in folders {
        let opened = open_context(folder)?;
        let digest = |context: &ContextFolder| context.record().tensors.file.sha256.clone();
        if let Some(other) = contexts.iter().find(|other| digest(other) == digest(&opened)) {
            return Err(PredictError::Twice { folder: folder.clone(), other: other.folder().to_owned() }.into());
        }
        contexts.push(opened);
    }
    Ok(contexts)
}
