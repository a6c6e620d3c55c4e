//! {{name}}: is a sentence about food or about the weather? Replace it by what your task is about.

use ft_plugin::{Choice, Description, Error, Example, Options, Row, RowError, Source, Split, Task};

/// Classes; a task whose examples have choices of their own has no `labels` and makes the choices of the row.
const LABELS: [&str; 2] = ["food", "weather"];

struct {{Name}}Task;

impl Task for {{Name}}Task {
    fn describe() -> Description {
        Description::new("{{name}}", env!("CARGO_PKG_VERSION"), "food or weather: which is a sentence about?")
    }

    fn new(_: &Options) -> Result<Self, Error> {
        Ok(Self)
    }

    /// The data set on the hub, and the folder below `--data DIR` for those who have the files.
    fn sources(&self) -> Vec<Source> {
        let source = |split, name| Source::new(split, "your-name/{{name}}", name, "{{name}}");
        vec![source(Split::Demonstrations, "train"), source(Split::Evaluation, "validation")]
    }

    fn labels(&self) -> Vec<String> {
        LABELS.map(Into::into).into()
    }

    /// A row that has not what is asked for is rejected with its column, what was expected and what came. A row to predict
    /// needs no answer: `row.answer` does not look for one there.
    fn example(&self, _: Split, row: &Row) -> Result<Example, RowError> {
        let answer = row.answer(|row| row.class("label", LABELS.len()))?;
        Ok(Example::new(row.nonblank("sentence")?, LABELS, answer))
    }

    /// The text before the scored span, and each choice behind it. A demonstration is the text of the right one.
    fn query(&self, example: &Example) -> Result<Vec<Choice>, Error> {
        Ok(example.choices_after(&format!("Sentence: {}\nTopic:", example.query)))
    }
}

ft_plugin::export_task!({{Name}}Task);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_becomes_a_prompt() {
        let row = Row::parse(0, r#"{"sentence": "It rained all night.", "label": 1}"#).unwrap();
        let example = {{Name}}Task.example(Split::Evaluation, &row).unwrap();
        assert_eq!({{Name}}Task.demonstration(&example).unwrap(), "Sentence: It rained all night.\nTopic: weather");
    }

    #[test]
    fn a_row_to_predict_needs_no_answer() {
        let row = Row::parse_unlabelled(0, r#"{"sentence": "Soup."}"#).unwrap();
        let example = {{Name}}Task.example(Split::Unlabelled, &row).unwrap();
        assert_eq!({{Name}}Task.query(&example).unwrap()[1], Choice::new("Sentence: Soup.\nTopic:", " weather"));
    }
}
