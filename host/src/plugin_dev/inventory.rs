//! All plugins of the plugin path.

use std::path::PathBuf;

use serde::Serialize;

use super::card::PluginCard;
use crate::run::{Plugins, RunError};
use ft_sandbox::Limits;
use ft_store::fs::error::FileError;
use ft_store::plugin_path::{Found, PluginPath};

/// A file of the plugin path.
#[derive(Debug, Serialize)]
pub struct Listed {
    /// The name that finds it.
    pub name: String,
    /// The plugin's file, in a folder of the plugin path.
    pub file: PathBuf,
    /// The file that the name finds instead, where an earlier folder has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_by: Option<PathBuf>,
    /// What it is, where it is a plugin that this host takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<PluginCard>,
    /// Why it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// Every component in the folders of the path, each asked what it is. One that is none this host takes is listed with
/// the reason.
///
/// # Errors
/// A folder that cannot be listed.
pub fn inventory(plugins: &Plugins, path: &PluginPath, limits: &Limits) -> Result<Vec<Listed>, RunError> {
    let found = path.list().map_err(|(folder, source)| FileError::io("list", folder, source))?;
    let listed = |Found { name, path, hidden_by }: Found| {
        let (plugin, refused) = match plugins.inspect(&path, limits) {
            Ok(inspection) => (Some(PluginCard::new(path.display().to_string(), inspection)), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Listed { name, file: path, hidden_by, plugin, refused }
    };
    Ok(found.into_iter().map(listed).collect())
}
