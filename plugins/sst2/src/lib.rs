//! SST-2: is a sentence of a film review negative or positive?

use ft_plugin::{Choice, Description, Error, Example, Options, Row, RowError, Source, Split, Task};

const LABELS: [&str; 2] = ["negative", "positive"];

struct Sst2;

impl Task for Sst2 {
    fn describe() -> Description {
        let summary = "SST-2 from GLUE: sentiment of sentences from film reviews, with the prompt of arXiv 2305.13016";
        Description::new("sst2", env!("CARGO_PKG_VERSION"), summary)
    }

    fn new(_: &Options) -> Result<Self, Error> {
        Ok(Self)
    }

    fn sources(&self) -> Vec<Source> {
        let source = |split, name| Source::new(split, "nyu-mll/glue", name, "sst2").with_config("sst2");
        vec![source(Split::Demonstrations, "train"), source(Split::Evaluation, "validation")]
    }

    fn labels(&self) -> Vec<String> {
        LABELS.map(Into::into).into()
    }

    fn example(&self, _: Split, row: &Row) -> Result<Example, RowError> {
        // GLUE's sentences end in a blank, which is no part of the prompt.
        let sentence = row.nonblank("sentence")?.trim();
        let answer = row.answer(|row| row.class("label", LABELS.len()))?;
        Ok(Example::new(sentence, LABELS, answer))
    }

    fn query(&self, example: &Example) -> Result<Vec<Choice>, Error> {
        Ok(example.choices_after(&format!("Review: {}\nSentiment:", example.query)))
    }
}

ft_plugin::export_task!(Sst2);

#[cfg(test)]
mod tests {
    use super::*;

    fn example(json: &str) -> Result<Example, RowError> {
        Sst2.example(Split::Evaluation, &Row::parse(0, json)?)
    }

    #[test]
    fn the_prompt_is_that_of_the_reference() {
        let example = example(r#"{"sentence": "it 's a charming journey . ", "label": 1}"#).unwrap();
        let context = "Review: it 's a charming journey .\nSentiment:";
        assert_eq!(Sst2.demonstration(&example).unwrap() + &Sst2.separator(), format!("{context} positive\n\n"));
        let choices = LABELS.map(|label| Choice::new(context, &format!(" {label}")));
        assert_eq!(Sst2.query(&example).unwrap(), choices);
    }

    #[test]
    fn rows_without_sentence_or_label_are_rejected() {
        let check = |json: &str, expected: &str| assert_eq!(example(json).unwrap_err().to_string(), expected);
        check(r#"{"label": 1}"#, "column `sentence`: expected a text, the column is missing");
        check(
            r#"{"sentence": "  ", "label": 1}"#,
            r#"column `sentence`: expected a text that is more than blanks, got "  ""#,
        );
        let class = "column `label`: expected a class from 0 to 1";
        check(r#"{"sentence": "x"}"#, &format!("{class}, the column is missing"));
        check(r#"{"sentence": "x", "label": -1}"#, &format!("{class}, got -1"));
        check(r#"{"sentence": "x", "label": 2}"#, &format!("{class}, got 2"));
    }

    #[test]
    fn examples_without_content_have_the_prompt_of_others() {
        let context = |example: &Example| Sst2.query(example).unwrap().swap_remove(0).context;
        let contexts: Vec<String> = Sst2.content_free().iter().map(context).collect();
        assert_eq!(contexts, ["Review: N/A\nSentiment:", "Review: [MASK]\nSentiment:", "Review: \nSentiment:"]);
    }
}
