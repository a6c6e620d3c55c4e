//! One row of a data set, and getters that say what they missed.

mod choices;

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
    /// Whether it is to be predicted.
    unlabelled: bool,
}

impl Row<'static> {
    /// A row from its JSON text.
    ///
    /// # Errors
    /// If the text is not a JSON object.
    pub fn parse(index: u64, text: &str) -> Result<Self, RowError> {
        let object = serde_json::from_str(text)
            .map_err(|error| RowError::row(format!("expected a JSON object, got a text with this fault: {error}")))?;
        Ok(Self { index, path: String::new(), object: Cow::Owned(object), unlabelled: false })
    }

    /// A row to predict, of the split [`Split::Unlabelled`](crate::Split::Unlabelled), from its JSON text.
    ///
    /// # Errors
    /// See [`Row::parse`].
    pub fn parse_unlabelled(index: u64, text: &str) -> Result<Self, RowError> {
        Ok(Self { unlabelled: true, ..Self::parse(index, text)? })
    }
}

impl Row<'_> {
    /// The row's index in its table, from 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Whether the row is to be predicted, and needs no answer.
    pub fn is_unlabelled(&self) -> bool {
        self.unlabelled
    }

    /// The answer that `read` finds in the row; `None` for a row to predict, which is not looked at.
    ///
    /// ```
    /// use ft_plugin::Row;
    ///
    /// let answer = |row: Row| row.answer(|row| row.class("label", 2));
    /// assert_eq!(answer(Row::parse(0, r#"{"label": 1}"#)?)?, Some(1));
    /// assert_eq!(answer(Row::parse_unlabelled(0, r#"{"label": -1}"#)?)?, None);
    /// assert_eq!(answer(Row::parse_unlabelled(0, "{}")?)?, None);
    /// # Ok::<(), ft_plugin::RowError>(())
    /// ```
    ///
    /// # Errors
    /// Those of `read`.
    pub fn answer(&self, read: impl FnOnce(&Self) -> Result<usize, RowError>) -> Result<Option<usize>, RowError> {
        if self.unlabelled { Ok(None) } else { read(self).map(Some) }
    }

    /// All columns of the row, or of the nested object.
    pub fn columns(&self) -> &Map<String, Value> {
        &self.object
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

    /// A text that is more than blanks, as it stands.
    ///
    /// # Errors
    /// See [`Row::text`]; also if there is nothing but blanks.
    pub fn nonblank(&self, column: &str) -> Result<&str, RowError> {
        let text = self.text(column)?;
        self.not_only_blanks(column, text)?;
        Ok(text)
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

    /// The index of a class, from 0 to `classes - 1`: a number, or its digits as a text, as some data sets have it.
    /// `1.0` counts as 1: pandas writes whole numbers so where a value of the column is missing. Data sets without
    /// answers have -1 or an empty text there, which is refused: [`Row::answer`] does not look there in a row to predict.
    ///
    /// # Errors
    /// See [`Row::text`]; also if it is no index below `classes`.
    pub fn class(&self, column: &str, classes: usize) -> Result<usize, RowError> {
        let expected = format!("a class from 0 to {}", classes.saturating_sub(1));
        self.get(column, &expected, |value| {
            let class = match value {
                Value::String(text) => whole(text).parse().ok()?,
                // Beyond the numbers that this takes exactly, there are no classes.
                Value::Number(number) => number.as_u64().or_else(|| {
                    let real = number.as_f64().filter(|real| real.fract() == 0.0 && (0.0..1e9).contains(real))?;
                    Some(real as u64)
                })?,
                _ => return None,
            };
            usize::try_from(class).ok().filter(|&class: &usize| class < classes)
        })
    }

    /// The index of a text among some texts; a whole number counts as its digits.
    ///
    /// # Errors
    /// See [`Row::text`]; also if it is none of them.
    pub fn one_of(&self, column: &str, texts: &[&str]) -> Result<usize, RowError> {
        self.get(column, &format!("one of {}", texts.join(", ")), |value| {
            let digits = value.as_i64().map(|number| number.to_string());
            let text = digits.as_deref().or_else(|| value.as_str())?;
            texts.iter().position(|&other| other == text)
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
        Ok(self.within(column, object))
    }

    /// An object that lies in the row, at `place`.
    fn within<'a>(&self, place: &str, object: &'a Map<String, Value>) -> Row<'a> {
        let path = format!("{}{place}.", self.path);
        Row { index: self.index, path, object: Cow::Borrowed(object), unlabelled: self.unlabelled }
    }

    fn not_only_blanks(&self, column: &str, text: &str) -> Result<(), RowError> {
        if text.trim().is_empty() {
            return Err(self.fault(column, format!("expected a text that is more than blanks, got {text:?}")));
        }
        Ok(())
    }

    fn fault(&self, column: &str, message: String) -> RowError {
        RowError::column(format!("{}{column}", self.path), message)
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
            self.fault(column, format!("expected {expected}, {came}"))
        })
    }
}

/// The digits before a point with nothing but zeros behind it; other texts as they are.
fn whole(text: &str) -> &str {
    match text.split_once('.') {
        Some((digits, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => digits,
        _ => text,
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
        let json = r#"{"sentence": 5, "label": -1, "texts": ["a", null], "none": null, "blank": " ", "key": ""}"#;
        let row = Row::parse(0, json).unwrap();
        let check = |error: RowError, expected: &str| assert_eq!(error.to_string(), expected);
        check(row.text("sentence").unwrap_err(), "column `sentence`: expected a text, got 5");
        check(row.text("absent").unwrap_err(), "column `absent`: expected a text, the column is missing");
        check(row.class("label", 2).unwrap_err(), "column `label`: expected a class from 0 to 1, got -1");
        check(row.class("key", 2).unwrap_err(), r#"column `key`: expected a class from 0 to 1, got """#);
        check(row.one_of("key", &["1", "2"]).unwrap_err(), r#"column `key`: expected one of 1, 2, got """#);
        check(
            row.nonblank("blank").unwrap_err(),
            r#"column `blank`: expected a text that is more than blanks, got " ""#,
        );
        check(row.texts("texts").unwrap_err(), r#"column `texts`: expected a list of texts, got ["a",null]"#);
        check(row.number("none").unwrap_err(), "column `none`: expected a number, got null");
        assert!(!row.has("none") && !row.has("absent") && row.has("label"));
    }

    #[test]
    fn classes_may_be_texts_and_texts_may_be_numbers() {
        let row = Row::parse(0, r#"{"number": 2, "digits": "2", "word": "two"}"#).unwrap();
        assert_eq!((row.class("number", 3), row.class("digits", 3)), (Ok(2), Ok(2)));
        assert!(row.class("digits", 2).is_err() && row.class("word", 3).is_err());
        assert_eq!((row.one_of("number", &["1", "2"]), row.one_of("digits", &["1", "2"])), (Ok(1), Ok(1)));
        assert_eq!(row.one_of("word", &["one", "two"]), Ok(1));
        assert_eq!(row.nonblank("word"), Ok("two"));
    }

    #[test]
    fn classes_may_be_written_with_a_point() {
        let row =
            Row::parse(0, r#"{"real": 1.0, "text": "1.0", "half": 1.5, "texts": "1.5", "point": "1.", "minus": -1.0}"#);
        let row = row.unwrap();
        assert_eq!((row.class("real", 2), row.class("text", 2)), (Ok(1), Ok(1)));
        assert!(row.class("real", 1).is_err() && row.class("text", 1).is_err());
        for column in ["half", "texts", "point", "minus"] {
            assert!(row.class(column, 9).is_err(), "{column}");
        }
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
