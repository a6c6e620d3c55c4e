//! The folders in which plugins are found by their names.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::machine::environment::Environment;

/// The extension of a component's file.
const EXTENSION: &str = "wasm";

/// The folder of plugins below the current one.
const HERE: &str = "plugins";

/// Folders with plugins, the first before the later ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginPath {
    folders: Vec<PathBuf>,
    /// The one in this host's data folder, which nobody named.
    own: Option<PathBuf>,
}

impl PluginPath {
    /// The folders of `FT_PLUGIN_PATH`, then `plugins` in the current folder, then `plugins` in this host's data
    /// folder.
    pub fn new(environment: &Environment) -> PluginPath {
        let own = environment.data_folder.as_ref().map(|folder| folder.join(HERE));
        let all = environment.plugin_path.iter().cloned().chain([PathBuf::from(HERE)]).chain(own.clone());
        let mut folders: Vec<PathBuf> = Vec::new();
        for folder in all {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        PluginPath { folders, own }
    }

    /// The folders, whether they are there or not.
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// The file that a user means: the path itself, or, where it is a bare name and no file, the first `NAME.wasm` in
    /// the folders. `None` where a bare name is in none of them, and nothing else has it.
    pub fn find(&self, plugin: &Path) -> Option<PathBuf> {
        if !is_bare(plugin) || plugin.is_file() {
            return Some(plugin.to_owned());
        }
        let mut named = self.folders.iter().map(|folder| folder.join(plugin).with_extension(EXTENSION));
        // A folder of that name is told as what it is by whoever opens it.
        named.find(|path| path.is_file()).or_else(|| plugin.exists().then(|| plugin.to_owned()))
    }

    /// The components in the folders, by folder and name. A name that an earlier folder has hides the later ones.
    ///
    /// # Errors
    /// If a folder is there and cannot be listed: the folder, with the system's error.
    pub fn list(&self) -> Result<Vec<Found>, (PathBuf, std::io::Error)> {
        let mut found: Vec<Found> = Vec::new();
        for folder in &self.folders {
            let refused = |source| (folder.clone(), source);
            let entries = match std::fs::read_dir(folder) {
                Ok(entries) => entries,
                // Where nothing can be, nothing is; a file in a folder's place is passed over like one that is not there,
                // and so is a folder below the home of another user.
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
                Err(error) if error.kind() == ErrorKind::PermissionDenied && Some(folder) == self.own.as_ref() => {
                    continue;
                }
                Err(error) => return Err(refused(error)),
            };
            let mut paths = Vec::new();
            for entry in entries {
                let path = entry.map_err(refused)?.path();
                if path.extension().is_some_and(|extension| extension == EXTENSION) && path.is_file() {
                    paths.push(path);
                }
            }
            paths.sort();
            for path in paths {
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                let hidden_by = found.iter().find(|earlier| earlier.name == name).map(|earlier| earlier.path.clone());
                found.push(Found { name, path, hidden_by });
            }
        }
        Ok(found)
    }
}

/// A component in a folder of the plugin path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The name that finds it: that of its file without the extension.
    pub name: String,
    /// The plugin's file.
    pub path: PathBuf,
    /// The file that the name finds instead, where an earlier folder has one.
    pub hidden_by: Option<PathBuf>,
}

/// Whether it is a name alone, not a path with folders.
pub fn is_bare(plugin: &Path) -> bool {
    let mut components = plugin.components();
    let first = components.next();
    matches!(first, Some(std::path::Component::Normal(_))) && components.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_order_and_paths_are_themselves() {
        let place = tempfile::tempdir().unwrap();
        let folder = |name: &str| place.path().join(name);
        for file in ["a/qasc.wasm", "b/qasc.wasm", "b/trec.wasm", "b/notes.txt"] {
            std::fs::create_dir_all(folder(file).parent().unwrap()).unwrap();
            std::fs::write(folder(file), b"").unwrap();
        }
        let path = PluginPath { folders: vec![folder("missing"), folder("a"), folder("b")], own: None };
        assert_eq!(path.find(Path::new("qasc")), Some(folder("a/qasc.wasm")));
        assert_eq!(path.find(Path::new("trec.wasm")), Some(folder("b/trec.wasm")));
        assert_eq!(path.find(Path::new("notes")), None);
        assert_eq!(path.find(Path::new("./trec")), Some("./trec".into()));
        assert_eq!(path.find(Path::new("x/trec.wasm")), Some("x/trec.wasm".into()));
        let listed = path.list().unwrap();
        let names: Vec<(&str, bool)> = listed.iter().map(|f| (f.name.as_str(), f.hidden_by.is_some())).collect();
        assert_eq!(names, [("qasc", false), ("qasc", true), ("trec", false)]);
    }

    #[test]
    fn the_variable_comes_before_the_folders_that_are_always_there() {
        let mut environment = Environment::from_variables(&|_| None, None, None);
        environment.plugin_path = vec!["/p".into(), "plugins".into()];
        environment.data_folder = Some("/data".into());
        let folders: Vec<PathBuf> = ["/p", "plugins", "/data/plugins"].map(PathBuf::from).into();
        assert_eq!(PluginPath::new(&environment).folders(), folders);
    }
}
