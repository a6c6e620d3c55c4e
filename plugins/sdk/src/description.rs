//! What a plugin is and which options it takes.

use std::ops::{RangeFrom, RangeFull, RangeInclusive, RangeToInclusive};

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
