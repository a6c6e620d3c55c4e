//! Why a run cannot go on in an output folder.

use std::path::PathBuf;

use crate::diagnosis::{Diagnosis, Fault};
use ft_record::files::controls::Baseline;

/// What an output folder has that a run cannot go on with.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// An unfinished run of another configuration.
    #[error("`{}` has an unfinished run of another configuration:{}", folder.display(), changes.iter().map(|change| format!("\n{change}")).collect::<String>())]
    Changed {
        /// The output folder.
        folder: PathBuf,
        /// What differs, each as `name: before -> now`.
        changes: Vec<String>,
    },
    /// An unfinished run of a single task, where the results of a group are to be.
    #[error("`{}`: expected no run, or one that is finished, for the results of a group, got an unfinished run of a single task", folder.display())]
    OtherRun {
        /// The output folder.
        folder: PathBuf,
    },
    /// A line of a journal that is no record.
    #[error("`{}`, line {line}", path.display())]
    NoRecord {
        /// The journal's file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What does not hold.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A line of a journal that this run would not have written there.
    #[error("`{}`, line {line}: expected the record of {expected}, got that of {found}", path.display())]
    ForeignLine {
        /// The journal's file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Where the run is.
        expected: String,
        /// What the line says.
        found: String,
    },
    /// A journal without the records of a seed's result.
    #[error("`{}`: expected the records of step {step} of seed {seed}, which is the seed's result, got none", path.display())]
    NoResult {
        /// The journal's file.
        path: PathBuf,
        /// The seed that has a result.
        seed: u64,
        /// The step that is the seed's result.
        step: u32,
    },
    /// A journal without the records of a finished seed behind a baseline.
    #[error("`{}`: expected the records of {baseline} of seed {seed}, which is finished, got none", path.display())]
    NoBaseline {
        /// The journal's file.
        path: PathBuf,
        /// The seed that has a result.
        seed: u64,
        /// The baseline without records.
        baseline: Baseline,
    },
}

impl Diagnosis for FolderError {
    fn fault(&self) -> Fault {
        Fault::Input
    }

    fn hint(&self) -> Option<String> {
        Some(
            match self {
                Self::OtherRun { .. } => "name another folder with `--out`, or start over with `--restart`, which keeps that run's files under other names",
                Self::Changed { .. } => {
                    "resume with the options that it had, name another folder with `--out`, or start over with `--restart`"
                }
                Self::NoRecord { .. } | Self::ForeignLine { .. } | Self::NoResult { .. } | Self::NoBaseline { .. } => {
                    "start over with `--restart`, or name another folder with `--out`"
                }
            }
            .into(),
        )
    }
}
