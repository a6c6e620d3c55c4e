//! QASC: grade-school science questions whose answer takes two facts, with eight choices.

use ft_plugin::{Choice, Description, Error, Example, Options, Row, RowError, Source, Split, Task};

/// Demonstrations of our own: a question, its choices, the index of the right one.
const WRITTEN: [(&str, &str, usize); 5] = [
    (
        "What do plants need sunlight for?",
        "making sugar | hearing | digging burrows | losing leaves | attracting magnets | heating soil | storing metal | catching prey",
        0,
    ),
    (
        "What can wear a canyon into a plateau?",
        "moonlight | a shadow | a river | roots of grass | echoes | a rainbow | seeds | sleeping animals",
        2,
    ),
    (
        "Warm blood lets an animal stay",
        "invisible | weightless | in one place | underground | out of water | active in the cold | without food | a juvenile",
        5,
    ),
    (
        "What is used to see cells?",
        "a compass | a thermometer | a rain gauge | a microscope | a telescope | a stopwatch | a balance | a barometer",
        3,
    ),
    (
        "Salt left behind in a dry lake is the result of",
        "erosion | pollination | condensation | hibernation | evaporation | migration | combustion | digestion",
        4,
    ),
];

struct Qasc;

impl Task for Qasc {
    fn describe() -> Description {
        let summary = "QASC: science questions with eight choices, with the prompt of arXiv 2305.13016";
        Description::new("qasc", env!("CARGO_PKG_VERSION"), summary)
    }

    fn new(_: &Options) -> Result<Self, Error> {
        Ok(Self)
    }

    fn sources(&self) -> Vec<Source> {
        let source = |split, name| Source::new(split, "allenai/qasc", name, "qasc");
        vec![source(Split::Demonstrations, "train"), source(Split::Evaluation, "validation")]
    }

    fn example(&self, _: Split, row: &Row) -> Result<Example, RowError> {
        let (choices, answer) = row.labelled_choices("choices", "answerKey")?;
        Ok(Example::new(row.nonblank("question")?, choices, answer))
    }

    fn written(&self) -> Vec<Example> {
        WRITTEN.map(|(question, choices, answer)| Example::new(question, choices.split(" | "), answer)).into()
    }

    fn query(&self, example: &Example) -> Result<Vec<Choice>, Error> {
        Ok(example.choices_after(&example.query))
    }
}

ft_plugin::export_task!(Qasc);

#[cfg(test)]
mod tests {
    use super::*;

    fn example(json: &str) -> Result<Example, RowError> {
        Qasc.example(Split::Evaluation, &Row::parse(0, json)?)
    }

    #[test]
    fn the_prompt_is_that_of_the_reference() {
        let json = r#"{"question": "The sky at noon is", "choices": {"text": ["blue", "green"], "label": ["A", "B"]}, "answerKey": "A"}"#;
        let example = example(json).unwrap();
        assert_eq!(Qasc.demonstration(&example).unwrap() + &Qasc.separator(), "The sky at noon is blue\n\n");
        let choices = Qasc.query(&example).unwrap();
        assert!(choices.iter().all(|choice| choice.context == "The sky at noon is"));
        assert_eq!(
            choices.into_iter().map(|choice| choice.full).collect::<Vec<_>>(),
            ["The sky at noon is blue", "The sky at noon is green"]
        );
    }

    #[test]
    fn a_row_to_predict_needs_neither_answer_nor_labels() {
        let json = r#"{"question": "The sky at noon is", "choices": {"text": ["blue", "green"]}}"#;
        let row = Row::parse_unlabelled(0, json).unwrap();
        let example = Qasc.example(Split::Unlabelled, &row).unwrap();
        assert_eq!(example, Example::new("The sky at noon is", ["blue", "green"], None));
    }

    #[test]
    fn written_demonstrations_have_different_choices() {
        for example in Qasc.written() {
            let mut choices = example.choices.clone();
            choices.sort();
            choices.dedup();
            assert_eq!(choices.len(), 8, "{}", example.query);
            assert!(Qasc.demonstration(&example).unwrap().contains(example.right_choice().unwrap()));
        }
    }

    #[test]
    fn rows_without_question_choices_or_answer_are_rejected() {
        let check = |json: &str, expected: &str| assert_eq!(example(json).unwrap_err().to_string(), expected);
        let choices = r#""choices": {"text": ["a", "b"], "label": ["A", "B"]}"#;
        check(
            &format!(r#"{{"question": "x", {choices}, "answerKey": ""}}"#),
            r#"column `answerKey`: expected one of A, B, got """#,
        );
        check(
            &format!(r#"{{"question": "x", {choices}, "answerKey": "C"}}"#),
            r#"column `answerKey`: expected one of A, B, got "C""#,
        );
        check(
            &format!(r#"{{{choices}, "answerKey": "A"}}"#),
            "column `question`: expected a text, the column is missing",
        );
        check(
            &format!(r#"{{"question": "", {choices}, "answerKey": "A"}}"#),
            r#"column `question`: expected a text that is more than blanks, got """#,
        );
        check(
            r#"{"question": "x", "answerKey": "A"}"#,
            "column `choices`: expected an object or a list of objects, the column is missing",
        );
    }
}
