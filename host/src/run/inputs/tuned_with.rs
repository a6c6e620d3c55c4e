//! What a saved context was tuned with, found again: its folder, its task's component, and the options of that.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde_json::{Map, Value};

use super::definition::{TaskFile, find_task};
use super::error::TunedWithError;
use crate::context::{ContextError, ContextFolder};
use crate::run::error::RunError;
use ft_engine::text::Untrusted;
use ft_record::files::context::{CONTEXT_RECORD, ContextMismatch, ContextRecord, Mismatch};
use ft_sandbox::PluginBinary;
use ft_store::fs::file::{PLUGIN_LIMIT, read_file};
use ft_store::plugin_path::PluginPath;

/// The options of the component that interprets definitions: the definition's text, and the values of its own options.
const DEFINITION: &str = "definition";
const PARAMETERS: &str = "parameters";

/// Opens a saved context.
///
/// # Errors
/// [`TunedWithError::Seeds`] for a folder of several, those of [`ContextFolder::open`].
pub fn open_context(folder: &Path) -> Result<ContextFolder, RunError> {
    if !folder.join(CONTEXT_RECORD).exists()
        && let Some(seed) = first_seed(folder)
    {
        return Err(TunedWithError::Seeds { folder: folder.to_owned(), seed }.into());
    }
    Ok(ContextFolder::open(folder)?)
}

/// The first folder of a seed's context in a folder, by name.
fn first_seed(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    entries.filter(|path| path.join(CONTEXT_RECORD).exists()).min()
}

/// The task's file: the one that is asked for, where it was when the context was tuned, or one of its name on the plugin path. Its
/// component is held to the context's before it runs: the file may be anybody's choice. The definition is there if it is asked for
/// by its file.
///
/// # Errors
/// [`TunedWithError::NoTask`], [`TunedWithError::OtherDefinition`]; [`ContextError::Mismatch`] for another component.
pub fn task_file(asked: Option<&Path>, context: &ContextFolder, path: &PluginPath) -> Result<TaskFile, RunError> {
    let file = match asked {
        Some(asked) => asked_file(asked, context, path)?,
        None => TaskFile { plugin: recorded_file(context, path)?, definition: None },
    };
    let binary = PluginBinary::new(file.plugin.display().to_string(), read_file(&file.plugin, PLUGIN_LIMIT)?);
    let expected = context.record().plan.task.sha256.harmless();
    if binary.sha256() == expected {
        return Ok(file);
    }
    let (what, found) = (format!("task, `{}`: sha256", file.plugin.display()), binary.sha256().to_owned());
    let source = ContextMismatch(vec![Mismatch { what, expected, found }]);
    Err(ContextError::Mismatch { folder: context.folder().to_owned(), source }.into())
}

fn asked_file(asked: &Path, context: &ContextFolder, path: &PluginPath) -> Result<TaskFile, RunError> {
    let file = find_task(path, asked)?;
    let recorded = option(context.record(), DEFINITION).and_then(Value::as_str);
    // The context has the definition that it was tuned with.
    match file.definition.as_ref().filter(|definition| Some(definition.text()) != recorded) {
        Some(definition) => {
            let (folder, file) = (context.folder().to_owned(), definition.file().to_owned());
            Err(TunedWithError::OtherDefinition { folder, file }.into())
        }
        None => Ok(file),
    }
}

fn recorded_file(context: &ContextFolder, path: &PluginPath) -> Result<PathBuf, TunedWithError> {
    let task = &context.record().plan.task;
    let recorded = Path::new(task.file.raw().as_str());
    if recorded.is_file() {
        return Ok(recorded.to_owned());
    }
    let on_path = recorded.file_stem().and_then(|stem| path.find(Path::new(stem))).filter(|file| file.is_file());
    on_path.ok_or_else(|| TunedWithError::NoTask {
        folder: context.folder().to_owned(),
        task: task.name.harmless(),
        file: task.file.harmless(),
    })
}

fn option<'r>(record: &'r ContextRecord, name: &str) -> Option<&'r Value> {
    let mut options = record.plan.options.task.iter();
    options.find(|(known, _)| known.raw() == name).map(|(_, value)| value.raw())
}

/// The options of a context's task as a user would give them to its component.
pub fn task_options(record: &ContextRecord) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let options = record.plan.options.task.iter();
    options.map(|(name, value)| (name.raw().clone(), text(value.raw()))).collect()
}

/// The options of a context's task with those that a user gives, of the task or of its definition, in the place of its own: what
/// they come to is then held to the context's.
pub fn task_options_with(record: &ContextRecord, given: &[(String, String)]) -> Vec<(String, String)> {
    let own = task_options(record);
    match parameters(record) {
        // They are one option of the component that interprets the definition.
        Some(mut parameters) => {
            parameters.extend(given.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))));
            let parameters = Value::Object(parameters).to_string();
            own.into_iter()
                .filter(|(name, _)| name != PARAMETERS)
                .chain([(PARAMETERS.to_owned(), parameters)])
                .collect()
        }
        None => {
            let is_given = |name: &str| given.iter().any(|(known, _)| known == name);
            own.into_iter().filter(|(name, _)| !is_given(name)).chain(given.iter().cloned()).collect()
        }
    }
}

/// The values of a definition's own options; `None` for a task that is a component by itself.
fn parameters(record: &ContextRecord) -> Option<Map<String, Value>> {
    option(record, DEFINITION)?;
    serde_json::from_str(option(record, PARAMETERS)?.as_str()?).ok()
}

/// Whether options of a definition are set.
pub fn sets_parameters(record: &ContextRecord) -> bool {
    parameters(record).is_some_and(|parameters| !parameters.is_empty())
}

/// A value of a context's record, which is in `folder`.
///
/// # Errors
/// [`TunedWithError::Unknown`], with `what` it is.
pub fn known<T: FromStr>(folder: &Path, what: &'static str, found: &Untrusted) -> Result<T, TunedWithError> {
    let unknown = |_| TunedWithError::Unknown { folder: folder.to_owned(), what, found: found.harmless() };
    found.raw().parse().map_err(unknown)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::context::testing;

    /// A record of a task with these options.
    fn record(options: &[(&str, Value)]) -> ContextRecord {
        let mut plan = testing::plan();
        let value = |(name, value): &(&str, Value)| ((*name).into(), Untrusted::new(value.clone()));
        plan.options.task = options.iter().map(value).collect();
        testing::record(&plan, 3)
    }

    fn given(options: &[(&str, &str)]) -> Vec<(String, String)> {
        options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn options_that_are_given_stand_in_the_place_of_the_contexts() {
        let record = record(&[("cased", json!(true)), ("subject", json!("law"))]);
        assert_eq!(task_options(&record), given(&[("cased", "true"), ("subject", "law")]));
        assert_eq!(task_options_with(&record, &[]), task_options(&record));
        let with = task_options_with(&record, &given(&[("cased", "false"), ("new", "1")]));
        assert_eq!(with, given(&[("subject", "law"), ("cased", "false"), ("new", "1")]));
        // One that is given twice is the plugin's to refuse.
        let twice = task_options_with(&record, &given(&[("cased", "false"), ("cased", "true")]));
        assert_eq!(twice, given(&[("subject", "law"), ("cased", "false"), ("cased", "true")]));
        assert!(!sets_parameters(&record));
    }

    #[test]
    fn options_of_a_definition_are_one_of_its_interpreter() {
        let definition =
            |parameters: &str| record(&[("definition", json!("x = 1")), ("parameters", json!(parameters))]);
        let with = |parameters: &str, more: &[(&str, &str)]| task_options_with(&definition(parameters), &given(more));
        let expected = |parameters: &str| given(&[("definition", "x = 1"), ("parameters", parameters)]);
        assert_eq!(with("{}", &[]), expected("{}"));
        assert_eq!(with(r#"{"subject":"law"}"#, &[("subject", "law")]), expected(r#"{"subject":"law"}"#));
        assert_eq!(with(r#"{"subject":"law"}"#, &[("subject", "art")]), expected(r#"{"subject":"art"}"#));
        assert_eq!((sets_parameters(&definition("{}")), sets_parameters(&definition(r#"{"a":"1"}"#))), (false, true));
    }
}
