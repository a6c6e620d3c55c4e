//! The subtasks that a task plugin names, checked.

use std::collections::HashSet;

use crate::bindings::{dataset, types};
use crate::description::is_plugin_name;
use crate::options::{OptionSetting, OptionSpec, OptionValue};
use crate::task::invalid_answer::InvalidAnswer;
use ft_engine::text::harmless_within;

/// The most tasks of a group: each is a folder, and has its prompts in memory before weights are read.
const MOST: usize = 1000;
/// The most smaller groups that a subtask belongs to, and that all together belong to.
const MOST_GROUPS: usize = 16;
const MOST_GROUPS_OF_ALL: usize = 100;
/// Characters of a name that a message shows.
const SHOWN: usize = 60;

/// One task of a group of tasks.
#[derive(Clone, Debug, PartialEq)]
pub struct Subtask {
    /// Its name in the group, as a plugin's: it can be that of a folder.
    pub name: String,
    /// The smaller groups that it belongs to; names as its own.
    pub groups: Vec<String>,
    /// All options by which an instance is this task alone.
    pub options: Vec<OptionSetting>,
}

/// The subtasks with all of their options, those that they do not set being `group`'s.
pub(crate) fn subtasks(
    raw: Vec<dataset::Subtask>,
    specs: &[OptionSpec],
    group: &[OptionSetting],
) -> Result<Vec<Subtask>, InvalidAnswer> {
    if raw.len() > MOST {
        return Err(InvalidAnswer::Subtasks { most: MOST, found: raw.len() });
    }
    let groups: HashSet<&String> = raw.iter().flat_map(|subtask| &subtask.groups).collect();
    if groups.len() > MOST_GROUPS_OF_ALL {
        return Err(InvalidAnswer::SmallerGroups { most: MOST_GROUPS_OF_ALL, found: groups.len() });
    }
    let mut names = HashSet::new();
    let check = |subtask: dataset::Subtask| {
        if !names.insert(subtask.name.clone()) {
            return Err(InvalidAnswer::TwinSubtasks { name: harmless_within(&subtask.name, SHOWN) });
        }
        one(subtask, specs, group)
    };
    raw.into_iter().map(check).collect()
}

fn one(raw: dataset::Subtask, specs: &[OptionSpec], group: &[OptionSetting]) -> Result<Subtask, InvalidAnswer> {
    for name in [&raw.name].into_iter().chain(&raw.groups) {
        if !is_plugin_name(name) {
            return Err(InvalidAnswer::SubtaskName { name: harmless_within(name, SHOWN) });
        }
    }
    let different: HashSet<&String> = raw.groups.iter().collect();
    if raw.groups.len() > MOST_GROUPS || different.len() < raw.groups.len() {
        return Err(InvalidAnswer::SubtaskGroups { name: raw.name, most: MOST_GROUPS, found: raw.groups.len() });
    }
    let mut options = group.to_vec();
    for types::OptionSetting { name, value } in raw.options {
        let value = OptionValue::from(value);
        let spec = specs.iter().find(|spec| spec.name == name && spec.kind.allows(&value));
        let place = options.iter_mut().find(|setting| setting.name == name);
        let (Some(_), Some(place)) = (spec, place) else {
            let (option, value) = (harmless_within(&name, SHOWN), harmless_within(&value.to_string(), SHOWN));
            return Err(InvalidAnswer::SubtaskOption { name: raw.name, option, value });
        };
        place.value = value;
    }
    Ok(Subtask { name: raw.name, groups: raw.groups, options })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::OptionKind;

    fn raw(name: &str, groups: &[&str], option: &str, value: &str) -> dataset::Subtask {
        let value = types::OptionValue::Text(value.to_owned());
        let options = vec![types::OptionSetting { name: option.to_owned(), value }];
        dataset::Subtask { name: name.into(), groups: groups.iter().map(ToString::to_string).collect(), options }
    }

    fn checked(raw: Vec<dataset::Subtask>) -> Result<Vec<Subtask>, String> {
        let text = |text: &str| OptionValue::Text(text.to_owned());
        let kind = OptionKind::Choice(["all", "law"].map(str::to_owned).into());
        let spec = |name: &str, kind| OptionSpec { name: name.into(), help: String::new(), kind, default: text("all") };
        let setting = |name: &str, value| OptionSetting { name: name.to_owned(), value: text(value) };
        let specs = [spec("subject", kind), spec("form", OptionKind::Text)];
        subtasks(raw, &specs, &[setting("subject", "all"), setting("form", "long")]).map_err(|bad| bad.to_string())
    }

    #[test]
    fn a_subtask_has_the_groups_options_but_for_its_own() {
        let found = checked(vec![raw("law", &["humanities"], "subject", "law")]).unwrap();
        assert_eq!((found[0].name.as_str(), found[0].groups.as_slice()), ("law", ["humanities".to_owned()].as_slice()));
        let options: Vec<String> =
            found[0].options.iter().map(|setting| format!("{}={}", setting.name, setting.value)).collect();
        assert_eq!(options, ["subject=law", "form=long"]);
        assert!(checked(Vec::new()).unwrap().is_empty());
    }

    #[test]
    fn what_could_not_be_run_is_refused() {
        let law = || raw("law", &[], "subject", "law");
        let name = "expected a subtask's name of lower case letters, digits, `-` and `_`, got ";
        for (bad, expected) in [
            (vec![raw("../law", &[], "subject", "law")], format!("{name}`../law`")),
            (vec![raw("law", &["a b"], "subject", "law")], format!("{name}`a b`")),
            (vec![law(), law()], "expected subtasks of different names, got `law` twice".into()),
            (
                vec![raw("law", &["a", "a"], "subject", "law")],
                "subtask `law`: expected at most 16 different groups, got 2".into(),
            ),
            (
                vec![raw("law", &[], "subject", "art")],
                "subtask `law`: expected a value that the plugin's option takes, got `subject=art`".into(),
            ),
            (
                vec![raw("law", &[], "topic", "law")],
                "subtask `law`: expected a value that the plugin's option takes, got `topic=law`".into(),
            ),
        ] {
            assert_eq!(checked(bad).unwrap_err(), expected);
        }
        let many = (0..1001).map(|index| raw(&format!("t{index}"), &[], "subject", "law")).collect();
        assert_eq!(checked(many).unwrap_err(), "expected at most 1000 subtasks, got 1001");
        let grouped = |index: usize| raw(&format!("t{index}"), &[&format!("g{index}")], "subject", "law");
        assert_eq!(checked((0..100).map(grouped).collect()).unwrap().len(), 100);
        let error = checked((0..101).map(grouped).collect()).unwrap_err();
        assert_eq!(error, "expected at most 100 groups of subtasks, got 101");
    }
}
