//! Paths in options: they are expanded, and those of a run file are relative to it.

use std::path::{Path, PathBuf};

use ft_store::datasets::address::is_address;
use ft_store::models::source::looks_like_a_path;

/// What a path of an option is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// A file or folder.
    File,
    /// A plugin's file, or its name on the plugin path.
    Plugin,
    /// What `--data` takes: a folder, or the file of a split.
    Data,
    /// What `--model` takes, where it is a path.
    Model,
}

/// A value with a path in it.
pub(crate) trait WithPath {
    /// Changes the path.
    fn change_path(&mut self, change: impl FnMut(&Path) -> PathBuf);
}

/// Changes the path in a value.
pub(crate) fn change_path(value: &mut impl WithPath, change: impl FnMut(&Path) -> PathBuf) {
    value.change_path(change);
}

impl WithPath for Option<PathBuf> {
    fn change_path(&mut self, mut change: impl FnMut(&Path) -> PathBuf) {
        self.iter_mut().for_each(|path| *path = change(path));
    }
}

/// `DIR` or `SPLIT=FILE`, as `--data` takes them; `sample` is no path.
impl WithPath for Vec<String> {
    fn change_path(&mut self, mut change: impl FnMut(&Path) -> PathBuf) {
        for text in self {
            let (before, path) = match text.split_once('=') {
                Some((split, path)) => (format!("{split}="), path),
                None if text == "sample" => continue,
                None => (String::new(), text.as_str()),
            };
            // An address on the hub is no path on this machine.
            if is_address(path) {
                continue;
            }
            *text = format!("{before}{}", change(Path::new(path)).display());
        }
    }
}

/// What `--model` takes is a path where there is something under the changed one, or where it has the form of no name.
impl WithPath for Option<String> {
    fn change_path(&mut self, mut change: impl FnMut(&Path) -> PathBuf) {
        let Some(text) = self else { return };
        let changed = change(Path::new(text.as_str()));
        if changed.exists() || looks_like_a_path(text) {
            *text = changed.display().to_string();
        }
    }
}
