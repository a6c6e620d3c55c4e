//! The tasks that an option of a definition stands for.

use std::collections::BTreeMap;

use ft_plugin::{Error, Subtask, Value};
use serde_json::{Map, Value as Json};

use crate::definition::{self, OptionKey};
use crate::task::PARAMETERS;

/// A group that an option is set to.
pub(crate) struct GroupValue<'a> {
    pub(crate) option: &'a OptionKey,
    pub(crate) value: &'a str,
    /// The choices that it stands for.
    pub(crate) members: &'a [String],
}

impl<'a> GroupValue<'a> {
    /// The group that one of the options is set to; `None` for a single task.
    pub(crate) fn of(options: &'a [OptionKey], parameters: &'a Map<String, Json>) -> Option<Self> {
        options.iter().find_map(|option| {
            let value = match parameters.get(&option.name) {
                None => option.default.as_str(),
                Some(value) => value.as_str()?,
            };
            Some(Self { option, value, members: option.members(value)? })
        })
    }

    /// The values of the options by which one of its choices is a task alone.
    pub(crate) fn parameters(&self, choice: &str, parameters: &Map<String, Json>) -> Map<String, Json> {
        let mut parameters = parameters.clone();
        parameters.insert(self.option.name.clone(), choice.into());
        parameters
    }

    /// Its choices as tasks.
    pub(crate) fn subtasks(&self, parameters: &Map<String, Json>) -> Result<Vec<Subtask>, Error> {
        let subtask = |choice: &String| {
            // In the order in which the host gives them, so that a run of one task has the same options.
            let parameters: BTreeMap<String, Json> = self.parameters(choice, parameters).into_iter().collect();
            let value =
                Value::Text(serde_json::to_string(&parameters).map_err(|error| Error::failed(error.to_string()))?);
            let subtask = Subtask::new(definition::subtask_name(choice), PARAMETERS, value);
            Ok(Subtask { groups: self.option.groups_with(choice, self.value), ..subtask })
        };
        self.members.iter().map(subtask).collect()
    }
}
