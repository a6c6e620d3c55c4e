//! Rows of data sets, whatever their file's form, one JSON object each.

mod array;
mod csv;
mod error;
mod json;
mod jsonl;
mod kind;
mod parquet;
mod quoting;
mod scanner;
mod text;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use error::{OneObject, RowError, RowProblem, Unit};
pub use kind::Kind;
pub use quoting::Quoting;

use self::csv::CsvTable;
use self::jsonl::JsonlTable;
use self::parquet::ParquetTable;
use super::digest::Digest;
use super::file::{FileError, open_regular};
use super::shards;

/// Forms of a data file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line.
    Jsonl,
    /// An array of JSON objects, or one object per line.
    Json,
    /// Parquet.
    Parquet,
    /// Cells between commas, with headings.
    Csv,
    /// Cells between tabs, with headings.
    Tsv,
}

/// The extensions of every form, its usual one first.
const EXTENSIONS: [(Format, &[&str]); 5] = [
    (Format::Jsonl, &["jsonl", "ndjson"]),
    (Format::Json, &["json"]),
    (Format::Parquet, &["parquet", "pq"]),
    (Format::Csv, &["csv"]),
    (Format::Tsv, &["tsv"]),
];

/// What some writers put behind `.parquet` for the compression within the file.
const PARQUET_SUFFIXES: [&str; 7] = [".gzip", ".gz", ".snappy", ".zstd", ".brotli", ".br", ".lz4"];

impl Format {
    /// All forms, in the order in which they are named.
    pub const ALL: [Format; 5] = [Format::Jsonl, Format::Json, Format::Parquet, Format::Csv, Format::Tsv];

    /// The usual extension of such files.
    pub fn extension(self) -> &'static str {
        EXTENSIONS.iter().find(|(format, _)| *format == self).map_or("", |(_, extensions)| extensions[0])
    }

    /// The form that a file's name speaks of.
    pub fn of(path: &Path) -> Option<Format> {
        Format::split(path.file_name()?.to_str()?).map(|(_, format)| format)
    }

    /// A file's name without what says its form, and the form. Text files may be packed with gzip, which ends their
    /// names with `.gz`.
    pub fn split(name: &str) -> Option<(&str, Format)> {
        let lower = name.to_ascii_lowercase();
        let ends = |extension: &str, behind: &str| {
            let rest = lower.strip_suffix(behind)?.strip_suffix(extension)?.strip_suffix('.')?;
            // Lower case in ASCII has the same length.
            name.get(..rest.len()).filter(|rest| !rest.is_empty())
        };
        EXTENSIONS.into_iter().find_map(|(format, extensions)| {
            let behind: &[&str] = if format == Format::Parquet { &PARQUET_SUFFIXES } else { &[".gz"] };
            let stem = extensions.iter().find_map(|extension| {
                ends(extension, "").or_else(|| behind.iter().find_map(|behind| ends(extension, behind)))
            });
            stem.map(|stem| (stem, format))
        })
    }
}

/// What a file that is no form of data is, by its first bytes, where that is known. A file that cannot be read is
/// nothing that is known.
pub fn kind_of_file(path: &Path) -> Option<Kind> {
    use std::io::Read;
    match open_regular(path) {
        Ok(file) => {
            let mut head = Vec::new();
            file.take(kind::HEAD).read_to_end(&mut head).ok()?;
            Kind::of(&head)
        }
        Err(FileError::Stream { .. }) => Some(Kind::Stream),
        // As many programs call their standard input.
        Err(_) => (path == Path::new("-")).then_some(Kind::Stream),
    }
}

/// A column of classes as whole numbers, with the names that the file has for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassColumn {
    /// The column.
    pub column: String,
    /// The name of class 0, of class 1, and so on.
    pub names: Vec<String>,
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

    /// The columns whose numbers the file has names for.
    fn classes(&self) -> &[ClassColumn] {
        &[]
    }

    /// The next row, the text of one JSON object; `None` at the end. After an error that
    /// [can be skipped](RowError::can_be_skipped) the next call goes on behind it.
    fn next_row(&mut self) -> Result<Option<String>, RowError>;

    /// The number of the row read last, in the file's units, counted from 1.
    fn number(&self) -> u64;

    /// What the file is counted in.
    fn unit(&self) -> Unit;

    /// The next bytes as they stand in the file, unpacked where it is packed, at most `max`, and fewer only at the end.
    fn read(&mut self, max: usize) -> Result<Vec<u8>, RowError>;

    /// Its form, with what is decided by more than the form: for people.
    fn form(&self) -> String;

    /// Whether cells may stand in quotes, where that is not as the form by itself has it.
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

/// Rows among which the first good one is looked for, for its columns.
const LOOKED_AT: usize = 100;

/// The columns of a form whose rows have their own keys: those of the first good row of `ahead`, a table that nobody else
/// reads. None where there are no rows.
///
/// # Errors
/// The first row's, where none of the first [`LOOKED_AT`] is good; an error behind which nothing can be read.
fn first_columns(mut ahead: impl Rows) -> Result<Vec<String>, RowError> {
    let mut bad = None;
    for _ in 0..LOOKED_AT {
        match ahead.next_row() {
            Ok(Some(first)) => return Ok(jsonl::keys(&first).unwrap_or_default()),
            Ok(None) => break,
            // Whether it may be left out is for whoever comes to it.
            Err(error) if error.can_be_skipped() => {
                bad.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    bad.map_or_else(|| Ok(Vec::new()), Err)
}

/// One file of a table, read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFile {
    /// Its path, or that it is a bundled sample.
    pub name: String,
    /// What it holds.
    pub summary: TableSummary,
    /// Whether cells might stand in quotes, where that is not as its form by itself has it.
    pub quoting: Option<Quoting>,
    /// What a reader of results should know of how it was read, in words.
    pub remarks: Vec<String>,
}

/// A split's rows: one file, or several one after the other.
pub struct Table {
    name: Arc<str>,
    columns: Vec<String>,
    current: Box<dyn Rows>,
    /// The files behind the current one.
    further: VecDeque<PathBuf>,
    quoting: Quoting,
    done: Vec<TableFile>,
    /// What is known of the files before they are read.
    known: Vec<String>,
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
    pub fn open(paths: &[PathBuf], quoting: Quoting) -> Option<Result<Table, RowError>> {
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
        let known = further.is_empty().then(|| shards::part_alone(&first)).flatten();
        let known = known.map(|part| format!("{name} is {part} alone")).into_iter().collect();
        Some(Ok(Table { name, columns, current, further, quoting, done: Vec::new(), known }))
    }

    /// JSON lines in memory; `name` stands for them in messages.
    pub fn from_jsonl(name: &str, bytes: &'static [u8]) -> Result<Table, RowError> {
        let current = JsonlTable::from_bytes(name, bytes)?;
        let columns = current.columns().to_vec();
        let (name, current) = (name.into(), Box::new(current));
        let (further, quoting) = (VecDeque::new(), Quoting::Auto);
        Ok(Table { name, columns, current, further, quoting, done: Vec::new(), known: Vec::new() })
    }

    /// The same table, with something more that a reader should know of its files.
    pub(crate) fn remarked(mut self, remark: String) -> Self {
        self.known.push(remark);
        self
    }

    /// The form of the file at hand, with what is decided by more than the form: for people.
    pub fn form(&self) -> String {
        self.current.form()
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
        self.done.push(finished(&self.name, self.current)?);
        if let Some(last) = self.done.last_mut() {
            last.remarks.extend(self.known);
        }
        Ok(self.done)
    }

    /// Goes on to the next file, if there is one.
    fn next_file(&mut self) -> Result<bool, RowError> {
        let Some(path) = self.further.pop_front() else { return Ok(false) };
        // The form was looked at when the table was opened.
        let Some(next) = open_file(&path, self.quoting) else { return Ok(false) };
        let last = std::mem::replace(&mut self.current, next?);
        let name = std::mem::replace(&mut self.name, quoted(&path));
        self.done.push(finished(&name, last)?);
        Ok(true)
    }
}

fn finished(name: &str, rows: Box<dyn Rows>) -> Result<TableFile, RowError> {
    let (quoting, remarks) = (rows.quoting(), rows.remarks());
    Ok(TableFile { name: name.trim_matches('`').to_owned(), summary: rows.finish()?, quoting, remarks })
}

fn quoted(path: &Path) -> Arc<str> {
    format!("`{}`", path.display()).into()
}

fn open_file(path: &Path, quoting: Quoting) -> Option<Result<Box<dyn Rows>, RowError>> {
    fn boxed<T: Rows + 'static>(table: Result<T, RowError>) -> Result<Box<dyn Rows>, RowError> {
        table.map(|table| Box::new(table) as Box<dyn Rows>)
    }
    Some(match Format::of(path)? {
        Format::Jsonl => boxed(JsonlTable::open(path)),
        Format::Json => array::open_json(path),
        format @ (Format::Csv | Format::Tsv) => boxed(CsvTable::open(path, format, quoting)),
        Format::Parquet => boxed(ParquetTable::open(path)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_the_form() {
        for (name, expected) in [
            ("a.jsonl", Some(("a", Format::Jsonl))),
            ("A.JSONL.GZ", Some(("A", Format::Jsonl))),
            ("a.ndjson", Some(("a", Format::Jsonl))),
            ("a.b.json.gz", Some(("a.b", Format::Json))),
            ("a.parquet.gzip", Some(("a", Format::Parquet))),
            ("part-0.snappy.parquet", Some(("part-0.snappy", Format::Parquet))),
            ("a.csv.gz", Some(("a", Format::Csv))),
            ("a.tsv", Some(("a", Format::Tsv))),
            ("a.csv.bz2", None),
            ("a.arrow", None),
            (".csv", None),
            ("csv", None),
            ("a.gz", None),
            ("ä.csv", Some(("ä", Format::Csv))),
        ] {
            assert_eq!(Format::split(name), expected, "{name}");
        }
        assert_eq!(Format::ALL.map(Format::extension), ["jsonl", "json", "parquet", "csv", "tsv"]);
    }
}
