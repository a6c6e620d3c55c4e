//! A new plugin's folder: sources that build, a test that passes, ten rows, and the SDK they are built with.

mod sdk;

use std::path::{Path, PathBuf};

use super::PluginDevError;
use ft_sandbox::PluginKind;
use ft_store::fs::error::FileError;
use ft_store::fs::file::create_folder;
use sdk::File;

/// The language of a plugin's sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// A crate for the guests' target.
    Rust,
    /// A module for componentize-py.
    Python,
}

/// Names are the names of packages, files and folders too.
const LONGEST_NAME: usize = 40;

/// The name of the SDK's own package.
const SDK_PACKAGE: &str = "ft-plugin";

const RUST: [File; 3] = [
    ("Cargo.toml", include_str!("templates/rust/Cargo.toml")),
    ("vendor/plugins/Cargo.toml", include_str!("templates/rust/vendor-Cargo.toml")),
    (".gitignore", include_str!("templates/rust/gitignore")),
];
const RUST_TASK: [File; 2] = [
    ("src/lib.rs", include_str!("templates/rust-task/src/lib.rs")),
    ("README.md", include_str!("templates/rust-task/README.md")),
];
const RUST_OPTIMIZER: [File; 2] = [
    ("src/lib.rs", include_str!("templates/rust-optimizer/src/lib.rs")),
    ("README.md", include_str!("templates/rust-optimizer/README.md")),
];
const PYTHON: [File; 1] = [(".gitignore", include_str!("templates/python/gitignore"))];
const PYTHON_TASK: [File; 3] = [
    ("app.py", include_str!("templates/python-task/app.py")),
    ("test_app.py", include_str!("templates/python-task/test_app.py")),
    ("README.md", include_str!("templates/python-task/README.md")),
];
const PYTHON_OPTIMIZER: [File; 3] = [
    ("app.py", include_str!("templates/python-optimizer/app.py")),
    ("test_app.py", include_str!("templates/python-optimizer/test_app.py")),
    ("README.md", include_str!("templates/python-optimizer/README.md")),
];
const TASK: [File; 3] = [
    ("fixtures.toml", include_str!("templates/data/fixtures-task.toml")),
    ("data/{{name}}/train.jsonl", include_str!("templates/data/train.jsonl")),
    ("data/{{name}}/validation.jsonl", include_str!("templates/data/validation.jsonl")),
];
const OPTIMIZER: [File; 1] = [("fixtures.toml", include_str!("templates/data/fixtures-optimizer.toml"))];

/// Makes the folder `parent/name` for a plugin of that name. It is there whole or not at all.
///
/// # Errors
/// A name that is none, a folder that is there already, a disk that refuses.
pub fn new(kind: PluginKind, name: &str, language: Language, parent: &Path) -> Result<PathBuf, PluginDevError> {
    let is_name = (1..=LONGEST_NAME).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !name.ends_with('-')
        && name != SDK_PACKAGE;
    if !is_name {
        return Err(PluginDevError::Name { name: name.to_owned() });
    }
    let folder = parent.join(name);
    if folder.symlink_metadata().is_ok() {
        return Err(PluginDevError::Exists { folder });
    }
    let work = parent.join(format!(".{name}.{}.partial", std::process::id()));
    let written = write(&files(kind, language), name, &work).and_then(|()| {
        std::fs::rename(&work, &folder).map_err(|source| FileError::io("create the folder", &folder, source))
    });
    if written.is_err() {
        // The first error is the one to tell.
        let _ = std::fs::remove_dir_all(&work);
    }
    written?;
    Ok(folder)
}

fn write(files: &[File], name: &str, folder: &Path) -> Result<(), FileError> {
    for (path, text) in files {
        let file = folder.join(filled(path, name));
        create_folder(file.parent().unwrap_or(folder))?;
        // The SDKs stay as they are: they may have such braces of their own.
        let is_sdk = path.starts_with("vendor/plugins/sdk/") || path.starts_with("vendor/plugins/python/");
        let text = if is_sdk { (*text).to_owned() } else { filled(text, name) };
        std::fs::write(&file, text).map_err(|source| FileError::io("write", &file, source))?;
    }
    Ok(())
}

/// Path and text of every file, with places for the name in both.
fn files(kind: PluginKind, language: Language) -> Vec<File> {
    let mut files: Vec<File> = sdk::WIT.to_vec();
    match language {
        Language::Rust => {
            files.extend(RUST);
            files.extend(sdk::RUST);
            files.push(("Cargo.lock", sdk::RUST_LOCK));
        }
        Language::Python => {
            files.extend(PYTHON);
            files.extend(sdk::PYTHON);
        }
    }
    match (language, kind) {
        (Language::Rust, PluginKind::Task) => files.extend(RUST_TASK),
        (Language::Rust, PluginKind::Optimizer) => files.extend(RUST_OPTIMIZER),
        (Language::Python, PluginKind::Task) => files.extend(PYTHON_TASK),
        (Language::Python, PluginKind::Optimizer) => files.extend(PYTHON_OPTIMIZER),
    }
    match kind {
        PluginKind::Task => files.extend(TASK),
        PluginKind::Optimizer => files.extend(OPTIMIZER),
    }
    files
}

/// A template with the plugin's name in it: as it is, and as the name of a type.
fn filled(template: &str, name: &str) -> String {
    template
        .replace("{{name}}", name)
        .replace("{{Name}}", &type_name(name))
        .replace("{{version}}", env!("CARGO_PKG_VERSION"))
}

/// `my-task` as `MyTask`.
fn type_name(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
    };
    name.split('-').map(capital).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_there_whole_or_not_at_all() {
        let place = tempfile::tempdir().unwrap();
        let folder = new(PluginKind::Task, "my-task2", Language::Rust, place.path()).unwrap();
        let source = std::fs::read_to_string(folder.join("src/lib.rs")).unwrap();
        assert!(source.contains("struct MyTask2Task;") && !source.contains("{{"), "{source}");
        assert!(folder.join("data/my-task2/train.jsonl").is_file());
        let again = new(PluginKind::Optimizer, "my-task2", Language::Rust, place.path()).unwrap_err();
        assert!(matches!(again, PluginDevError::Exists { .. }), "{again}");
        for name in ["", "2x", "Task", "a_b", "../x", "a b", "a-", "ft-plugin", &"x".repeat(41)] {
            let refused = new(PluginKind::Task, name, Language::Rust, place.path());
            assert!(matches!(refused, Err(PluginDevError::Name { .. })), "{name:?}");
        }
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn ten_rows_come_with_a_task() {
        let rows: usize =
            TASK.iter().filter(|(path, _)| path.ends_with(".jsonl")).map(|(_, text)| text.lines().count()).sum();
        assert_eq!(rows, 10);
    }
}
