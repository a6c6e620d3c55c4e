//! Cells between commas or tabs, with headings in the first line. All cells are texts.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::error::{RowError, RowProblem, Unit};
use super::json::object;
use super::{Rows, TableSummary};
use crate::store::digest::digest_file;
use crate::store::file::FileError;

/// The most that is read of one row: 16 MiB, as of a line of JSON.
const ROW_LIMIT: usize = 16 << 20;

/// A file of cells, positioned before the next row.
pub struct CsvTable {
    path: PathBuf,
    file: BufReader<File>,
    parser: Reader,
    record: Record,
    columns: Vec<String>,
    /// The line on which the row read last begins; 0 before the first.
    line: u64,
    rows: u64,
    limit: usize,
    /// Whether a row without an end was met, which has nothing behind it.
    ended: bool,
    /// The same file for [`Rows::read`].
    raw: Option<File>,
}

/// The cells of one row, one after the other. Kept from row to row for its memory.
#[derive(Default)]
struct Record {
    bytes: Vec<u8>,
    /// Where each cell ends in `bytes`.
    ends: Vec<usize>,
    cells: usize,
}

impl Record {
    fn cells(&self) -> impl Iterator<Item = &[u8]> {
        let ends = &self.ends[..self.cells];
        let starts = std::iter::once(0).chain(ends.iter().copied());
        starts.zip(ends).map(|(start, end)| &self.bytes[start..*end])
    }
}

impl CsvTable {
    /// Opens a file and reads its headings.
    pub fn open(path: &Path, delimiter: u8) -> Result<CsvTable, RowError> {
        CsvTable::new(path, delimiter, ROW_LIMIT)
    }

    fn new(path: &Path, delimiter: u8, limit: usize) -> Result<CsvTable, RowError> {
        let file = File::open(path).map_err(|source| FileError::io("open", path, source))?;
        let mut table = CsvTable {
            path: path.to_owned(),
            file: BufReader::with_capacity(1 << 16, file),
            parser: ReaderBuilder::new().delimiter(delimiter).build(),
            record: Record::default(),
            columns: Vec::new(),
            line: 0,
            rows: 0,
            limit,
            ended: false,
            raw: None,
        };
        if table.next_record()? {
            table.columns = table.headings()?;
        }
        Ok(table)
    }

    fn headings(&self) -> Result<Vec<String>, RowError> {
        let mut seen = BTreeSet::new();
        let mut columns = Vec::new();
        for heading in self.record.cells() {
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

    /// Reads the next row into `record`; `false` at the end. Of a row that is too long the rest is read and not kept.
    fn next_record(&mut self) -> Result<bool, RowError> {
        if self.ended {
            return Ok(false);
        }
        let refused = |path: &Path, source: io::Error| RowError::from(FileError::io("read", path, source));
        self.skip_blank_lines().map_err(|source| refused(&self.path, source))?;
        let (mut used, mut cells, mut too_long) = (0, 0, false);
        loop {
            let input = self.file.fill_buf().map_err(|source| refused(&self.path, source))?;
            let at_end = input.is_empty();
            // A line break behind the last byte shows whether a quote is still open: then it is one more character.
            let input = if at_end { b"\n" } else { input };
            let Record { bytes, ends, .. } = &mut self.record;
            let (result, read, written, ended) = self.parser.read_record(input, &mut bytes[used..], &mut ends[cells..]);
            if !at_end {
                self.file.consume(read);
            }
            (used, cells) = (used + written, cells + ended);
            match result {
                ReadRecordResult::InputEmpty if at_end => {
                    self.ended = true;
                    return if used == 0 && cells == 0 {
                        Ok(false)
                    } else {
                        Err(self.malformed(RowProblem::HalfWritten))
                    };
                }
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => match grown(bytes.len(), self.limit) {
                    Some(size) => bytes.resize(size, 0),
                    None => (used, too_long) = (0, true),
                },
                ReadRecordResult::OutputEndsFull => match grown(ends.len(), self.limit / size_of::<usize>()) {
                    Some(size) => ends.resize(size, 0),
                    None => (cells, too_long) = (0, true),
                },
                ReadRecordResult::Record if too_long => {
                    return Err(self.malformed(RowProblem::TooLong { limit: self.limit }));
                }
                ReadRecordResult::Record => {
                    self.record.cells = cells;
                    return Ok(true);
                }
                ReadRecordResult::End => return Ok(false),
            }
        }
    }

    /// Goes on to the line on which the next row begins. A lone carriage return ends a row, and so a line.
    fn skip_blank_lines(&mut self) -> io::Result<()> {
        let behind = self.line + 1;
        self.line = self.parser.line();
        loop {
            let buffer = self.file.fill_buf()?;
            let blank = buffer.iter().take_while(|byte| b"\r\n".contains(byte)).count();
            if blank == 0 {
                self.line = self.line.max(behind);
                self.parser.set_line(self.line);
                return Ok(());
            }
            self.line += buffer[..blank].iter().filter(|byte| **byte == b'\n').count() as u64;
            self.file.consume(blank);
        }
    }

    fn row(&self) -> Result<String, RowProblem> {
        let (expected, got) = (self.columns.len(), self.record.cells);
        if expected != got {
            return Err(RowProblem::Cells { expected, got });
        }
        let cells =
            self.columns.iter().zip(self.record.cells()).map(|(column, cell)| match std::str::from_utf8(cell) {
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
        match self.next_record() {
            Ok(false) => return Ok(None),
            Ok(true) => {}
            Err(error) => {
                self.rows += u64::from(error.can_be_skipped());
                return Err(error);
            }
        }
        self.rows += 1;
        self.row().map(Some).map_err(|problem| self.malformed(problem))
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
                Ok(true) => self.rows += 1,
                Ok(false) => break,
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

/// The next size of a buffer that is full, if it may be larger.
fn grown(size: usize, limit: usize) -> Option<usize> {
    (size < limit).then(|| (size * 2).clamp(64, limit.max(64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: impl AsRef<[u8]>, delimiter: u8) -> (tempfile::TempDir, Result<CsvTable, RowError>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        let table = CsvTable::new(&path, delimiter, 640);
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
        check(b"a,b\n1,\"2\n3,4\n", "line 2: the last line is half written: it has no end and is no whole row");
        check(b"a,b\r1,2\r3\r", "line 3: expected 2 cells, one for each column, came 1");
        check(b"a,b\r\n1,2\r\n3\r\n", "line 3: expected 2 cells, one for each column, came 1");
        check(b"a,b\n\n1,2\n\r\n\n3\n", "line 6: expected 2 cells, one for each column, came 1");
    }

    /// A row that is too long, by its texts or by its cells, takes little memory and hides no other row.
    #[test]
    fn a_long_row_is_left_out_alone() {
        for long in ["x".repeat(1 << 20) + ",y", ",".repeat(1 << 20), format!("\"{}\",y", "x,\n".repeat(1 << 18))] {
            let (_folder, table) = table(format!("a,b\n1,2\n{long}\n3,4\n"), b',');
            let mut table = table.unwrap();
            assert_eq!(table.next_row().unwrap().unwrap(), r#"{"a":"1","b":"2"}"#);
            let error = table.next_row().unwrap_err();
            assert!(error.to_string().ends_with("line 3: longer than the 640 bytes that are read of a row"), "{error}");
            assert!(error.can_be_skipped());
            // A vector may take twice what it is asked for.
            assert!(table.record.bytes.capacity() <= 1280 && table.record.ends.capacity() <= 160);
            assert_eq!(table.next_row().unwrap().unwrap(), r#"{"a":"3","b":"4"}"#);
            assert_eq!(Box::new(table).finish().unwrap().rows, 3);
        }
    }

    #[test]
    fn the_last_row_needs_no_line_break() {
        for text in ["a,b\n1,2", "a,b\r\n1,\"2\"", "a,b\n1,2\n\n\n"] {
            assert_eq!(rows(text).unwrap(), [r#"{"a":"1","b":"2"}"#], "{text:?}");
        }
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
