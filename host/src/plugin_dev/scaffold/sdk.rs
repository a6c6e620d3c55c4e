//! The SDKs and the WIT package, inside the program so that a new plugin's folder has all that its build needs.

/// A file of a new folder: its path there, and its text.
pub type File = (&'static str, &'static str);

/// Files of this project, by their paths from its root; in a new folder they lie below `vendor/` with the same paths,
/// so that what refers to each other by path still does.
macro_rules! vendored {
    ($($path:literal)*) => {
        &[$((concat!("vendor/", $path), include_str!(concat!("../../../../", $path)))),*]
    };
}

/// The contract between host and plugins, as every new plugin has it.
pub const WIT: &[File] = vendored!["wit/plugin.wit"];

/// The SDK for Rust.
pub const RUST: &[File] = vendored![
    "plugins/sdk/Cargo.toml"
    "plugins/sdk/src/component.rs"
    "plugins/sdk/src/component/info.rs"
    "plugins/sdk/src/component/optimizer.rs"
    "plugins/sdk/src/component/panic.rs"
    "plugins/sdk/src/component/step.rs"
    "plugins/sdk/src/component/task.rs"
    "plugins/sdk/src/description.rs"
    "plugins/sdk/src/error.rs"
    "plugins/sdk/src/id.rs"
    "plugins/sdk/src/lib.rs"
    "plugins/sdk/src/log.rs"
    "plugins/sdk/src/optimizer.rs"
    "plugins/sdk/src/options.rs"
    "plugins/sdk/src/question.rs"
    "plugins/sdk/src/row.rs"
    "plugins/sdk/src/row/choices.rs"
    "plugins/sdk/src/seed.rs"
    "plugins/sdk/src/selection.rs"
    "plugins/sdk/src/selection/moving_part.rs"
    "plugins/sdk/src/step.rs"
    "plugins/sdk/src/task.rs"
    "plugins/sdk/src/tensor.rs"
    "plugins/sdk/src/tensor/stand_in.rs"
    "plugins/sdk/src/testing.rs"
    "plugins/sdk/src/testing/model.rs"
    "plugins/sdk/worlds/optimizer/Cargo.toml"
    "plugins/sdk/worlds/optimizer/src/lib.rs"
    "plugins/sdk/worlds/task/Cargo.toml"
    "plugins/sdk/worlds/task/src/lib.rs"
];

/// The SDK for Python.
pub const PYTHON: &[File] = vendored![
    "plugins/python/ft_plugin/__init__.py"
    "plugins/python/ft_plugin/_component.py"
    "plugins/python/ft_plugin/_description.py"
    "plugins/python/ft_plugin/_errors.py"
    "plugins/python/ft_plugin/_model.py"
    "plugins/python/ft_plugin/_moving_part.py"
    "plugins/python/ft_plugin/_optimizer.py"
    "plugins/python/ft_plugin/_options.py"
    "plugins/python/ft_plugin/_question.py"
    "plugins/python/ft_plugin/_row.py"
    "plugins/python/ft_plugin/_selection.py"
    "plugins/python/ft_plugin/_stand_in.py"
    "plugins/python/ft_plugin/_step.py"
    "plugins/python/ft_plugin/_task.py"
    "plugins/python/ft_plugin/_tensor.py"
    "plugins/python/ft_plugin/log.py"
    "plugins/python/ft_plugin/testing.py"
];

/// The versions of packages that the SDK for Rust is built with here.
pub const RUST_LOCK: &str = include_str!("../../../../plugins/Cargo.lock");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// Text files below a folder of the project, by their paths from its root.
    fn files(folder: &Path, root: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "__pycache__") {
                files(&path, root, found);
            } else if path.is_file() {
                found.insert(path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/"));
            }
        }
    }

    #[test]
    fn every_file_of_the_sdk_is_carried() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut there = BTreeSet::new();
        files(&root.join("plugins/sdk"), root, &mut there);
        files(&root.join("plugins/python/ft_plugin"), root, &mut there);
        let carried: BTreeSet<String> =
            RUST.iter().chain(PYTHON).map(|(path, _)| path.replacen("vendor/", "", 1)).collect();
        assert_eq!(carried, there);
    }
}
