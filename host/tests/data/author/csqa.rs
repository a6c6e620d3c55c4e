//! CommonsenseQA (arXiv 1811.00937): a question with five labelled choices, from local JSON lines.

use ft_plugin::{Choice, Description, Error, Example, Options, Row, RowError, Source, Split, Task};

struct CommonsenseQa {
    show_choices: bool,
}

impl Task for CommonsenseQa {
    fn describe() -> Description {
        let summary = "CommonsenseQA: which of five choices answers the question (arXiv 1811.00937)";
        Description::new("csqa", env!("CARGO_PKG_VERSION"), summary).boolean(
            "show_choices",
            false,
            "show all choices before the answer",
        )
    }

    fn new(options: &Options) -> Result<Self, Error> {
        Ok(Self { show_choices: options.boolean("show_choices")? })
    }

    fn sources(&self) -> Vec<Source> {
        let source = |split, name| Source::new(split, "tau/commonsense_qa", name, "csqa");
        vec![source(Split::Demonstrations, "train"), source(Split::Evaluation, "validation")]
    }

    fn example(&self, _: Split, row: &Row) -> Result<Example, RowError> {
        let (choices, answer) = row.labelled_choices("choices", "answerKey")?;
        Ok(Example::new(row.nonblank("question")?, choices, answer).with_id(row.nonblank("id")?))
    }

    fn query(&self, example: &Example) -> Result<Vec<Choice>, Error> {
        let shown = match self.show_choices {
            true => format!("Choices: {}\n", example.choices.join(", ")),
            false => String::new(),
        };
        Ok(example.choices_after(&format!("Question: {}\n{shown}Answer:", example.query)))
    }
}

ft_plugin::export_task!(CommonsenseQa);
