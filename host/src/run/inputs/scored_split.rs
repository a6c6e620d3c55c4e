//! The split that is scored, where demonstrations come from elsewhere: those of a saved context were read when it was tuned.

use super::class_names::OtherClasses;
use super::classes;
use super::config::TaskConfig;
use super::data::{SplitExamples, read_split};
use super::error::SplitError;
use crate::run::error::RunError;
use ft_engine::task::example::{Source, Split};
use ft_engine::task::sampling::{self, Request, Sampling};
use ft_sandbox::TaskPlugin;
use ft_store::datasets::location::Access;

/// A task's evaluation split.
pub struct ScoredSplit {
    /// The examples, and where they came from.
    pub split: SplitExamples,
    /// How many rows of it the task wants scored; `None` means all.
    sample: Option<usize>,
}

impl ScoredSplit {
    /// Reads the split through the task plugin.
    ///
    /// # Errors
    /// Missing or malformed data, or a failure of the plugin.
    pub fn read(task: &mut TaskPlugin, config: &TaskConfig, access: Access<'_>) -> Result<Self, RunError> {
        let sources = task.sources()?;
        let sample = source(&sources, Split::Evaluation).and_then(|source| source.sample);
        let split = read(task, &sources, Split::Evaluation, config, access)?;
        Ok(Self { split, sample })
    }

    /// The rows that a seed draws: those of a run with that seed, which draws them before its demonstrations.
    ///
    /// # Errors
    /// None that is known: nothing is drawn but evaluation rows.
    pub fn select(&self, config: &TaskConfig, seed: u64) -> Result<Vec<usize>, SplitError> {
        let request = Request {
            seed,
            sampling: Sampling::First,
            shots: 0,
            answers: &[],
            classes: 0,
            written: 0,
            evaluation_rows: self.split.examples.len(),
            evaluation_sample: config.sample.or(self.sample),
        };
        let file = || self.split.record.file.harmless();
        let selection = sampling::select(&request);
        Ok(selection.map_err(|source| SplitError::Sampling { file: file(), class: None, source })?.evaluation)
    }

    /// Refuses a file that calls classes otherwise than the task does.
    ///
    /// # Errors
    /// [`SplitError::OtherClasses`].
    pub fn check_classes(&self) -> Result<(), SplitError> {
        self.split.other_classes.first().map_or(Ok(()), |other| Err(SplitError::OtherClasses(other.clone())))
    }

    /// What a reader should know of how the files were read, of their names for classes, and of classes without rows, in words.
    pub fn notes(&self, labels: &[String]) -> Vec<String> {
        let others = self.split.other_classes.iter().map(OtherClasses::to_string);
        self.split.remarks.iter().cloned().chain(others).chain(unasked_classes(labels, &self.split)).collect()
    }
}

/// The source of a split among those that a task names.
pub(super) fn source(sources: &[Source], split: Split) -> Option<&Source> {
    sources.iter().find(|source| source.split == split)
}

/// Reads one of the splits that a task names.
///
/// # Errors
/// A split that it does not name, missing or malformed data, a failure of the plugin.
pub(super) fn read(
    task: &mut TaskPlugin,
    sources: &[Source],
    split: Split,
    config: &TaskConfig,
    access: Access<'_>,
) -> Result<SplitExamples, RunError> {
    match source(sources, split) {
        Some(source) => read_split(task, &config.data, source, config.skip_bad_rows, access),
        None => Err(SplitError::NoRows { file: format!("`{}`", config.plugin.display()), split }.into()),
    }
}

/// Which classes no evaluation row has: a file may be a part of the split, or count its classes otherwise.
pub(super) fn unasked_classes(labels: &[String], evaluation: &SplitExamples) -> Option<String> {
    let classes = classes::absent(labels, &evaluation.examples)?;
    Some(format!("the evaluation split has no row of {classes}"))
}
