//! Everything that a run depends on: its options, and what they come to together.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::context_options::TunedBefore;
use super::default_optimizer;
use super::definition::{Definition, DefinitionFolder, TaskFile, find_task, interpreter, is_definition};
use super::error::{ConfigError, PluginRequestError};
use super::plugins::{PluginSpec, find_plugin};
use crate::context::ContextFolder;
use crate::options::{Baselines, DataOptions, RowOptions, RunOptions, ScoreSteps, Select, TaskOptions};
use crate::run::error::RunError;
use ft_engine::model::device::{DTypeChoice, DeviceChoice};
use ft_engine::model::saved_context::HalfFormat;
use ft_engine::model::weights::WeightFormat;
use ft_engine::task::sampling::Sampling;
use ft_engine::tune::Positions;
use ft_sandbox::Limits;
use ft_sandbox::options::OptionSetting;
use ft_store::datasets::location::DataLocation;
use ft_store::plugin_path::PluginPath;

/// What a configuration is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To score queries at the steps.
    Score,
    /// To save the tuned contexts: nothing is scored but held-out examples.
    Tune,
}

/// What will happen, with every default filled in. Two runs of one configuration give one result, but for times.
#[derive(Clone, Debug)]
pub struct RunConfig {
    /// Whether queries are scored.
    pub purpose: Purpose,
    /// The saved context that queries are scored behind, where it is not this run that tunes one. Model, task, number format and
    /// seed are the context's then, and options on how it was tuned (`steps`, `select`, `positions`, and such) say nothing: its
    /// record has them.
    pub context: Option<Arc<ContextFolder>>,
    /// The task and what is read for it.
    pub task: TaskConfig,
    /// The optimizer plugin's file.
    pub optimizer: PathBuf,
    /// What the user set of the optimizer's options.
    pub optimizer_options: Vec<(String, String)>,
    /// What the optimizer may use.
    pub optimizer_limits: Limits,
    /// SHA-256 of plugins' files in hexadecimal: where any are named, no other plugin runs.
    pub required_digests: Vec<String>,
    /// To go on with a cache that has numbers in it that are not finite.
    pub allow_nonfinite: bool,
    /// What the user calls the model.
    pub model: String,
    /// Seeds for the choice of rows, each with a run of its own.
    pub seeds: Vec<u64>,
    /// Deep-Thinking steps; step 1 is plain in-context learning.
    pub steps: usize,
    /// To score only the first so many of the evaluation rows that are drawn and not left out.
    pub limit: Option<usize>,
    /// To score evaluation rows too that are demonstrations.
    pub allow_overlap: bool,
    /// Which steps are scored, besides zero-shot and step 1.
    pub score_steps: ScoreSteps,
    /// What else the queries are scored behind.
    pub baselines: Baselines,
    /// To score each row's choices without its query too.
    pub mutual_information: bool,
    /// Which step is the result; `None` where that follows from what is drawn.
    pub select: Option<Select>,
    /// Which positions the passes from step 2 on have.
    pub positions: Positions,
    /// Where the model runs.
    pub device: DeviceChoice,
    /// The number format of weights, keys and values.
    pub dtype: DTypeChoice,
    /// How weight matrices are held.
    pub weights: WeightFormat,
    /// Threads for computing.
    pub threads: usize,
    /// Query tokens that run together.
    pub batch_tokens: usize,
    /// The folder for results, or for the contexts that are tuned.
    pub out: PathBuf,
    /// The folder for the contexts of the results, where they are to be saved.
    pub save_context: Option<PathBuf>,
    /// The number format in which saved contexts hold keys and values; `None` for that of the run.
    pub cache_dtype: Option<HalfFormat>,
    /// The folder for the contexts of all steps, each in `STEP` in it, or `seed-N/STEP` of several seeds; no option asks for it.
    pub step_contexts: Option<PathBuf>,
    /// To run even where memory will not be enough, where the model has settings or tensors that nobody here knows, or
    /// where a data file has other names for the classes than the task.
    pub force: bool,
    /// To set an earlier run in that folder aside, whatever it is.
    pub restart: bool,
    /// The options as they were asked for, by their names in `results.json`.
    pub recorded: BTreeMap<&'static str, Value>,
}

/// What a user asks for in one call of the program; no run file says it.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunOverrides {
    /// To set an earlier run aside.
    pub restart: bool,
    /// To run even where memory will not be enough, or where the model has settings or tensors that nobody here knows.
    pub force: bool,
}

impl RunConfig {
    /// The run that options, with the defaults, ask for.
    ///
    /// # Errors
    /// No task, no optimizer, options that contradict each other.
    pub fn new(
        purpose: Purpose,
        options: RunOptions,
        threads: usize,
        RunOverrides { restart, force }: RunOverrides,
        path: &PluginPath,
    ) -> Result<Self, RunError> {
        let (before, options) = match purpose {
            Purpose::Score => TunedBefore::asked(options, path)?,
            Purpose::Tune => (None, options),
        };
        let options = options.with_defaults();
        let recorded = options.recorded().map_err(ConfigError::Recorded)?;
        options.check_published().map_err(ConfigError::Published)?;
        let select = options.selection.resolve().map_err(ConfigError::Selection)?;
        let seeds = options.seeds.list().map_err(ConfigError::Seeds)?;
        let limits = options.limits.over(&Limits::default());
        let NamedTask { task, stem, context } = match before {
            Some(before) => NamedTask::of_context(before, &options)?,
            None => NamedTask::of_options(&options, path)?,
        };
        let task = TaskConfig { limits: options.limit_tables.task_limits.0.over(&limits), ..task };
        let optimizer = match options.optimizer.optimizer {
            Some(path) => path,
            None => default_optimizer::find(&task.plugin, path)?,
        };
        let (evaluation, tune, compute) = (options.evaluation, options.tune, options.compute);
        let home = match purpose {
            Purpose::Score => "runs",
            Purpose::Tune => "contexts",
        };
        Ok(Self {
            purpose,
            context: context.map(Arc::new),
            out: options.output.out.unwrap_or_else(|| PathBuf::from(home).join(stem)),
            save_context: options.contexts.save_context,
            cache_dtype: options.cache_dtype.cache_dtype,
            step_contexts: None,
            task,
            optimizer,
            optimizer_options: options.optimizer.optimizer_options,
            optimizer_limits: options.limit_tables.optimizer_limits.0.over(&limits),
            required_digests: options.digests.require_digest,
            allow_nonfinite: tune.allow_nonfinite,
            model: options.model.model(),
            seeds,
            steps: tune.steps(),
            limit: evaluation.limit,
            allow_overlap: evaluation.allow_overlap,
            score_steps: evaluation.score_steps(),
            baselines: evaluation.baseline.unwrap_or_default(),
            mutual_information: evaluation.mutual_information,
            select,
            positions: tune.positions(),
            device: compute.device(),
            dtype: compute.dtype(),
            weights: compute.weights(),
            threads,
            batch_tokens: compute.batch_tokens(),
            force,
            restart,
            recorded,
        })
    }

    /// The optimizer as it is asked for.
    pub fn optimizer_spec(&self) -> PluginSpec<'_> {
        PluginSpec {
            file: &self.optimizer,
            options: &self.optimizer_options,
            limits: &self.optimizer_limits,
            definition: None,
        }
    }
}

/// The task that a run is of.
struct NamedTask {
    /// With the limits of a plugin that has none of its own.
    task: TaskConfig,
    /// What the folder for results is called if nobody names one.
    stem: OsString,
    /// The saved context that it is scored behind.
    context: Option<ContextFolder>,
}

impl NamedTask {
    /// The task that options name.
    fn of_options(options: &RunOptions, path: &PluginPath) -> Result<Self, RunError> {
        let named = options.task.task.as_deref().ok_or(ConfigError::NoTask)?;
        let folder = DefinitionFolder::is_one(named).then(|| DefinitionFolder::read(named)).transpose()?;
        let file = match &folder {
            Some(_) => TaskFile { plugin: interpreter(path, named)?, definition: None },
            None => find_task(path, named)?,
        };
        let stem = match &folder {
            Some(folder) => folder.name().into(),
            None => file.named().file_stem().unwrap_or_default().to_owned(),
        };
        let task = TaskConfig::new(file, &options.task, &options.data, &options.rows, Limits::default())?;
        Ok(Self { task: TaskConfig { folder, ..task }, stem, context: None })
    }

    /// The task of a saved context, with the context's options.
    fn of_context(before: TunedBefore, options: &RunOptions) -> Result<Self, RunError> {
        let stem = before.stem();
        let TunedBefore { context, file } = before;
        let task = TaskConfig::new(file, &options.task, &options.data, &options.rows, Limits::default())?;
        // The options have the definition: the file of it that is named says only where its rows are.
        Ok(Self { task: TaskConfig { definition: None, ..task }, stem, context: Some(context) })
    }
}

/// These options with the files of the plugins that they name.
///
/// # Errors
/// A name that is on no folder of the path.
pub fn with_plugins(mut options: RunOptions, path: &PluginPath) -> Result<RunOptions, PluginRequestError> {
    for plugin in [&mut options.task.task, &mut options.optimizer.optimizer].into_iter().flatten() {
        // A definition's file, or a folder of them, stays what it is: `find_task` finds the component that interprets it.
        if !is_definition(plugin) && !DefinitionFolder::is_one(plugin) {
            *plugin = find_plugin(path, plugin)?;
        }
    }
    Ok(options)
}

/// A task, its data and its demonstrations: what prompts depend on.
#[derive(Clone, Debug)]
pub struct TaskConfig {
    /// The task plugin's file.
    pub plugin: PathBuf,
    /// The definition that it interprets; `None` for a task that is a plugin by itself.
    pub definition: Option<Definition>,
    /// The folder of definitions, each a task of a group; `None` for all else.
    pub folder: Option<DefinitionFolder>,
    /// What the user set of its options, or of the definition's.
    pub options: Vec<(String, String)>,
    /// All options of the plugin by which it is one task of a group, instead of what the user set; `None` for a task by itself.
    pub settings: Option<Vec<OptionSetting>>,
    /// The text before the first demonstration and before queries without demonstrations; where it is left open, the task's.
    pub description: Option<String>,
    /// Where rows come from.
    pub data: DataLocation,
    /// To leave out rows that cannot be read, that the task rejects or that cannot be scored, and count them.
    pub skip_bad_rows: bool,
    /// How demonstrations are chosen.
    pub sampling: Sampling,
    /// Demonstrations: for each class where they are drawn class by class, in all otherwise. Where it is left open, all that
    /// are written, or else one.
    pub shots: Option<usize>,
    /// To use only so many evaluation rows, drawn at random by the seed; where it is left open, as many as the task asks for.
    pub sample: Option<usize>,
    /// What the task may use.
    pub limits: Limits,
}

impl TaskConfig {
    /// What options, with the defaults, ask for, with the task's file as [`find_task`] gives it.
    ///
    /// # Errors
    /// A place of data that cannot be meant.
    pub fn new(
        file: TaskFile,
        task: &TaskOptions,
        data: &DataOptions,
        rows: &RowOptions,
        limits: Limits,
    ) -> Result<Self, ConfigError> {
        let TaskFile { plugin, definition } = file;
        let beside = definition.as_ref().map(|definition| definition.file().to_owned());
        Ok(Self {
            plugin,
            definition,
            folder: None,
            settings: None,
            options: task.task_options.clone(),
            description: task.description.clone(),
            data: data.location().map_err(ConfigError::Data)?.of_definition(beside),
            skip_bad_rows: rows.skip_bad_rows,
            sampling: rows.sampling(),
            shots: rows.shots,
            sample: rows.sample,
            limits,
        })
    }

    /// The task plugin as it is asked for.
    pub fn plugin_spec(&self) -> PluginSpec<'_> {
        PluginSpec {
            file: &self.plugin,
            options: &self.options,
            limits: &self.limits,
            definition: self.definition.as_ref(),
        }
    }
}
