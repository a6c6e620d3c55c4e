//! AG News: is a news item about the world, sports, business or technology?

use ft_plugin::{Choice, Description, Error, Example, Options, Row, RowError, Source, Split, Task};

const LABELS: [&str; 4] = ["World", "Sports", "Business", "Technology"];

struct AgNews;

impl Task for AgNews {
    fn describe() -> Description {
        let summary = "AG News: topics of news items, with the prompt of arXiv 2305.13016";
        Description::new("agnews", env!("CARGO_PKG_VERSION"), summary)
    }

    fn new(_: &Options) -> Result<Self, Error> {
        Ok(Self)
    }

    fn sources(&self) -> Vec<Source> {
        let source = |split, name| Source::new(split, "fancyzhx/ag_news", name, "ag_news");
        vec![source(Split::Demonstrations, "train"), source(Split::Evaluation, "test").with_sample(2000)]
    }

    fn labels(&self) -> Vec<String> {
        LABELS.map(Into::into).into()
    }

    fn example(&self, _: Split, row: &Row) -> Result<Example, RowError> {
        let article = row.nonblank("text")?.trim();
        let answer = row.answer(|row| row.class("label", LABELS.len()))?;
        Ok(Example::new(article, LABELS, answer))
    }

    fn query(&self, example: &Example) -> Result<Vec<Choice>, Error> {
        Ok(example.choices_after(&format!("Article: {}\nCategory:", example.query)))
    }
}

ft_plugin::export_task!(AgNews);

#[cfg(test)]
mod tests {
    use super::*;

    fn example(json: &str) -> Result<Example, RowError> {
        AgNews.example(Split::Evaluation, &Row::parse(0, json)?)
    }

    #[test]
    fn the_prompt_is_that_of_the_reference() {
        let example = example(r#"{"text": "Markets close higher after a quiet day ", "label": 2}"#).unwrap();
        let context = "Article: Markets close higher after a quiet day\nCategory:";
        assert_eq!(AgNews.demonstration(&example).unwrap() + &AgNews.separator(), format!("{context} Business\n\n"));
        let choices = LABELS.map(|label| Choice::new(context, &format!(" {label}")));
        assert_eq!(AgNews.query(&example).unwrap(), choices);
    }

    #[test]
    fn rows_without_article_or_label_are_rejected() {
        let check = |json: &str, expected: &str| assert_eq!(example(json).unwrap_err().to_string(), expected);
        check(r#"{"label": 1}"#, "column `text`: expected a text, the column is missing");
        check(r#"{"text": "  ", "label": 1}"#, r#"column `text`: expected a text that is more than blanks, got "  ""#);
        let class = "column `label`: expected a class from 0 to 3";
        check(r#"{"text": "x"}"#, &format!("{class}, the column is missing"));
        check(r#"{"text": "x", "label": -1}"#, &format!("{class}, got -1"));
        check(r#"{"text": "x", "label": 4}"#, &format!("{class}, got 4"));
    }

    #[test]
    fn examples_without_content_have_the_prompt_of_others() {
        let context = |example: &Example| AgNews.query(example).unwrap().swap_remove(0).context;
        let contexts: Vec<String> = AgNews.content_free().iter().map(context).collect();
        assert_eq!(contexts, ["Article: N/A\nCategory:", "Article: [MASK]\nCategory:", "Article: \nCategory:"]);
    }
}
