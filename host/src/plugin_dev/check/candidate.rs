//! The plugin that is tested, and what it is tested with.

use std::path::{Path, PathBuf};

use crate::run::Plugins;
use ft_sandbox::Limits;
use ft_store::datasets::location::{Access, DataLocation};

/// A plugin to be tested, and what it is tested with.
#[derive(Clone, Copy)]
pub struct Candidate<'a> {
    /// What loads the plugin, with its cache and its limits.
    pub plugins: &'a Plugins,
    /// The plugin's file.
    pub file: &'a Path,
    /// Options, as the user set them.
    pub options: &'a [(String, String)],
    /// What it may use.
    pub limits: &'a Limits,
    /// Where a task's rows come from; where it is left open, `data/` beside the plugin, or the bundled sample.
    pub data: Option<&'a DataLocation>,
    /// The file of fixtures; where it is left open, `NAME.fixtures.toml` or `fixtures.toml` beside the plugin.
    pub fixtures: Option<&'a Path>,
    /// How rows are had.
    pub access: Access<'a>,
}

impl Candidate<'_> {
    /// The folder of the plugin.
    pub(super) fn folder(&self) -> PathBuf {
        self.file.parent().map_or_else(PathBuf::new, Path::to_owned)
    }
}
