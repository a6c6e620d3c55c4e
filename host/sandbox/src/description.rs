//! What a plugin says about itself, checked.

use crate::bindings::info;
use crate::bindings::types;
use crate::options::{OptionKind, OptionSetting, OptionSpec, OptionValue};
use ft_engine::text::{harmless_within, is_harmless};

const LONGEST_NAME: usize = 64;
const LONGEST_SENTENCE: usize = 400;
const MOST_OPTIONS: usize = 100;
const MOST_CHOICES: usize = 1000;

/// A plugin's description of itself, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// Lower case letters, digits, `-` and `_`.
    pub name: String,
    /// The plugin's own version, `MAJOR.MINOR.PATCH`.
    pub version: String,
    /// What it does, in one sentence.
    pub summary: String,
    /// The options that it takes.
    pub options: Vec<OptionSpec>,
}

/// What is wrong with a plugin's description. Texts in it are fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDescription {
    /// A name that is none.
    #[error("expected {what} of 1 to {LONGEST_NAME} characters from {allowed}, got `{name}`")]
    Name {
        /// What is named: the plugin or an option, with its article.
        what: &'static str,
        /// The name that was given.
        name: String,
        /// Which characters a name has.
        allowed: &'static str,
    },
    /// A version that is none.
    #[error("expected a version MAJOR.MINOR.PATCH in digits, got `{version}`")]
    Version {
        /// The version that was given.
        version: String,
    },
    /// Two options of one name.
    #[error("duplicate option `{name}`")]
    Twice {
        /// The name that two options have.
        name: String,
    },
    /// Too many options, or too many texts to choose from.
    #[error("expected at most {most} {what}, got {found}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// Number of options or choices that were given.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// Bounds that leave nothing, or are no numbers, or texts that cannot be shown.
    #[error("option `{option}`: expected a kind that some value has, got {kind}")]
    Kind {
        /// Name of the option.
        option: String,
        /// What it says it takes.
        kind: String,
    },
    /// A default that the option itself does not take.
    #[error("option `{option}`: expected {kind} as its default, got `{default}`")]
    Default {
        /// Name of the option.
        option: String,
        /// What values the option takes, in words.
        kind: String,
        /// The default that was given.
        default: String,
    },
}

impl Description {
    /// Checks a description as it came from the plugin.
    pub(crate) fn check(raw: info::Description) -> Result<Self, InvalidDescription> {
        let name = name("a name", &raw.name, "a-z 0-9 - _", |b| b == b'-')?;
        let is_version = raw.version.split('.').count() == 3
            && raw
                .version
                .split('.')
                .all(|part| (1..=9).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()));
        if !is_version {
            return Err(InvalidDescription::Version { version: harmless_within(&raw.version, LONGEST_NAME) });
        }
        if raw.options.len() > MOST_OPTIONS {
            return Err(InvalidDescription::TooMany { what: "options", found: raw.options.len(), most: MOST_OPTIONS });
        }
        let mut options: Vec<OptionSpec> = Vec::with_capacity(raw.options.len());
        for option in raw.options {
            let option = check_option(option)?;
            if options.iter().any(|earlier| earlier.name == option.name) {
                return Err(InvalidDescription::Twice { name: option.name });
            }
            options.push(option);
        }
        Ok(Self { name, version: raw.version, summary: harmless_within(&raw.summary, LONGEST_SENTENCE), options })
    }
}

fn check_option(raw: info::OptionSpec) -> Result<OptionSpec, InvalidDescription> {
    let name = name("an option name", &raw.name, "a-z 0-9 _", |_| false)?;
    let kind = match raw.kind {
        info::OptionKind::Boolean => OptionKind::Boolean,
        info::OptionKind::Integer(range) => OptionKind::Integer { minimum: range.minimum, maximum: range.maximum },
        info::OptionKind::Number(range) => OptionKind::Number { minimum: range.minimum, maximum: range.maximum },
        info::OptionKind::Text => OptionKind::Text,
        info::OptionKind::Choice(choices) if choices.len() > MOST_CHOICES => {
            return Err(InvalidDescription::TooMany { what: "choices", found: choices.len(), most: MOST_CHOICES });
        }
        info::OptionKind::Choice(choices) => OptionKind::Choice(choices),
    };
    let shown = || harmless_within(&kind.to_string(), LONGEST_SENTENCE);
    let is_possible = match &kind {
        OptionKind::Boolean | OptionKind::Text => true,
        OptionKind::Integer { minimum, maximum } => minimum.zip(*maximum).is_none_or(|(low, high)| low <= high),
        OptionKind::Number { minimum, maximum } => {
            minimum.iter().chain(maximum).all(|bound| bound.is_finite())
                && minimum.zip(*maximum).is_none_or(|(low, high)| low <= high)
        }
        OptionKind::Choice(choices) => !choices.is_empty() && choices.iter().all(|choice| is_harmless(choice)),
    };
    if !is_possible {
        return Err(InvalidDescription::Kind { option: name, kind: shown() });
    }
    let default = OptionValue::from(raw.default);
    if !kind.allows(&default) || !is_harmless(&default.to_string()) {
        let default = harmless_within(&default.to_string(), LONGEST_NAME);
        return Err(InvalidDescription::Default { option: name, kind: shown(), default });
    }
    Ok(OptionSpec { name, help: harmless_within(&raw.help, LONGEST_SENTENCE), kind, default })
}

fn name(
    what: &'static str,
    name: &str,
    allowed: &'static str,
    is_extra: impl Fn(u8) -> bool,
) -> Result<String, InvalidDescription> {
    let is_allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || is_extra(b);
    if is_name(name, is_allowed) {
        Ok(name.to_owned())
    } else {
        Err(InvalidDescription::Name { what, name: harmless_within(name, LONGEST_NAME), allowed })
    }
}

/// Whether a task may have this name in results: that of a plugin.
pub(crate) fn is_plugin_name(name: &str) -> bool {
    is_name(name, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
}

fn is_name(name: &str, is_allowed: impl Fn(u8) -> bool) -> bool {
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(is_allowed)
}

impl From<types::OptionValue> for OptionValue {
    fn from(value: types::OptionValue) -> Self {
        match value {
            types::OptionValue::Boolean(value) => Self::Boolean(value),
            types::OptionValue::Integer(value) => Self::Integer(value),
            types::OptionValue::Number(value) => Self::Number(value),
            types::OptionValue::Text(value) => Self::Text(value),
        }
    }
}

impl From<&OptionSetting> for types::OptionSetting {
    fn from(setting: &OptionSetting) -> Self {
        let value = match &setting.value {
            OptionValue::Boolean(value) => types::OptionValue::Boolean(*value),
            OptionValue::Integer(value) => types::OptionValue::Integer(*value),
            OptionValue::Number(value) => types::OptionValue::Number(*value),
            OptionValue::Text(value) => types::OptionValue::Text(value.clone()),
        };
        Self { name: setting.name.clone(), value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(name: &str, kind: info::OptionKind, default: types::OptionValue) -> info::OptionSpec {
        info::OptionSpec { name: name.into(), help: "help\u{1b}[2J".into(), kind, default }
    }

    fn check(name: &str, version: &str, options: Vec<info::OptionSpec>) -> Result<Description, String> {
        let raw = info::Description { name: name.into(), version: version.into(), summary: "a\nb".into(), options };
        Description::check(raw).map_err(|error| error.to_string())
    }

    fn message(option: info::OptionSpec) -> String {
        check("x", "1.2.3", vec![option]).expect_err("the option is impossible")
    }

    #[test]
    fn a_good_description_is_taken_and_its_texts_made_harmless() {
        let range = info::NumberRange { minimum: Some(0.0), maximum: None };
        let rate = option("step_size", info::OptionKind::Number(range), types::OptionValue::Number(0.01));
        let description = check("anderson-2", "0.10.0", vec![rate]).unwrap();
        assert_eq!(description.summary, "a\\nb");
        assert_eq!(description.options[0].to_string(), "step_size=0.01  help\\u{1b}[2J (a number from 0)");
    }

    #[test]
    fn names_and_versions_have_a_form() {
        for name in ["", "Momentum", "a b", "a\u{1b}", &"x".repeat(65)] {
            let message = check(name, "1.2.3", vec![]).unwrap_err();
            assert!(message.starts_with("expected a name of 1 to 64 characters from a-z 0-9 - _, got `"), "{message}");
        }
        for version in ["", "1", "1.2", "1.2.x", "1.2.3.4", "1..3", "1.2.3\n"] {
            let message = check("x", version, vec![]).unwrap_err();
            assert!(message.starts_with("expected a version MAJOR.MINOR.PATCH in digits, got `"), "{message}");
        }
    }

    #[test]
    fn options_can_be_satisfied() {
        let any = info::IntegerRange { minimum: None, maximum: None };
        let none = info::IntegerRange { minimum: Some(2), maximum: Some(1) };
        let no_number = info::NumberRange { minimum: Some(f64::NAN), maximum: None };
        let cases = [
            (
                option("A", info::OptionKind::Boolean, types::OptionValue::Boolean(true)),
                "expected an option name of 1 to 64 characters from a-z 0-9 _, got `A`",
            ),
            (
                option("a", info::OptionKind::Integer(any), types::OptionValue::Number(1.0)),
                "option `a`: expected a whole number as its default, got `1`",
            ),
            (
                option("a", info::OptionKind::Integer(none), types::OptionValue::Integer(1)),
                "option `a`: expected a kind that some value has, got a whole number from 2 to 1",
            ),
            (
                option("a", info::OptionKind::Number(no_number), types::OptionValue::Number(1.0)),
                "option `a`: expected a kind that some value has, got a number from NaN",
            ),
            (
                option("a", info::OptionKind::Choice(vec![]), types::OptionValue::Text(String::new())),
                "option `a`: expected a kind that some value has, got one of ",
            ),
            (
                option("a", info::OptionKind::Choice(vec!["x\u{7}".into()]), types::OptionValue::Text("x".into())),
                "option `a`: expected a kind that some value has, got one of `x\\u{7}`",
            ),
        ];
        for (option, expected) in cases {
            assert_eq!(message(option), expected);
        }
        let twice = || option("a", info::OptionKind::Boolean, types::OptionValue::Boolean(true));
        assert_eq!(check("x", "1.2.3", vec![twice(), twice()]), Err("duplicate option `a`".into()));
    }
}
