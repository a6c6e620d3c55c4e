//! JSON lines: one JSON object per line, read as they are needed.

use std::collections::HashSet;
use std::path::Path;

use serde::de::IgnoredAny;

use super::ahead::first_columns;
use super::error::{HALF_PAIR, NO_NUMBER, OneObject, RowError, RowProblem, Unit};
use super::json::keys;
use super::rows::{RowReader, TableSummary};
use super::text::{BYTE_ORDER_MARK, TextFile};

/// The most that is read of one line: 16 MiB. The longest row of the paper's data sets has 5 KiB.
pub(crate) const LINE_LIMIT: usize = 16 << 20;

/// A file of rows, positioned before the next one. Reads forward only, a row at a time.
pub(crate) struct JsonlTable {
    file: TextFile,
    columns: Vec<String>,
    /// The number of the line read last.
    line: u64,
    rows: u64,
    limit: usize,
}

impl JsonlTable {
    /// Opens a file; reads up to its first good row, for the columns.
    pub(crate) fn open(path: &Path) -> Result<JsonlTable, RowError> {
        JsonlTable::new(TextFile::open(path, "JSON lines")?, LINE_LIMIT)
    }

    /// Reads bytes in memory; `name` stands for them in messages.
    pub(crate) fn from_bytes(name: &str, bytes: &'static [u8]) -> Result<JsonlTable, RowError> {
        JsonlTable::new(TextFile::from_bytes(name, bytes, "JSON lines")?, LINE_LIMIT)
    }

    /// A file whose name leaves open whether it has JSON lines: one object that is all of it is refused.
    pub(crate) fn of_json(file: TextFile) -> Result<JsonlTable, RowError> {
        let mut whole = JsonlTable::over(file.again()?, LINE_LIMIT);
        let first = whole.next_row();
        let first = match first {
            // It goes on behind the first line.
            Err(RowError::Malformed { problem: RowProblem::NotJson { ended: true, .. }, .. }) => {
                return Err(whole.malformed(RowProblem::OneObject(OneObject::OverLines)));
            }
            Err(_) => None,
            Ok(first) => first,
        };
        if first.as_deref().is_some_and(is_of_columns) && matches!(whole.next_row(), Ok(None)) {
            return Err(whole.malformed(RowProblem::OneObject(OneObject::OfColumns)));
        }
        JsonlTable::new(file, LINE_LIMIT)
    }

    /// A file without its columns, which is not opened once more for them.
    pub(super) fn without_columns(file: TextFile) -> JsonlTable {
        JsonlTable::over(file, LINE_LIMIT)
    }

    fn over(file: TextFile, limit: usize) -> JsonlTable {
        JsonlTable { file, columns: Vec::new(), line: 0, rows: 0, limit }
    }

    fn new(file: TextFile, limit: usize) -> Result<JsonlTable, RowError> {
        let columns = first_columns(JsonlTable::over(file.again()?, limit))?;
        Ok(JsonlTable { columns, ..JsonlTable::over(file, limit) })
    }

    /// Reads one line into `line`, without its break; `None` at the end of the file. Of a line that is too long the
    /// rest is read and not kept.
    fn next_line(&mut self, line: &mut Vec<u8>) -> Result<Option<LineEnd>, RowError> {
        line.clear();
        let mut length = 0;
        let end = loop {
            let buffer = self.file.fill()?;
            if buffer.is_empty() {
                break LineEnd::File;
            }
            let at = buffer.iter().position(|&byte| byte == b'\n');
            let (piece, used) = (&buffer[..at.unwrap_or(buffer.len())], at.map_or(buffer.len(), |at| at + 1));
            length += piece.len();
            if length <= self.limit {
                line.extend_from_slice(piece);
            }
            self.file.consume(used);
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
        RowError::Malformed { name: self.file.name(), unit: Unit::Line, number: self.line, problem }
    }
}

impl RowReader for JsonlTable {
    /// The keys of the first good row, in its order; none for an empty file.
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
        self.file.read(max)
    }

    fn format_name(&self) -> String {
        format!("JSON lines{}", self.file.packing())
    }

    fn finish(mut self: Box<Self>) -> Result<TableSummary, RowError> {
        let mut line = Vec::new();
        while self.next_line(&mut line)?.is_some() {
            self.rows += u64::from(!is_blank(&line));
        }
        let (bytes, sha256) = self.file.finish()?;
        Ok(TableSummary { rows: self.rows, bytes, sha256 })
    }
}

/// What ended a line.
enum LineEnd {
    /// A line break.
    Break,
    /// The end of the file.
    File,
    /// Either of the two, behind more bytes than are read of a row.
    TooLong,
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

fn not_json(row: &str, error: &serde_json::Error) -> RowProblem {
    // The parser counts lines within the text it is given, which is always one.
    let reason = error.to_string().replace("at line 1 column", "at column");
    let column = error.column();
    let reason = if let Some(number) = number_at(row, column) {
        format!("{NO_NUMBER} `{number}`, at column {column}")
    } else if PAIR_FAULTS.iter().any(|fault| reason.starts_with(fault)) {
        format!("{HALF_PAIR} at column {column}")
    } else {
        reason
    };
    RowProblem::NotJson { reason, ended: error.is_eof() }
}

/// How the parser begins its words for half of a surrogate pair: where no half may begin a pair, and where the other
/// half should follow.
const PAIR_FAULTS: [&str; 2] = ["lone leading surrogate", "unexpected end of hex escape"];

/// The number that is none in JSON on which the parser stopped: at its first byte, or behind its sign.
fn number_at(row: &str, column: usize) -> Option<&'static str> {
    let starts = [column.checked_sub(2), column.checked_sub(1)];
    let rests = || starts.into_iter().flatten().filter_map(|start| row.get(start..));
    ["-Infinity", "Infinity", "NaN"].into_iter().find(|number| rests().any(|rest| rest.starts_with(number)))
}

/// Checks that a line is one JSON object. `complete` says that the line has a break at its end.
pub(super) fn check_row(line: Vec<u8>, complete: bool) -> Result<String, RowProblem> {
    let row = match String::from_utf8(line) {
        Ok(row) => row,
        // A file that was cut may end inside a character.
        Err(error) if !complete && error.utf8_error().error_len().is_none() => return Err(RowProblem::HalfWritten),
        Err(error) => return Err(RowProblem::NotUtf8 { byte: error.utf8_error().valid_up_to() + 1 }),
    };
    let kind = match row.trim_ascii_start().as_bytes().first() {
        Some(b'{') => None,
        Some(b'[') => Some("an array"),
        Some(b'"') => Some("a string"),
        Some(b't' | b'f') => Some("a boolean"),
        Some(b'n') => Some("null"),
        _ => Some("a number"),
    };
    let read = match kind {
        Some(_) => serde_json::from_str::<IgnoredAny>(&row).map(|_| Vec::new()),
        None => keys(&row),
    };
    let read = read.and_then(|keys| match row.contains("\\u") {
        // Half of a surrogate pair is noticed only where texts are made of the escapes.
        true => serde_json::from_str::<serde_json::Value>(&row).map(|_| keys),
        false => Ok(keys),
    });
    match (read, kind) {
        (Err(error), _) if error.is_eof() && !complete => Err(RowProblem::HalfWritten),
        (Err(error), _) => Err(not_json(&row, &error)),
        (Ok(_), Some(kind)) => Err(RowProblem::NotObject { kind }),
        (Ok(keys), None) => {
            let mut seen = HashSet::new();
            // Readers differ on which one counts.
            match keys.iter().find(|key| !seen.insert(key.as_str())) {
                Some(key) => Err(RowProblem::DuplicateKey { key: key.clone() }),
                None => Ok(row.trim_ascii().to_owned()),
            }
        }
    }
}

/// Whether an object that is a whole file has columns instead of being a row, as pandas writes them unless it is told
/// otherwise.
fn is_of_columns(row: &str) -> bool {
    let Ok(object) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(row) else { return false };
    // A row has a value that is no container: a label at least.
    let lengths: Vec<Option<usize>> = object
        .values()
        .map(|value| value.as_object().map(serde_json::Map::len).or_else(|| value.as_array().map(Vec::len)))
        .collect();
    lengths.len() > 1 && lengths[0].is_some() && lengths.iter().all(|length| *length == lengths[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::digest::Digest;

    fn table(bytes: &'static [u8]) -> Result<JsonlTable, RowError> {
        JsonlTable::new(TextFile::from_bytes("t.jsonl", bytes, "JSON lines")?, 40)
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
            (b"{}\n[1]\n", "t.jsonl, line 2: expected a JSON object, got an array"),
            (b"{}\n\n\"x\"\n", "t.jsonl, line 3: expected a JSON object, got a string"),
            (b"{}\nnull\n", "t.jsonl, line 2: expected a JSON object, got null"),
            (b"{}\n true\n", "t.jsonl, line 2: expected a JSON object, got a boolean"),
            (b"{}\n-1\n", "t.jsonl, line 2: expected a JSON object, got a number"),
            (b"{}\n{\"a\": }\n", "t.jsonl, line 2: not JSON: expected value at column 7"),
            (b"{}\n{\"a\": 1\n{}\n", "t.jsonl, line 2: not JSON: EOF while parsing an object at column 7"),
            (
                b"{}\n{\"\\ude00\": 1}\n",
                "t.jsonl, line 2: not JSON: half of a surrogate pair, which is no character, at column 8",
            ),
            (
                b"{}\n{\"a\": \"\\ud83d x\"}\n",
                "t.jsonl, line 2: not JSON: half of a surrogate pair, which is no character, at column 14",
            ),
            (b"{}\n{\"a\": NaN}\n", "t.jsonl, line 2: not JSON: expected a value, got `NaN`, at column 7"),
            (
                b"{}\n{\"a\": [-Infinity]}\n",
                "t.jsonl, line 2: not JSON: expected a value, got `-Infinity`, at column 9",
            ),
            (b"{}\n{\"a\":Infinity}\n", "t.jsonl, line 2: not JSON: expected a value, got `Infinity`, at column 6"),
            (b"{}\n{\"a\": Nan}\n", "t.jsonl, line 2: not JSON: expected value at column 7"),
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
        let bytes: &[u8] = Box::leak([&b"{}\n"[..], &vec![b'x'; 1 << 20]].concat().into_boxed_slice());
        let mut table = table(bytes).map_err(|error| error.to_string()).unwrap();
        let mut line = Vec::new();
        assert!(matches!(table.next_line(&mut line), Ok(Some(LineEnd::Break))));
        assert!(matches!(table.next_line(&mut line), Ok(Some(LineEnd::TooLong))));
        assert!(line.capacity() <= 1 << 14, "{}", line.capacity());
    }

    #[test]
    fn a_key_that_is_there_twice_is_a_fault_of_its_row() {
        let message = rows(b"{\"b\":{\"x\":1,\"x\":2}}\n{\"a\":1,\"\\u0061\":2}\n").unwrap_err();
        assert_eq!(message, "t.jsonl, line 2: expected each key once, got `a` twice");
    }

    #[test]
    fn the_columns_are_those_of_the_first_good_row() {
        let mut table = table(b"[1]\n{\"a\":1}\n").unwrap();
        assert_eq!(table.columns(), ["a"]);
        assert!(table.next_row().unwrap_err().can_be_skipped());
        assert_eq!(table.next_row().unwrap().unwrap(), "{\"a\":1}");
    }

    #[test]
    fn one_object_that_is_a_whole_file_is_told_as_that() {
        let open = |bytes: &'static [u8]| JsonlTable::of_json(TextFile::from_bytes("t.json", bytes, "JSON").unwrap());
        let message = |bytes| open(bytes).map(drop).unwrap_err().to_string();
        assert_eq!(
            message(b"{\n  \"data\": []\n}\n"),
            "t.json, line 1: expected JSON lines or an array of objects, got an object over several lines"
        );
        for columns in [&b"{\"a\": {\"0\": 1}, \"b\": {\"0\": 2}}"[..], b"{\"a\": [1, 2], \"b\": [3, 4]}\n"] {
            assert!(message(columns).ends_with("got one object of columns"));
        }
        for lines in [&b"{\"a\": 1}\n{\"a\": 2}\n"[..], b"{\"a\": [{\"x\": 1}]}", b"{\"data\": [1]}"] {
            assert!(open(lines).unwrap().next_row().unwrap().is_some());
        }
        assert!(open(b"{\"data\": [{}]}\n{\"data\": [{}]}\n").is_ok());
    }
}
