//! Content-free queries: what the model makes of the classes where there is nothing to classify. Contextual calibration needs
//! them (Zhao et al. 2021, arXiv 2102.09690).

use super::fit;
use super::render::{Query, Renderer};
use crate::run::error::RunError;
use ft_engine::task::example::Example;
use ft_record::files::schema::ContentFreeRecord;
use ft_record::files::scores::MOST_CALIBRATED_CLASSES;
use ft_sandbox::{Failure, PluginError, TaskPlugin};

/// The inputs of the examples that are made here: those of the paper, section 5.
const INPUTS: [&str; 3] = ["N/A", "[MASK]", ""];

/// Content-free queries, ready to be scored; none for a task without classes, or with too many to calibrate.
#[derive(Default)]
pub struct ContentFree {
    /// The queries; their indices are their places in this list.
    pub queries: Vec<Query>,
    /// Whether the task made the examples.
    made_by_task: bool,
}

impl ContentFree {
    /// What a task with these labels, none for one without classes, comes to behind contexts of at most so many tokens. Examples
    /// that the prompt does not take, or that do not fit, are left out. To be asked for last: the task may end over an example
    /// that it did not make.
    ///
    /// # Errors
    /// A failure of the plugin that is not about an example, or over an example of its own.
    pub fn draw(renderer: &mut Renderer<'_>, labels: &[String], longest_context: usize) -> Result<Self, RunError> {
        if !(1..=MOST_CALIBRATED_CLASSES).contains(&labels.len()) {
            return Ok(Self::default());
        }
        let (examples, made_by_task) = examples(renderer.task, labels)?;
        let mut queries: Vec<Query> = Vec::with_capacity(examples.len());
        for example in &examples {
            let query = match renderer.query(queries.len(), example) {
                Ok((query, _)) => query,
                Err(RunError::Plugin(error)) if !made_by_task && is_about_example(&error) => break,
                Err(error) => return Err(error),
            };
            let fits =
                |query: &Query| fit::query(renderer.room.limit, longest_context, query.tokens.longest()).is_none();
            queries.extend(query.ok().filter(fits));
        }
        Ok(Self { queries, made_by_task })
    }

    /// What is written down of them; `None` where there are none.
    pub fn record(&self) -> Option<ContentFreeRecord> {
        let made_by = if self.made_by_task { "task" } else { "host" };
        let queries = self.queries.len();
        (queries > 0).then(|| ContentFreeRecord { made_by: made_by.into(), queries })
    }
}

/// The examples of the task, and whether it made them; where it gives none, those that can be made of the labels alone.
fn examples(task: &mut TaskPlugin, labels: &[String]) -> Result<(Vec<Example>, bool), PluginError> {
    let own = task.content_free()?;
    let made_by_task = !own.is_empty();
    Ok((if made_by_task { own } else { of_labels(labels) }, made_by_task))
}

fn of_labels(labels: &[String]) -> Vec<Example> {
    let example = |(place, input): (usize, &&str)| Example {
        id: format!("content-free-{place}"),
        query: (*input).into(),
        choices: labels.iter().map(|label| label.as_str().into()).collect(),
        answer: 0,
        fields: Vec::new(),
    };
    INPUTS.iter().enumerate().map(example).collect()
}

/// Whether a plugin failed over an example that it did not expect, and not for a reason outside of it: it panicked at what it
/// lacks, did not come to an end, or its answer is none.
fn is_about_example(error: &PluginError) -> bool {
    let failure = error.failure();
    matches!(failure, Failure::Trap { .. } | Failure::Answer(_) | Failure::Returned { .. } | Failure::LimitExceeded(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ft_engine::score::QueryTokens;

    #[test]
    fn examples_of_labels_have_nothing_but_them() {
        let examples = of_labels(&["bad".into(), "good".into()]);
        let inputs: Vec<&str> = examples.iter().map(|example| example.query.raw().as_str()).collect();
        assert_eq!(inputs, ["N/A", "[MASK]", ""]);
        for example in &examples {
            let choices: Vec<&str> = example.choices.iter().map(|choice| choice.raw().as_str()).collect();
            assert_eq!((choices, example.answer, example.fields.len()), (vec!["bad", "good"], 0, 0));
        }
    }

    #[test]
    fn who_made_them_is_written_down() {
        let tokens = QueryTokens { choices: Vec::new() };
        let query = Query { index: 0, id: "a".into(), answer: 0, tokens, lengths: Vec::new() };
        let record = |made_by_task, count| {
            let queries = vec![query.clone(); count];
            ContentFree { queries, made_by_task }.record().map(|record| (record.made_by.into_raw(), record.queries))
        };
        assert_eq!(record(false, 3), Some(("host".to_owned(), 3)));
        assert_eq!(record(true, 1), Some(("task".to_owned(), 1)));
        assert_eq!((record(true, 0), record(false, 0)), (None, None));
    }
}
