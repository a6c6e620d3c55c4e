//! What goes wrong, in the words of the plugin.

use std::fmt;

/// What kind of failure an [`Error`] reports; the host words its advice by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// An option has a value that the plugin cannot work with.
    InvalidOption,
    /// The data do not have the form that the plugin expects.
    InvalidData,
    /// The plugin does not do what was asked of it.
    Unsupported,
    /// Anything else; the message says what.
    Failed,
}

/// An orderly failure. The host prints the message with the plugin's name and the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What kind of failure it is.
    pub kind: ErrorKind,
    /// What was expected and what came, on one line.
    pub message: String,
}

impl Error {
    /// An option has a value that the plugin cannot work with.
    pub fn invalid_option(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::InvalidOption, message: message.into() }
    }

    /// The data do not have the form that the plugin expects.
    pub fn invalid_data(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::InvalidData, message: message.into() }
    }

    /// The plugin does not do what was asked of it.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Unsupported, message: message.into() }
    }

    /// Anything else.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Failed, message: message.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Why a row does not make an example. The host reports it with the number of the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// The column at fault, where there is one; `choices.text` is the field `text` of the object in `choices`.
    pub column: Option<String>,
    /// What was expected and what came, on one line.
    pub message: String,
}

impl RowError {
    /// A fault of one column.
    pub fn column(column: impl Into<String>, message: impl Into<String>) -> Self {
        Self { column: Some(column.into()), message: message.into() }
    }

    /// A fault of the row as a whole.
    pub fn row(message: impl Into<String>) -> Self {
        Self { column: None, message: message.into() }
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.column {
            Some(column) => write!(f, "column `{column}`: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for RowError {}
