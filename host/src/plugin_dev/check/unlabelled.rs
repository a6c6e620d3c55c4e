//! The check that a task takes rows to predict: they make the prompts that they make with their answers.

use serde_json::{Map, Value};

use super::checks::Verdict;
use super::harness::Harness;
use crate::run::RunError;
use ft_engine::task::example::{Example, Question, RenderedChoice, Source};
use ft_engine::text::harmless_within;
use ft_sandbox::{ErrorKind, Failure, PluginError, Rejection, RowOutcome, TaskPlugin};
use ft_store::datasets::location::DataLocation;

/// Rows that are handed over at a time.
const PART: usize = 256;
/// Columns that are tried and listed, and characters of each in a message.
const TRIED: usize = 50;
const SHOWN: usize = 60;

/// An example with the texts of its choices.
pub type Answered<'a> = (&'a Example, &'a [RenderedChoice]);

/// Reads the rows of a split, which made these examples, as rows to predict.
pub fn check(harness: Harness<'_>, data: &DataLocation, source: &Source, answered: &[Answered<'_>]) -> Verdict {
    let checked = harness.task(harness.options).and_then(|mut task| {
        let mut reading = Reading { answered, further: 0, first: None, wrong: None };
        if let Some(wrong) = reading.read_all(&mut task, harness, data, source)? {
            return Ok(Verdict::Failed(wrong));
        }
        let further = match reading.further {
            0 => String::new(),
            further => format!(", and {further} rows more"),
        };
        let columns = match &reading.first {
            Some((row, question)) => needless(&mut task, row, question)?,
            None => Vec::new(),
        };
        let columns = match columns.as_slice() {
            [] => "needs every column".to_owned(),
            columns => format!("can do without {}", columns.join(", ")),
        };
        Ok(Verdict::Passed(format!("{} prompts as with answers{further}; {columns}", answered.len())))
    });
    match checked {
        Ok(verdict) => verdict,
        // As by a plugin that reads bytes instead of rows.
        Err(RunError::Plugin(error)) if is_returned(&error, Some(ErrorKind::Unsupported)) => {
            Verdict::Skipped(error.to_string())
        }
        Err(error) => Verdict::Failed(error.to_string()),
    }
}

/// An error that the plugin reports itself, of this kind or of any.
fn is_returned(error: &PluginError, wanted: Option<ErrorKind>) -> bool {
    matches!(error.failure(), Failure::Returned { kind, .. } if wanted.is_none_or(|wanted| wanted == *kind))
}

/// What was seen of the rows so far.
struct Reading<'a> {
    /// The examples whose rows have not come yet.
    answered: &'a [Answered<'a>],
    /// Rows that made no example with their answers, like those that a filter of the answer leaves out.
    further: usize,
    /// The first row that made an example, and what it makes.
    first: Option<(String, Question)>,
    /// Why the next example's row has not come yet, if something came in its place.
    wrong: Option<String>,
}

impl Reading<'_> {
    /// What is wrong, if anything is.
    fn read_all(
        &mut self,
        task: &mut TaskPlugin,
        harness: Harness<'_>,
        data: &DataLocation,
        source: &Source,
    ) -> Result<Option<String>, RunError> {
        let mut table = data.open(source, harness.access)?;
        task.begin_unlabelled(table.columns().to_vec())?;
        loop {
            let rows = table.next_rows(PART)?;
            if rows.is_empty() {
                break;
            }
            for (row, outcome) in rows.iter().zip(task.read_unlabelled(rows.clone())?) {
                self.outcome(task, row, outcome)?;
            }
        }
        let Some((example, _)) = self.answered.first() else { return Ok(None) };
        let none =
            || format!("example `{}`: expected its row to make an example without its answer, got none", example.id);
        Ok(Some(self.wrong.take().unwrap_or_else(none)))
    }

    /// Holds a row to the next example, if it is that one's.
    fn outcome(&mut self, task: &mut TaskPlugin, row: &str, outcome: RowOutcome) -> Result<(), PluginError> {
        let question = match outcome {
            RowOutcome::Question(question) => question,
            RowOutcome::Rejected(Rejection { row, column, message }) => {
                let column = column.map(|column| format!("column `{column}`: ")).unwrap_or_default();
                self.wrong.get_or_insert_with(|| format!("row {}, as a row to predict: {column}{message}", row + 1));
                return Ok(());
            }
            RowOutcome::LeftOut => return Ok(()),
        };
        let prompt = task.render_question(&question)?;
        let Some((next, rest)) = self.answered.split_first().filter(|((next, _), _)| next.id == question.id) else {
            self.further += 1;
            return Ok(());
        };
        if let Some(wrong) = difference(*next, &question, &prompt) {
            self.wrong.get_or_insert(wrong);
            return Ok(());
        }
        (self.answered, self.wrong) = (rest, None);
        self.first.get_or_insert_with(|| (row.to_owned(), question));
        Ok(())
    }
}

/// What a row makes with its answer and without it, where that is not the same.
fn difference((example, expected): Answered<'_>, question: &Question, prompt: &[RenderedChoice]) -> Option<String> {
    let differs = |what: &str, with: &dyn std::fmt::Debug, without: &dyn std::fmt::Debug| {
        let id = &example.id;
        Some(format!(
            "example `{id}`: expected {what} of a row to predict as with its answer, {with:?}, got {without:?}"
        ))
    };
    if question.query != example.query {
        return differs("the query", &example.query, &question.query);
    }
    if question.choices != example.choices {
        return differs("the choices", &example.choices, &question.choices);
    }
    let (with, without) = expected.iter().zip(prompt).find(|(with, without)| with != without)?;
    differs("the text", with, without)
}

/// The columns without which a row makes the same.
fn needless(task: &mut TaskPlugin, row: &str, question: &Question) -> Result<Vec<String>, PluginError> {
    let Ok(good) = serde_json::from_str::<Map<String, Value>>(row) else { return Ok(Vec::new()) };
    let prompt = task.render_question(question)?;
    let mut needless = Vec::new();
    for column in good.keys().take(TRIED) {
        let mut without = good.clone();
        without.remove(column);
        let made = task.begin_unlabelled(without.keys().cloned().collect()).and_then(|()| {
            let outcomes = task.read_unlabelled(vec![Value::Object(without).to_string()])?;
            let Some(RowOutcome::Question(made)) = outcomes.into_iter().next() else { return Ok(false) };
            let same = (&made.query, &made.choices) == (&question.query, &question.choices);
            Ok(same && task.render_question(&made)? == prompt)
        });
        match made {
            Ok(true) => needless.push(format!("`{}`", harmless_within(column, SHOWN))),
            Ok(false) => {}
            Err(error) if is_returned(&error, None) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(needless)
}
