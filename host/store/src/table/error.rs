//! What is wrong with a row or with a whole file.

use super::kind::FileKind;
use crate::fs::error::FileError;

/// What a file is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Lines of a text file, with headings and blank ones.
    Line,
    /// Rows of a binary file, and objects of a JSON array.
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
    /// A row that is malformed.
    #[error("{name}, {unit} {number}: {problem}")]
    Malformed {
        /// What messages call the file.
        name: String,
        /// What the file is counted in.
        unit: Unit,
        /// The line or row, counted from 1.
        number: u64,
        /// What is wrong with it.
        problem: RowProblem,
    },
    /// A file that is something else than its name says.
    #[error("{name}: expected {expected}, got {got}")]
    Kind {
        /// What messages call the file.
        name: String,
        /// What the file's name says it holds.
        expected: &'static str,
        /// The kind of file by its first bytes.
        got: FileKind,
    },
    /// The file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
}

/// What is wrong with a line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowProblem {
    /// The line has broken UTF-8.
    #[error("not UTF-8 at byte {byte} of the line")]
    NotUtf8 {
        /// The first bad byte, counted from 1.
        byte: usize,
    },
    /// More bytes than are read of a row.
    #[error("longer than the {limit} bytes that are read of a row")]
    TooLong {
        /// The most bytes that are read of a row.
        limit: usize,
    },
    /// The file ends in the middle of a row.
    #[error("the last line is half written: it has no end and is no whole row")]
    HalfWritten,
    /// The row cannot be parsed as JSON.
    #[error("not JSON: {reason}")]
    NotJson {
        /// The JSON parser's reason.
        reason: String,
        /// Whether the text ended too early.
        ended: bool,
    },
    /// The row is JSON, but no object.
    #[error("expected a JSON object, got {kind}")]
    NotObject {
        /// The kind of JSON value, with its article.
        kind: &'static str,
    },
    /// A key of a JSON object that is there twice.
    #[error("expected each key once, got `{key}` twice")]
    DuplicateKey {
        /// The key that is there twice.
        key: String,
    },
    /// What is no JSON array of objects, from here on.
    #[error("expected {expected}, got {got}")]
    Array {
        /// What should stand here in an array of objects.
        expected: &'static str,
        /// What stands here.
        got: String,
    },
    /// A JSON object that has the rows in it, or is no line.
    #[error("expected JSON lines or an array of objects, got {0}")]
    OneObject(OneObject),
    /// Another number of cells than there are columns.
    #[error("expected {expected} cells, one for each column, got {got}")]
    Cells {
        /// The number of columns.
        expected: usize,
        /// The number of cells in the row.
        got: usize,
        /// Whether the row has quotes, and quotes are characters like others.
        quotes: bool,
    },
    /// A quote that no other closes.
    #[error("{cell}: the quote opened on line {line} is never closed")]
    OpenQuote {
        /// The cell, as messages name it: by its column or number.
        cell: String,
        /// The line with the quote, counted from 1.
        line: u64,
    },
    /// Text behind a cell in quotes.
    #[error(
        "{cell}: expected the next cell or the row's end behind the quote that closes the one opened on line {line}, got text"
    )]
    BehindQuote {
        /// The cell, as messages name it: by its column or number.
        cell: String,
        /// The line with the quote that opened the cell, counted from 1.
        line: u64,
        /// Whether the rows behind it are known.
        confined: bool,
    },
    /// A cell that is no text.
    #[error("column `{column}`: expected text, got a NUL byte in it")]
    Nul {
        /// The name of the cell's column.
        column: String,
    },
    /// A cell with broken UTF-8.
    #[error("column `{column}`: not UTF-8")]
    CellNotUtf8 {
        /// The name of the cell's column.
        column: String,
    },
    /// Headings that are no names.
    #[error("expected a different name for each column, got {name:?} {reason}")]
    Headings {
        /// The heading that is no name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A single heading that looks like several between other characters.
    #[error(
        "expected column names between {expected}, got one, {name:?}, with {} in it",
        if *got == '\t' { "a tab".into() } else { format!("`{got}`") }
    )]
    Delimiter {
        /// What should be between them.
        expected: &'static str,
        /// The only heading that was found.
        name: String,
        /// The character that seems to separate columns.
        got: char,
    },
    /// Headings in quotes, where quotes are characters like others.
    #[error("expected column names without quotes, got `{name}`")]
    QuotedHeadings {
        /// The first heading in quotes.
        name: String,
    },
    /// A Parquet file that cannot be decoded from here on.
    #[error("not readable as Parquet: {reason}")]
    Parquet {
        /// The Parquet decoder's reason.
        reason: String,
    },
}

/// What a JSON object is that stands where a row was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OneObject {
    /// An object over several lines.
    OverLines,
    /// An object that is the whole file, and has several arrays that may be the rows.
    WithRows {
        /// The keys of those arrays, the first few of them.
        keys: Vec<String>,
    },
    /// An object that is the whole file, and has an object or an array for each column.
    OfColumns,
}

impl std::fmt::Display for OneObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            OneObject::OverLines => f.write_str("an object over several lines"),
            OneObject::WithRows { keys } => write!(f, "one object with rows in `{}`", keys.join("` and `")),
            OneObject::OfColumns => f.write_str("one object of columns"),
        }
    }
}

impl RowProblem {
    /// Whether the rows behind it are known.
    fn is_confined(&self) -> bool {
        match self {
            RowProblem::Parquet { .. }
            | RowProblem::Headings { .. }
            | RowProblem::QuotedHeadings { .. }
            | RowProblem::Delimiter { .. }
            | RowProblem::OpenQuote { .. }
            | RowProblem::Array { .. }
            | RowProblem::OneObject(_) => false,
            RowProblem::BehindQuote { confined, .. } => *confined,
            _ => true,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            RowProblem::Cells { quotes: true, .. } | RowProblem::QuotedHeadings { .. } => {
                "if the file has cells in quotes, read it with `--quoting csv`".into()
            }
            RowProblem::Delimiter { got: ';', .. } => "write it with commas or tabs between its cells".into(),
            RowProblem::Delimiter { got, .. } => {
                format!("give it a name that ends in .{}", if *got == '\t' { "tsv" } else { "csv" })
            }
            RowProblem::OpenQuote { .. } | RowProblem::BehindQuote { .. } => {
                "write a quote within a quoted cell twice; if quotes are characters like others in this file, read it with \
                 `--quoting none`"
                    .into()
            }
            RowProblem::Headings { name, .. } if name.is_empty() => {
                "every column needs a name; pandas writes its index as a column without one, but for `to_csv(FILE, \
                 index=False)`"
                    .into()
            }
            RowProblem::OneObject(OneObject::WithRows { keys }) => {
                let key = keys.first().map_or("KEY", String::as_str);
                format!("take the rows that are meant out of it: `jq -c '.[\"{key}\"][]' FILE > FILE.jsonl`")
            }
            RowProblem::OneObject(OneObject::OfColumns) => {
                "pandas writes rows with `to_json(FILE, orient=\"records\", lines=True)`".into()
            }
            RowProblem::OneObject(OneObject::OverLines) => {
                "`jq -c . FILE > FILE.jsonl` writes each object on a line, `jq -c '.KEY[]'` those of an array within it".into()
            }
            RowProblem::NotObject { kind: "an array" } => {
                "a file that is one array of objects is read under a name that ends in .json".into()
            }
            RowProblem::NotJson { reason: fault, .. } | RowProblem::Array { got: fault, .. }
                if fault.contains(NO_NUMBER) =>
            {
                "JSON has neither NaN nor infinity; Python's `json.dumps` writes them all the same, but for \
                 `allow_nan=False`: write null"
                    .into()
            }
            RowProblem::NotJson { reason: fault, .. } | RowProblem::Array { got: fault, .. }
                if fault.contains(HALF_PAIR) =>
            {
                "a text was cut within a character, or has bytes that were no UTF-8 (`surrogateescape` in Python); \
                 leave the half out, or write \\ufffd"
                    .into()
            }
            RowProblem::Parquet { reason } if reason.contains(UNREAD_CODEC) => {
                "write it with another compression: snappy, gzip, brotli, zstd or lz4".into()
            }
            _ => return None,
        })
    }
}

/// What stands before a number that JSON does not have.
pub(super) const NO_NUMBER: &str = "expected a value, got";
/// What a `\u` escape is that stands for no character by itself.
pub(super) const HALF_PAIR: &str = "half of a surrogate pair, which is no character,";

/// What is expected of rows that come without a name which says their format.
pub(super) const STREAM_FORMATS: &str = "JSON lines, a JSON array, CSV or TSV";

/// How the reason for a column whose compression is not read begins.
pub(super) const UNREAD_CODEC: &str = "its compression is ";

impl RowError {
    /// Whether the rows behind it can be read all the same.
    pub fn can_be_skipped(&self) -> bool {
        match self {
            RowError::Malformed { problem, .. } => problem.is_confined(),
            RowError::Kind { .. } | RowError::File(_) => false,
        }
    }

    /// What the user can do about it, where something is known to help.
    pub fn hint(&self) -> Option<String> {
        match self {
            RowError::Malformed { problem, .. } => problem.hint(),
            RowError::Kind { expected: STREAM_FORMATS, got: FileKind::Parquet, .. } => {
                Some("write it to a file with a name that ends in .parquet, and name that".into())
            }
            RowError::Kind { got, .. } => Some(got.hint().into()),
            RowError::File(error) => error.hint(),
        }
    }
}
