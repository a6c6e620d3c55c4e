//! What every format of file gives: rows one after the other, and what the whole file holds.

use super::error::{RowError, Unit};
use super::quoting::Quoting;
use crate::fs::digest::Digest;

/// A column of classes as whole numbers, with the names that the file has for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassColumn {
    /// The name of the column.
    pub column: String,
    /// The name of class 0, of class 1, and so on.
    pub names: Vec<String>,
}

/// The size and digest of a whole file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSummary {
    /// The number of rows.
    pub rows: u64,
    /// The number of bytes, as they are stored.
    pub bytes: u64,
    /// The digest of all its bytes.
    pub sha256: Digest,
}

/// A file of rows, positioned before the next one. Reads forward only, a row at a time.
pub(super) trait RowReader: Send {
    /// The names of the columns, in the file's order.
    fn columns(&self) -> &[String];

    /// The columns whose numbers the file has names for.
    fn classes(&self) -> &[ClassColumn] {
        &[]
    }

    /// The next row, the text of one JSON object; `None` at the end. After an error that
    /// [can be skipped](RowError::can_be_skipped) the next call goes on behind it.
    fn next_row(&mut self) -> Result<Option<String>, RowError>;

    /// The number of the row read last, in the file's units, counted from 1.
    fn number(&self) -> u64;

    /// The unit in which rows are counted.
    fn unit(&self) -> Unit;

    /// The next bytes as they stand in the file, unpacked where it is packed, at most `max`, and fewer only at the end.
    fn read(&mut self, max: usize) -> Result<Vec<u8>, RowError>;

    /// The file's format for people, with what is decided by more than the format: compression, quoting.
    fn format_name(&self) -> String;

    /// Whether cells may stand in quotes; `None` if the format alone decides it.
    fn quoting(&self) -> Option<Quoting> {
        None
    }

    /// What a reader of results should know of how the rows so far were read, in words.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    /// Reads the rest of the file and says what all of it holds. Rows that were not asked for are counted, not checked:
    /// a run of the first hundred is not refused for the last one.
    fn finish(self: Box<Self>) -> Result<TableSummary, RowError>;
}
