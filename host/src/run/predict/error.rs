//! Why nothing can be predicted behind some contexts.

use std::path::PathBuf;

use crate::diagnosis::{Diagnosis, Fault};

/// Contexts, rows or texts that cannot be used together.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// No context is named.
    #[error("expected the folder of a saved context, got none")]
    NoContext,
    /// The same context twice.
    #[error("`{}`: expected different contexts, got the one of `{}` again", folder.display(), other.display())]
    Twice {
        /// The folder.
        folder: PathBuf,
        /// The folder that was named before.
        other: PathBuf,
    },
    /// A task's file that has changed while it was in use.
    #[error("`{}`: expected the task that was opened before, got another file", file.display())]
    OtherTask {
        /// The file.
        file: PathBuf,
    },
    /// Calibration by a prior, and choices that differ from row to row.
    #[error("expected a task with classes for `--calibrate`, got one whose rows have choices of their own")]
    NoClasses,
    /// Calibration by content-free inputs that the task does not have.
    #[error("expected content-free inputs of the task for `--calibrate content-free`, got none that its prompt takes")]
    NoContentFree,
    /// A text for a task whose rows are more than a text.
    #[error("expected a task that makes a query of a text alone, got one that does not: {message}")]
    NotOfText {
        /// What the task says of it.
        message: String,
    },
}

impl Diagnosis for PredictError {
    fn fault(&self) -> Fault {
        Fault::Input
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoContext => "`ft-host tune --task ...` and `ft-host run --save-context DIR` save one".into(),
            Self::Twice { .. } => "name each context once".into(),
            Self::OtherTask { .. } => "put the file back, or tune again with the new one".into(),
            Self::NoClasses => "leave `--calibrate` out".into(),
            Self::NoContentFree => {
                "`--calibrate prior` needs none; a definition may have them as `content-free`, and is tuned again then"
                    .into()
            }
            Self::NotOfText { .. } => "give rows in the task's columns with `--data FILE`".into(),
        })
    }
}
