//! Which optimizer runs where the user names none: the paper's.

use std::path::{Path, PathBuf};

use super::error::PluginRequestError;
use ft_store::plugin_path::PluginPath;

const FILE: &str = "momentum.wasm";

/// `momentum.wasm` beside the task plugin or in the folder above, else on the plugin path.
pub fn find(task: &Path, path: &PluginPath) -> Result<PathBuf, PluginRequestError> {
    let near = task.ancestors().skip(1).take(2);
    let folders = near.chain(path.folders().iter().map(PathBuf::as_path));
    let candidates: Vec<PathBuf> = folders.map(|folder| folder.join(FILE)).collect();
    match candidates.iter().find(|path| path.is_file()) {
        Some(path) => Ok(path.clone()),
        // The task is looked at first, and that it is missing is what the user has to hear.
        None if !task.is_file() => Ok(Path::new("plugins").join(FILE)),
        None => Err(PluginRequestError::NoOptimizer { looked_for: candidates }),
    }
}
