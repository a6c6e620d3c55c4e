//! One JSON object that is a whole file and has the rows in an array: `{"version": 1, "data": [{...}, ...]}`.
//!
//! Only the object's outline is looked at here, byte by byte and in bounded memory; the rows are read by
//! [`array`](super::array), and the rest of the object is not held to be JSON.

use super::error::RowError;
use super::text::{BYTE_ORDER_MARK, TextFile};

/// Bytes that are kept of a key: more than the name of rows has.
const KEY_LIMIT: usize = 200;

/// Arrays of objects that are named; a file with more than one is refused.
const NAMED: usize = 3;

/// What the first JSON object of a file is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    /// The keys of the arrays whose first element is an object, at most [`NAMED`] of them.
    pub(crate) arrays: Vec<String>,
    /// The number of keys.
    pub(crate) keys: usize,
    /// Whether it goes over several lines.
    pub(crate) over_lines: bool,
    /// How the file goes on.
    pub(crate) end: ObjectEnd,
}

/// What stands behind an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ObjectEnd {
    /// The file ends within it.
    #[default]
    Open,
    /// Nothing: it is the whole file.
    File,
    /// More text.
    More,
}

/// The outline of the object that a file begins with.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn outline(mut file: TextFile) -> Result<Outline, RowError> {
    let mut walk = Walk::default();
    let mut outline = Outline::default();
    skip_until(&mut file, |byte| {
        let event = walk.take(byte);
        outline.over_lines |= byte == b'\n' && walk.depth > 0;
        match event {
            Event::Key => outline.keys += 1,
            Event::ArrayOfObjects if outline.arrays.len() < NAMED => outline.arrays.push(walk.key()),
            Event::Closed => outline.end = ObjectEnd::File,
            Event::Behind => outline.end = ObjectEnd::More,
            Event::ArrayOfObjects | Event::None => {}
        }
        event == Event::Behind
    })?;
    Ok(outline)
}

/// Goes on in a file to the first row of its first array of objects.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn enter_array(file: &mut TextFile) -> Result<(), RowError> {
    let mut walk = Walk::default();
    skip_until(file, |byte| walk.take(byte) == Event::ArrayOfObjects)
}

/// Gives the bytes to `stop` one by one, and leaves the file before the one for which it says so, or at its end.
fn skip_until(file: &mut TextFile, mut stop: impl FnMut(u8) -> bool) -> Result<(), RowError> {
    let mut first = true;
    loop {
        let bytes = file.fill()?;
        if bytes.is_empty() {
            return Ok(());
        }
        let mark =
            if std::mem::take(&mut first) && bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        let found = bytes[mark..].iter().position(|byte| stop(*byte));
        let count = found.map_or(bytes.len(), |at| mark + at);
        file.consume(count);
        if found.is_some() {
            return Ok(());
        }
    }
}

/// What a byte means for the outline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    None,
    /// The colon behind a key of the object.
    Key,
    /// The `{` of the first object of an array that is a value of the object.
    ArrayOfObjects,
    /// The object's last byte.
    Closed,
    /// Text behind the object.
    Behind,
}

/// Where in the object the bytes have come to.
#[derive(Default)]
struct Walk {
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// Whether a key or its colon is awaited, not a value.
    before_colon: bool,
    /// Whether the byte before, but for space, opened an array that is a value of the object.
    array_opened: bool,
    closed: bool,
    /// The bytes of the last string at the place of a key, in quotes.
    key: Vec<u8>,
}

impl Walk {
    fn take(&mut self, byte: u8) -> Event {
        if self.in_string {
            (self.in_string, self.escaped) = match byte {
                _ if self.escaped => (true, false),
                b'\\' => (true, true),
                _ => (byte != b'"', false),
            };
            self.note_key(byte);
            return Event::None;
        }
        if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            return Event::None;
        }
        if self.closed {
            return Event::Behind;
        }
        let opened = std::mem::take(&mut self.array_opened);
        match byte {
            b'"' => {
                self.in_string = true;
                if self.depth == 1 && self.before_colon {
                    self.key.clear();
                }
                self.note_key(byte);
            }
            b'{' | b'[' => {
                self.array_opened = byte == b'[' && self.depth == 1;
                self.depth += 1;
                self.before_colon |= self.depth == 1;
                if opened && byte == b'{' {
                    return Event::ArrayOfObjects;
                }
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.closed = self.depth == 0;
                return if self.closed { Event::Closed } else { Event::None };
            }
            b':' if self.depth == 1 => {
                self.before_colon = false;
                return Event::Key;
            }
            b',' if self.depth == 1 => self.before_colon = true,
            _ => {}
        }
        Event::None
    }

    fn note_key(&mut self, byte: u8) {
        if self.depth == 1 && self.before_colon && self.key.len() < KEY_LIMIT {
            self.key.push(byte);
        }
    }

    /// The last key; one that is too long or no text is not whole.
    fn key(&self) -> String {
        serde_json::from_slice(&self.key).unwrap_or_else(|_| String::from_utf8_lossy(&self.key).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &'static str) -> Outline {
        outline(TextFile::from_bytes("t.json", text.as_bytes(), "JSON").unwrap()).unwrap()
    }

    #[test]
    fn arrays_of_objects_are_found_by_their_keys() {
        for (text, arrays, keys) in [
            (r#"{"data": [{"a": 1}]}"#, &["data"][..], 1),
            (r#"{"v": "[{", "x": {"data": [{}]}, "n": [1, {}], "r\u006fws": [ {"a": [{}]} ], "e": []}"#, &["rows"], 5),
            (r#"{"train": [{}], "test": [{}]}"#, &["train", "test"], 2),
            (r#"{"\"data\"": [{}]}"#, &["\"data\""], 1),
            (r#"{"a": [[{}]], "b": "\\", "c": [{"d": "]}"}]}"#, &["c"], 3),
            (r#"{"a": 1}"#, &[], 1),
            ("\u{feff}{\"data\":[{}]}", &["data"], 1),
        ] {
            let outline = of(text);
            assert_eq!(
                (outline.arrays.as_slice(), outline.keys),
                (&*arrays.iter().map(|key| key.to_string()).collect::<Vec<_>>(), keys),
                "{text}"
            );
            assert_eq!(outline.end, ObjectEnd::File, "{text}");
        }
    }

    #[test]
    fn what_is_behind_an_object_and_its_lines_are_noticed() {
        for (text, end, over_lines) in [
            ("{\"a\": 1}\n\n", ObjectEnd::File, false),
            ("{\"a\": 1}\n{\"a\": 2}", ObjectEnd::More, false),
            ("{\n\"a\": 1}", ObjectEnd::File, true),
            ("{\"a\": [{}]", ObjectEnd::Open, false),
            ("{\"a\": \"}", ObjectEnd::Open, false),
            ("{\n", ObjectEnd::Open, true),
        ] {
            let outline = of(text);
            assert_eq!((outline.end, outline.over_lines), (end, over_lines), "{text}");
        }
    }

    #[test]
    fn a_file_is_entered_at_its_first_row() {
        let mut file = TextFile::from_bytes("t.json", br#"{"n": [1], "data": [ {"a": 1}]}"#, "JSON").unwrap();
        enter_array(&mut file).unwrap();
        assert_eq!(file.read(100).unwrap(), br#"{"a": 1}]}"#);
    }
}
