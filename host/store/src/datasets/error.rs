//! Why rows are not found, or `--data` names no place of them.

use std::path::PathBuf;

use ft_engine::task::example::Split;

use crate::datasets::address::AddressError;
use crate::datasets::beside::BesideError;
use crate::datasets::hub::DatasetError;
use crate::datasets::pattern::PatternError;
use crate::fs::error::FileError;
use crate::table::shards::ShardError;
use crate::table::{FileKind, RowError};

/// Why there are no rows.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The folder has no such data set or split.
    #[error(
        "no rows for the {split} split: expected one of {}, got {}",
        listed(looked_for),
        if others.is_empty() { "none of them".into() } else { listed(others) }
    )]
    Missing {
        /// The split, as the task uses it.
        split: String,
        /// The files that would have done.
        looked_for: Vec<PathBuf>,
        /// Files that are there, and are called almost so.
        others: Vec<PathBuf>,
    },
    /// Files of the split are missing, or do not belong together.
    #[error("`{}`: {source}", folder.display())]
    Shards {
        /// The folder that was searched for the split.
        folder: PathBuf,
        /// Which shards are missing or do not belong together.
        source: ShardError,
    },
    /// The name of a file does not say in which format its rows are.
    #[error(
        "`{}`: expected a name that ends in .jsonl, .json, .parquet, .csv or .tsv, for compressed text with .gz or .zst \
         behind it{}",
        path.display(),
        kind.map(|kind| format!(", got {kind}")).unwrap_or_default()
    )]
    Format {
        /// The file, whose name ends in none of the known extensions.
        path: PathBuf,
        /// The kind of file by its first bytes; `None` if it is not known.
        kind: Option<FileKind>,
    },
    /// The task has no bundled sample.
    #[error("no bundled sample of `{folder}/{split}`: expected one of {available}")]
    NoSample {
        /// The data set's folder name.
        folder: String,
        /// The split's name in the data set.
        split: String,
        /// The samples that this host has, as `folder/split`.
        available: String,
    },
    /// A task that names a folder, a split or a repository in a way that leads elsewhere.
    #[error("{what} of the task's data: expected a plain name, got {name:?}")]
    BadName {
        /// `folder`, `split`, `configuration` or `repository`.
        what: &'static str,
        /// The name that the task gave.
        name: String,
    },
    /// Files that a task names that no definition describes: a plugin must not choose among the user's files.
    #[error(
        "the {split} split of the task: expected a data set of the hub, got files, which a definition alone may name"
    )]
    FilesOfPlugin {
        /// The split, as the task uses it.
        split: Split,
    },
    /// Files that the definition names and that are not there, or not below its folder.
    #[error("`{}`, the {split} split: {source}", definition.display())]
    Files {
        /// The definition's file.
        definition: PathBuf,
        /// The split, as the task uses it.
        split: Split,
        /// What is wrong with them.
        source: BesideError,
    },
    /// A pattern has no files, or files that do not belong together.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// The hub did not give it.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A row or a file of rows cannot be used.
    #[error(transparent)]
    Row(#[from] RowError),
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", ")
}

impl DataError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            DataError::Missing { .. } => Some(
                "`--data DIR` names the folder above the data set's own; `--data sample` uses the bundled sample"
                    .into(),
            ),
            DataError::Shards { source: ShardError::Several { .. }, .. } => {
                Some("move away those that are not meant, or name one with `--data evaluation=FILE`".into())
            }
            DataError::Shards { .. } => {
                Some("put the whole split there; `--data evaluation=FILE` takes one file as it is".into())
            }
            DataError::Format { kind: Some(kind), .. } => Some(kind.hint().into()),
            DataError::Format { kind: None, .. } => Some("rename it, or convert it to one of them".into()),
            DataError::NoSample { .. } => {
                Some("use `--data DIR`, with the rows in `DIR/<data set>/<split>.jsonl`".into())
            }
            DataError::BadName { .. } => None,
            DataError::FilesOfPlugin { split } => Some(format!(
                "name the rows with `--data {split}=FILE`, or with `--task FILE` the definition that they are beside"
            )),
            DataError::Files { split, source, .. } => source.hint(*split),
            DataError::Row(error) => error.hint(),
            DataError::Pattern(error) => error.hint(),
            DataError::Dataset(error) => error.hint(),
            DataError::File(error) => error.hint(),
        }
    }
}

/// Values of `--data` that name no place of rows.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum DataLocationError {
    /// Two files for one split.
    #[error("duplicate `--data {split}=...`")]
    DuplicateSplit {
        /// The split that both are for.
        split: Split,
    },
    /// A second place for all splits.
    #[error("expected one place for all splits, got a second: `--data {place}`")]
    SecondPlace {
        /// The second one, as it was written.
        place: String,
    },
    /// An address that is none of files of a data set.
    #[error("`--data {split}`: {source}")]
    Address {
        /// The split that it is for.
        split: Split,
        /// The address and what it should be.
        source: AddressError,
    },
    /// A file that is not said to be a split's.
    #[error("expected a split with its file, e.g. `--data evaluation={file}`, got the file alone")]
    FileAlone {
        /// The file, as it was written.
        file: String,
    },
}
