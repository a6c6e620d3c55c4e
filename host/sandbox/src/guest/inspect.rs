//! What a plugin is, whichever kind it is.

use candle_core::Device;

use super::sandbox::{Sandbox, Started, contract};
use crate::component::binary::PluginBinary;
use crate::component::contract::PluginKind;
use crate::description::Description;
use crate::engine::PluginEngine;
use crate::error::{Failure, PluginError};
use crate::limits::Limits;
use ft_engine::text::harmless_within;

/// What is known of a plugin without running more than its description. Texts in it are fit to be shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    /// Task or optimizer.
    pub kind: PluginKind,
    /// The plugin's description of itself.
    pub description: Description,
    /// Size of the file in bytes.
    pub size: usize,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// The names of what it imports.
    pub imports: Vec<String>,
    /// The names of what it exports.
    pub exports: Vec<String>,
    /// The version of the WIT package that it was made for.
    pub package_version: String,
}

/// The kind of a plugin by the names in its file: nothing of it is compiled or run.
///
/// # Errors
/// When the bytes are no plugin of a world and version that this host takes.
pub fn kind_of(binary: &PluginBinary) -> Result<PluginKind, PluginError> {
    Ok(contract(binary, None)?.kind)
}

/// Loads a plugin of either kind and asks what it is. Its exports are held to the WIT package; its messages are dropped.
///
/// # Errors
/// When the bytes are no plugin that this host takes, or it fails to start or to describe itself.
pub fn inspect(engine: &PluginEngine, binary: PluginBinary, limits: Limits) -> Result<Inspection, PluginError> {
    let silent = std::sync::Arc::new(|_| ());
    let started = Sandbox::start(engine, binary, None, limits, silent, &Device::Cpu)?;
    let Started { sandbox, contract, description, .. } = started;
    let binary = sandbox.binary();
    let surface = binary.surface().map_err(|error| sandbox.error(None, Failure::NotAComponent(error)))?;
    let shown = |names: Vec<String>| names.iter().map(|name| harmless_within(name, 200)).collect();
    Ok(Inspection {
        kind: contract.kind,
        description,
        size: binary.bytes().len(),
        sha256: binary.sha256().to_owned(),
        imports: shown(surface.imports),
        exports: shown(surface.exports),
        package_version: contract.version,
    })
}
