//! Columns of a format whose rows have their own keys: those of the first good row, which is read ahead.

use std::collections::VecDeque;

use super::error::{RowError, Unit};
use super::json::keys;
use super::rows::{RowReader, TableSummary};
use crate::fs::error::FileError;

/// Rows among which the first good one is looked for, for its columns.
const LOOKED_AT: usize = 100;

/// A row, or what is wrong with it, and its number.
struct Numbered {
    number: u64,
    row: Result<String, RowError>,
}

/// The rows of `table` up to the first good one, and that one's keys. No keys and no rows for a table without rows.
///
/// # Errors
/// The error of the first row, where none of the first [`LOOKED_AT`] is good; an error behind which nothing can be read.
fn look_ahead(table: &mut impl RowReader) -> Result<(Vec<String>, VecDeque<Numbered>), RowError> {
    let mut ahead = VecDeque::new();
    while ahead.len() < LOOKED_AT {
        match table.next_row() {
            Ok(Some(row)) => {
                let columns = keys(&row).unwrap_or_default();
                ahead.push_back(Numbered { number: table.number(), row: Ok(row) });
                return Ok((columns, ahead));
            }
            Ok(None) => break,
            // Whether it may be left out is for whoever comes to it.
            Err(error) if error.can_be_skipped() => {
                ahead.push_back(Numbered { number: table.number(), row: Err(error) });
            }
            Err(error) => return Err(error),
        }
    }
    match ahead.pop_front() {
        Some(Numbered { row: Err(error), .. }) => Err(error),
        _ => Ok((Vec::new(), ahead)),
    }
}

/// The columns of a table that nobody else reads: those of its first good row. Empty if there are no rows.
///
/// # Errors
/// The error of the first row, where none of the first [`LOOKED_AT`] is good; an error behind which nothing can be read.
pub(super) fn first_columns(mut ahead: impl RowReader) -> Result<Vec<String>, RowError> {
    look_ahead(&mut ahead).map(|(columns, _)| columns)
}

/// A table that can be read only once: what was read of it for its columns is kept, and given before the rest. That is
/// one row and what is wrong with those before it.
pub(super) struct ReadOnce<T> {
    /// What messages call the table.
    name: String,
    table: T,
    columns: Vec<String>,
    ahead: VecDeque<Numbered>,
    /// The number of the row given last.
    number: u64,
}

impl<T: RowReader> ReadOnce<T> {
    /// Reads up to the first good row.
    ///
    /// # Errors
    /// The error of the first row, where none of the first [`LOOKED_AT`] is good; an error behind which nothing can be
    /// read.
    pub(super) fn new(name: &str, mut table: T) -> Result<ReadOnce<T>, RowError> {
        let (columns, ahead) = look_ahead(&mut table)?;
        Ok(ReadOnce { name: name.to_owned(), table, columns, ahead, number: 0 })
    }
}

impl<T: RowReader> RowReader for ReadOnce<T> {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn next_row(&mut self) -> Result<Option<String>, RowError> {
        if let Some(kept) = self.ahead.pop_front() {
            self.number = kept.number;
            return kept.row.map(Some);
        }
        let next = self.table.next_row();
        self.number = self.table.number();
        next
    }

    fn number(&self) -> u64 {
        self.number
    }

    fn unit(&self) -> Unit {
        self.table.unit()
    }

    /// Refused: the first bytes are gone.
    fn read(&mut self, _max: usize) -> Result<Vec<u8>, RowError> {
        Err(FileError::Stream { path: (&self.name).into() }.into())
    }

    fn format_name(&self) -> String {
        self.table.format_name()
    }

    fn remarks(&self) -> Vec<String> {
        self.table.remarks()
    }

    fn finish(self: Box<Self>) -> Result<TableSummary, RowError> {
        Box::new(self.table).finish()
    }
}
