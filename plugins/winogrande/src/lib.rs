//! WinoGrande: which of two names fills the gap in a sentence?

use ft_plugin::{Choice, Description, Error, Example, Options, Row, RowError, Source, Split, Task};

const GAP: char = '_';

struct WinoGrande {
    /// Whether a choice is scored with the whole sentence instead of what follows it alone.
    oneline: bool,
}

impl Task for WinoGrande {
    fn describe() -> Description {
        let summary = "WinoGrande (XS): the name that fills a gap, with the prompts of arXiv 2305.13016";
        let help = "`sp` scores the name and what follows it, given what stands before; `oneline` the whole sentence";
        let description = Description::new("winogrande", env!("CARGO_PKG_VERSION"), summary);
        description.choice("prompt", "sp", &["sp", "oneline"], help)
    }

    fn new(options: &Options) -> Result<Self, Error> {
        Ok(Self { oneline: options.text("prompt")? == "oneline" })
    }

    fn sources(&self) -> Vec<Source> {
        let source =
            |split, name| Source::new(split, "allenai/winogrande", name, "winogrande").with_config("winogrande_xs");
        vec![source(Split::Demonstrations, "train"), source(Split::Evaluation, "validation")]
    }

    fn example(&self, _: Split, row: &Row) -> Result<Example, RowError> {
        let sentence = row.nonblank("sentence")?;
        let gaps = sentence.matches(GAP).count();
        if gaps != 1 {
            return Err(RowError::column("sentence", format!("expected one gap, `{GAP}`, got {gaps}")));
        }
        let choices = [row.nonblank("option1")?, row.nonblank("option2")?];
        let answer = row.answer(|row| row.one_of("answer", &["1", "2"]))?;
        Ok(Example::new(sentence, choices, answer))
    }

    fn query(&self, example: &Example) -> Result<Vec<Choice>, Error> {
        let gap = || Error::invalid_data(format!("example `{}` has no gap, `{GAP}`", example.id));
        let (before, after) = example.query.split_once(GAP).ok_or_else(gap)?;
        let (before, after) = (before.trim(), after.trim());
        let choice = |choice: &String| {
            let rest = format!(" {choice} {after}");
            if self.oneline { Choice::new("", &format!("{before}{rest}")) } else { Choice::new(before, &rest) }
        };
        Ok(example.choices.iter().map(choice).collect())
    }
}

ft_plugin::export_task!(WinoGrande);

#[cfg(test)]
mod tests {
    use super::*;
    use ft_plugin::Value;

    fn task(prompt: &str) -> WinoGrande {
        let options = Options::defaults(&WinoGrande::describe()).with("prompt", Value::Text(prompt.into()));
        WinoGrande::new(&options).unwrap()
    }

    fn example(json: &str) -> Result<Example, RowError> {
        task("sp").example(Split::Evaluation, &Row::parse(0, json)?)
    }

    fn row(sentence: &str, answer: &str) -> String {
        format!(r#"{{"sentence": "{sentence}", "option1": "Ann", "option2": "Bea", "answer": "{answer}"}}"#)
    }

    #[test]
    fn the_prompts_are_those_of_the_reference() {
        let example = example(&row("Ann won and Bea lost, so _ got the cup.", "1")).unwrap();
        let (sp, oneline) = (task("sp"), task("oneline"));
        let choices = sp.query(&example).unwrap();
        assert_eq!(choices[1], Choice::new("Ann won and Bea lost, so", " Bea got the cup."));
        assert_eq!(sp.demonstration(&example).unwrap(), "Ann won and Bea lost, so Ann got the cup.");
        let whole = oneline.query(&example).unwrap();
        assert!(whole.iter().all(|choice| choice.context.is_empty()));
        assert!(whole.iter().zip(&choices).all(|(whole, choice)| whole.full == choice.full));
        assert_eq!(sp.separator(), "\n\n");
    }

    #[test]
    fn a_gap_may_stand_at_either_end() {
        let full = |sentence| task("sp").demonstration(&example(&row(sentence, "2")).unwrap()).unwrap();
        assert_eq!(full("_ came first."), " Bea came first.");
        assert_eq!(full("The cup went to _."), "The cup went to Bea .");
    }

    #[test]
    fn a_row_to_predict_needs_no_answer() {
        let labelled = example(&row("_ won.", "2")).unwrap();
        for json in [row("_ won.", ""), row("_ won.", "").replace(r#", "answer": """#, "")] {
            let row = Row::parse_unlabelled(0, &json).unwrap();
            let unlabelled = task("sp").example(Split::Unlabelled, &row).unwrap();
            assert_eq!(unlabelled, Example { answer: None, ..labelled.clone() }, "{json}");
        }
    }

    #[test]
    fn malformed_rows_are_rejected() {
        let check = |json: &str, expected: &str| assert_eq!(example(json).unwrap_err().to_string(), expected);
        check(&row("_ beat _.", "1"), "column `sentence`: expected one gap, `_`, got 2");
        check(&row("Ann won.", "1"), "column `sentence`: expected one gap, `_`, got 0");
        check(&row("_ won.", ""), r#"column `answer`: expected one of 1, 2, got """#);
        check(&row("_ won.", "3"), r#"column `answer`: expected one of 1, 2, got "3""#);
        check(
            &row("_ won.", "1").replace("Bea", ""),
            r#"column `option2`: expected a text that is more than blanks, got """#,
        );
    }
}
