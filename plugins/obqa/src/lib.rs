//! OpenBookQA: elementary science questions that go beyond what the book says, with four choices.

use ft_plugin::{Choice, Description, Error, Example, Options, Row, RowError, Source, Split, Task};

/// Demonstrations of our own: a question, its choices, the index of the right one.
const WRITTEN: [(&str, &str, usize); 4] = [
    (
        "A kettle whistles on the stove because",
        "the metal is melting | boiling water gives off steam | the flame has gone out | cold air is sinking into it",
        1,
    ),
    (
        "A bear gets ready for a winter without food by",
        "eating a lot in autumn | shedding its fur in snow | moving into a lake | growing longer claws",
        0,
    ),
    (
        "In which place would a compass needle be misled?",
        "on a wooden raft | in a wheat field | beside a strong magnet | under a full moon",
        2,
    ),
    (
        "Someone who wants to waste less paper can",
        "print each page twice | burn old letters | buy thicker notebooks | write on both sides of a sheet",
        3,
    ),
];

struct OpenBookQa;

impl Task for OpenBookQa {
    fn describe() -> Description {
        let summary = "OpenBookQA: elementary science questions with four choices, with the prompt of arXiv 2305.13016";
        Description::new("obqa", env!("CARGO_PKG_VERSION"), summary)
    }

    fn new(_: &Options) -> Result<Self, Error> {
        Ok(Self)
    }

    fn sources(&self) -> Vec<Source> {
        let source = |split, name| Source::new(split, "allenai/openbookqa", name, "openbookqa").with_config("main");
        vec![source(Split::Demonstrations, "train"), source(Split::Evaluation, "validation")]
    }

    fn example(&self, _: Split, row: &Row) -> Result<Example, RowError> {
        let (choices, answer) = row.labelled_choices("choices", "answerKey")?;
        Ok(Example::new(row.nonblank("question_stem")?, choices, answer))
    }

    fn written(&self) -> Vec<Example> {
        WRITTEN.map(|(question, choices, answer)| Example::new(question, choices.split(" | "), answer)).into()
    }

    fn query(&self, example: &Example) -> Result<Vec<Choice>, Error> {
        // The full stop after the choice is scored with it.
        let choice = |choice: &String| Choice::new(&example.query, &format!(" {choice}."));
        Ok(example.choices.iter().map(choice).collect())
    }
}

ft_plugin::export_task!(OpenBookQa);

#[cfg(test)]
mod tests {
    use super::*;

    fn example(json: &str) -> Result<Example, RowError> {
        OpenBookQa.example(Split::Evaluation, &Row::parse(0, json)?)
    }

    #[test]
    fn the_prompt_is_that_of_the_reference() {
        let json = r#"{"question_stem": "The sky at noon is", "choices": {"text": ["blue", "green"], "label": ["A", "B"]}, "answerKey": "A"}"#;
        let example = example(json).unwrap();
        assert_eq!(
            OpenBookQa.demonstration(&example).unwrap() + &OpenBookQa.separator(),
            "The sky at noon is blue.\n\n"
        );
        let choices = OpenBookQa.query(&example).unwrap();
        assert!(choices.iter().all(|choice| choice.context == "The sky at noon is"));
        assert_eq!(
            choices.into_iter().map(|choice| choice.full).collect::<Vec<_>>(),
            ["The sky at noon is blue.", "The sky at noon is green."]
        );
    }

    #[test]
    fn a_row_to_predict_needs_neither_answer_nor_labels() {
        let json = r#"{"question_stem": "The sky at noon is", "choices": {"text": ["blue", "green"]}}"#;
        let row = Row::parse_unlabelled(0, json).unwrap();
        let example = OpenBookQa.example(Split::Unlabelled, &row).unwrap();
        assert_eq!(example, Example::new("The sky at noon is", ["blue", "green"], None));
    }

    #[test]
    fn written_demonstrations_have_different_choices() {
        for example in OpenBookQa.written() {
            let mut choices = example.choices.clone();
            choices.sort();
            choices.dedup();
            assert_eq!(choices.len(), 4, "{}", example.query);
            assert!(OpenBookQa.demonstration(&example).unwrap().contains(example.right_choice().unwrap()));
        }
    }

    #[test]
    fn rows_without_question_choices_or_answer_are_rejected() {
        let check = |json: &str, expected: &str| assert_eq!(example(json).unwrap_err().to_string(), expected);
        let choices = r#""choices": {"text": ["a", "b"], "label": ["A", "B"]}"#;
        check(
            &format!(r#"{{"question_stem": "x", {choices}, "answerKey": ""}}"#),
            r#"column `answerKey`: expected one of A, B, got """#,
        );
        check(
            &format!(r#"{{"question_stem": "x", {choices}, "answerKey": "C"}}"#),
            r#"column `answerKey`: expected one of A, B, got "C""#,
        );
        check(
            &format!(r#"{{{choices}, "answerKey": "A"}}"#),
            "column `question_stem`: expected a text, the column is missing",
        );
        check(
            &format!(r#"{{"question_stem": "", {choices}, "answerKey": "A"}}"#),
            r#"column `question_stem`: expected a text that is more than blanks, got """#,
        );
        check(
            r#"{"question_stem": "x", "answerKey": "A"}"#,
            "column `choices`: expected an object or a list of objects, the column is missing",
        );
    }
}
