//! Which optimizer runs where the user names none: the paper's rule.

use std::path::{Path, PathBuf};

use crate::run::RunError;

const FILE: &str = "momentum.wasm";

/// `momentum.wasm` beside the task plugin, else in `plugins/` below the current folder.
pub fn find(task: &Path) -> Result<PathBuf, RunError> {
    let beside = task.parent().unwrap_or(Path::new("")).join(FILE);
    let candidates = [beside, Path::new("plugins").join(FILE)];
    if !task.is_file() {
        // The task is looked at first, and that it is missing is what the user has to hear.
        return Ok(candidates[0].clone());
    }
    let found = candidates.iter().find(|path| path.is_file()).cloned();
    found.ok_or_else(|| RunError::NoOptimizer { looked_for: candidates.to_vec() })
}
