//! A plugin's sources become components.

use std::path::{Path, PathBuf};

use ft_guest_build::python::{self, APP};
use ft_guest_build::{BuildError, Cargo, Compiler, component};

use super::PluginDevError;
use super::scaffold::Language;
use crate::run::RunError;
use ft_sandbox::{PluginBinary, kind_of};
use ft_store::fs::atomic::write_atomic;
use ft_store::fs::cache_paths::CachePaths;
use ft_store::fs::error::FileError;

/// Builds every plugin of a folder to `DIR/NAME.wasm` and gives these files. What is missing of the toolchain is got where
/// that is possible, and said; `say` is told what happens.
///
/// # Errors
/// A folder without sources, a toolchain that is missing, sources that do not build.
pub fn build(folder: &Path, paths: &CachePaths, say: &dyn Fn(&str)) -> Result<Vec<PathBuf>, PluginDevError> {
    match language(folder)? {
        Language::Rust => rust(folder, paths, say),
        Language::Python => in_python(folder, paths, say),
    }
}

/// The language of a folder's sources.
fn language(folder: &Path) -> Result<Language, PluginDevError> {
    if folder.join("Cargo.toml").is_file() {
        Ok(Language::Rust)
    } else if folder.join(APP).is_file() {
        Ok(Language::Python)
    } else if folder.is_dir() {
        Err(PluginDevError::NoSources { folder: folder.to_owned() })
    } else {
        Err(PluginDevError::NoFolder { folder: folder.to_owned() })
    }
}

/// A module with the SDK that lies below `vendor/`, as a component named after the folder.
fn in_python(folder: &Path, paths: &CachePaths, say: &dyn Fn(&str)) -> Result<Vec<PathBuf>, PluginDevError> {
    let absolute = std::path::absolute(folder).map_err(|source| FileError::io("find", folder, source))?;
    let name = absolute.file_name().unwrap_or_default();
    let (sdk, wit) = (folder.join("vendor/plugins/python"), folder.join("vendor/wit"));
    for needed in [&sdk, &wit] {
        if !needed.is_dir() {
            return Err(PluginDevError::NoSdk { folder: needed.clone() });
        }
    }
    let tools = paths.tools()?.join(format!("componentize-py-{}", python::VERSION));
    let tool = python::Tool::find_or_get(folder, &tools, say)?;
    let file = folder.join(name).with_extension("wasm");
    tool.build(&python::Sources { folder, sdk: &sdk, wit: &wit }, &file)?;
    Ok(vec![file])
}

fn rust(folder: &Path, paths: &CachePaths, say: &dyn Fn(&str)) -> Result<Vec<PathBuf>, PluginDevError> {
    let compiler = Compiler::choose(folder, &paths.tools()?.join("wasm"), say)?;
    let modules = Cargo::in_folder(folder).build(&compiler, false)?;
    if modules.is_empty() {
        return Err(PluginDevError::NoPlugin { folder: folder.to_owned() });
    }
    let mut built = Vec::new();
    for module in modules {
        let bytes = std::fs::read(&module.path).map_err(|source| BuildError::File {
            action: "read",
            path: module.path.clone(),
            source,
        })?;
        let file = folder.join(format!("{}.wasm", module.package));
        let component = component::encode(&module.package, &bytes)?;
        // A module without an SDK's exports makes a component too, and one that nobody takes.
        kind_of(&PluginBinary::new(file.display().to_string(), component.clone())).map_err(RunError::from)?;
        write_atomic(&file, &component)?;
        built.push(file);
    }
    Ok(built)
}
