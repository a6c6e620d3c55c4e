//! COPA: which of two sentences is the cause, or the effect, of a third?

use ft_plugin::{Choice, Description, Error, Example, Options, Row, RowError, Source, Split, Task};

/// What a row asks for, and the word that leads from the premise to it.
const QUESTIONS: [&str; 2] = ["cause", "effect"];
const LINKS: [&str; 2] = ["because", "therefore"];

struct Copa;

impl Task for Copa {
    fn describe() -> Description {
        let summary = "COPA from SuperGLUE: the likelier cause or effect, with the prompt of arXiv 2305.13016";
        Description::new("copa", env!("CARGO_PKG_VERSION"), summary)
    }

    fn new(_: &Options) -> Result<Self, Error> {
        Ok(Self)
    }

    fn sources(&self) -> Vec<Source> {
        let source = |split, name| Source::new(split, "aps/super_glue", name, "copa").with_config("copa");
        vec![source(Split::Demonstrations, "train"), source(Split::Evaluation, "validation")]
    }

    fn example(&self, _: Split, row: &Row) -> Result<Example, RowError> {
        let choices = [row.nonblank("choice1")?, row.nonblank("choice2")?];
        let question = row.one_of("question", &QUESTIONS)?;
        let answer = row.answer(|row| row.class("label", choices.len()))?;
        let example = Example::new(row.nonblank("premise")?, choices, answer);
        Ok(example.with_field("question", QUESTIONS[question]).with_field("link", LINKS[question]))
    }

    fn query(&self, example: &Example) -> Result<Vec<Choice>, Error> {
        // The premise goes on, so its full stop goes; a blank behind it would stay, as in the reference.
        let premise = example.query.strip_suffix('.').unwrap_or(&example.query);
        Ok(example.choices_after(&format!("{premise} {}", example.field("link")?)))
    }
}

ft_plugin::export_task!(Copa);

#[cfg(test)]
mod tests {
    use super::*;

    fn example(json: &str) -> Result<Example, RowError> {
        Copa.example(Split::Evaluation, &Row::parse(0, json)?)
    }

    fn row(premise: &str, question: &str, label: i32) -> String {
        let choices = r#""choice1": "It rained.", "choice2": "The sun rose.""#;
        format!(r#"{{"premise": "{premise}", {choices}, "question": "{question}", "label": {label}}}"#)
    }

    #[test]
    fn the_prompt_is_that_of_the_reference() {
        let check = |premise, question, label, expected: &str| {
            let example = example(&row(premise, question, label)).unwrap();
            assert_eq!(Copa.demonstration(&example).unwrap() + &Copa.separator(), format!("{expected}\n\n"));
        };
        check("The road was wet.", "cause", 0, "The road was wet because It rained.");
        check("The night ended.", "effect", 1, "The night ended therefore The sun rose.");
        check("The night ended. ", "effect", 1, "The night ended.  therefore The sun rose.");
        let choices = Copa.query(&example(&row("The road was wet.", "cause", 0)).unwrap()).unwrap();
        assert_eq!(choices[1], Choice::new("The road was wet because", " The sun rose."));
    }

    #[test]
    fn malformed_rows_are_rejected() {
        let check = |json: &str, expected: &str| assert_eq!(example(json).unwrap_err().to_string(), expected);
        check(&row(" ", "cause", 0), r#"column `premise`: expected a text that is more than blanks, got " ""#);
        check(&row("x", "why", 0), r#"column `question`: expected one of cause, effect, got "why""#);
        check(&row("x", "cause", -1), "column `label`: expected a class from 0 to 1, got -1");
        check(
            &row("x", "cause", 0).replace("choice2", "choice3"),
            "column `choice2`: expected a text, the column is missing",
        );
    }
}
