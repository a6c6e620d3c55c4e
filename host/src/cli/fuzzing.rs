//! A door for the fuzz targets in `fuzz/`: run files without a program around them.

use std::path::Path;

use super::settings::{Insistence, Settings};
use crate::run::{RunConfig, RunError};
use ft_store::machine::environment::Environment;
use ft_store::plugin_path::PluginPath;

/// What a run file comes to.
pub struct RunFile {
    /// What `--print-config` prints.
    pub printed: anyhow::Result<String>,
    /// The run that it asks for.
    pub config: Result<RunConfig, RunError>,
}

/// Reads a run file whose paths are relative to `folder`.
///
/// # Errors
/// What is wrong with it.
pub fn run_file(text: &str, folder: &Path) -> Result<RunFile, String> {
    let settings = Settings::parse(text, folder, Path::to_owned).map_err(|error| error.to_string())?;
    let printed = settings.clone().with_defaults().to_toml();
    let plugins = PluginPath::new(&Environment::from_variables(&|_| None, None, None));
    Ok(RunFile { printed, config: settings.into_config(1, Insistence::default(), &plugins) })
}
