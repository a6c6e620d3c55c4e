//! A JSON array of objects, by itself or as a value of the one object that is the file, read object by object as they
//! are needed.

use std::path::Path;

use super::ahead::first_columns;
use super::error::{OneObject, RowError, RowProblem, Unit};
use super::jsonl::{JsonlTable, LINE_LIMIT, check_row};
use super::object::{self, ObjectEnd, Outline};
use super::rows::{RowReader, TableSummary};
use super::text::{BYTE_ORDER_MARK, TextFile};

/// Opens a `.json` file: an array of objects where it begins as one, the array of the file's one object where it is one
/// with rows in it, JSON lines otherwise.
pub(crate) fn open_json(path: &Path) -> Result<Box<dyn RowReader>, RowError> {
    open_text(TextFile::open(path, "JSON")?)
}

fn open_text(mut file: TextFile) -> Result<Box<dyn RowReader>, RowError> {
    let head = file.fill()?;
    let head = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head);
    let enclosing = match head.trim_ascii_start().first() {
        Some(b'[') => Some(None),
        Some(b'{') => enclosing(&file, object::outline(file.again()?)?)?.map(Some),
        _ => None,
    };
    Ok(match enclosing {
        Some(enclosing) => Box::new(ArrayTable::new(file, enclosing, LINE_LIMIT)?),
        None => Box::new(JsonlTable::of_json(file)?),
    })
}

/// What people call the rows of an object that has them. An object on one line may be a row that has a list of objects,
/// so there the name has to say it.
const NAMES: [&str; 11] =
    ["data", "rows", "examples", "instances", "items", "records", "train", "validation", "dev", "test", "questions"];

/// The object around a file's rows, if it has them.
///
/// # Errors
/// An object with more than one array of objects, or one that has such an array and no end.
fn enclosing(file: &TextFile, outline: Outline) -> Result<Option<Enclosing>, RowError> {
    let Outline { mut arrays, keys, over_lines, end } = outline;
    if end == ObjectEnd::More || !(over_lines || arrays.iter().any(|key| NAMES.contains(&key.as_str()))) {
        return Ok(None);
    }
    let refused = |problem| {
        let name = file.name();
        Err(RowError::Malformed { name, unit: Unit::Line, number: 1, problem })
    };
    match (arrays.len(), end) {
        (0, _) => Ok(None),
        (1, ObjectEnd::Open) => {
            let (expected, got) = ("`}` at the object's end", "the end of the file".into());
            refused(RowProblem::Array { expected, got })
        }
        (1, _) => Ok(arrays.pop().map(|key| Enclosing { key, others: keys - 1 })),
        _ => refused(RowProblem::OneObject(OneObject::WithRows { keys: arrays })),
    }
}

/// The object that has a file's rows as one of its values.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Enclosing {
    /// The key of the rows.
    key: String,
    /// The number of other keys.
    others: usize,
}

/// An array of rows, positioned before the next one.
pub(crate) struct ArrayTable {
    file: TextFile,
    columns: Vec<String>,
    /// The number of the row read last.
    number: u64,
    place: Place,
    enclosing: Option<Enclosing>,
    /// The file opened once more, for [`RowReader::read`], where the rows are within an object.
    raw: Option<TextFile>,
    limit: usize,
}

/// The place in the file of the next byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before the array's `[`.
    Before,
    /// Behind `[`: a row or the end.
    First,
    /// Behind a comma: a row.
    Next,
    /// Behind a row whose own bracket ended it: a comma or the end.
    After,
    /// Behind the array's `]`.
    Behind,
    /// Behind a mistake: nothing can be read any more.
    Lost,
}

impl Place {
    /// Whether a row begins here with this byte. Whether it is JSON is seen once its text is whole.
    fn begins_row(self, byte: u8) -> bool {
        let is_mark = matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r');
        matches!(self, Place::First | Place::Next) && !is_mark
    }

    /// The place behind a byte that is no part of a row; `is_open` is whether a row stands right before it.
    fn behind(self, byte: u8, is_open: bool) -> Place {
        match (self, byte) {
            (_, b' ' | b'\t' | b'\n' | b'\r') => self,
            (Place::Before, b'[') => Place::First,
            (Place::First, b']') => Place::Behind,
            (Place::First | Place::Next, b',' | b']') if !is_open => Place::Lost,
            (Place::First | Place::Next | Place::After, b',') => Place::Next,
            (Place::Next | Place::After, b']') => Place::Behind,
            _ => Place::Lost,
        }
    }
}

/// The bytes of one value as they come.
struct Value {
    text: Vec<u8>,
    /// Whether it is an object or an array, which ends with its own bracket.
    has_bracket: bool,
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// All bytes, those that are not kept too.
    length: usize,
    limit: usize,
}

impl Value {
    fn new(limit: usize) -> Value {
        Value { text: Vec::new(), has_bracket: false, depth: 0, in_string: false, escaped: false, length: 0, limit }
    }

    /// Takes the next byte; `false` for one that is behind the value.
    fn take(&mut self, byte: u8) -> bool {
        if self.in_string {
            (self.in_string, self.escaped) = match byte {
                _ if self.escaped => (true, false),
                b'\\' => (true, true),
                _ => (byte != b'"', false),
            };
            self.push(byte);
            return true;
        }
        match byte {
            b',' | b']' | b'}' if self.depth == 0 => return false,
            b'[' | b'{' => {
                self.has_bracket |= self.length == 0;
                self.depth += 1;
            }
            b']' | b'}' => self.depth -= 1,
            b'"' => self.in_string = true,
            // A row is handed on as one line, without what only sets it out.
            b' ' | b'\t' | b'\n' | b'\r' => {
                if self.text.last() != Some(&b' ') {
                    self.push(b' ');
                }
                return true;
            }
            _ => {}
        }
        self.push(byte);
        true
    }

    /// Whether nothing more can belong to it, whatever comes.
    fn is_over(&self) -> bool {
        self.has_bracket && self.depth == 0
    }

    fn push(&mut self, byte: u8) {
        self.length += 1;
        if self.length <= self.limit {
            self.text.push(byte);
        } else {
            self.text.clear();
        }
    }
}

impl ArrayTable {
    /// An array that is a whole file, without its columns: the file is not opened once more for them.
    pub(super) fn without_columns(file: TextFile) -> Result<ArrayTable, RowError> {
        ArrayTable::over(file, None, LINE_LIMIT)
    }

    fn new(file: TextFile, enclosing: Option<Enclosing>, limit: usize) -> Result<ArrayTable, RowError> {
        let columns = first_columns(ArrayTable::over(file.again()?, enclosing.clone(), limit)?)?;
        Ok(ArrayTable { columns, ..ArrayTable::over(file, enclosing, limit)? })
    }

    fn over(mut file: TextFile, enclosing: Option<Enclosing>, limit: usize) -> Result<ArrayTable, RowError> {
        let place = match enclosing {
            Some(_) => {
                object::enter_array(&mut file)?;
                Place::First
            }
            None => Place::Before,
        };
        Ok(ArrayTable { file, columns: Vec::new(), number: 0, place, enclosing, raw: None, limit })
    }

    /// The next value's bytes; `None` behind the last.
    fn next_value(&mut self) -> Result<Option<Value>, RowError> {
        if self.place == Place::Lost {
            return Ok(None);
        }
        let mut value: Option<Value> = None;
        loop {
            let bytes = self.file.fill()?;
            if bytes.is_empty() {
                return match self.place {
                    Place::Behind => Ok(None),
                    _ => Err(self.broken("`]` at the array's end", "the end of the file".into())),
                };
            }
            let (mut count, mut over) = (0, false);
            if self.place == Place::Before && bytes.starts_with(BYTE_ORDER_MARK) {
                count = BYTE_ORDER_MARK.len();
            }
            for &byte in &bytes[count..] {
                if let Some(open) = &mut value
                    && open.take(byte)
                {
                    count += 1;
                    // The writer may wait with the comma until it has another row.
                    over = open.is_over();
                    if over {
                        self.place = Place::After;
                        break;
                    }
                    continue;
                }
                if value.is_none() && self.place.begins_row(byte) {
                    let mut first = Value::new(self.limit);
                    first.take(byte);
                    value = Some(first);
                    self.number += 1;
                    count += 1;
                    continue;
                }
                let before = self.place;
                self.place = match (before, &self.enclosing) {
                    // The rest of the object, whose end is known to be there.
                    (Place::Behind, Some(_)) => Place::Behind,
                    _ => before.behind(byte, value.is_some()),
                };
                if self.place == Place::Lost {
                    return Err(self.unexpected(byte, before, value.is_some()));
                }
                count += 1;
                over = value.is_some();
                if over {
                    break;
                }
            }
            self.file.consume(count);
            if over {
                return Ok(value);
            }
        }
    }

    /// The error of a byte that cannot be where it is: behind `before`, outside of a value or behind an open one.
    fn unexpected(&mut self, byte: u8, before: Place, is_open: bool) -> RowError {
        let expected = match before {
            _ if is_open || before == Place::After => "`,` or `]` behind a row",
            Place::Behind => "nothing behind the array",
            Place::Next => "a JSON object behind `,`",
            _ => "a JSON object or `]`",
        };
        self.number += u64::from(!is_open && before != Place::After);
        let got = if byte.is_ascii_graphic() { format!("`{}`", char::from(byte)) } else { "other text".into() };
        self.broken(expected, got)
    }

    /// What is no array of rows; nothing behind it is read.
    fn broken(&mut self, expected: &'static str, got: String) -> RowError {
        self.place = Place::Lost;
        self.malformed(RowProblem::Array { expected, got })
    }

    fn malformed(&self, problem: RowProblem) -> RowError {
        RowError::Malformed { name: self.file.name(), unit: Unit::Row, number: self.number.max(1), problem }
    }
}

impl RowReader for ArrayTable {
    /// The keys of the first good row, in its order; none for an empty array.
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn next_row(&mut self) -> Result<Option<String>, RowError> {
        let Some(value) = self.next_value()? else { return Ok(None) };
        if value.length > self.limit {
            return Err(self.malformed(RowProblem::TooLong { limit: self.limit }));
        }
        match check_row(value.text, true) {
            Ok(row) => Ok(Some(row)),
            // Where a row is no JSON, nobody knows where it ends.
            Err(RowProblem::NotJson { reason, .. }) => Err(self.broken("a JSON object", format!("no JSON: {reason}"))),
            Err(problem) => Err(self.malformed(problem)),
        }
    }

    fn number(&self) -> u64 {
        self.number
    }

    fn unit(&self) -> Unit {
        Unit::Row
    }

    fn read(&mut self, max: usize) -> Result<Vec<u8>, RowError> {
        match &mut self.raw {
            _ if self.enclosing.is_none() => self.file.read(max),
            Some(raw) => raw.read(max),
            raw => raw.insert(self.file.again()?).read(max),
        }
    }

    fn format_name(&self) -> String {
        let within = self.enclosing.as_ref().map(|object| format!(" in `{}`", object.key)).unwrap_or_default();
        format!("a JSON array{within}{}", self.file.packing())
    }

    fn remarks(&self) -> Vec<String> {
        let beside = self.enclosing.as_ref().filter(|object| object.others > 0);
        let remark = |object: &Enclosing| {
            format!("{}: the rows are those in `{}`, and what is beside it was not read", self.file.name(), object.key)
        };
        beside.map(remark).into_iter().collect()
    }

    fn finish(mut self: Box<Self>) -> Result<TableSummary, RowError> {
        loop {
            match self.next_value() {
                Ok(Some(_)) => {}
                Err(RowError::File(error)) => return Err(error.into()),
                Ok(None) | Err(_) => break,
            }
        }
        let (bytes, sha256) = self.file.finish()?;
        Ok(TableSummary { rows: self.number, bytes, sha256 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::digest::Digest;

    fn table(bytes: &'static [u8]) -> Result<ArrayTable, RowError> {
        ArrayTable::new(TextFile::from_bytes("t.json", bytes, "JSON")?, None, 60)
    }

    fn rows(bytes: &'static [u8]) -> Result<Vec<String>, String> {
        let mut table = table(bytes).map_err(|error| error.to_string())?;
        std::iter::from_fn(|| table.next_row().transpose()).collect::<Result<_, _>>().map_err(|error| error.to_string())
    }

    #[test]
    fn objects_come_one_by_one_each_as_a_line() {
        let bytes: &[u8] = b"\xef\xbb\xbf[\n  {\n    \"b\": 1.50,\n    \"a\": [\"x]}, \\\"\", {}]\n  },\r\n  {}\n]\n";
        let mut table = table(bytes).unwrap();
        assert_eq!(table.columns(), ["b", "a"]);
        assert_eq!(table.next_row().unwrap().unwrap(), r#"{ "b": 1.50, "a": ["x]}, \"", {}] }"#);
        assert_eq!((table.next_row().unwrap().unwrap().as_str(), table.number()), ("{}", 2));
        assert_eq!(table.next_row().unwrap(), None);
        let expected = TableSummary { rows: 2, bytes: bytes.len() as u64, sha256: Digest::of(bytes) };
        assert_eq!(Box::new(table).finish().unwrap(), expected);
        assert_eq!(rows(b" [ ] \n").unwrap(), [""; 0]);
        assert_eq!(rows(b"[{\"a\":1},{\"a\":2}]").unwrap(), ["{\"a\":1}", "{\"a\":2}"]);
    }

    #[test]
    fn what_is_no_array_of_objects_is_named_by_its_row() {
        let cases: &[(&[u8], &str)] = &[
            (b"[{}, 5]", "t.json, row 2: expected a JSON object, got a number"),
            (b"[{}, {\"a\": 1, \"a\": 2}]", "t.json, row 2: expected each key once, got `a` twice"),
            (b"[{}, {\"a\" 1}]", "t.json, row 2: expected a JSON object, got no JSON: expected `:` at column 6"),
            (b"[{}, {\"a\": tr ue}]", "t.json, row 2: expected a JSON object, got no JSON: expected ident at column 9"),
            (b"[{}, ]", "t.json, row 2: expected a JSON object behind `,`, got `]`"),
            (b"[{},, {}]", "t.json, row 2: expected a JSON object behind `,`, got `,`"),
            (b"[{}, {}", "t.json, row 2: expected `]` at the array's end, got the end of the file"),
            (b"[{}, {\"a\": \"x", "t.json, row 2: expected `]` at the array's end, got the end of the file"),
            (b"[{}, {}}", "t.json, row 2: expected `,` or `]` behind a row, got `}`"),
            (b"[{}, {} {}]", "t.json, row 2: expected `,` or `]` behind a row, got `{`"),
            (b"[{}, 5 {}]", "t.json, row 2: expected a JSON object, got no JSON: trailing characters at column 3"),
            (b"[{}] {}", "t.json, row 2: expected nothing behind the array, got `{`"),
            (
                b"[{}, {\"a\": \"012345678901234567890123456789012345678901234567890123456789\"}]",
                "t.json, row 2: longer than the 60 bytes that are read of a row",
            ),
            (b"[{}, {\"a\": \"\xff\"}]", "t.json, row 2: not UTF-8 at byte 8 of the line"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(rows(bytes).unwrap_err(), *expected, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn the_table_goes_on_behind_a_row_that_is_whole_and_bad() {
        let mut table = table(b"[null, {\"a\": 1}, {\"b\" 1}, {\"a\": 2}]").unwrap();
        assert_eq!(table.columns(), ["a"]);
        assert!(table.next_row().unwrap_err().can_be_skipped());
        assert_eq!(table.next_row().unwrap().unwrap(), "{\"a\": 1}");
        assert!(!table.next_row().unwrap_err().can_be_skipped());
        assert_eq!(table.next_row().unwrap(), None);
    }

    fn opened(bytes: &'static [u8]) -> Result<Box<dyn RowReader>, String> {
        open_text(TextFile::from_bytes("t.json", bytes, "JSON").unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_are_read_out_of_the_one_object_that_has_them() {
        for (bytes, columns, format, remarks) in [
            (&b"{\"data\": [{\"a\": 1}, {\"a\": 2}]}"[..], ["a"], "a JSON array in `data`", 0),
            (
                b"{\"version\": [1], \"rows\": [{\"a\": 1}, {\"a\": 2}], \"x\": {}}\n",
                ["a"],
                "a JSON array in `rows`",
                1,
            ),
            (b"{\n  \"reviews\": [\n    {\"a\": 1},\n    {\"a\": 2}\n  ]\n}\n", ["a"], "a JSON array in `reviews`", 0),
        ] {
            let mut table = opened(bytes).unwrap();
            assert_eq!((table.columns(), table.format_name().as_str()), (&columns.map(str::to_owned)[..], format));
            assert_eq!(table.next_row().unwrap().unwrap(), "{\"a\": 1}");
            assert_eq!((table.next_row().unwrap().unwrap().as_str(), table.number()), ("{\"a\": 2}", 2));
            assert_eq!(table.next_row().unwrap(), None);
            assert_eq!(table.remarks().len(), remarks, "{format}");
            assert_eq!(table.read(5).unwrap(), &bytes[..5]);
            let expected = TableSummary { rows: 2, bytes: bytes.len() as u64, sha256: Digest::of(bytes) };
            assert_eq!(table.finish().unwrap(), expected);
        }
        let mut table = opened(b"{\"data\": [{\"a\": 1}, 5]}").unwrap();
        assert!(table.next_row().is_ok());
        let message = table.next_row().unwrap_err().to_string();
        assert_eq!(message, "t.json, row 2: expected a JSON object, got a number");
    }

    #[test]
    fn an_object_whose_rows_are_not_clear_is_refused() {
        for (bytes, expected) in [
            (
                &b"{\"features\": [{\"name\": \"a\"}], \"rows\": [{\"a\": 1}]}"[..],
                "t.json, line 1: expected JSON lines or an array of objects, got one object with rows in `features` and \
                 `rows`",
            ),
            (b"{\"data\": [{\"a\": 1}]", "t.json, line 1: expected `}` at the object's end, got the end of the file"),
            (
                b"{\n\"data\": []\n}\n",
                "t.json, line 1: expected JSON lines or an array of objects, got an object over several lines",
            ),
        ] {
            assert_eq!(opened(bytes).map(drop).unwrap_err(), expected);
        }
        // Rows of a file of lines.
        for lines in [&b"{\"a\": [{\"x\": 1}]}"[..], b"{\"data\": [{}]}\n{\"data\": [{}]}\n"] {
            assert_eq!(opened(lines).unwrap().unit(), Unit::Line);
        }
    }

    #[test]
    fn a_long_row_takes_no_memory_beyond_the_limit() {
        let mut value = Value::new(60);
        assert!((0..1 << 20).all(|_| value.take(b'1')));
        assert!(value.text.capacity() <= 128 && value.length > 60);
    }
}
