//! What a plugin is and which options it takes; the values that the user set.

use std::ops::{RangeFrom, RangeFull, RangeInclusive, RangeToInclusive};

use crate::Error;

/// What a plugin is: its name, its version, what it does, and its options.
///
/// ```
/// use ft_plugin::Description;
///
/// let description = Description::new("gate", "0.1.0", "C = eta * P + (1 - eta) * C")
///     .number("eta", 0.1, 0.0..=1.0, "how much of the proposed cache comes in")
///     .boolean("values_only", false, "leave the keys as they are");
/// assert_eq!(description.options[0].name, "eta");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// Lower case letters, digits, `-` and `_`.
    pub name: String,
    /// The plugin's own version, `MAJOR.MINOR.PATCH`; `env!("CARGO_PKG_VERSION")` as a rule.
    pub version: String,
    /// What it does, in one sentence; for a rule or a prompt from the literature, where it is from.
    pub summary: String,
    /// The options that it takes.
    pub options: Vec<OptionSpec>,
}

/// An option that a user may set with `-O name=value`.
#[derive(Clone, Debug, PartialEq)]
pub struct OptionSpec {
    /// Lower case letters, digits and `_`.
    pub name: String,
    /// What it does, in one sentence.
    pub help: String,
    /// Which values it takes. The host checks them before the plugin sees them.
    pub kind: OptionKind,
    /// Its value when the user sets none.
    pub default: Value,
}

/// Which values an option takes.
#[derive(Clone, Debug, PartialEq)]
pub enum OptionKind {
    /// `true` or `false`.
    Boolean,
    /// A whole number within bounds.
    Integer(Bounds<i64>),
    /// A real number within bounds.
    Number(Bounds<f64>),
    /// Any text.
    Text,
    /// One of these texts.
    Choice(Vec<String>),
}

/// Bounds of a number, both inclusive. Made from `..`, `a..`, `..=b` or `a..=b`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds<T> {
    /// The least value allowed.
    pub minimum: Option<T>,
    /// The greatest value allowed.
    pub maximum: Option<T>,
}

impl<T> From<RangeFull> for Bounds<T> {
    fn from(_: RangeFull) -> Self {
        Self { minimum: None, maximum: None }
    }
}

impl<T> From<RangeFrom<T>> for Bounds<T> {
    fn from(range: RangeFrom<T>) -> Self {
        Self { minimum: Some(range.start), maximum: None }
    }
}

impl<T> From<RangeToInclusive<T>> for Bounds<T> {
    fn from(range: RangeToInclusive<T>) -> Self {
        Self { minimum: None, maximum: Some(range.end) }
    }
}

impl<T> From<RangeInclusive<T>> for Bounds<T> {
    fn from(range: RangeInclusive<T>) -> Self {
        let (minimum, maximum) = range.into_inner();
        Self { minimum: Some(minimum), maximum: Some(maximum) }
    }
}

/// The value of an option.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A real number, never NaN or infinite.
    Number(f64),
    /// A text, or the chosen one of a fixed set of texts.
    Text(String),
}

impl Description {
    /// A plugin without options.
    pub fn new(name: &str, version: &str, summary: &str) -> Self {
        Self { name: name.into(), version: version.into(), summary: summary.into(), options: Vec::new() }
    }

    /// Adds an option that is `true` or `false`.
    pub fn boolean(self, name: &str, default: bool, help: &str) -> Self {
        self.option(name, OptionKind::Boolean, Value::Boolean(default), help)
    }

    /// Adds an option that is a whole number, within bounds such as `1..=8` or `..`.
    pub fn integer(self, name: &str, default: i64, bounds: impl Into<Bounds<i64>>, help: &str) -> Self {
        self.option(name, OptionKind::Integer(bounds.into()), Value::Integer(default), help)
    }

    /// Adds an option that is a real number, within bounds such as `0.0..=1.0` or `..`.
    pub fn number(self, name: &str, default: f64, bounds: impl Into<Bounds<f64>>, help: &str) -> Self {
        self.option(name, OptionKind::Number(bounds.into()), Value::Number(default), help)
    }

    /// Adds an option that is any text.
    pub fn text(self, name: &str, default: &str, help: &str) -> Self {
        self.option(name, OptionKind::Text, Value::Text(default.into()), help)
    }

    /// Adds an option that is one of some texts.
    pub fn choice(self, name: &str, default: &str, choices: &[&str], help: &str) -> Self {
        let kind = OptionKind::Choice(choices.iter().map(ToString::to_string).collect());
        self.option(name, kind, Value::Text(default.into()), help)
    }

    fn option(mut self, name: &str, kind: OptionKind, default: Value, help: &str) -> Self {
        self.options.push(OptionSpec { name: name.into(), help: help.into(), kind, default });
        self
    }
}

/// The values of all options that the plugin described, set by the user or by default.
#[derive(Clone, Debug, PartialEq)]
pub struct Options(Vec<(String, Value)>);

impl Options {
    /// The defaults of a plugin, for its tests.
    pub fn defaults(description: &Description) -> Self {
        Self(description.options.iter().map(|option| (option.name.clone(), option.default.clone())).collect())
    }

    /// These options with one set to another value, for a plugin's tests.
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.0.retain(|(other, _)| other != name);
        self.0.push((name.into(), value));
        self
    }

    /// The value of a boolean option.
    ///
    /// # Errors
    /// Like all getters: if `describe` names no such option, or one of another kind.
    pub fn boolean(&self, name: &str) -> Result<bool, Error> {
        match self.value(name)? {
            Value::Boolean(value) => Ok(*value),
            other => Err(mismatch(name, "a boolean", other)),
        }
    }

    /// The value of a whole-number option.
    ///
    /// # Errors
    /// See [`Options::boolean`].
    pub fn integer(&self, name: &str) -> Result<i64, Error> {
        match self.value(name)? {
            Value::Integer(value) => Ok(*value),
            other => Err(mismatch(name, "a whole number", other)),
        }
    }

    /// The value of a real-number option.
    ///
    /// # Errors
    /// See [`Options::boolean`].
    pub fn number(&self, name: &str) -> Result<f64, Error> {
        match self.value(name)? {
            Value::Number(value) => Ok(*value),
            other => Err(mismatch(name, "a number", other)),
        }
    }

    /// The value of a text option, or the chosen text of a choice.
    ///
    /// # Errors
    /// See [`Options::boolean`].
    pub fn text(&self, name: &str) -> Result<&str, Error> {
        match self.value(name)? {
            Value::Text(value) => Ok(value),
            other => Err(mismatch(name, "a text", other)),
        }
    }

    fn value(&self, name: &str) -> Result<&Value, Error> {
        let found = self.0.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value).ok_or_else(|| Error::invalid_option(format!("no value for the option `{name}`")))
    }
}

impl FromIterator<(String, Value)> for Options {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(settings: I) -> Self {
        Self(settings.into_iter().collect())
    }
}

fn mismatch(name: &str, expected: &str, value: &Value) -> Error {
    Error::invalid_option(format!("option `{name}`: expected {expected}, got {value:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn getters_take_the_kind_that_was_described() {
        let description = Description::new("t", "0.1.0", "a test").integer("count", 3, 1.., "how many");
        assert_eq!(
            description.options[0].kind,
            OptionKind::Integer(Bounds { minimum: Some(1), maximum: None }),
            "an open range has one bound"
        );
        let options = Options::defaults(&description).with("name", Value::Text("x".into()));
        assert_eq!(options.integer("count"), Ok(3));
        assert_eq!(options.text("name"), Ok("x"));
        assert_eq!(options.number("count").unwrap_err().message, "option `count`: expected a number, got Integer(3)");
        assert_eq!(options.boolean("absent").unwrap_err().message, "no value for the option `absent`");
    }
}
