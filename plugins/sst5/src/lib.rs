//! SST-5: is a sentence of a film review terrible, negative, neutral, positive or great?

use ft_plugin::{Choice, Description, Error, Example, Options, Row, RowError, Source, Split, Task};

const LABELS: [&str; 5] = ["terrible", "negative", "neutral", "positive", "great"];

struct Sst5;

impl Task for Sst5 {
    fn describe() -> Description {
        let summary =
            "SST-5: sentiment in five degrees of sentences from film reviews, with the prompt of arXiv 2305.13016";
        Description::new("sst5", env!("CARGO_PKG_VERSION"), summary)
    }

    fn new(_: &Options) -> Result<Self, Error> {
        Ok(Self)
    }

    fn sources(&self) -> Vec<Source> {
        let source = |split, name| Source::new(split, "SetFit/sst5", name, "sst5");
        vec![source(Split::Demonstrations, "train"), source(Split::Evaluation, "validation")]
    }

    fn labels(&self) -> Vec<String> {
        LABELS.map(Into::into).into()
    }

    fn example(&self, _: Split, row: &Row) -> Result<Example, RowError> {
        let sentence = row.nonblank("text")?.trim();
        let answer = row.answer(|row| row.class("label", LABELS.len()))?;
        Ok(Example::new(sentence, LABELS, answer))
    }

    fn query(&self, example: &Example) -> Result<Vec<Choice>, Error> {
        Ok(example.choices_after(&format!("Review: {}\nSentiment:", example.query)))
    }
}

ft_plugin::export_task!(Sst5);

#[cfg(test)]
mod tests {
    use super::*;

    fn example(json: &str) -> Result<Example, RowError> {
        Sst5.example(Split::Evaluation, &Row::parse(0, json)?)
    }

    #[test]
    fn the_prompt_is_that_of_the_reference() {
        let example =
            example(r#"{"text": "a film to be seen twice . ", "label": 4, "label_text": "very positive"}"#).unwrap();
        let context = "Review: a film to be seen twice .\nSentiment:";
        assert_eq!(Sst5.demonstration(&example).unwrap() + &Sst5.separator(), format!("{context} great\n\n"));
        let choices = LABELS.map(|label| Choice::new(context, &format!(" {label}")));
        assert_eq!(Sst5.query(&example).unwrap(), choices);
    }

    #[test]
    fn rows_without_sentence_or_label_are_rejected() {
        let check = |json: &str, expected: &str| assert_eq!(example(json).unwrap_err().to_string(), expected);
        check(r#"{"label": 1}"#, "column `text`: expected a text, the column is missing");
        check(r#"{"text": "  ", "label": 1}"#, r#"column `text`: expected a text that is more than blanks, got "  ""#);
        let class = "column `label`: expected a class from 0 to 4";
        check(r#"{"text": "x"}"#, &format!("{class}, the column is missing"));
        check(r#"{"text": "x", "label": -1}"#, &format!("{class}, got -1"));
        check(r#"{"text": "x", "label": 5}"#, &format!("{class}, got 5"));
    }

    #[test]
    fn examples_without_content_have_the_prompt_of_others() {
        let context = |example: &Example| Sst5.query(example).unwrap().swap_remove(0).context;
        let contexts: Vec<String> = Sst5.content_free().iter().map(context).collect();
        assert_eq!(contexts, ["Review: N/A\nSentiment:", "Review: [MASK]\nSentiment:", "Review: \nSentiment:"]);
    }
}
