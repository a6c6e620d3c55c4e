//! One row of a data set, and getters that say what they missed.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::RowError;

/// One row of a data set: named columns of JSON values, or an object nested in one.
///
/// Every getter fails with the column, what was expected and what came.
///
/// ```
/// use ft_plugin::Row;
///
/// let row = Row::parse(7, r#"{"question": "Why?", "choices": {"text": ["a", "b"]}}"#)?;
/// assert_eq!(row.text("question")?, "Why?");
/// assert_eq!(row.nested("choices")?.texts("text")?, ["a", "b"]);
/// let missing = row.nested("choices")?.integer("label").unwrap_err();
/// assert_eq!(missing.to_string(), "column `choices.label`: expected a whole number, the column is missing");
/// # Ok::<(), ft_plugin::RowError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Row<'a> {
    index: u64,
    /// Where a nested object lies, as `choices.`; empty for the row itself.
    path: String,
    object: Cow<'a, Map<String, Value>>,
}

impl Row<'static> {
    /// A row from its JSON text.
    ///
    /// # Errors
    /// If the text is not a JSON object.
    pub fn parse(index: u64, text: &str) -> Result<Self, RowError> {
        let object = serde_json::from_str(text)
            .map_err(|error| RowError::row(format!("expected a JSON object, got a text with this fault: {error}")))?;
        Ok(Self { index, path: String::new(), object: Cow::Owned(object) })
    }
}

impl Row<'_> {
    /// The row's index in its table, from 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Whether the column is there and not null.
    pub fn has(&self, column: &str) -> bool {
        self.object.get(column).is_some_and(|value| !value.is_null())
    }

    /// A text.
    ///
    /// # Errors
    /// Like all getters: if the column is missing or is something else.
    pub fn text(&self, column: &str) -> Result<&str, RowError> {
        self.get(column, "a text", Value::as_str)
    }

    /// A whole number.
    ///
    /// # Errors
    /// See [`Row::text`].
    pub fn integer(&self, column: &str) -> Result<i64, RowError> {
        self.get(column, "a whole number", Value::as_i64)
    }

    /// A real number.
    ///
    /// # Errors
    /// See [`Row::text`].
    pub fn number(&self, column: &str) -> Result<f64, RowError> {
        self.get(column, "a number", Value::as_f64)
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// See [`Row::text`].
    pub fn boolean(&self, column: &str) -> Result<bool, RowError> {
        self.get(column, "a boolean", Value::as_bool)
    }

    /// The index of a class, from 0 to `classes - 1`. Data sets without answers have -1 there, which is refused.
    ///
    /// # Errors
    /// See [`Row::text`]; also if it is no index below `classes`.
    pub fn class(&self, column: &str, classes: usize) -> Result<usize, RowError> {
        let value = self.integer(column)?;
        let class = usize::try_from(value).ok().filter(|&class| class < classes);
        class.ok_or_else(|| {
            let expected = format!("expected a class from 0 to {}, got {value}", classes.saturating_sub(1));
            RowError::column(format!("{}{column}", self.path), expected)
        })
    }

    /// A list of texts.
    ///
    /// # Errors
    /// See [`Row::text`].
    pub fn texts(&self, column: &str) -> Result<Vec<&str>, RowError> {
        self.get(column, "a list of texts", |value| value.as_array()?.iter().map(Value::as_str).collect())
    }

    /// An object within the row, with the same getters.
    ///
    /// # Errors
    /// See [`Row::text`].
    pub fn nested(&self, column: &str) -> Result<Row<'_>, RowError> {
        let object = self.get(column, "an object", Value::as_object)?;
        Ok(Row { index: self.index, path: format!("{}{column}.", self.path), object: Cow::Borrowed(object) })
    }

    fn get<'r, T>(
        &'r self,
        column: &str,
        expected: &str,
        convert: impl FnOnce(&'r Value) -> Option<T>,
    ) -> Result<T, RowError> {
        let value = self.object.get(column);
        value.and_then(convert).ok_or_else(|| {
            let came = match value {
                Some(value) => format!("got {}", excerpt(value)),
                None => "the column is missing".into(),
            };
            RowError::column(format!("{}{column}", self.path), format!("expected {expected}, {came}"))
        })
    }
}

/// A value as JSON, cut where it is long.
fn excerpt(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_column_what_was_expected_and_what_came() {
        let row = Row::parse(0, r#"{"sentence": 5, "label": -1, "texts": ["a", null], "none": null}"#).unwrap();
        let check = |error: RowError, expected: &str| assert_eq!(error.to_string(), expected);
        check(row.text("sentence").unwrap_err(), "column `sentence`: expected a text, got 5");
        check(row.text("absent").unwrap_err(), "column `absent`: expected a text, the column is missing");
        check(row.class("label", 2).unwrap_err(), "column `label`: expected a class from 0 to 1, got -1");
        check(row.texts("texts").unwrap_err(), r#"column `texts`: expected a list of texts, got ["a",null]"#);
        check(row.number("none").unwrap_err(), "column `none`: expected a number, got null");
        assert!(!row.has("none") && !row.has("absent") && row.has("label"));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert!(Row::parse(0, "[1, 2]").unwrap_err().message.starts_with("expected a JSON object"));
        assert!(Row::parse(0, r#"{"a": "#).unwrap_err().message.contains("EOF"));
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let row = Row::parse(0, &format!(r#"{{"label": "{}"}}"#, "é".repeat(100))).unwrap();
        assert!(row.integer("label").unwrap_err().message.ends_with("é..."));
    }
}
