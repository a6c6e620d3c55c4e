//! Plugins from their files, with their options.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Device;

use super::definition::Definition;
use super::error::PluginRequestError;
use crate::run::error::RunError;
use crate::run::observer::{Event, Observer};
use ft_sandbox::options::{self, OptionSetting};
use ft_sandbox::{
    Description, EngineOptions, ErrorKind, Failure, Inspection, Limits, LogSink, OptimizerPlugin, PluginBinary,
    PluginEngine, TaskPlugin, inspect,
};
use ft_store::fs::cache_paths::CachePaths;
use ft_store::fs::file::{PLUGIN_LIMIT, read_file};
use ft_store::machine::environment::FT_HOST_CACHE;
use ft_store::plugin_path::PluginPath;

/// A plugin as it is asked for: a file, with what it is given and allowed.
#[derive(Clone, Copy, Debug)]
pub struct PluginSpec<'a> {
    /// The plugin's file.
    pub file: &'a Path,
    /// Values for some of the plugin's options; the others have their defaults.
    pub options: &'a [(String, String)],
    /// What each call of the plugin may use.
    pub limits: &'a Limits,
    /// The definition that a task interprets, whose options `options` are then; `None` for every other plugin.
    pub definition: Option<&'a Definition>,
}

/// Subtasks of a group that a message names.
pub(super) const TOLD_SUBTASKS: usize = 3;

/// A loaded plugin that has been given its options.
pub struct Configured<P> {
    /// The plugin, ready to be asked.
    pub plugin: P,
    /// The values of all its options.
    pub options: Vec<OptionSetting>,
}

/// What loads plugins: one engine, a sink for what they log, and the digests that are accepted.
pub struct Plugins {
    engine: PluginEngine,
    log: LogSink,
    /// SHA-256 of the only files that are loaded; any file where there are none.
    required: Vec<String>,
}

impl Plugins {
    /// With compiled components in the cache, and their messages to the observer. Where nothing can be kept in the cache,
    /// the observer is told, and plugins are compiled for this process alone.
    ///
    /// # Errors
    /// An engine that cannot be made.
    pub fn new(paths: &CachePaths, observer: &Arc<dyn Observer>, options: &EngineOptions) -> Result<Self, RunError> {
        let engine = engine(paths, observer.as_ref(), options)?;
        let observer = observer.clone();
        let log: LogSink = Arc::new(move |message| observer.event(Event::Log(&message)));
        Ok(Self { engine, log, required: Vec::new() })
    }

    /// Loads only files with one of these SHA-256 in hexadecimal, where any are named.
    pub fn requiring(self, digests: &[String]) -> Self {
        Self { required: digests.to_vec(), ..self }
    }

    /// Loads plugins whose messages go nowhere.
    pub fn silent(&self) -> Self {
        Self { engine: self.engine.clone(), log: Arc::new(|_| ()), required: self.required.clone() }
    }

    /// A task plugin that has been configured with its options, which stand for a single task.
    ///
    /// # Errors
    /// Those of [`Self::task_or_group`], and options that stand for a group of tasks.
    pub fn task(&self, spec: PluginSpec<'_>) -> Result<Configured<TaskPlugin>, RunError> {
        let task = self.task_or_group(spec, None)?;
        match task.plugin.subtasks() {
            [] => Ok(task),
            subtasks => Err(PluginRequestError::Group {
                group: task.plugin.task_name().to_owned(),
                first: subtasks.iter().take(TOLD_SUBTASKS).map(|subtask| subtask.name.clone()).collect(),
                subtasks: subtasks.len(),
            }
            .into()),
        }
    }

    /// A task plugin that has been configured with its options, or with all `settings` of a subtask instead.
    ///
    /// # Errors
    /// A file that is no task plugin, an option that it does not take, a failure of the plugin.
    pub fn task_or_group(
        &self,
        spec: PluginSpec<'_>,
        settings: Option<&[OptionSetting]>,
    ) -> Result<Configured<TaskPlugin>, RunError> {
        let binary = self.binary(spec.file)?;
        let mut plugin = TaskPlugin::load(&self.engine, binary, spec.limits.clone(), self.log.clone())?;
        let given = match spec.definition {
            Some(definition) => &definition.plugin_options(spec.options)?,
            None => spec.options,
        };
        let options = match settings {
            Some(settings) => settings.to_vec(),
            None => resolve_options(plugin.description(), given)?,
        };
        let Some(definition) = spec.definition else {
            plugin.configure(&options)?;
            return Ok(Configured { plugin, options });
        };
        plugin.interpret(definition.shown());
        plugin.configure(&options).map_err(|error| match error.failure() {
            Failure::Returned { kind: ErrorKind::InvalidOption, message } => {
                RunError::from(definition.refused(message.clone()))
            }
            _ => error.into(),
        })?;
        Ok(Configured { plugin, options })
    }

    /// An optimizer plugin for caches on `device`, with a session opened with its options.
    ///
    /// # Errors
    /// A file that is no optimizer plugin, an option that it does not take, a failure of the plugin.
    pub fn optimizer(&self, spec: PluginSpec<'_>, device: &Device) -> Result<Configured<OptimizerPlugin>, RunError> {
        let mut plugin = self.unopened_optimizer(spec.file, spec.limits, device)?;
        let options = resolve_options(plugin.description(), spec.options)?;
        plugin.open(&options)?;
        Ok(Configured { plugin, options })
    }

    /// An optimizer plugin for caches on `device`, without a session.
    ///
    /// # Errors
    /// A file that is no optimizer plugin, or a failure of the plugin.
    pub fn unopened_optimizer(
        &self,
        file: &Path,
        limits: &Limits,
        device: &Device,
    ) -> Result<OptimizerPlugin, RunError> {
        let binary = self.binary(file)?;
        Ok(OptimizerPlugin::load(&self.engine, binary, limits.clone(), self.log.clone(), device)?)
    }

    /// What a plugin of either kind is; its messages are dropped.
    ///
    /// # Errors
    /// A file that is no plugin that this host takes, or a failure of the plugin.
    pub fn inspect(&self, path: &Path, limits: &Limits) -> Result<Inspection, RunError> {
        Ok(inspect(&self.engine, self.binary(path)?, limits.clone())?)
    }

    fn binary(&self, path: &Path) -> Result<PluginBinary, RunError> {
        let binary = PluginBinary::new(path.display().to_string(), read_file(path, PLUGIN_LIMIT)?);
        if !self.required.is_empty() && !self.required.iter().any(|digest| digest == binary.sha256()) {
            let (file, found) = (path.to_owned(), binary.sha256().to_owned());
            return Err(PluginRequestError::Digest { file, found, required: self.required.clone() }.into());
        }
        Ok(binary)
    }
}

fn engine(paths: &CachePaths, observer: &dyn Observer, options: &EngineOptions) -> Result<PluginEngine, RunError> {
    let folder = paths.components();
    // What is in a cache that cannot be written to any more can be used all the same.
    let cache = folder.as_ref().ok().cloned();
    if let Err(error) = paths.check_writable().and(folder.map(|_| ())) {
        observer.event(Event::Note(&format!(
            "{error}: plugins and files that the cache does not know yet are compiled and hashed again in each run; \
             `{FT_HOST_CACHE}` names another folder for the cache"
        )));
    }
    Ok(PluginEngine::new(EngineOptions { cache, ..options.clone() })?)
}

/// The file of a plugin that the user names by its path, or by its name on the plugin path.
///
/// # Errors
/// A name that is in none of the folders.
pub fn find_plugin(path: &PluginPath, plugin: &Path) -> Result<PathBuf, PluginRequestError> {
    let none = || PluginRequestError::NoPlugin { name: plugin.to_owned(), folders: path.folders().to_vec() };
    match path.find(plugin) {
        Some(folder) if folder.is_dir() => Err(PluginRequestError::Folder { folder }),
        found => found.ok_or_else(none),
    }
}

/// All options of a plugin, with the values that the user gave.
///
/// # Errors
/// An option that it does not have, or a value that it does not take.
pub fn resolve_options(
    description: &Description,
    given: &[(String, String)],
) -> Result<Vec<OptionSetting>, PluginRequestError> {
    options::resolve(&description.options, given)
        .map_err(|source| PluginRequestError::Option { plugin: description.name.clone(), source })
}
