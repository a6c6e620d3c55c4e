//! A door for the fuzz targets in `fuzz/`: run files without a program around them.

use std::path::Path;

use crate::options::{PrintError, RunOptions};
use crate::run::{Purpose, RunConfig, RunError, RunOverrides};
use ft_store::machine::environment::Environment;
use ft_store::plugin_path::PluginPath;

/// What a run file comes to.
pub struct RunFile {
    /// What `--print-config` prints.
    pub printed: Result<String, PrintError>,
    /// The run that it asks for.
    pub config: Result<RunConfig, RunError>,
}

/// Reads a run file whose paths are relative to `folder`.
///
/// # Errors
/// What is wrong with it.
pub fn run_file(text: &str, folder: &Path) -> Result<RunFile, String> {
    let options = RunOptions::parse(text, folder, Path::to_owned).map_err(|error| error.to_string())?;
    let printed = options.clone().with_defaults().to_toml();
    let plugins = PluginPath::new(&Environment::from_variables(&|_| None, None, None));
    Ok(RunFile { printed, config: RunConfig::new(Purpose::Score, options, 1, RunOverrides::default(), &plugins) })
}
