//! Both splits of a task as examples, and which of their rows a seed chooses.

use super::class_names::OtherClasses;
use super::classes;
use super::config::TaskConfig;
use super::data::SplitExamples;
use super::error::SplitError;
use super::scored_split::{self, source, unasked_classes};
use crate::run::error::RunError;
use ft_engine::task::example::{Example, Split};
use ft_engine::task::sampling::{self, Demonstrations, Request, Sampling, SamplingError, Selection};
use ft_sandbox::TaskPlugin;
use ft_store::datasets::location::Access;

/// A task's examples.
pub struct Rows {
    /// The classes; none where examples have choices of their own.
    pub labels: Vec<String>,
    /// The split that demonstrations are from.
    pub demonstrations: SplitExamples,
    /// Demonstrations that the plugin has written by hand, where they are wanted.
    written: Vec<Example>,
    /// The split that is scored; `None` where nothing is.
    pub evaluation: Option<SplitExamples>,
    /// How many rows of it the task wants scored; none means all.
    evaluation_sample: Option<usize>,
}

impl Rows {
    /// Reads both splits through the task plugin; where nothing is scored, the one of the demonstrations, unless a sample is drawn
    /// of the other one: demonstrations are drawn behind it.
    ///
    /// # Errors
    /// Missing or malformed data, or a failure of the plugin.
    pub fn read(
        task: &mut TaskPlugin,
        config: &TaskConfig,
        scores: bool,
        access: Access<'_>,
    ) -> Result<Self, RunError> {
        let sources = task.sources()?;
        let labels = task.labels()?;
        let mut read = |split: Split| scored_split::read(task, &sources, split, config, access);
        let demonstrations = read(Split::Demonstrations)?;
        let evaluation_sample = source(&sources, Split::Evaluation).and_then(|source| source.sample);
        let is_read = scores || config.sample.or(evaluation_sample).is_some();
        let evaluation = is_read.then(|| read(Split::Evaluation)).transpose()?;
        let written = if config.sampling == Sampling::Written { task.written()? } else { Vec::new() };
        Ok(Self { labels, demonstrations, written, evaluation, evaluation_sample })
    }

    /// The splits that were read, the demonstrations' first.
    pub fn splits(&self) -> impl Iterator<Item = &SplitExamples> {
        std::iter::once(&self.demonstrations).chain(&self.evaluation)
    }

    /// The examples of the split that is scored; none where nothing is.
    pub fn evaluation_examples(&self) -> &[Example] {
        self.evaluation.as_ref().map(|split| split.examples.as_slice()).unwrap_or_default()
    }

    /// The rows that a seed chooses.
    ///
    /// # Errors
    /// Too few rows to take demonstrations from.
    pub fn select(&self, config: &TaskConfig, seed: u64) -> Result<Selection, SplitError> {
        let answers: Vec<usize> = self.demonstrations.examples.iter().map(|example| example.answer).collect();
        let request = Request {
            seed,
            sampling: config.sampling,
            shots: self.shots(config),
            answers: &answers,
            classes: self.labels.len(),
            written: self.written.len(),
            evaluation_rows: self.evaluation_examples().len(),
            evaluation_sample: config.sample.or(self.evaluation_sample),
        };
        sampling::select(&request).map_err(|source| self.sampling_error(source))
    }

    /// Refuses files that call classes otherwise than the task does.
    ///
    /// # Errors
    /// [`SplitError::OtherClasses`] for the first.
    pub fn check_classes(&self) -> Result<(), SplitError> {
        match self.other_classes().next() {
            Some(other) => Err(SplitError::OtherClasses(other.clone())),
            None => Ok(()),
        }
    }

    fn other_classes(&self) -> impl Iterator<Item = &OtherClasses> {
        self.splits().flat_map(|split| &split.other_classes)
    }

    /// What a reader should know of how the files were read, of their names for classes, and of classes without rows,
    /// in words.
    pub fn notes(&self, config: &TaskConfig) -> Vec<String> {
        let remarks = self.splits().flat_map(|split| split.remarks.iter().cloned());
        let others = self.other_classes().map(OtherClasses::to_string);
        let unasked = self.evaluation.as_ref().and_then(|evaluation| unasked_classes(&self.labels, evaluation));
        remarks.chain(others).chain(self.unshown_classes(config)).chain(unasked).collect()
    }

    /// Which classes get no demonstrations though each is to have some: their split has no row of them, and other classes
    /// take their places, as in the authors' code.
    fn unshown_classes(&self, config: &TaskConfig) -> Option<String> {
        if config.sampling != Sampling::Stratified || self.shots(config) == 0 {
            return None;
        }
        let classes = classes::absent(&self.labels, &self.demonstrations.examples)?;
        let of = if classes.starts_with("the ") { "their" } else { "its" };
        Some(format!(
            "the demonstrations' split has no row of {classes}: {of} demonstrations are rows of other classes"
        ))
    }

    /// How many demonstrations there are to be; see [`TaskConfig::shots`].
    pub fn shots(&self, config: &TaskConfig) -> usize {
        config.shots.unwrap_or(match config.sampling {
            Sampling::Written => self.written.len(),
            Sampling::Stratified | Sampling::Random | Sampling::First => 1,
        })
    }

    /// The demonstrations of a selection, in the order in which they are shown, each with its row; those that the plugin
    /// has written count from 0 among themselves.
    pub fn demonstrations(&self, selection: &Selection) -> Vec<(usize, &Example)> {
        match &selection.demonstrations {
            Demonstrations::Rows(rows) => rows.iter().map(|row| (*row, &self.demonstrations.examples[*row])).collect(),
            Demonstrations::Written(count) => self.written.iter().take(*count).enumerate().collect(),
        }
    }

    /// `count` rows of the demonstrations' split that are no demonstrations.
    ///
    /// # Errors
    /// Too few rows.
    pub fn hold_out(&self, selection: &Selection, count: usize) -> Result<Vec<usize>, SplitError> {
        selection.held_out(count).map_err(|source| self.sampling_error(source))
    }

    fn sampling_error(&self, source: SamplingError) -> SplitError {
        let class = match &source {
            SamplingError::TooFewOfClass { label, .. } => self.labels.get(*label).cloned(),
            _ => None,
        };
        SplitError::Sampling { file: self.demonstrations.record.file.harmless(), class, source }
    }
}
