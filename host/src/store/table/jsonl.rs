//! JSON lines: one JSON object per line, read as they are needed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek};
use std::path::Path;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::error::{RowError, RowProblem, Unit};
use super::{Rows, TableSummary};
use crate::store::digest::Hasher;
use crate::store::file::FileError;

/// The most that is read of one line: 16 MiB. The longest row of the paper's data sets has 5 KiB.
pub const LINE_LIMIT: usize = 16 << 20;

/// A file of rows, positioned before the next one. Reads forward only, a row at a time.
pub struct JsonlTable {
    name: String,
    reader: BufReader<Box<dyn ReadSeek>>,
    columns: Vec<String>,
    /// The number of the line read last.
    line: u64,
    rows: u64,
    bytes: u64,
    hasher: Hasher,
    limit: usize,
}

trait ReadSeek: Read + Seek + Send {}
impl<T: Read + Seek + Send> ReadSeek for T {}

impl JsonlTable {
    /// Opens a file; reads its first row for the columns.
    pub fn open(path: &Path) -> Result<JsonlTable, RowError> {
        let file = File::open(path).map_err(|source| FileError::io("open", path, source))?;
        JsonlTable::new(format!("`{}`", path.display()), Box::new(file), LINE_LIMIT)
    }

    /// The same over bytes in memory; `name` stands for them in messages.
    pub fn from_bytes(name: &str, bytes: &'static [u8]) -> Result<JsonlTable, RowError> {
        JsonlTable::new(name.to_owned(), Box::new(Cursor::new(bytes)), LINE_LIMIT)
    }

    fn new(name: String, reader: Box<dyn ReadSeek>, limit: usize) -> Result<JsonlTable, RowError> {
        let mut table = JsonlTable {
            name,
            reader: BufReader::with_capacity(1 << 16, reader),
            columns: Vec::new(),
            line: 0,
            rows: 0,
            bytes: 0,
            hasher: Hasher::default(),
            limit,
        };
        if let Some(first) = table.next_row()? {
            table.columns = keys(&first).map_err(|error| table.malformed(not_json(&error)))?;
        }
        table.reader.rewind().map_err(|source| refused(&table.name, source))?;
        (table.line, table.rows, table.bytes, table.hasher) = (0, 0, 0, Hasher::default());
        Ok(table)
    }

    /// Reads one line into `line`, without its break; `None` at the end of the file. Of a line that is too long the
    /// rest is read and not kept.
    fn next_line(&mut self, line: &mut Vec<u8>) -> Result<Option<LineEnd>, RowError> {
        line.clear();
        let mut length = 0;
        let end = loop {
            let buffer = self.reader.fill_buf().map_err(|source| refused(&self.name, source))?;
            if buffer.is_empty() {
                break LineEnd::File;
            }
            let at = buffer.iter().position(|&byte| byte == b'\n');
            let (piece, used) = (&buffer[..at.unwrap_or(buffer.len())], at.map_or(buffer.len(), |at| at + 1));
            length += piece.len();
            if length <= self.limit {
                line.extend_from_slice(piece);
            }
            self.hasher.update(&buffer[..used]);
            self.bytes += used as u64;
            self.reader.consume(used);
            if at.is_some() {
                break LineEnd::Break;
            }
        };
        if matches!(end, LineEnd::File) && length == 0 {
            return Ok(None);
        }
        self.line += 1;
        Ok(Some(if length > self.limit { LineEnd::TooLong } else { end }))
    }

    fn malformed(&self, problem: RowProblem) -> RowError {
        RowError::Malformed { name: self.name.clone(), unit: Unit::Line, number: self.line, problem }
    }
}

impl Rows for JsonlTable {
    /// The keys of the first row, in its order; none for an empty file.
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn next_row(&mut self) -> Result<Option<String>, RowError> {
        let mut line = Vec::new();
        while let Some(end) = self.next_line(&mut line)? {
            if matches!(end, LineEnd::TooLong) {
                return Err(self.malformed(RowProblem::TooLong { limit: self.limit }));
            }
            if self.line == 1 && line.starts_with(BYTE_ORDER_MARK) {
                line.drain(..BYTE_ORDER_MARK.len());
            }
            if is_blank(&line) {
                continue;
            }
            self.rows += 1;
            let complete = matches!(end, LineEnd::Break);
            return check_row(line, complete).map(Some).map_err(|problem| self.malformed(problem));
        }
        Ok(None)
    }

    fn number(&self) -> u64 {
        self.line
    }

    fn unit(&self) -> Unit {
        Unit::Line
    }

    fn read(&mut self, max: usize) -> Result<Vec<u8>, RowError> {
        let mut bytes = Vec::new();
        let read = self.reader.by_ref().take(max as u64).read_to_end(&mut bytes);
        read.map_err(|source| refused(&self.name, source))?;
        self.hasher.update(&bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes)
    }

    fn finish(mut self: Box<Self>) -> Result<TableSummary, RowError> {
        let mut line = Vec::new();
        while self.next_line(&mut line)?.is_some() {
            self.rows += u64::from(!is_blank(&line));
        }
        Ok(TableSummary { rows: self.rows, bytes: self.bytes, sha256: self.hasher.finish() })
    }
}

/// How a line ended.
enum LineEnd {
    /// With a line break.
    Break,
    /// With the end of the file.
    File,
    /// Anyhow, and too late.
    TooLong,
}

/// Some editors put it at the start of a file; JSON does not know it.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

fn refused(name: &str, source: io::Error) -> RowError {
    FileError::io("read", name.trim_matches('`'), source).into()
}

fn not_json(error: &serde_json::Error) -> RowProblem {
    // The parser counts lines within the text it is given, which is always one.
    RowProblem::NotJson { reason: error.to_string().replace("at line 1 column", "at column") }
}

/// Checks that a line is one JSON object. `complete` says that the line has a break at its end.
fn check_row(line: Vec<u8>, complete: bool) -> Result<String, RowProblem> {
    let row = match String::from_utf8(line) {
        Ok(row) => row,
        // A file that was cut may end inside a character.
        Err(error) if !complete && error.utf8_error().error_len().is_none() => return Err(RowProblem::HalfWritten),
        Err(error) => return Err(RowProblem::NotUtf8 { byte: error.utf8_error().valid_up_to() + 1 }),
    };
    let read = serde_json::from_str::<IgnoredAny>(&row).and_then(|_| match row.contains("\\u") {
        // Half of a surrogate pair is noticed only where texts are made of the escapes.
        true => serde_json::from_str::<serde_json::Value>(&row).map(drop),
        false => Ok(()),
    });
    match read {
        Err(error) if error.is_eof() && !complete => Err(RowProblem::HalfWritten),
        Err(error) => Err(not_json(&error)),
        Ok(()) => match row.trim_ascii_start().as_bytes()[0] {
            b'{' => Ok(row.trim_ascii().to_owned()),
            b'[' => Err(RowProblem::NotObject { kind: "an array" }),
            b'"' => Err(RowProblem::NotObject { kind: "a string" }),
            b't' | b'f' => Err(RowProblem::NotObject { kind: "a boolean" }),
            b'n' => Err(RowProblem::NotObject { kind: "null" }),
            _ => Err(RowProblem::NotObject { kind: "a number" }),
        },
    }
}

/// The keys of a JSON object in their order, which `serde_json`'s own map does not keep.
fn keys(row: &str) -> serde_json::Result<Vec<String>> {
    struct Keys;
    impl<'de> Visitor<'de> for Keys {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<String>, A::Error> {
            let mut keys = Vec::new();
            while let Some((key, IgnoredAny)) = map.next_entry()? {
                keys.push(key);
            }
            Ok(keys)
        }
    }
    serde_json::Deserializer::from_str(row).deserialize_map(Keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::digest::Digest;

    fn table(bytes: &'static [u8]) -> Result<JsonlTable, RowError> {
        JsonlTable::new("t.jsonl".into(), Box::new(Cursor::new(bytes)), 40)
    }

    /// The next rows, `max` at most.
    fn next(table: &mut JsonlTable, max: usize) -> Result<Vec<String>, RowError> {
        std::iter::from_fn(|| table.next_row().transpose()).take(max).collect()
    }

    /// All rows, or the first error's text.
    fn rows(bytes: &'static [u8]) -> Result<Vec<String>, String> {
        let mut table = table(bytes).map_err(|error| error.to_string())?;
        next(&mut table, 100).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_come_in_batches_with_their_text_unchanged() {
        let bytes: &[u8] = b"{\"b\": 1, \"a\": {\"x\": []}}\n\n  \r\n {\"a\":1.50}\r\n{}";
        let mut table = table(bytes).unwrap();
        assert_eq!(table.columns(), ["b", "a"]);
        assert_eq!(next(&mut table, 2).unwrap(), ["{\"b\": 1, \"a\": {\"x\": []}}", "{\"a\":1.50}"]);
        assert_eq!(next(&mut table, 2).unwrap(), ["{}"]);
        assert!(next(&mut table, 2).unwrap().is_empty());
        let expected = TableSummary { rows: 3, bytes: bytes.len() as u64, sha256: Digest::of(bytes) };
        assert_eq!(Box::new(table).finish().unwrap(), expected);
    }

    #[test]
    fn malformed_rows_are_named_by_line_and_fault() {
        let cases: &[(&[u8], &str)] = &[
            (b"{}\n[1]\n", "t.jsonl, line 2: expected a JSON object, came an array"),
            (b"{}\n\n\"x\"\n", "t.jsonl, line 3: expected a JSON object, came a string"),
            (b"{}\nnull\n", "t.jsonl, line 2: expected a JSON object, came null"),
            (b"{}\n true\n", "t.jsonl, line 2: expected a JSON object, came a boolean"),
            (b"{}\n-1\n", "t.jsonl, line 2: expected a JSON object, came a number"),
            (b"{}\n{\"a\": }\n", "t.jsonl, line 2: not JSON: expected value at column 7"),
            (b"{}\n{\"a\": 1\n{}\n", "t.jsonl, line 2: not JSON: EOF while parsing an object at column 7"),
            (b"{}\n{\"\\ude00\": 1}\n", "t.jsonl, line 2: not JSON: lone leading surrogate in hex escape at column 8"),
            (b"{}\n{} {}\n", "t.jsonl, line 2: not JSON: trailing characters at column 4"),
            (b"{}\n{\"a\": \"\xff\"}\n", "t.jsonl, line 2: not UTF-8 at byte 8 of the line"),
            (
                b"{}\n{\"a\": \"\xc3",
                "t.jsonl, line 2: the last line is half written: it has no end and is no whole row",
            ),
            (
                b"{}\n{\"a\": 1, \"b",
                "t.jsonl, line 2: the last line is half written: it has no end and is no whole row",
            ),
            (
                b"{}\n{\"a\": \"0123456789012345678901234567890123456789\"}\n",
                "t.jsonl, line 2: longer than the 40 bytes that are read of a row",
            ),
            (b"[", "t.jsonl, line 1: the last line is half written: it has no end and is no whole row"),
            (b"a,b\n1,2\n", "t.jsonl, line 1: not JSON: expected value at column 1"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(rows(bytes).unwrap_err(), *expected, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn what_is_odd_and_whole_is_read() {
        assert_eq!(rows(b"").unwrap(), Vec::<String>::new());
        assert_eq!(rows(b"\n\n").unwrap(), Vec::<String>::new());
        assert_eq!(rows(b"\xef\xbb\xbf{\"a\":1}\n").unwrap(), ["{\"a\":1}"]);
        assert_eq!(rows(b"{\"a\":1}").unwrap(), ["{\"a\":1}"]);
        assert_eq!(rows("{\"a\":\"\u{e9}\"}\n".as_bytes()).unwrap(), ["{\"a\":\"\u{e9}\"}"]);
    }

    #[test]
    fn the_table_goes_on_behind_a_bad_row() {
        let bytes: &[u8] = b"{\"a\":0}\n{\"a\": \"0123456789012345678901234567890123456789\"}\n[]\n{\"a\":3}\n";
        let mut table = table(bytes).unwrap();
        assert_eq!(next(&mut table, 1).unwrap(), ["{\"a\":0}"]);
        assert!(next(&mut table, 9).unwrap_err().can_be_skipped());
        assert!(next(&mut table, 9).unwrap_err().can_be_skipped());
        assert_eq!(next(&mut table, 9).unwrap(), ["{\"a\":3}"]);
    }

    #[test]
    fn raw_bytes_are_the_files() {
        let bytes: &[u8] = b"{\"a\":0}\n{\"a\":1}\n";
        let mut table = table(bytes).unwrap();
        assert_eq!(table.read(3).unwrap(), b"{\"a");
        assert_eq!(table.read(100).unwrap(), &bytes[3..]);
        assert!(table.read(100).unwrap().is_empty());
        assert_eq!(Box::new(table).finish().unwrap().sha256, Digest::of(bytes));
    }

    #[test]
    fn the_rest_of_a_file_is_counted_and_not_checked() {
        let bytes: &[u8] = b"{\"a\":0}\n\nbroken\n{\"a\":";
        let mut table = table(bytes).unwrap();
        assert_eq!(next(&mut table, 1).unwrap().len(), 1);
        let expected = TableSummary { rows: 3, bytes: bytes.len() as u64, sha256: Digest::of(bytes) };
        assert_eq!(Box::new(table).finish().unwrap(), expected);
    }

    #[test]
    fn an_endless_line_takes_no_memory_beyond_the_limit() {
        let mut table = JsonlTable::new("long".into(), Box::new(Cursor::new(b"{}\n".to_vec())), 40)
            .map_err(|e| e.to_string())
            .unwrap();
        table.reader = BufReader::new(Box::new(Cursor::new(vec![b'x'; 1 << 20])));
        let mut line = Vec::new();
        assert!(matches!(table.next_line(&mut line), Ok(Some(LineEnd::TooLong))));
        assert!(line.capacity() <= 1 << 14, "{}", line.capacity());
    }
}
