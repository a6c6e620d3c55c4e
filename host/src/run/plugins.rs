//! Plugins from their files, with their options.

use std::path::Path;
use std::sync::Arc;

use candle_core::Device;

use super::RunError;
use super::config::TaskConfig;
use super::observer::{Event, Observer};
use crate::plugin::options::{self, OptionSetting};
use crate::plugin::{Description, Limits, LogSink, OptimizerPlugin, PluginBinary, PluginEngine, TaskPlugin};
use crate::store::file::{PLUGIN_LIMIT, read_file};
use crate::store::paths::CachePaths;

/// Loads plugins.
pub struct Plugins {
    engine: PluginEngine,
    log: LogSink,
}

impl Plugins {
    /// With compiled components in the cache, and their messages to the observer.
    ///
    /// # Errors
    /// An engine that cannot be made, a cache that cannot be written to.
    pub fn new(paths: &CachePaths, observer: &Arc<dyn Observer>) -> Result<Self, RunError> {
        let engine = PluginEngine::new(Some(&paths.components()?))?;
        let observer = observer.clone();
        Ok(Self { engine, log: Arc::new(move |message| observer.event(Event::Log(&message))) })
    }

    /// A task plugin, configured, and all its options.
    ///
    /// # Errors
    /// A file that is no task plugin, an option that it does not take, a failure of the plugin.
    pub fn task(&self, config: &TaskConfig) -> Result<(TaskPlugin, Vec<OptionSetting>), RunError> {
        let binary = binary(&config.plugin)?;
        let mut task = TaskPlugin::load(&self.engine, binary, config.limits.clone(), self.log.clone())?;
        let options = resolve(task.description(), &config.options)?;
        task.configure(&options)?;
        Ok((task, options))
    }

    /// An optimizer plugin for caches on `device`.
    ///
    /// # Errors
    /// A file that is no optimizer plugin, or a failure of the plugin.
    pub fn optimizer(&self, path: &Path, limits: &Limits, device: &Device) -> Result<OptimizerPlugin, RunError> {
        let binary = binary(path)?;
        Ok(OptimizerPlugin::load(&self.engine, binary, limits.clone(), self.log.clone(), device)?)
    }
}

fn binary(path: &Path) -> Result<PluginBinary, RunError> {
    Ok(PluginBinary::new(path.display().to_string(), read_file(path, PLUGIN_LIMIT)?))
}

/// All options of a plugin, with the values that the user gave.
///
/// # Errors
/// An option that it does not have, or a value that it does not take.
pub fn resolve(description: &Description, given: &[(String, String)]) -> Result<Vec<OptionSetting>, RunError> {
    options::resolve(&description.options, given)
        .map_err(|source| RunError::Option { plugin: description.name.clone(), source })
}
