//! HellaSwag: which ending continues a description?

use ft_plugin::{Choice, Description, Error, Example, Options, Row, RowError, Source, Split, Task};

struct HellaSwag;

impl Task for HellaSwag {
    fn describe() -> Description {
        let summary = "HellaSwag: the right one of four endings to a description, with the prompt of arXiv 2305.13016";
        Description::new("hellaswag", env!("CARGO_PKG_VERSION"), summary)
    }

    fn new(_: &Options) -> Result<Self, Error> {
        Ok(Self)
    }

    fn sources(&self) -> Vec<Source> {
        let source = |split, name| Source::new(split, "Rowan/hellaswag", name, "hellaswag");
        vec![source(Split::Demonstrations, "train"), source(Split::Evaluation, "validation").with_sample(2000)]
    }

    fn example(&self, _: Split, row: &Row) -> Result<Example, RowError> {
        let endings = row.choices("endings")?;
        let answer = row.answer(|row| row.class("label", endings.len()))?;
        Ok(Example::new(row.nonblank("ctx")?, endings, answer))
    }

    fn query(&self, example: &Example) -> Result<Vec<Choice>, Error> {
        Ok(example.choices_after(&example.query))
    }
}

ft_plugin::export_task!(HellaSwag);

#[cfg(test)]
mod tests {
    use super::*;

    fn example(json: &str) -> Result<Example, RowError> {
        HellaSwag.example(Split::Evaluation, &Row::parse(0, json)?)
    }

    #[test]
    fn the_prompt_is_that_of_the_reference() {
        let json =
            r#"{"ctx": "A man lifts the lid of a piano. he", "endings": ["plays.", "swims away."], "label": "0"}"#;
        let example = example(json).unwrap();
        let context = "A man lifts the lid of a piano. he";
        let choices = [Choice::new(context, " plays."), Choice::new(context, " swims away.")];
        assert_eq!(HellaSwag.query(&example).unwrap(), choices);
        assert_eq!(HellaSwag.demonstration(&example).unwrap(), choices[0].full);
        assert_eq!(HellaSwag.separator(), "\n\n");
    }

    #[test]
    fn a_row_to_predict_needs_no_label() {
        for json in [r#"{"ctx": "x", "endings": ["a", "b"]}"#, r#"{"ctx": "x", "endings": ["a", "b"], "label": ""}"#] {
            let row = Row::parse_unlabelled(0, json).unwrap();
            assert_eq!(HellaSwag.example(Split::Unlabelled, &row), Ok(Example::new("x", ["a", "b"], None)));
        }
    }

    #[test]
    fn rows_without_context_endings_or_label_are_rejected() {
        let check = |json: &str, expected: &str| assert_eq!(example(json).unwrap_err().to_string(), expected);
        check(
            r#"{"ctx": " ", "endings": ["a", "b"], "label": "0"}"#,
            r#"column `ctx`: expected a text that is more than blanks, got " ""#,
        );
        check(
            r#"{"ctx": "x", "endings": "a", "label": "0"}"#,
            r#"column `endings`: expected a list of texts, got "a""#,
        );
        check(
            r#"{"ctx": "x", "endings": ["a", "b"], "label": ""}"#,
            r#"column `label`: expected a class from 0 to 1, got """#,
        );
        check(
            r#"{"ctx": "x", "endings": ["a", "b"], "label": "2"}"#,
            r#"column `label`: expected a class from 0 to 1, got "2""#,
        );
    }
}
