//! TREC: what kind of answer does a question ask for?

use ft_plugin::{Choice, Description, Error, Example, Options, Row, RowError, Source, Split, Task};

const LABELS: [&str; 6] = ["Abbreviation", "Entity", "Description", "Person", "Location", "Number"];

struct Trec;

impl Task for Trec {
    fn describe() -> Description {
        let summary = "TREC: coarse types of questions, with the prompt of arXiv 2305.13016";
        Description::new("trec", env!("CARGO_PKG_VERSION"), summary)
    }

    fn new(_: &Options) -> Result<Self, Error> {
        Ok(Self)
    }

    fn sources(&self) -> Vec<Source> {
        let source = |split, name| Source::new(split, "CogComp/trec", name, "trec");
        vec![source(Split::Demonstrations, "train"), source(Split::Evaluation, "test")]
    }

    fn labels(&self) -> Vec<String> {
        LABELS.map(Into::into).into()
    }

    fn example(&self, _: Split, row: &Row) -> Result<Example, RowError> {
        let question = row.nonblank("text")?.trim();
        let answer = row.answer(|row| row.class("coarse_label", LABELS.len()))?;
        Ok(Example::new(question, LABELS, answer))
    }

    fn query(&self, example: &Example) -> Result<Vec<Choice>, Error> {
        Ok(example.choices_after(&format!("Question: {}\nType:", example.query)))
    }
}

ft_plugin::export_task!(Trec);

#[cfg(test)]
mod tests {
    use super::*;

    fn example(json: &str) -> Result<Example, RowError> {
        Trec.example(Split::Evaluation, &Row::parse(0, json)?)
    }

    #[test]
    fn the_prompt_is_that_of_the_reference() {
        let example =
            example(r#"{"text": "How many keys has a piano ?", "coarse_label": 5, "fine_label": 38}"#).unwrap();
        let context = "Question: How many keys has a piano ?\nType:";
        assert_eq!(Trec.demonstration(&example).unwrap() + &Trec.separator(), format!("{context} Number\n\n"));
        let choices = LABELS.map(|label| Choice::new(context, &format!(" {label}")));
        assert_eq!(Trec.query(&example).unwrap(), choices);
    }

    #[test]
    fn rows_without_question_or_label_are_rejected() {
        let check = |json: &str, expected: &str| assert_eq!(example(json).unwrap_err().to_string(), expected);
        check(r#"{"coarse_label": 1}"#, "column `text`: expected a text, the column is missing");
        check(
            r#"{"text": "  ", "coarse_label": 1}"#,
            r#"column `text`: expected a text that is more than blanks, got "  ""#,
        );
        let class = "column `coarse_label`: expected a class from 0 to 5";
        check(r#"{"text": "x"}"#, &format!("{class}, the column is missing"));
        check(r#"{"text": "x", "coarse_label": -1}"#, &format!("{class}, got -1"));
        check(r#"{"text": "x", "coarse_label": 6}"#, &format!("{class}, got 6"));
    }

    #[test]
    fn examples_without_content_have_the_prompt_of_others() {
        let context = |example: &Example| Trec.query(example).unwrap().swap_remove(0).context;
        let contexts: Vec<String> = Trec.content_free().iter().map(context).collect();
        assert_eq!(contexts, ["Question: N/A\nType:", "Question: [MASK]\nType:", "Question: \nType:"]);
    }
}
