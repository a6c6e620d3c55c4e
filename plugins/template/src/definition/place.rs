//! Where in a definition something stands, and what is wrong there.

use std::fmt;

use ft_plugin::{Error, RowError};

/// A key of the definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The key with those above it, like `prompt.context`.
    pub(crate) key: String,
    /// The line that the key is in, from 1.
    pub(crate) line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` (line {})", self.key, self.line)
    }
}

/// A value with the key that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Located<T> {
    pub(crate) place: Place,
    pub(crate) value: T,
}

/// What is wrong with a definition, or with what it makes of a row: the place, what was expected, what came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault(String);

impl Fault {
    /// At a key.
    pub(crate) fn at(place: &Place, message: impl fmt::Display) -> Self {
        Self(format!("{place}: {message}"))
    }

    /// In a line that is no key's.
    pub(crate) fn in_line(line: usize, message: impl fmt::Display) -> Self {
        Self(format!("line {line}: {message}"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Fault> for Error {
    fn from(Fault(message): Fault) -> Self {
        Self::invalid_option(message)
    }
}

impl From<Fault> for RowError {
    fn from(Fault(message): Fault) -> Self {
        Self::row(message)
    }
}
