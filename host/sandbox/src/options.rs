//! Options of plugins: what a plugin says it takes, and what the user's texts become.

use std::fmt;

/// The value of an option.
#[derive(Clone, Debug, PartialEq)]
pub enum OptionValue {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A real number, finite.
    Number(f64),
    /// A text, or one of a fixed set.
    Text(String),
}

impl fmt::Display for OptionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

impl OptionValue {
    /// The value as JSON, of the JSON type that belongs to it.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Boolean(value) => (*value).into(),
            Self::Integer(value) => (*value).into(),
            Self::Number(value) => (*value).into(),
            Self::Text(value) => value.as_str().into(),
        }
    }
}

/// An option's name and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct OptionSetting {
    /// The name, as the specification has it.
    pub name: String,
    /// The value, within what the specification allows.
    pub value: OptionValue,
}

/// Which values an option takes. Bounds are inclusive.
#[derive(Clone, Debug, PartialEq)]
pub enum OptionKind {
    /// `true` or `false`.
    Boolean,
    /// A whole number within bounds.
    Integer {
        /// The least value allowed.
        minimum: Option<i64>,
        /// The greatest value allowed.
        maximum: Option<i64>,
    },
    /// A real number within bounds.
    Number {
        /// The least value allowed.
        minimum: Option<f64>,
        /// The greatest value allowed.
        maximum: Option<f64>,
    },
    /// A text of any content.
    Text,
    /// One of these texts.
    Choice(Vec<String>),
}

impl fmt::Display for OptionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("true or false"),
            Self::Integer { minimum, maximum } => write!(f, "a whole number{}", Bounds(minimum, maximum)),
            Self::Number { minimum, maximum } => write!(f, "a number{}", Bounds(minimum, maximum)),
            Self::Text => f.write_str("a text"),
            Self::Choice(choices) => {
                let quoted: Vec<String> = choices.iter().map(|choice| format!("`{choice}`")).collect();
                write!(f, "one of {}", quoted.join(", "))
            }
        }
    }
}

struct Bounds<'a, T>(&'a Option<T>, &'a Option<T>);

impl<T: fmt::Display> fmt::Display for Bounds<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(Some(minimum), Some(maximum)) => write!(f, " from {minimum} to {maximum}"),
            Self(Some(minimum), None) => write!(f, " from {minimum}"),
            Self(None, Some(maximum)) => write!(f, " up to {maximum}"),
            Self(None, None) => Ok(()),
        }
    }
}

impl OptionKind {
    /// Whether the option may have this value.
    pub fn allows(&self, value: &OptionValue) -> bool {
        match (self, value) {
            (Self::Boolean, OptionValue::Boolean(_)) | (Self::Text, OptionValue::Text(_)) => true,
            (Self::Integer { minimum, maximum }, OptionValue::Integer(value)) => {
                minimum.is_none_or(|minimum| *value >= minimum) && maximum.is_none_or(|maximum| *value <= maximum)
            }
            (Self::Number { minimum, maximum }, OptionValue::Number(value)) => {
                value.is_finite()
                    && minimum.is_none_or(|minimum| *value >= minimum)
                    && maximum.is_none_or(|maximum| *value <= maximum)
            }
            (Self::Choice(choices), OptionValue::Text(value)) => choices.contains(value),
            _ => false,
        }
    }

    /// The value that a text stands for, if it is one of this kind.
    fn parse(&self, text: &str) -> Option<OptionValue> {
        let value = match self {
            Self::Boolean => OptionValue::Boolean(text.parse().ok()?),
            Self::Integer { .. } => OptionValue::Integer(text.parse().ok()?),
            Self::Number { .. } => OptionValue::Number(text.parse().ok()?),
            Self::Text | Self::Choice(_) => OptionValue::Text(text.to_owned()),
        };
        self.allows(&value).then_some(value)
    }
}

/// An option that a user may set.
#[derive(Clone, Debug, PartialEq)]
pub struct OptionSpec {
    /// Lower case letters, digits and `_`.
    pub name: String,
    /// What it does, in one sentence.
    pub help: String,
    /// Which values the option takes.
    pub kind: OptionKind,
    /// Its value when the user sets none.
    pub default: OptionValue,
}

impl fmt::Display for OptionSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}  {} ({})", self.name, self.default, self.help, self.kind)
    }
}

/// Why a user's options are not what the plugin takes.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OptionError {
    /// A name that the plugin does not know.
    #[error("unknown option `{name}`")]
    Unknown {
        /// The name as the user wrote it.
        name: String,
        /// All options that the plugin takes.
        known: Vec<OptionSpec>,
    },
    /// A value of another kind, or out of bounds.
    #[error("option `{}`: expected {}, got `{value}`", spec.name, spec.kind)]
    Value {
        /// What the plugin says of the option.
        spec: Box<OptionSpec>,
        /// The value as the user wrote it.
        value: String,
    },
    /// One option with two values.
    #[error("duplicate option `{name}`: `{first}` and `{second}`")]
    Twice {
        /// Name of the option.
        name: String,
        /// The value that was given first.
        first: String,
        /// The value that was given later.
        second: String,
    },
}

impl OptionError {
    /// What the user may do, one line for each of the plugin's options where that helps.
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown { known, .. } if known.is_empty() => "the plugin takes no options".to_owned(),
            Self::Unknown { known, .. } => {
                let lines: Vec<String> = known.iter().map(|spec| format!("  -O {spec}")).collect();
                format!("the plugin takes these, shown with their defaults:\n{}", lines.join("\n"))
            }
            Self::Value { spec, .. } => format!("{}: {}; the default is `{}`", spec.name, spec.help, spec.default),
            Self::Twice { name, .. } => format!("give `-O {name}=VALUE` once"),
        }
    }
}

/// Every option of `specs`, in their order: with the value that the user gave as text, or else with its default.
///
/// # Errors
/// When a name is unknown, a value is not what the option takes, or an option is given twice.
pub fn resolve(specs: &[OptionSpec], given: &[(String, String)]) -> Result<Vec<OptionSetting>, OptionError> {
    let mut values: Vec<Option<&str>> = vec![None; specs.len()];
    for (name, value) in given {
        let Some(index) = specs.iter().position(|spec| spec.name == *name) else {
            return Err(OptionError::Unknown { name: name.clone(), known: specs.to_vec() });
        };
        if let Some(first) = values[index].replace(value) {
            return Err(OptionError::Twice { name: name.clone(), first: first.to_owned(), second: value.clone() });
        }
    }
    let setting = |(spec, value): (&OptionSpec, Option<&str>)| {
        let value = match value {
            None => spec.default.clone(),
            Some(text) => spec
                .kind
                .parse(text)
                .ok_or_else(|| OptionError::Value { spec: Box::new(spec.clone()), value: text.to_owned() })?,
        };
        Ok(OptionSetting { name: spec.name.clone(), value })
    };
    specs.iter().zip(values).map(setting).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, kind: OptionKind, default: OptionValue) -> OptionSpec {
        OptionSpec { name: name.into(), help: format!("sets {name}"), kind, default }
    }

    fn specs() -> Vec<OptionSpec> {
        vec![
            spec("flag", OptionKind::Boolean, OptionValue::Boolean(false)),
            spec("count", OptionKind::Integer { minimum: None, maximum: None }, OptionValue::Integer(3)),
            spec("small", OptionKind::Integer { minimum: Some(-1), maximum: Some(4) }, OptionValue::Integer(0)),
            spec("rate", OptionKind::Number { minimum: None, maximum: None }, OptionValue::Number(0.01)),
            spec("share", OptionKind::Number { minimum: Some(0.0), maximum: Some(1.0) }, OptionValue::Number(0.9)),
            spec("least", OptionKind::Number { minimum: Some(0.5), maximum: None }, OptionValue::Number(1.0)),
            spec("text", OptionKind::Text, OptionValue::Text("x".into())),
            spec("mode", OptionKind::Choice(vec!["a".into(), "b c".into()]), OptionValue::Text("a".into())),
        ]
    }

    /// What one `NAME=VALUE` resolves to, as `name=value` of that option, or the message.
    fn one(given: &str) -> String {
        let (name, value) = given.split_once('=').unwrap();
        match resolve(&specs(), &[(name.into(), value.into())]) {
            Ok(settings) => {
                assert_eq!(settings.len(), specs().len());
                settings.iter().find(|setting| setting.name == name).unwrap().value.to_json().to_string()
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn values_are_checked_by_kind_and_bounds() {
        let cases = [
            ("flag=true", "true"),
            ("flag=yes", "option `flag`: expected true or false, got `yes`"),
            ("count=-7", "-7"),
            ("count=1.5", "option `count`: expected a whole number, got `1.5`"),
            ("count=9223372036854775808", "option `count`: expected a whole number, got `9223372036854775808`"),
            ("small=4", "4"),
            ("small=5", "option `small`: expected a whole number from -1 to 4, got `5`"),
            ("rate=1e-3", "0.001"),
            ("rate=2", "2.0"),
            ("rate=nan", "option `rate`: expected a number, got `nan`"),
            ("rate=inf", "option `rate`: expected a number, got `inf`"),
            ("rate=", "option `rate`: expected a number, got ``"),
            ("share=1", "1.0"),
            ("share=1.01", "option `share`: expected a number from 0 to 1, got `1.01`"),
            ("least=0.25", "option `least`: expected a number from 0.5, got `0.25`"),
            ("text=", "\"\""),
            ("text=a=b", "\"a=b\""),
            ("mode=b c", "\"b c\""),
            ("mode=d", "option `mode`: expected one of `a`, `b c`, got `d`"),
            ("foo=1", "unknown option `foo`"),
        ];
        for (given, expected) in cases {
            assert_eq!(one(given), expected, "{given}");
        }
    }

    #[test]
    fn defaults_fill_what_is_not_given() {
        let settings = resolve(&specs(), &[]).unwrap();
        let shown: Vec<String> = settings.iter().map(|s| format!("{}={}", s.name, s.value)).collect();
        assert_eq!(
            shown,
            ["flag=false", "count=3", "small=0", "rate=0.01", "share=0.9", "least=1", "text=x", "mode=a"]
        );
    }

    #[test]
    fn an_option_given_twice_is_an_error() {
        let given = [("rate".to_owned(), "1".to_owned()), ("rate".to_owned(), "1".to_owned())];
        let error = resolve(&specs(), &given).unwrap_err();
        assert_eq!(error.to_string(), "duplicate option `rate`: `1` and `1`");
    }

    #[test]
    fn an_unknown_option_lists_the_known_ones() {
        let error = resolve(&specs()[3..5], &[("foo".into(), "1".into())]).unwrap_err();
        assert_eq!(
            error.hint(),
            "the plugin takes these, shown with their defaults:\n  -O rate=0.01  sets rate (a number)\n  \
             -O share=0.9  sets share (a number from 0 to 1)"
        );
        assert_eq!(resolve(&[], &[("a".into(), "b".into())]).unwrap_err().hint(), "the plugin takes no options");
    }
}
