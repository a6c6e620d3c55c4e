//! Groups of tasks: which tasks a run is of.

use super::config::TaskConfig;
use super::definition::Definition;
use super::error::PluginRequestError;
use super::plugins::{Configured, Plugins, TOLD_SUBTASKS};
use crate::run::error::RunError;
use ft_record::files::group::is_subtask_name;
use ft_sandbox::{Subtask, TaskPlugin};

/// The task that is asked for, or the tasks.
pub enum TaskOrGroup {
    /// A single task, ready to be asked.
    Task(Box<Configured<TaskPlugin>>),
    /// A group: its name, and its subtasks in their order.
    Group(String, Vec<SubtaskConfig>),
}

/// A task of a group.
#[derive(Clone, Debug)]
pub struct SubtaskConfig {
    /// Its name in the group, also that of the folder of its results.
    pub name: String,
    /// The smaller groups that it belongs to.
    pub groups: Vec<String>,
    /// The task by itself.
    pub task: TaskConfig,
}

/// Loads the task, or finds the tasks of the group that it is: the definitions of a folder, or what a task says of its options.
///
/// # Errors
/// A file that is no task plugin, options that it does not take, a failure of the plugin, a file whose name no subtask may
/// have.
pub fn task_or_group(config: &TaskConfig, plugins: &Plugins) -> Result<TaskOrGroup, RunError> {
    if let Some(folder) = &config.folder {
        let subtasks = folder.definitions.iter().map(|definition| Ok(of_folder(config, definition)?));
        return Ok(TaskOrGroup::Group(folder.name(), subtasks.collect::<Result<_, RunError>>()?));
    }
    let task = plugins.task_or_group(config.plugin_spec(), config.settings.as_deref())?;
    match task.plugin.subtasks() {
        [] => Ok(TaskOrGroup::Task(Box::new(task))),
        subtasks => Ok(TaskOrGroup::Group(
            task.plugin.task_name().to_owned(),
            subtasks.iter().map(|subtask| of_plugin(config, subtask)).collect(),
        )),
    }
}

/// That a group stands in the place of a single task.
pub fn group_refused(group: String, subtasks: &[SubtaskConfig]) -> PluginRequestError {
    let first = subtasks.iter().take(TOLD_SUBTASKS).map(|member| member.name.clone()).collect();
    PluginRequestError::Group { group, first, subtasks: subtasks.len() }
}

fn of_plugin(config: &TaskConfig, subtask: &Subtask) -> SubtaskConfig {
    let Subtask { name, groups, options } = subtask.clone();
    SubtaskConfig { name, groups, task: TaskConfig { settings: Some(options), ..config.clone() } }
}

fn of_folder(config: &TaskConfig, definition: &Definition) -> Result<SubtaskConfig, PluginRequestError> {
    let name = definition.name();
    if !is_subtask_name(&name) {
        let message = "expected a file's name of 1 to 64 of the characters a-z, 0-9, `-` and `_` before `.toml`, as a subtask's \
                       results are in a folder of the name";
        return Err(definition.refused(message.to_owned()));
    }
    let data = config.data.clone().of_definition(Some(definition.file().to_owned()));
    let task = TaskConfig { definition: Some(definition.clone()), folder: None, data, ..config.clone() };
    Ok(SubtaskConfig { name, groups: Vec::new(), task })
}
