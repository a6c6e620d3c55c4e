//! The options as the user set them.

use crate::{Description, Error, Value};

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
        found.map(|(_, value)| value).ok_or_else(|| Error::failed(format!("`describe` names no option `{name}`")))
    }
}

impl FromIterator<(String, Value)> for Options {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(settings: I) -> Self {
        Self(settings.into_iter().collect())
    }
}

fn mismatch(name: &str, expected: &str, value: &Value) -> Error {
    let described = match value {
        Value::Boolean(_) => "a boolean",
        Value::Integer(_) => "a whole number",
        Value::Number(_) => "a number",
        Value::Text(_) => "a text or a choice",
    };
    Error::failed(format!("option `{name}` is asked for as {expected}, and `describe` makes it {described}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bounds, OptionKind};

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
        assert_eq!(
            options.number("count").unwrap_err().message,
            "option `count` is asked for as a number, and `describe` makes it a whole number"
        );
        assert_eq!(options.boolean("absent").unwrap_err().message, "`describe` names no option `absent`");
    }
}
