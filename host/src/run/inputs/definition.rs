//! Definitions: text files that describe a task, which the component `template` interprets.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::error::PluginRequestError;
use super::plugins::find_plugin;
use crate::run::error::RunError;
use ft_store::fs::error::FileError;
use ft_store::fs::file::read_file;
use ft_store::plugin_path::PluginPath;

/// The extension of a definition's file.
const EXTENSION: &str = "toml";

/// The component that interprets definitions, by its name on the plugin path.
const INTERPRETER: &str = "template";

/// Bytes of a definition: what is larger has its rows in it.
const DEFINITION_LIMIT: u64 = 1 << 20;

/// A task's definition, as its file has it.
#[derive(Clone, Debug)]
pub struct Definition {
    file: PathBuf,
    text: String,
}

/// A folder of definitions, each a task of a group.
#[derive(Clone, Debug)]
pub struct DefinitionFolder {
    folder: PathBuf,
    /// The definitions in the order of their files' names; one at least.
    pub(super) definitions: Vec<Definition>,
}

/// A task as a user names it: a component's file, and the definition that it interprets, if it is one that does.
#[derive(Clone, Debug)]
pub struct TaskFile {
    /// The component's file.
    pub plugin: PathBuf,
    /// The definition; `None` for a task that is a component by itself.
    pub definition: Option<Definition>,
}

/// Whether a task's name is that of a definition's file.
pub(super) fn is_definition(task: &Path) -> bool {
    task.extension().is_some_and(|extension| extension == EXTENSION)
}

/// The task that a user names by a component's file, its name on the plugin path, or the file of a definition.
///
/// # Errors
/// A name that is in none of the folders, a definition that cannot be read, and one without the component that interprets it.
pub fn find_task(path: &PluginPath, task: &Path) -> Result<TaskFile, RunError> {
    if !is_definition(task) {
        return Ok(TaskFile { plugin: find_plugin(path, task)?, definition: None });
    }
    let definition = Definition::read(task)?;
    Ok(TaskFile { plugin: interpreter(path, task)?, definition: Some(definition) })
}

/// The component that interprets definitions.
///
/// # Errors
/// [`PluginRequestError::NoInterpreter`], for what the user named.
pub(super) fn interpreter(path: &PluginPath, named: &Path) -> Result<PathBuf, PluginRequestError> {
    let plugin = path.find(Path::new(INTERPRETER)).filter(|file| file.is_file());
    plugin.ok_or_else(|| PluginRequestError::NoInterpreter {
        definition: named.to_owned(),
        interpreter: INTERPRETER,
        folders: path.folders().to_vec(),
    })
}

impl DefinitionFolder {
    /// Whether a folder has definitions in it, and is no folder of a plugin's sources.
    pub(super) fn is_one(folder: &Path) -> bool {
        let sources = ["Cargo.toml", "app.py"].iter().any(|name| folder.join(name).exists());
        !sources && Self::files(folder).is_ok_and(|files| !files.is_empty())
    }

    /// Reads all definitions `*.toml` of a folder.
    ///
    /// # Errors
    /// A folder or a definition that cannot be read.
    pub(super) fn read(folder: &Path) -> Result<Self, RunError> {
        let files = Self::files(folder).map_err(|source| FileError::io("read", folder, source))?;
        let definitions = files.iter().map(|file| Definition::read(file)).collect::<Result<Vec<_>, RunError>>()?;
        Ok(Self { folder: folder.to_owned(), definitions })
    }

    fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
        let paths = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
        let mut files: Vec<PathBuf> = paths.collect::<std::io::Result<_>>()?;
        files.retain(|file| is_definition(file) && file.is_file());
        files.sort();
        Ok(files)
    }

    /// The group's name: that of the folder.
    pub(super) fn name(&self) -> String {
        let name = self.folder.canonicalize().unwrap_or_else(|_| self.folder.clone());
        name.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

impl TaskFile {
    /// The file that the user named.
    pub fn named(&self) -> &Path {
        self.definition.as_ref().map_or(&self.plugin, |definition| &definition.file)
    }
}

impl Definition {
    fn read(file: &Path) -> Result<Self, RunError> {
        let text = String::from_utf8(read_file(file, DEFINITION_LIMIT)?).map_err(|error| {
            let message =
                format!("expected text in UTF-8, got another byte behind byte {}", error.utf8_error().valid_up_to());
            PluginRequestError::Definition { file: file.to_owned(), message }
        })?;
        // Editors of some systems put a byte order mark before a text.
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        Ok(Self { file: file.to_owned(), text })
    }

    /// The name of its file without the extension, which is the task's unless the definition says otherwise.
    pub(super) fn name(&self) -> String {
        self.file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The text, as the component gets it.
    pub(in crate::run) fn text(&self) -> &str {
        &self.text
    }

    /// The definition's file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The options of the component that interprets it: the text, the values that the user gives to the definition's own options,
    /// and the name that the task has unless the definition says otherwise.
    ///
    /// # Errors
    /// An option that is given twice.
    pub(super) fn plugin_options(
        &self,
        given: &[(String, String)],
    ) -> Result<Vec<(String, String)>, PluginRequestError> {
        let mut parameters = Map::new();
        for (name, value) in given {
            if parameters.insert(name.clone(), Value::String(value.clone())).is_some() {
                let message = format!("expected a value of the option `{name}`, got two");
                return Err(self.refused(message));
            }
        }
        let options = [
            ("definition", self.text.clone()),
            ("parameters", Value::Object(parameters).to_string()),
            ("name", self.name()),
        ];
        Ok(options.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// That the component does not take the definition, in its words.
    pub(super) fn refused(&self, message: String) -> PluginRequestError {
        PluginRequestError::Definition { file: self.file.clone(), message }
    }

    /// What messages call it.
    pub(super) fn shown(&self) -> String {
        format!("`{}`", self.file.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ft_store::machine::environment::Environment;

    #[test]
    fn what_a_user_sets_becomes_one_object_of_texts() {
        let definition = Definition { file: "tasks/mine.toml".into(), text: "task = \"template\"".into() };
        let given = [("subject", "law \"2\""), ("shots", "3")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let options = definition.plugin_options(&given).unwrap();
        let texts: Vec<(&str, &str)> = options.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let parameters = r#"{"shots":"3","subject":"law \"2\""}"#;
        assert_eq!(texts, [("definition", "task = \"template\""), ("parameters", parameters), ("name", "mine")]);
        let twice = [given[0].clone(), given[0].clone()];
        let message = definition.plugin_options(&twice).unwrap_err().to_string();
        assert_eq!(message, "`tasks/mine.toml`: expected a value of the option `subject`, got two");
    }

    #[test]
    fn a_definition_needs_its_interpreter() {
        let folder = tempfile::tempdir().unwrap();
        let mut environment = Environment::from_variables(&|_| None, None, None);
        environment.plugin_path = vec![folder.path().join("plugins")];
        let path = PluginPath::new(&environment);
        let mine = folder.path().join("mine.toml");
        let error = find_task(&path, &mine).map(drop).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot open `{}`", mine.display())), "{error}");
        std::fs::write(&mine, "\u{feff}task = \"template\"\n").unwrap();
        // The host's own plugins may lie in the folder that the tests run in.
        if !Path::new("plugins/template.wasm").is_file() {
            let error = find_task(&path, &mine).map(drop).unwrap_err().to_string();
            assert!(error.contains("expected the component `template`"), "{error}");
        }
        std::fs::create_dir(folder.path().join("plugins")).unwrap();
        let component = folder.path().join("plugins/template.wasm");
        std::fs::write(&component, b"").unwrap();
        let found = find_task(&path, &mine).unwrap();
        assert_eq!((found.plugin.as_path(), found.named()), (component.as_path(), mine.as_path()));
        assert_eq!(found.definition.unwrap().text, "task = \"template\"\n");
    }
}
