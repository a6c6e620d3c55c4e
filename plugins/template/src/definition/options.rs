//! `[options]`: what a user may set with `-T`.

use std::collections::BTreeSet;

use super::check_name;
use super::keys::{Item, Section};
use super::place::{Fault, Located, Place};

/// An option of the definition. Its values are texts.
#[derive(Debug)]
pub(crate) struct OptionKey {
    pub(crate) place: Place,
    pub(crate) name: String,
    /// Its value when the user sets none.
    pub(crate) default: String,
    /// The values that it takes; empty for any text.
    pub(crate) choices: Vec<String>,
    /// The groups of its choices, each a task of its own then; `None` where the choices are no subtasks.
    pub(crate) groups: Option<Vec<(String, Vec<String>)>>,
}

/// The value that stands for all choices of an option with groups.
const ALL: &str = "all";

impl OptionKey {
    /// All of `[options]`.
    pub(super) fn read_all(section: Section<'_>) -> Result<Vec<Self>, Fault> {
        section.rest().map(|(name, item)| Self::read(name, item.section()?)).collect()
    }

    fn read(name: String, mut keys: Section<'_>) -> Result<Self, Fault> {
        let place = keys.place.clone();
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !name.bytes().all(plain) || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
            return Err(Fault::at(&place, "expected a name of the characters a-z, 0-9 and `_`, a letter first"));
        }
        let default = keys.require("default", "the key")?.text()?;
        let choices = keys.take("choices").map(|item| item.texts()).transpose()?;
        let groups = keys.take("groups").map(|item| item.section()).transpose()?;
        let named = choices.as_ref().map(|choices| choices.value.as_slice()).unwrap_or_default();
        let groups = groups.map(|section| groups_of(section, named)).transpose()?;
        keys.finish()?;
        let (listed, choices) = match choices {
            Some(Located { place, value }) => (Some(place), value),
            None => (None, Vec::new()),
        };
        let option = Self { place, name, default: default.value, choices, groups };
        if let Some(place) = listed
            && option.check(&option.default).is_err()
            && option.members(&option.default).is_none()
        {
            let (default, choices) = (&option.default, &option.choices);
            return Err(Fault::at(
                &place,
                format!("expected the default {default:?} among the choices, got {choices:?}"),
            ));
        }
        Ok(option)
    }

    /// The choices that a value stands for, if it is that of a group.
    pub(crate) fn members(&self, value: &str) -> Option<&[String]> {
        let groups = self.groups.as_ref()?;
        let named = groups.iter().find(|(name, _)| name == value).map(|(_, members)| members.as_slice());
        named.or_else(|| (value == ALL).then_some(self.choices.as_slice()))
    }

    /// The names of the groups that a choice belongs to, within a group of this value.
    pub(crate) fn groups_with(&self, choice: &str, within: &str) -> Vec<String> {
        let has_choice = |members: &[String]| members.iter().any(|member| member == choice);
        let groups = self.groups.iter().flatten().filter(|(name, members)| name != within && has_choice(members));
        groups.map(|(name, _)| name.clone()).collect()
    }

    /// What the name of a group of this value has behind the definition's: nothing for all choices.
    pub(crate) fn suffix(&self, value: &str) -> String {
        if value == ALL { String::new() } else { format!("-{value}") }
    }

    /// The value that a user sets.
    ///
    /// # Errors
    /// A value that is none of the choices.
    pub(crate) fn check(&self, value: &str) -> Result<(), Fault> {
        if self.choices.is_empty() || self.choices.iter().any(|choice| choice == value) {
            return Ok(());
        }
        let groups = self.groups.iter().flatten().map(|(name, _)| name.as_str());
        let groups: Vec<&str> = groups.chain(self.groups.as_ref().map(|_| ALL)).collect();
        let or = if groups.is_empty() { String::new() } else { format!(", or for several {}", groups.join(", ")) };
        let message = format!("expected one of {}{or}, got `{value}`", self.choices.join(", "));
        Err(Fault::at(&self.place, message))
    }
}

/// The name of the subtask that a choice makes, also that of the folder of its results.
pub(crate) fn subtask_name(choice: &str) -> String {
    choice.to_ascii_lowercase()
}

/// The groups of an option's choices, in the order of the text.
fn groups_of(section: Section<'_>, choices: &[String]) -> Result<Vec<(String, Vec<String>)>, Fault> {
    let place = section.place.clone();
    if choices.is_empty() {
        return Err(Fault::at(&place, "expected `choices` of the option, got none"));
    }
    let mut names = BTreeSet::new();
    for choice in choices {
        let name = subtask_name(choice);
        let refused =
            |message: String| Fault::at(&place, format!("the choice {choice:?} is to name a subtask: {message}"));
        check_name(&name).map_err(refused)?;
        if name == ALL || !names.insert(name) {
            let message = format!("expected choices that differ without regard to case, and none `{ALL}`");
            return Err(Fault::at(&place, format!("{message}, got {choice:?}")));
        }
    }
    let group = |(name, item): (String, Item<'_>)| {
        let place = item.place.clone();
        check_name(&name).map_err(|message| Fault::at(&place, message))?;
        if name == ALL || choices.contains(&name) {
            return Err(Fault::at(&place, format!("expected a name that is no choice and not `{ALL}`, got `{name}`")));
        }
        let members = item.texts()?.value;
        let different: BTreeSet<&String> = members.iter().collect();
        if members.is_empty() || different.len() < members.len() || !members.iter().all(|one| choices.contains(one)) {
            return Err(Fault::at(&place, format!("expected different choices of the option, got {members:?}")));
        }
        Ok((name, members))
    };
    section.rest().map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(keys: &str) -> Result<OptionKey, String> {
        let text = format!("subject = {{ default = \"law\", {keys} }}");
        let read = OptionKey::read_all(Section::parse(&text).unwrap()).map(|mut options| options.remove(0));
        read.map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_group_stands_for_its_choices_in_the_order_that_it_gives() {
        let groups = "groups = { humanities = [\"law\", \"art\"], old = [\"law\"] }";
        let option = option(&format!("choices = [\"art\", \"law\", \"Sea\"], {groups}")).unwrap();
        let members = |value: &str| option.members(value).map(|members| members.join(" "));
        assert_eq!(members("all").as_deref(), Some("art law Sea"));
        assert_eq!(members("humanities").as_deref(), Some("law art"));
        assert_eq!((members("law"), members("Sea")), (None, None));
        assert_eq!(option.groups_with("law", "all"), ["humanities", "old"]);
        assert_eq!(option.groups_with("law", "old"), ["humanities"]);
        assert_eq!((option.suffix("all"), option.suffix("old")), (String::new(), "-old".to_owned()));
        assert!(option.groups_with("Sea", "all").is_empty());
        assert_eq!(
            option.check("sea").unwrap_err().to_string(),
            "`subject` (line 1): expected one of art, law, Sea, or for several humanities, old, all, got `sea`"
        );
    }

    #[test]
    fn groups_are_of_choices_that_can_be_subtasks() {
        let choices = "choices = [\"art\", \"law\"]";
        for (keys, expected) in [
            ("groups = {}", "`subject.groups` (line 1): expected `choices` of the option, got none"),
            ("choices = [\"law\", \"LAW\"], groups = {}", "differ without regard to case, and none `all`, got \"LAW\""),
            ("choices = [\"law\", \"all\"], groups = {}", "and none `all`, got \"all\""),
            (
                "choices = [\"law\", \"a/b\"], groups = {}",
                "the choice \"a/b\" is to name a subtask: expected a name of 1",
            ),
            (&format!("{choices}, groups = {{ all = [\"law\"] }}"), "expected a name that is no choice and not `all`"),
            (&format!("{choices}, groups = {{ art = [\"law\"] }}"), "expected a name that is no choice and not `all`"),
            (&format!("{choices}, groups = {{ x = [] }}"), "`subject.groups.x` (line 1): expected different choices"),
            (
                &format!("{choices}, groups = {{ x = [\"sea\"] }}"),
                "expected different choices of the option, got [\"sea\"]",
            ),
            (&format!("{choices}, groups = {{ x = [\"law\", \"law\"] }}"), "expected different choices of the option"),
            (&format!("{choices}, groups = {{ X = [\"law\"] }}"), "expected a name of 1 to 64 of the characters"),
        ] {
            let message = option(keys).unwrap_err();
            assert!(message.contains(expected), "{keys}: {message}");
        }
    }
}
