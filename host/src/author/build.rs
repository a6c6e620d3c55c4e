//! A plugin's sources become components.

use std::path::{Path, PathBuf};

use ft_guest_build::{BuildError, Cargo, Compiler, component};

use super::AuthorError;
use super::scaffold::Language;
use crate::store::atomic::write_atomic;
use crate::store::paths::CachePaths;

/// The module that a Python plugin is.
const APP: &str = "app.py";

/// Builds every plugin of a folder to `DIR/NAME.wasm` and gives these files. What is missing of the toolchain is got where
/// that is possible, and said; `say` is told what happens.
///
/// # Errors
/// A folder without sources, a toolchain that is missing, sources that do not build.
pub fn build(folder: &Path, paths: &CachePaths, say: &dyn Fn(&str)) -> Result<Vec<PathBuf>, AuthorError> {
    match language(folder)? {
        Language::Rust => rust(folder, paths, say),
        Language::Python => Err(AuthorError::NoSources { folder: folder.to_owned() }),
    }
}

/// The language of a folder's sources.
fn language(folder: &Path) -> Result<Language, AuthorError> {
    if folder.join("Cargo.toml").is_file() {
        Ok(Language::Rust)
    } else if folder.join(APP).is_file() {
        Ok(Language::Python)
    } else {
        Err(AuthorError::NoSources { folder: folder.to_owned() })
    }
}

fn rust(folder: &Path, paths: &CachePaths, say: &dyn Fn(&str)) -> Result<Vec<PathBuf>, AuthorError> {
    let compiler = Compiler::choose(&paths.tools().join("wasm"), say)?;
    let modules = Cargo::in_folder(folder).build(&compiler, false)?;
    if modules.is_empty() {
        return Err(AuthorError::NoPlugin { folder: folder.to_owned() });
    }
    let mut built = Vec::new();
    for module in modules {
        let bytes = std::fs::read(&module.path).map_err(|source| BuildError::File {
            action: "read",
            path: module.path.clone(),
            source,
        })?;
        let file = folder.join(format!("{}.wasm", module.package));
        write_atomic(&file, &component::encode(&module.package, &bytes)?)?;
        built.push(file);
    }
    Ok(built)
}
