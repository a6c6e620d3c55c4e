//! A run that scores a saved context: what the context settles of its options.

use std::ffi::OsString;
use std::path::PathBuf;

use super::definition::TaskFile;
use super::error::ConfigError;
use super::tuned_with::{known, open_context, task_file, task_options_with};
use crate::context::ContextFolder;
use crate::options::{
    ComputeOptions, ModelOptions, OptimizerOptions, OptionGroup, RunOptions, SeedOptions, TaskOptions, TuningOptions,
};
use crate::run::error::RunError;
use ft_store::plugin_path::PluginPath;

/// A saved context as a run is asked to score it.
pub(super) struct TunedBefore {
    pub context: ContextFolder,
    /// The task's component, and its definition where the user names the file of one.
    pub file: TaskFile,
}

impl TunedBefore {
    /// Opens the context that a run's options name, and gives the options with what it was tuned with under them; `None` and the
    /// options as they are where they name none. That options which are given say the same is seen when they are known for what
    /// they stand for: digests, and values of the task's options.
    ///
    /// # Errors
    /// Options on tuning; a folder that is no context; a task that is not there or has another component or definition; a record
    /// with values that this version does not know.
    pub fn asked(options: RunOptions, path: &PluginPath) -> Result<(Option<Self>, RunOptions), RunError> {
        let Some(folder) = options.contexts.context.clone() else { return Ok((None, options)) };
        let found = options.on_tuning().map_err(ConfigError::Recorded)?;
        if !found.is_empty() {
            return Err(ConfigError::from(TuningOptions { found }).into());
        }
        let context = open_context(&folder)?;
        let file = task_file(options.task.task.as_deref(), &context, path)?;
        let task_options = task_options_with(context.record(), &options.task.task_options);
        let mut options = options.overlay(settled(&context)?);
        options.task.task = Some(file.plugin.clone());
        options.task.task_options = task_options;
        Ok((Some(Self { context, file }), options))
    }

    /// What the folder for results is called if nobody names one. It is not that of a run of the task, whose results stay.
    pub fn stem(&self) -> OsString {
        let folder = self.context.folder();
        let named = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let mut stem = OsString::from("context-");
        stem.push(named.file_name().unwrap_or_default());
        stem
    }
}

/// The options that a context was tuned with, as far as scoring it depends on them. Its seed draws the rows of `--sample`.
fn settled(context: &ContextFolder) -> Result<RunOptions, RunError> {
    let (folder, record) = (context.folder(), context.record());
    let plan = &record.plan;
    Ok(RunOptions {
        task: TaskOptions { description: Some(plan.description.raw().clone()), ..TaskOptions::default() },
        optimizer: OptimizerOptions {
            optimizer: Some(PathBuf::from(plan.optimizer.file.raw())),
            ..OptimizerOptions::default()
        },
        model: ModelOptions { model: Some(plan.model.asked.raw().clone()) },
        seeds: SeedOptions { seed: Some(record.selected.seed), ..SeedOptions::default() },
        compute: ComputeOptions {
            dtype: Some(known(folder, "a number format", &plan.config.dtype)?),
            weights: Some(known(folder, "a way to hold weights", &plan.config.weights)?),
            ..ComputeOptions::default()
        },
        ..RunOptions::default()
    })
}
