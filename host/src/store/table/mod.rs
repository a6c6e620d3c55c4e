//! Rows of data sets, whatever their file's form, one JSON object each.

mod csv;
mod error;
mod json;
mod jsonl;
mod parquet;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use error::{RowError, RowProblem, Unit};

use self::csv::CsvTable;
use self::jsonl::JsonlTable;
use self::parquet::ParquetTable;
use super::digest::Digest;

/// Forms of a data file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line.
    Jsonl,
    /// Parquet.
    Parquet,
    /// Cells between commas, with headings.
    Csv,
    /// Cells between tabs, with headings.
    Tsv,
}

impl Format {
    /// All forms, in the order in which they are looked for.
    pub const ALL: [Format; 4] = [Format::Jsonl, Format::Parquet, Format::Csv, Format::Tsv];

    /// The extension of such files.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Jsonl => "jsonl",
            Format::Parquet => "parquet",
            Format::Csv => "csv",
            Format::Tsv => "tsv",
        }
    }

    /// The form that a file's name speaks of.
    pub fn of(path: &Path) -> Option<Format> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        // Files of the hub are called so, and are JSON lines mostly.
        if extension == "json" {
            return Some(Format::Jsonl);
        }
        Format::ALL.into_iter().find(|format| format.extension() == extension)
    }
}

/// What a whole file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSummary {
    /// Its rows.
    pub rows: u64,
    /// Its bytes.
    pub bytes: u64,
    /// The digest of all its bytes.
    pub sha256: Digest,
}

/// A file of rows, positioned before the next one. Reads forward only, a row at a time.
trait Rows: Send {
    /// The names of the columns, in the file's order.
    fn columns(&self) -> &[String];

    /// The next row, the text of one JSON object; `None` at the end. After an error that
    /// [can be skipped](RowError::can_be_skipped) the next call goes on behind it.
    fn next_row(&mut self) -> Result<Option<String>, RowError>;

    /// The number of the row read last, in the file's units, counted from 1.
    fn number(&self) -> u64;

    /// What the file is counted in.
    fn unit(&self) -> Unit;

    /// The next bytes as they stand in the file, at most `max`, and fewer only at the end.
    fn read(&mut self, max: usize) -> Result<Vec<u8>, RowError>;

    /// Reads the rest of the file and says what all of it holds. Rows that were not asked for are counted, not checked:
    /// a run of the first hundred is not refused for the last one.
    fn finish(self: Box<Self>) -> Result<TableSummary, RowError>;
}

/// One file of a table, read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFile {
    /// Its path, or that it is a bundled sample.
    pub name: String,
    /// What it holds.
    pub summary: TableSummary,
}

/// A split's rows: one file, or several one after the other.
pub struct Table {
    name: Arc<str>,
    columns: Vec<String>,
    current: Box<dyn Rows>,
    /// The files behind the current one.
    further: VecDeque<PathBuf>,
    done: Vec<TableFile>,
}

/// Where a row stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowPlace {
    /// What messages call its file. Shared by all rows of the file: a place is kept for every row.
    pub file: Arc<str>,
    /// What the file is counted in.
    pub unit: Unit,
    /// Its number there, from 1.
    pub number: u64,
}

impl std::fmt::Display for RowPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {} {}", self.file, self.unit, self.number)
    }
}

impl Table {
    /// Opens files that are read one after the other; their names say what form they have. Gives `None` for a name that
    /// does not, or for no file at all.
    pub fn open(paths: &[PathBuf]) -> Option<Result<Table, RowError>> {
        if paths.iter().any(|path| Format::of(path).is_none()) {
            return None;
        }
        let mut further: VecDeque<PathBuf> = paths.iter().cloned().collect();
        let first = further.pop_front()?;
        let current = match open_file(&first)? {
            Ok(current) => current,
            Err(error) => return Some(Err(error)),
        };
        let (name, columns) = (quoted(&first), current.columns().to_vec());
        Some(Ok(Table { name, columns, current, further, done: Vec::new() }))
    }

    /// JSON lines in memory; `name` stands for them in messages.
    pub fn from_jsonl(name: &str, bytes: &'static [u8]) -> Result<Table, RowError> {
        let current = JsonlTable::from_bytes(name, bytes)?;
        let columns = current.columns().to_vec();
        let (name, current) = (name.into(), Box::new(current));
        Ok(Table { name, columns, current, further: VecDeque::new(), done: Vec::new() })
    }

    /// What the file at hand is called in messages: its path, or that it is a bundled sample.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names of the columns, in the first file's order. For JSON lines: the keys of the first row.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The next row, the text of one JSON object; `None` at the end.
    pub fn next_row(&mut self) -> Result<Option<String>, RowError> {
        loop {
            match self.current.next_row()? {
                Some(row) => return Ok(Some(row)),
                None if !self.next_file()? => return Ok(None),
                None => {}
            }
        }
    }

    /// The next rows, at most `max`. No rows: the end.
    pub fn next_rows(&mut self, max: usize) -> Result<Vec<String>, RowError> {
        let mut rows = Vec::new();
        while rows.len() < max {
            match self.next_row()? {
                Some(row) => rows.push(row),
                None => break,
            }
        }
        Ok(rows)
    }

    /// Where the row that was read last stands.
    pub fn place(&self) -> RowPlace {
        RowPlace { file: self.name.clone(), unit: self.current.unit(), number: self.current.number() }
    }

    /// The next bytes as they stand in the files, at most `max`; none at the end.
    pub fn read(&mut self, max: usize) -> Result<Vec<u8>, RowError> {
        loop {
            let bytes = self.current.read(max)?;
            if !bytes.is_empty() || !self.next_file()? {
                return Ok(bytes);
            }
        }
    }

    /// Reads the rest and says what each file holds.
    pub fn finish(mut self) -> Result<Vec<TableFile>, RowError> {
        while self.next_file()? {}
        let name = self.name.trim_matches('`').to_owned();
        self.done.push(TableFile { name, summary: self.current.finish()? });
        Ok(self.done)
    }

    /// Goes on to the next file, if there is one.
    fn next_file(&mut self) -> Result<bool, RowError> {
        let Some(path) = self.further.pop_front() else { return Ok(false) };
        // The form was looked at when the table was opened.
        let Some(next) = open_file(&path) else { return Ok(false) };
        let last = std::mem::replace(&mut self.current, next?);
        let name = std::mem::replace(&mut self.name, quoted(&path));
        self.done.push(TableFile { name: name.trim_matches('`').to_owned(), summary: last.finish()? });
        Ok(true)
    }
}

fn quoted(path: &Path) -> Arc<str> {
    format!("`{}`", path.display()).into()
}

fn open_file(path: &Path) -> Option<Result<Box<dyn Rows>, RowError>> {
    fn boxed<T: Rows + 'static>(table: Result<T, RowError>) -> Result<Box<dyn Rows>, RowError> {
        table.map(|table| Box::new(table) as Box<dyn Rows>)
    }
    Some(match Format::of(path)? {
        Format::Jsonl => boxed(JsonlTable::open(path)),
        Format::Csv => boxed(CsvTable::open(path, b',')),
        Format::Tsv => boxed(CsvTable::open(path, b'\t')),
        Format::Parquet => boxed(ParquetTable::open(path)),
    })
}
