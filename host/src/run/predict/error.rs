//! Why nothing can be predicted behind some contexts.

use std::path::PathBuf;

use crate::diagnosis::{Diagnosis, Fault};

/// Contexts, rows or texts that cannot be used together.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// No context is named.
    #[error("expected the folder of a saved context, got none")]
    NoContext,
    /// The task's file is neither where it was nor on the plugin path.
    #[error("`{}`: expected the task `{task}` at `{file}` or on the plugin path, got none", folder.display())]
    NoTask {
        /// The context's folder.
        folder: PathBuf,
        /// The task's name.
        task: String,
        /// Where its file was.
        file: String,
    },
    /// The contexts of several seeds where one is expected.
    #[error("`{}`: expected a saved context, got a folder of several", folder.display())]
    Seeds {
        /// The folder.
        folder: PathBuf,
        /// The first context in it.
        seed: PathBuf,
    },
    /// The same context twice.
    #[error("`{}`: expected different contexts, got the one of `{}` again", folder.display(), other.display())]
    Twice {
        /// The folder.
        folder: PathBuf,
        /// The folder that was named before.
        other: PathBuf,
    },
    /// A definition that is not the context's.
    #[error("`{}`: expected the definition that the context `{}` was tuned with, got another text", file.display(), folder.display())]
    OtherDefinition {
        /// The context's folder.
        folder: PathBuf,
        /// The definition's file.
        file: PathBuf,
    },
    /// A value of the record that this version does not know.
    #[error("`{}`: expected {what} that this version knows, got `{found}`", folder.display())]
    Unknown {
        /// The context's folder.
        folder: PathBuf,
        /// What it is.
        what: &'static str,
        /// The value.
        found: String,
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
            Self::NoTask { .. } => "name the task's file with `--task FILE`".into(),
            Self::Seeds { seed, .. } => format!("name one of them or all, like `{}`", seed.display()),
            Self::Twice { .. } => "name each context once".into(),
            Self::OtherDefinition { .. } => {
                "leave `--task` out: the context has its definition; a changed one has to be tuned again".into()
            }
            Self::Unknown { .. } => "use the version that saved the context, or tune again".into(),
            Self::NoClasses => "leave `--calibrate` out".into(),
            Self::NoContentFree => {
                "`--calibrate prior` needs none; a definition may have them as `content-free`, and is tuned again then"
                    .into()
            }
            Self::NotOfText { .. } => "give rows in the task's columns with `--data FILE`".into(),
        })
    }
}
