//! Why a context cannot be saved, opened or used.

use std::path::PathBuf;

use crate::diagnosis::{Diagnosis, Fault};
use ft_engine::model::saved_context::SavedContextError;
use ft_record::files::context::{ContextMismatch, ContextRecordError};
use ft_store::fs::error::FileError;

/// What is wrong with a context, or with what it is to be used with.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// A file could not be read or written, or it is not the one that the record names.
    #[error(transparent)]
    File(#[from] FileError),
    /// The record is none, or disagrees with the tensors.
    #[error("`{}`: {source}", path.display())]
    Record {
        /// The record's file.
        path: PathBuf,
        /// What is wrong with it.
        source: ContextRecordError,
    },
    /// The tensors cannot be saved, are damaged, or are another model's.
    #[error(transparent)]
    Tensors(#[from] SavedContextError),
    /// The context was tuned with another model or task.
    #[error("`{}`: {source}", folder.display())]
    Mismatch {
        /// The context's folder.
        folder: PathBuf,
        /// All that differs.
        source: ContextMismatch,
    },
}

impl Diagnosis for ContextError {
    fn fault(&self) -> Fault {
        match self {
            Self::Tensors(SavedContextError::Model(error)) => error.fault(),
            _ => Fault::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::Record { source, .. } => source.hint().map(str::to_owned),
            Self::Tensors(error) => error.hint().map(str::to_owned),
            Self::Mismatch { folder, .. } => Some(format!(
                "use what it was tuned with, which `ft-host context inspect {}` shows, or tune again",
                folder.display()
            )),
        }
    }
}
