//! Why a task file of the harness does not become a definition.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use saphyr_parser::ScanError;

use crate::diagnosis::{Diagnosis, Fault};
use ft_store::fs::error::FileError;

/// What a definition cannot say, and a component can.
pub(super) const COMPONENT: &str = "write the task as a component (docs/plugin-guide.md), or the definition by hand over rows that already have the result";

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named or found.
    pub file: Arc<PathBuf>,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`, line {}", self.file.display(), self.line)
    }
}

/// What was expected in the place of a value, and what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mismatch {
    pub(super) expected: String,
    pub(super) got: String,
    pub(super) hint: Option<&'static str>,
}

impl Mismatch {
    pub(super) fn new(expected: impl Into<String>, got: impl Into<String>) -> Mismatch {
        Mismatch { expected: expected.into(), got: got.into(), hint: None }
    }

    pub(super) fn hint(self, hint: &'static str) -> Mismatch {
        Mismatch { hint: Some(hint), ..self }
    }

    /// The error for a key in a place.
    pub(super) fn at(self, place: &Place, key: &str) -> ImportError {
        let Mismatch { expected, got, hint } = self;
        ImportError::Key { place: place.clone(), key: key.to_owned(), expected, got, hint }
    }
}

/// A text in backticks for a message, on one line and of bounded length.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut shown: String = text.chars().take(LONGEST).collect::<String>().replace('\n', "\\n");
    if text.chars().nth(LONGEST).is_some() {
        shown.push_str("...");
    }
    format!("`{shown}`")
}

/// Why a task file of the harness does not become a definition.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file that is no YAML.
    #[error("{place}: expected YAML")]
    Yaml {
        /// Where the reader stopped.
        place: Place,
        /// What the reader says.
        source: ScanError,
    },
    /// A file whose structure is not that of a task file.
    #[error("{place}: expected {expected}, got {got}")]
    Structure {
        /// Where it is.
        place: Place,
        /// What is allowed there.
        expected: String,
        /// What is there.
        got: String,
    },
    /// A key that cannot be translated exactly.
    #[error("{place}, `{key}`: expected {expected}, got {got}")]
    Key {
        /// Where the key is.
        place: Place,
        /// The key, with the keys above it and dots between.
        key: String,
        /// What can be translated.
        expected: String,
        /// What is there.
        got: String,
        /// What to do instead.
        hint: Option<&'static str>,
    },
    /// Two tasks of a group whose definitions would have one name.
    #[error("`{group}`: expected tasks with different names, got `{name}` twice")]
    Twice {
        /// The group.
        group: String,
        /// The name of both.
        name: String,
    },
    /// Something is where the definitions are to be.
    #[error("`{}`: expected a new name, got one that is there", path.display())]
    Exists {
        /// The file or folder that is there already.
        path: PathBuf,
    },
}

impl Diagnosis for ImportError {
    fn fault(&self) -> Fault {
        Fault::Input
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::Key { hint, .. } => hint.map(str::to_owned),
            Self::Exists { .. } => Some("choose another name with `--out`".into()),
            Self::Yaml { .. } | Self::Structure { .. } | Self::Twice { .. } => None,
        }
    }
}
