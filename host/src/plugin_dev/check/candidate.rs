//! The plugin that is tested, and what it is tested with.

use std::path::{Path, PathBuf};

use crate::run::{Definition, PluginSpec, Plugins};
use ft_sandbox::Limits;
use ft_store::datasets::location::{Access, DataLocation};

/// A plugin to be tested, and what it is tested with.
#[derive(Clone, Copy)]
pub struct Candidate<'a> {
    /// What loads the plugin, with its cache and its limits.
    pub plugins: &'a Plugins,
    /// The plugin's file.
    pub file: &'a Path,
    /// The definition that it interprets; `None` for a plugin that has none.
    pub definition: Option<&'a Definition>,
    /// Options, as the user set them.
    pub options: &'a [(String, String)],
    /// What it may use.
    pub limits: &'a Limits,
    /// Where a task's rows come from; where it is left open, `data/` beside the plugin or the definition, the bundled sample, or what the definition says.
    pub data: Option<&'a DataLocation>,
    /// The file of fixtures; where it is left open, `NAME.fixtures.toml` or `fixtures.toml` beside the plugin.
    pub fixtures: Option<&'a Path>,
    /// How rows are had.
    pub access: Access<'a>,
}

impl Candidate<'_> {
    /// The plugin as it is asked for, with these options.
    pub(super) fn spec<'o>(&'o self, options: &'o [(String, String)]) -> PluginSpec<'o> {
        PluginSpec { file: self.file, options, limits: self.limits, definition: self.definition }
    }

    /// The file that the user named: the definition's, or the plugin's.
    pub(super) fn named(&self) -> &Path {
        self.definition.map_or(self.file, Definition::file)
    }

    /// The folder of the plugin or the definition.
    pub(super) fn folder(&self) -> PathBuf {
        self.named().parent().map_or_else(PathBuf::new, Path::to_owned)
    }
}
