//! A split's rows out of one file, or several one after the other.

use std::collections::VecDeque;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::csv::CsvTable;
use super::error::{RowError, Unit};
use super::format::Format;
use super::jsonl::JsonlTable;
use super::parquet::ParquetTable;
use super::quoting::Quoting;
use super::rows::{ClassColumn, RowReader, TableSummary};
use super::{array, shards, stream};

/// A file of a split, read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFile {
    /// The file's path in quotes, or the name of a bundled sample.
    pub name: String,
    /// The numbers of rows and bytes, and the digest.
    pub summary: TableSummary,
    /// Whether cells might stand in quotes, where that is not as its format by itself has it.
    pub quoting: Option<Quoting>,
    /// What a reader of results should know of how it was read, in words.
    pub remarks: Vec<String>,
}

/// A split's rows: one file, or several one after the other.
pub struct TableReader {
    name: Arc<str>,
    columns: Vec<String>,
    current: Box<dyn RowReader>,
    /// The files behind the current one.
    further: VecDeque<PathBuf>,
    quoting: Quoting,
    done: Vec<TableFile>,
    /// What is known of the files before they are read.
    known: Vec<String>,
}

/// The place of a row in a split's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowPlace {
    /// What messages call its file. Shared by all rows of the file: a place is kept for every row.
    pub file: Arc<str>,
    /// What the file is counted in.
    pub unit: Unit,
    /// The number of the row, line or object in its file, counted from 1.
    pub number: u64,
}

impl std::fmt::Display for RowPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {} {}", self.file, self.unit, self.number)
    }
}

impl TableReader {
    /// Opens files that are read one after the other; their names say what format they have. Gives `None` for a name
    /// that does not, or for no file at all.
    pub fn open(paths: &[PathBuf], quoting: Quoting) -> Option<Result<TableReader, RowError>> {
        if paths.iter().any(|path| Format::of(path).is_none()) {
            return None;
        }
        let mut further: VecDeque<PathBuf> = paths.iter().cloned().collect();
        let first = further.pop_front()?;
        let current = match open_file(&first, quoting)? {
            Ok(current) => current,
            Err(error) => return Some(Err(error)),
        };
        let (name, columns) = (quoted(&first), current.columns().to_vec());
        let known = match further.is_empty() {
            true => shards::part_alone(&first).map(|part| format!("{name} is {part} alone")).into_iter().collect(),
            false => shards::incomplete(paths),
        };
        Some(Ok(TableReader { name, columns, current, further, quoting, done: Vec::new(), known }))
    }

    /// JSON lines in memory; `name` stands for them in messages.
    pub(crate) fn from_jsonl(name: &str, bytes: &'static [u8]) -> Result<TableReader, RowError> {
        Ok(TableReader::of_one(name, Box::new(JsonlTable::from_bytes(name, bytes)?), Quoting::Auto))
    }

    /// Reads rows that come once, as from standard input; `name` stands for them in messages. Their first bytes say what
    /// they are: gzip and zstd are undone, then `{` begins JSON lines, `[` a JSON array, and anything else CSV, or TSV
    /// where the first line has a tab and no comma outside of quotes. Of a first line longer than 1024 bytes, those
    /// decide.
    ///
    /// Returns when the first good row is there, or for CSV and TSV the headings, and waits for nothing behind it. So
    /// does every later row: it is given when its last byte has come, a line break or for an array the closing brace.
    /// Compressed rows come as their blocks are whole.
    ///
    /// # Errors
    /// As for files: another kind of file, bytes that cannot be read, no columns because of malformed rows. The bytes
    /// themselves ([`TableReader::read`]) are refused with [`FileError::Stream`](crate::fs::error::FileError::Stream).
    pub fn from_stream(name: &str, bytes: Box<dyn Read + Send>, quoting: Quoting) -> Result<TableReader, RowError> {
        Ok(TableReader::of_one(name, stream::open_stream(name, bytes, quoting)?, quoting))
    }

    fn of_one(name: &str, current: Box<dyn RowReader>, quoting: Quoting) -> TableReader {
        let (name, columns) = (name.into(), current.columns().to_vec());
        TableReader { name, columns, current, further: VecDeque::new(), quoting, done: Vec::new(), known: Vec::new() }
    }

    /// Adds a remark for readers of results.
    pub(crate) fn remarked(mut self, remark: String) -> Self {
        self.known.push(remark);
        self
    }

    /// The current file's format for people, with what is decided by more than the format: compression, quoting.
    pub fn format_name(&self) -> String {
        self.current.format_name()
    }

    /// What a reader should know of how the rows so far were read, in words.
    pub fn remarks(&self) -> Vec<String> {
        let done = self.done.iter().flat_map(|file| file.remarks.iter().cloned());
        done.chain(self.current.remarks()).chain(self.known.iter().cloned()).collect()
    }

    /// What the file at hand is called in messages: its path, or that it is a bundled sample.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names of the columns, in the first file's order. For JSON: the keys of the first good row.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The columns whose numbers the file at hand has names for.
    pub fn classes(&self) -> &[ClassColumn] {
        self.current.classes()
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

    /// The place of the row that was read last.
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
        self.done.push(finished(&self.name, self.current)?);
        if let Some(last) = self.done.last_mut() {
            last.remarks.extend(self.known);
        }
        Ok(self.done)
    }

    /// Goes on to the next file, if there is one.
    fn next_file(&mut self) -> Result<bool, RowError> {
        let Some(path) = self.further.pop_front() else { return Ok(false) };
        // The format was looked at when the table was opened.
        let Some(next) = open_file(&path, self.quoting) else { return Ok(false) };
        let last = std::mem::replace(&mut self.current, next?);
        let name = std::mem::replace(&mut self.name, quoted(&path));
        self.done.push(finished(&name, last)?);
        Ok(true)
    }
}

fn finished(name: &str, rows: Box<dyn RowReader>) -> Result<TableFile, RowError> {
    let (quoting, remarks) = (rows.quoting(), rows.remarks());
    Ok(TableFile { name: name.trim_matches('`').to_owned(), summary: rows.finish()?, quoting, remarks })
}

fn quoted(path: &Path) -> Arc<str> {
    format!("`{}`", path.display()).into()
}

fn open_file(path: &Path, quoting: Quoting) -> Option<Result<Box<dyn RowReader>, RowError>> {
    fn boxed<T: RowReader + 'static>(table: Result<T, RowError>) -> Result<Box<dyn RowReader>, RowError> {
        table.map(|table| Box::new(table) as Box<dyn RowReader>)
    }
    Some(match Format::of(path)? {
        Format::Jsonl => boxed(JsonlTable::open(path)),
        Format::Json => array::open_json(path),
        format @ (Format::Csv | Format::Tsv) => boxed(CsvTable::open(path, format, quoting)),
        Format::Parquet => boxed(ParquetTable::open(path)),
    })
}
