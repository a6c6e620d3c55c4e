//! Flags over a run file over the defaults, for the commands that take a run's options.

use std::path::{Path, PathBuf};

use super::exit::CommandError;
use super::terminal::print_run_file;
use super::threads;
use crate::options::{OptionGroup, RunOptions};
use crate::run;
use ft_store::machine::environment::{Environment, expand_path};
use ft_store::plugin_path::PluginPath;

/// A run's options, and what they say of the process.
pub struct Resolved {
    pub options: RunOptions,
    pub threads: usize,
    pub plugin_path: PluginPath,
}

/// Lays flags over the run file, if there is one, and finds the plugins that they name. With `print_config` the outcome is printed
/// as a run file instead, and nothing is left to do: `None`.
///
/// # Errors
/// A run file that cannot be read, a plugin that is not there.
pub fn resolve(
    mut options: RunOptions,
    (config, print_config): (Option<&PathBuf>, bool),
    environment: &mut Environment,
) -> Result<Option<Resolved>, CommandError> {
    options.expand(Path::new(""), expand_path);
    if let Some(path) = config {
        options = options.overlay(RunOptions::read(&expand_path(path), expand_path)?);
    }
    let plugin_path = PluginPath::new(environment);
    let options = run::with_plugins(options, &plugin_path)?;
    if print_config {
        print_run_file(&options.with_defaults().to_toml()?)?;
        return Ok(None);
    }
    let threads = threads::resolve(options.compute.threads, environment);
    environment.offline |= options.network.offline;
    environment.use_hub_cache(options.hub_cache.cache_dir.clone());
    Ok(Some(Resolved { options, threads, plugin_path }))
}
