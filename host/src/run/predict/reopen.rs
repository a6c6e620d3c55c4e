//! What saved contexts were tuned with, opened again and held to their records.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use candle_core::{DType, Device};
use serde_json::Value;

use super::error::PredictError;
use super::predictor::PredictRequest;
use crate::context::{ContextError, ContextFolder};
use crate::run::error::RunError;
use crate::run::inputs::definition::{TaskFile, find_task};
use crate::run::inputs::plugins::{Configured, PluginSpec, Plugins};
use crate::run::plan::common::ModelInput;
use crate::run::plan::fit;
use crate::run::plan::record;
use crate::run::plan::weights::SharedWeights;
use ft_engine::model::decoder::Placement;
use ft_engine::model::device::DTypeChoice;
use ft_engine::model::families::UnknownSettings;
use ft_engine::model::weights::WeightFormat;
use ft_engine::model::{Context, Decoder};
use ft_engine::text::Untrusted;
use ft_record::files::context::{CONTEXT_RECORD, ContextMismatch, ContextRecord, ContextUse, Mismatch};
use ft_record::files::schema::{ModelRecord, PluginRecord};
use ft_sandbox::{PluginBinary, TaskPlugin};
use ft_store::datasets::location::Access;
use ft_store::fs::digest_cache::DigestCache;
use ft_store::fs::file::{PLUGIN_LIMIT, read_file};
use ft_store::plugin_path::PluginPath;

/// Tokens of a shared start at most: more are no prompt's.
const MOST_START: usize = 1 << 16;

/// A task and a model, without its weights, that all of some contexts were tuned with.
pub(super) struct Reopened {
    pub task: TaskPlugin,
    /// The classes; none where rows have choices of their own.
    pub labels: Vec<String>,
    pub model: ModelInput,
    /// The model's, the task's and its options' records, which contexts are held to.
    records: (ModelRecord, PluginRecord, BTreeMap<Untrusted, Untrusted<Value>>),
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
        let file = task_file(request.task, folder, record, path)?;
        check_task(first, &file)?;
        let options = given_options(record);
        let spec = PluginSpec { file: &file, options: &options, limits: request.limits, definition: None };
        let Configured { plugin: mut task, options } = plugins.task(spec)?;
        let labels = task.labels()?;
        let config = &record.plan.config;
        let weights: WeightFormat = known(folder, "a way to hold weights", &config.weights)?;
        let dtype: DTypeChoice = known(folder, "a number format", &config.dtype)?;
        let device = request.device.open()?;
        let dtype = dtype.resolve(&device);
        let model = request.model.unwrap_or_else(|| record.plan.model.asked.raw().as_str());
        let model = ModelInput::open(model, UnknownSettings::Note, access)?;
        let found = model.files.digests(digests, access.progress)?;
        let task_record = record::plugin(task.task_name(), task.description(), task.binary());
        let model_record = record::model(&model.files.origin, found, &model.model);
        let records = (model_record, task_record, record::options(&options));
        let opened = Self { task, labels, model, records, device, dtype, weights };
        contexts.iter().try_for_each(|context| opened.check_use(context))?;
        Ok((opened, contexts))
    }

    /// Says whether a context was tuned with this model and task.
    ///
    /// # Errors
    /// [`ContextError::Mismatch`] names every difference.
    pub fn check_use(&self, context: &ContextFolder) -> Result<(), ContextError> {
        let (model, task, task_options) = &self.records;
        let labels: Vec<Untrusted> = self.labels.iter().map(|label| label.as_str().into()).collect();
        context.check_use(&ContextUse {
            model,
            dtype: &self.dtype.as_str().into(),
            weights: &self.weights.to_string().into(),
            task,
            task_options,
            labels: &labels,
            // What stood before the demonstrations has been read.
            description: &context.record().plan.description,
        })
    }

    /// Holds what queries are said to start with to the model: it may be anybody's record.
    ///
    /// # Errors
    /// [`PredictError::Unknown`] for tokens that the model does not have, or more than it has positions for.
    pub fn check_start(&self, folder: &ContextFolder, plain: &Context, start: &[u32]) -> Result<(), PredictError> {
        let model = &self.model.model;
        let too_long = fit::query(model.family.config.max_positions, plain.next_position, start.len()).is_some();
        if start.len() <= MOST_START && !too_long && model.check_ids(start).is_ok() {
            return Ok(());
        }
        let (folder, found) = (folder.folder().to_owned(), format!("{} tokens", start.len()));
        Err(PredictError::Unknown { folder, what: "a shared start of tokens that the model has room for", found })
    }

    /// Reads the weights, if they are not among those that are shared.
    ///
    /// # Errors
    /// A missing or misshapen tensor, files that have changed since they were first read.
    pub fn load(&self, weights: &SharedWeights) -> Result<Arc<Decoder>, RunError> {
        let placement = Placement { device: self.device.clone(), dtype: self.dtype, weights: self.weights };
        weights.decoder(&self.model, &self.records.0, &placement)
    }
}

/// Opens the contexts; each may be named once.
fn open_contexts(folders: &[PathBuf]) -> Result<Vec<ContextFolder>, RunError> {
    let mut contexts: Vec<ContextFolder> = Vec::with_capacity(folders.len());
    for folder in folders {
        if !folder.join(CONTEXT_RECORD).exists()
            && let Some(seed) = first_seed(folder)
        {
            return Err(PredictError::Seeds { folder: folder.clone(), seed }.into());
        }
        let opened = ContextFolder::open(folder)?;
        let digest = |context: &ContextFolder| context.record().tensors.file.sha256.clone();
        if let Some(other) = contexts.iter().find(|other| digest(other) == digest(&opened)) {
            return Err(PredictError::Twice { folder: folder.clone(), other: other.folder().to_owned() }.into());
        }
        contexts.push(opened);
    }
    Ok(contexts)
}

/// The first folder of a seed's context in a folder, by name.
fn first_seed(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    entries.filter(|path| path.join(CONTEXT_RECORD).exists()).min()
}

/// Holds the component to the context's before it runs: the file may be anybody's choice.
fn check_task(context: &ContextFolder, file: &Path) -> Result<(), RunError> {
    let binary = PluginBinary::new(file.display().to_string(), read_file(file, PLUGIN_LIMIT)?);
    let expected = context.record().plan.task.sha256.harmless();
    if binary.sha256() == expected {
        return Ok(());
    }
    let (what, found) = (format!("task, `{}`: sha256", file.display()), binary.sha256().to_owned());
    let source = ContextMismatch(vec![Mismatch { what, expected, found }]);
    Err(ContextError::Mismatch { folder: context.folder().to_owned(), source }.into())
}

/// The task's file: the one that is asked for, where it was when the context was tuned, or one of its name on the plugin path.
fn task_file(
    asked: Option<&Path>,
    folder: &Path,
    record: &ContextRecord,
    path: &PluginPath,
) -> Result<PathBuf, RunError> {
    if let Some(asked) = asked {
        let TaskFile { plugin, definition } = find_task(path, asked)?;
        let recorded = record.plan.options.task.iter().find(|(name, _)| name.raw() == "definition");
        let recorded = recorded.and_then(|(_, text)| text.raw().as_str());
        // The context has the definition that it was tuned with.
        return match definition.filter(|definition| Some(definition.text()) != recorded) {
            Some(definition) => {
                let (folder, file) = (folder.to_owned(), definition.file().to_owned());
                Err(PredictError::OtherDefinition { folder, file }.into())
            }
            None => Ok(plugin),
        };
    }
    let task = &record.plan.task;
    let recorded = Path::new(task.file.raw().as_str());
    if recorded.is_file() {
        return Ok(recorded.to_owned());
    }
    let on_path = recorded.file_stem().and_then(|stem| path.find(Path::new(stem))).filter(|file| file.is_file());
    let missing =
        || PredictError::NoTask { folder: folder.to_owned(), task: task.name.harmless(), file: task.file.harmless() };
    Ok(on_path.ok_or_else(missing)?)
}

/// The options of the task as a user would give them.
fn given_options(record: &ContextRecord) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let options = record.plan.options.task.iter();
    options.map(|(name, value)| (name.raw().clone(), text(value.raw()))).collect()
}

fn known<T: FromStr>(folder: &Path, what: &'static str, found: &Untrusted) -> Result<T, PredictError> {
    let unknown = |_| PredictError::Unknown { folder: folder.to_owned(), what, found: found.harmless() };
    found.raw().parse().map_err(unknown)
}
