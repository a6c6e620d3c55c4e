//! What is wrong with a row or with a whole file.

use crate::store::file::FileError;

/// What a file is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Lines of a text file, with headings and blank ones.
    Line,
    /// Rows of a binary file.
    Row,
}

impl std::fmt::Display for Unit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Unit::Line => "line",
            Unit::Row => "row",
        })
    }
}

/// A row that cannot be used, or a file that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    /// A malformed row.
    #[error("{name}, {unit} {number}: {problem}")]
    Malformed {
        /// The file.
        name: String,
        /// What the file is counted in.
        unit: Unit,
        /// The line or row, counted from 1.
        number: u64,
        /// What is wrong with it.
        problem: RowProblem,
    },
    /// The file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
}

/// What is wrong with a line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowProblem {
    /// Broken UTF-8.
    #[error("not UTF-8 at byte {byte} of the line")]
    NotUtf8 {
        /// The first bad byte, counted from 1.
        byte: usize,
    },
    /// More bytes than are read of a row.
    #[error("longer than the {limit} bytes that are read of a row")]
    TooLong {
        /// The most that is read.
        limit: usize,
    },
    /// The file ends in the middle of a row.
    #[error("the last line is half written: it has no end and is no whole row")]
    HalfWritten,
    /// Not JSON.
    #[error("not JSON: {reason}")]
    NotJson {
        /// The parser's reason.
        reason: String,
    },
    /// JSON of another kind.
    #[error("expected a JSON object, came {kind}")]
    NotObject {
        /// What came.
        kind: &'static str,
    },
    /// Another number of cells than there are columns.
    #[error("expected {expected} cells, one for each column, came {got}")]
    Cells {
        /// Columns.
        expected: usize,
        /// Cells.
        got: usize,
    },
    /// A cell with broken UTF-8.
    #[error("column `{column}`: not UTF-8")]
    CellNotUtf8 {
        /// The column.
        column: String,
    },
    /// Headings that are no names.
    #[error("expected a different name for each column, came {name:?} {reason}")]
    Headings {
        /// The heading.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A Parquet file that cannot be decoded from here on.
    #[error("not readable as Parquet: {reason}")]
    Parquet {
        /// The decoder's reason.
        reason: String,
    },
}

impl RowError {
    /// Whether the rows behind it can be read all the same.
    pub fn can_be_skipped(&self) -> bool {
        match self {
            RowError::Malformed { problem, .. } => {
                !matches!(problem, RowProblem::Parquet { .. } | RowProblem::Headings { .. })
            }
            RowError::File(_) => false,
        }
    }
}
