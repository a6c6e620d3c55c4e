//! Cells between commas or tabs, with headings in the first line. All cells are texts.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::error::{RowError, RowProblem, Unit};
use super::json::object;
use super::{Rows, TableSummary};
use crate::store::digest::digest_file;
use crate::store::file::FileError;

/// The most that is read of one row: 16 MiB, as of a line of JSON.
const ROW_LIMIT: u64 = 16 << 20;

/// A file of cells, positioned before the next row.
pub struct CsvTable {
    path: PathBuf,
    reader: Reader<Bounded<File>>,
    columns: Vec<String>,
    /// The line on which the row read last begins.
    line: u64,
    rows: u64,
    limit: u64,
    /// The same file for [`Rows::read`].
    raw: Option<File>,
}

impl CsvTable {
    /// Opens a file and reads its headings.
    pub fn open(path: &Path, delimiter: u8) -> Result<CsvTable, RowError> {
        CsvTable::new(path, delimiter, ROW_LIMIT)
    }

    fn new(path: &Path, delimiter: u8, limit: u64) -> Result<CsvTable, RowError> {
        let file = File::open(path).map_err(|source| FileError::io("open", path, source))?;
        let mut builder = ReaderBuilder::new();
        // Headings and the number of cells are checked here, with messages that name the row.
        let reader = builder.has_headers(false).flexible(true).delimiter(delimiter).from_reader(Bounded::new(file));
        let path = path.to_owned();
        let mut table = CsvTable { path, reader, columns: Vec::new(), line: 1, rows: 0, limit, raw: None };
        if let Some(headings) = table.next_record()? {
            table.columns = table.headings(&headings)?;
        }
        Ok(table)
    }

    fn headings(&self, headings: &ByteRecord) -> Result<Vec<String>, RowError> {
        let mut seen = BTreeSet::new();
        let mut columns = Vec::new();
        for heading in headings {
            let name = String::from_utf8(heading.to_vec());
            let name = name.map_err(|error| {
                let name = String::from_utf8_lossy(error.as_bytes()).into_owned();
                self.malformed(RowProblem::Headings { name, reason: "which is not UTF-8" })
            })?;
            if name.is_empty() {
                return Err(self.malformed(RowProblem::Headings { name, reason: "without a name" }));
            }
            if !seen.insert(name.clone()) {
                return Err(self.malformed(RowProblem::Headings { name, reason: "twice" }));
            }
            columns.push(name);
        }
        Ok(columns)
    }

    fn next_record(&mut self) -> Result<Option<ByteRecord>, RowError> {
        let mut record = ByteRecord::new();
        self.reader.get_mut().left = self.limit;
        let read = self.reader.read_byte_record(&mut record);
        self.line = record.position().map_or(self.reader.position().line(), csv::Position::line);
        match read {
            Ok(true) => Ok(Some(record)),
            Ok(false) => Ok(None),
            Err(error) => match error.into_kind() {
                csv::ErrorKind::Io(error) if is_too_long(&error) => {
                    // A row without an end has nothing behind it.
                    self.reader.get_mut().ended = true;
                    Err(self.malformed(RowProblem::TooLong { limit: self.limit as usize }))
                }
                csv::ErrorKind::Io(source) => Err(FileError::io("read", &self.path, source).into()),
                other => Err(FileError::io("read", &self.path, io::Error::other(format!("{other:?}"))).into()),
            },
        }
    }

    fn row(&self, record: &ByteRecord) -> Result<String, RowProblem> {
        let (expected, got) = (self.columns.len(), record.len());
        // A quote that is opened and never closed swallows all that follows it, with its line breaks.
        let runs_on = record.iter().next_back().is_some_and(|cell| cell.contains(&b'\n'));
        if runs_on && self.reader.get_ref().at_end && self.reader.get_ref().odd_quotes {
            return Err(RowProblem::HalfWritten);
        }
        if expected != got {
            return Err(RowProblem::Cells { expected, got });
        }
        let cells = self.columns.iter().zip(record).map(|(column, cell)| match std::str::from_utf8(cell) {
            Ok(cell) => Ok((column.as_str(), serde_json::Value::from(cell))),
            Err(_) => Err(RowProblem::CellNotUtf8 { column: column.clone() }),
        });
        Ok(object(cells.collect::<Result<Vec<_>, _>>()?))
    }

    fn malformed(&self, problem: RowProblem) -> RowError {
        let name = format!("`{}`", self.path.display());
        RowError::Malformed { name, unit: Unit::Line, number: self.line, problem }
    }
}

impl Rows for CsvTable {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn next_row(&mut self) -> Result<Option<String>, RowError> {
        let Some(record) = self.next_record()? else { return Ok(None) };
        self.rows += 1;
        self.row(&record).map(Some).map_err(|problem| self.malformed(problem))
    }

    fn number(&self) -> u64 {
        self.line
    }

    fn unit(&self) -> Unit {
        Unit::Line
    }

    fn read(&mut self, max: usize) -> Result<Vec<u8>, RowError> {
        read_raw(&mut self.raw, &self.path, max)
    }

    fn finish(mut self: Box<Self>) -> Result<TableSummary, RowError> {
        loop {
            match self.next_record() {
                Ok(Some(_)) => self.rows += 1,
                Ok(None) => break,
                Err(error) if error.can_be_skipped() => self.rows += 1,
                Err(error) => return Err(error),
            }
        }
        let mut bytes = 0;
        let sha256 = digest_file(&self.path, |count| bytes += count)?;
        Ok(TableSummary { rows: self.rows, bytes, sha256 })
    }
}

/// Reads a file's bytes as they stand, opening it at the first call.
pub fn read_raw(raw: &mut Option<File>, path: &Path, max: usize) -> Result<Vec<u8>, RowError> {
    let file = match raw {
        Some(file) => file,
        None => raw.insert(File::open(path).map_err(|source| FileError::io("open", path, source))?),
    };
    let mut bytes = Vec::new();
    let read = file.take(max as u64).read_to_end(&mut bytes);
    read.map_err(|source| FileError::io("read", path, source))?;
    Ok(bytes)
}

/// A reader that gives so many bytes until it is told to give more: a row without an end takes no memory beyond that.
struct Bounded<R> {
    inner: R,
    left: u64,
    ended: bool,
    /// Whether all bytes have been given.
    at_end: bool,
    /// Whether an odd number of quotes was among them.
    odd_quotes: bool,
}

/// What [`Bounded`] fails with.
#[derive(Debug, thiserror::Error)]
#[error("a row without an end")]
struct TooLong;

fn is_too_long(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<TooLong>())
}

impl<R> Bounded<R> {
    fn new(inner: R) -> Self {
        Self { inner, left: 0, ended: false, at_end: false, odd_quotes: false }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Err(io::Error::other(TooLong));
        }
        let read = self.inner.read(&mut buffer[..wanted])?;
        self.left -= read as u64;
        self.at_end = read == 0;
        self.odd_quotes ^= buffer[..read].iter().filter(|byte| **byte == b'"').count() % 2 == 1;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: impl AsRef<[u8]>, delimiter: u8) -> (tempfile::TempDir, Result<CsvTable, RowError>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        let table = CsvTable::new(&path, delimiter, 60);
        (folder, table)
    }

    fn rows(text: impl AsRef<[u8]>) -> Result<Vec<String>, String> {
        let (_folder, table) = table(text, b',');
        let mut table = table.map_err(|error| error.to_string())?;
        let mut rows = Vec::new();
        while let Some(row) = table.next_row().map_err(|error| error.to_string())? {
            rows.push(row);
        }
        Ok(rows)
    }

    #[test]
    fn cells_are_texts_under_their_headings() {
        let text = "\u{feff}b,a\n1,\"x, \"\"y\"\"\nz\"\n,é\n";
        let expected = [r#"{"b":"1","a":"x, \"y\"\nz"}"#, r#"{"b":"","a":"é"}"#];
        assert_eq!(rows(text).unwrap(), expected);
        assert_eq!(rows("").unwrap(), Vec::<String>::new());
        assert_eq!(rows("a,b\n").unwrap(), Vec::<String>::new());
        let (_folder, table) = table("a\tb\r\n1\t2,3\r\n", b'\t');
        let mut table = table.unwrap();
        assert_eq!(table.columns(), ["a", "b"]);
        assert_eq!(table.next_row().unwrap().unwrap(), r#"{"a":"1","b":"2,3"}"#);
    }

    #[test]
    fn malformed_rows_are_named_by_line_and_fault() {
        let check = |text: &[u8], expected: &str| {
            let message = rows(text).unwrap_err();
            assert!(message.ends_with(expected), "{message}");
        };
        check(b"a,b\n1,2\n3\n", "t.csv`, line 3: expected 2 cells, one for each column, came 1");
        check(b"a,b\n1,\"2\n3\"\n1,2,3\n", "t.csv`, line 4: expected 2 cells, one for each column, came 3");
        check(b"a,b\n1,\xff\n", "t.csv`, line 2: column `b`: not UTF-8");
        check(b"a,\n1,2\n", "line 1: expected a different name for each column, came \"\" without a name");
        check(b"a,a\n1,2\n", "line 1: expected a different name for each column, came \"a\" twice");
        check(b"a,b\n1,\"2\n", "line 2: the last line is half written: it has no end and is no whole row");
    }

    #[test]
    fn a_row_without_an_end_takes_no_memory_beyond_the_limit() {
        let (_folder, table) = table(format!("a,b\n1,2\n\"{}", "x,\n".repeat(1000)), b',');
        let mut table = table.unwrap();
        // The reader looks ahead by as much as it is given.
        let first = table.next_row();
        let error = match first {
            Ok(_) => table.next_row().unwrap_err(),
            Err(error) => error,
        };
        assert!(error.to_string().contains("longer than the 60 bytes"), "{error}");
    }

    #[test]
    fn the_table_goes_on_behind_a_bad_row() {
        let (folder, table) = table(b"a,b\n1,2\n3\n4,5\n", b',');
        let mut table = table.unwrap();
        assert_eq!(table.next_row().unwrap().unwrap(), r#"{"a":"1","b":"2"}"#);
        let error = table.next_row().unwrap_err();
        assert!(error.can_be_skipped(), "{error}");
        let summary = Box::new(table).finish().unwrap();
        assert_eq!((summary.rows, summary.bytes), (3, 14));
        drop(folder);
    }
}
