//! Both splits of a task as examples, and which of their rows a seed chooses.

use super::RunError;
use super::config::TaskConfig;
use super::data::{SplitExamples, read_split};
use crate::plugin::TaskPlugin;
use crate::task::example::{Example, Split};
use crate::task::sampling::{self, Demonstrations, Request, Selection};

/// A task's examples.
pub struct Rows {
    /// The classes; none where examples have choices of their own.
    pub labels: Vec<String>,
    /// The split that demonstrations are from.
    pub demonstrations: SplitExamples,
    /// The split that is scored.
    pub evaluation: SplitExamples,
    /// How many rows of it the task wants scored; none means all.
    evaluation_sample: Option<usize>,
}

impl Rows {
    /// Reads both splits through the task plugin.
    ///
    /// # Errors
    /// Missing or malformed data, or a failure of the plugin.
    pub fn read(task: &mut TaskPlugin, config: &TaskConfig) -> Result<Self, RunError> {
        let sources = task.sources()?;
        let labels = task.labels()?;
        let of = |split: Split| sources.iter().find(|source| source.split == split);
        let mut read = |split: Split| match of(split) {
            Some(source) => read_split(task, &config.data, source),
            None => Err(RunError::NoRows { file: format!("`{}`", config.plugin.display()), split }),
        };
        let demonstrations = read(Split::Demonstrations)?;
        let evaluation = read(Split::Evaluation)?;
        let evaluation_sample = of(Split::Evaluation).and_then(|source| source.sample);
        Ok(Self { labels, demonstrations, evaluation, evaluation_sample })
    }

    /// The rows that a seed chooses.
    ///
    /// # Errors
    /// Too few rows to draw demonstrations from.
    pub fn select(&self, config: &TaskConfig, seed: u64) -> Result<Selection, RunError> {
        let answers: Vec<usize> = self.demonstrations.examples.iter().map(|example| example.answer).collect();
        let pool = if self.labels.is_empty() {
            Demonstrations::Alike { rows: answers.len() }
        } else {
            Demonstrations::Labelled { labels: &answers, classes: self.labels.len() }
        };
        let request = Request {
            seed,
            shots: config.shots,
            demonstrations: pool,
            evaluation_rows: self.evaluation.examples.len(),
            evaluation_sample: self.evaluation_sample,
        };
        sampling::select(&request)
            .map_err(|source| RunError::Sampling { file: self.demonstrations.record.file.clone(), source })
    }

    /// The demonstrations of a selection, in the order in which they are shown.
    pub fn demonstrations(&self, selection: &Selection) -> Vec<&Example> {
        selection.demonstrations.iter().map(|row| &self.demonstrations.examples[*row]).collect()
    }

    /// `count` rows of the demonstrations' split that are no demonstrations of this seed's.
    ///
    /// # Errors
    /// Too few rows.
    pub fn hold_out(
        &self,
        _config: &TaskConfig,
        _seed: u64,
        selection: &Selection,
        count: usize,
    ) -> Result<Vec<usize>, RunError> {
        Ok((0..self.demonstrations.examples.len())
            .filter(|row| !selection.demonstrations.contains(row))
            .take(count)
            .collect())
    }
}
