//! The choices of a multiple-choice row.

use serde_json::{Map, Value};

use super::Row;
use crate::RowError;

impl Row<'_> {
    /// A list of choices: two texts or more, each more than blanks.
    ///
    /// # Errors
    /// See [`Row::text`]; also if there are fewer, or one is nothing but blanks.
    pub fn choices(&self, column: &str) -> Result<Vec<&str>, RowError> {
        let texts = self.texts(column)?;
        self.at_least_two(column, texts.len())?;
        for (index, text) in texts.iter().enumerate() {
            self.not_only_blanks(&format!("{column}[{index}]"), text)?;
        }
        Ok(texts)
    }

    /// Choices with a label each, and the index of the right one, whose label stands in the column `key`; `None` for a row to
    /// predict, of which neither `key` nor labels are looked at. This is the form of QASC, OpenBookQA, ARC and CommonsenseQA: `choices` holds the lists `text` and `label`, or a list of
    /// objects with both.
    ///
    /// ```
    /// let lists = r#"{"choices": {"text": ["ice", "fire"], "label": ["A", "B"]}, "answerKey": "B"}"#;
    /// let objects = r#"{"choices": [{"text": "ice", "label": "A"}, {"text": "fire", "label": "B"}], "answerKey": "B"}"#;
    /// for json in [lists, objects] {
    ///     let row = ft_plugin::Row::parse(0, json)?;
    ///     assert_eq!(row.labelled_choices("choices", "answerKey")?, (vec!["ice".to_owned(), "fire".to_owned()], Some(1)));
    /// }
    /// # Ok::<(), ft_plugin::RowError>(())
    /// ```
    ///
    /// # Errors
    /// See [`Row::choices`]; also if there are not as many labels as texts, or none is the one in `key`: data sets
    /// without answers have an empty text there.
    pub fn labelled_choices(&self, column: &str, key: &str) -> Result<(Vec<String>, Option<usize>), RowError> {
        let list = self.get(column, "an object or a list of objects", |value| match value {
            Value::Object(_) => Some(None),
            Value::Array(items) => items.iter().map(Value::as_object).collect::<Option<Vec<_>>>().map(Some),
            _ => None,
        })?;
        let (texts, labels) = match list {
            Some(objects) => self.list_of_objects(column, &objects)?,
            None => self.nested(column)?.two_lists()?,
        };
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        let answer = self.answer(|row| row.one_of(key, &labels))?;
        Ok((texts, answer))
    }

    /// The texts and labels of an object that has them as two lists; empty labels for a row to predict.
    fn two_lists(&self) -> Result<(Vec<String>, Vec<String>), RowError> {
        let texts = self.choices("text")?;
        let labels = if self.unlabelled { vec![""; texts.len()] } else { self.texts("label")? };
        if labels.len() != texts.len() {
            let message = format!("expected {} labels, one for each text, got {}", texts.len(), labels.len());
            return Err(self.fault("label", message));
        }
        let owned = |texts: Vec<&str>| texts.into_iter().map(Into::into).collect();
        Ok((owned(texts), owned(labels)))
    }

    /// The texts and labels of a list of objects; empty labels for a row to predict.
    fn list_of_objects(
        &self,
        column: &str,
        objects: &[&Map<String, Value>],
    ) -> Result<(Vec<String>, Vec<String>), RowError> {
        self.at_least_two(column, objects.len())?;
        let pair = |(index, object): (usize, &&Map<String, Value>)| {
            let choice = self.within(&format!("{column}[{index}]"), object);
            let text = choice.nonblank("text")?.to_owned();
            Ok((text, if self.unlabelled { String::new() } else { choice.text("label")?.to_owned() }))
        };
        objects.iter().enumerate().map(pair).collect()
    }

    fn at_least_two(&self, column: &str, found: usize) -> Result<(), RowError> {
        if found < 2 {
            return Err(self.fault(column, format!("expected two choices or more, got {found}")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(json: &str) -> String {
        Row::parse(0, json).unwrap().labelled_choices("choices", "key").unwrap_err().to_string()
    }

    #[test]
    fn a_row_to_predict_needs_texts_alone() {
        let lists = r#""choices": {"text": ["a", "b"]}"#;
        let objects = r#""choices": [{"text": "a", "label": 1}, {"text": "b"}]"#;
        for json in [format!("{{{lists}}}"), format!("{{{objects}}}"), format!(r#"{{{lists}, "key": ""}}"#)] {
            let row = Row::parse_unlabelled(0, &json).unwrap();
            let expected = (vec!["a".to_owned(), "b".to_owned()], None);
            assert_eq!(row.labelled_choices("choices", "key"), Ok(expected), "{json}");
        }
        let row = Row::parse_unlabelled(0, r#"{"choices": {"text": ["a"]}}"#).unwrap();
        let fault = row.labelled_choices("choices", "key").unwrap_err().to_string();
        assert_eq!(fault, "column `choices.text`: expected two choices or more, got 1");
    }

    #[test]
    fn faults_are_named_by_their_place() {
        let two = r#""text": ["a", "b"], "label": ["A", "B"]"#;
        let cases = [
            (r#"{"key": "A"}"#.to_owned(), "`choices`: expected an object or a list of objects, the column is missing"),
            (
                r#"{"choices": ["a", "b"]}"#.into(),
                r#"`choices`: expected an object or a list of objects, got ["a","b"]"#,
            ),
            (
                r#"{"choices": {"label": ["A"]}}"#.into(),
                "`choices.text`: expected a list of texts, the column is missing",
            ),
            (r#"{"choices": {"text": ["a"]}}"#.into(), "`choices.text`: expected two choices or more, got 1"),
            (
                r#"{"choices": {"text": ["a", ""], "label": ["A", "B"]}}"#.into(),
                r#"`choices.text[1]`: expected a text that is more than blanks, got """#,
            ),
            (
                r#"{"choices": {"text": ["a", "b"], "label": ["A"]}}"#.into(),
                "`choices.label`: expected 2 labels, one for each text, got 1",
            ),
            (format!(r#"{{"choices": {{{two}}}}}"#), "`key`: expected one of A, B, the column is missing"),
            (format!(r#"{{"choices": {{{two}}}, "key": ""}}"#), r#"`key`: expected one of A, B, got """#),
            (r#"{"choices": []}"#.into(), "`choices`: expected two choices or more, got 0"),
            (
                r#"{"choices": [{"text": "a", "label": "A"}, {"text": 5, "label": "B"}]}"#.into(),
                "`choices[1].text`: expected a text, got 5",
            ),
        ];
        for (json, expected) in cases {
            assert_eq!(fault(&json), format!("column {expected}"), "{json}");
        }
    }
}
