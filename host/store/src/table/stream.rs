//! Rows that come once and have no name with a format in it, as those of standard input.

use super::ahead::ReadOnce;
use super::array::ArrayTable;
use super::csv::CsvTable;
use super::error::{RowError, STREAM_FORMATS};
use super::format::Format;
use super::jsonl::JsonlTable;
use super::quoting::Quoting;
use super::rows::RowReader;
use super::text::{Bytes, TextFile, first_text};

/// Finds out the format of `bytes` and reads up to the first good row, or over the headings.
///
/// # Errors
/// If the bytes are no text or cannot be read, and the errors of their format before its first good row.
pub(super) fn open_stream(name: &str, bytes: Bytes, quoting: Quoting) -> Result<Box<dyn RowReader>, RowError> {
    let mut file = TextFile::from_stream(name, bytes, STREAM_FORMATS)?;
    Ok(match format_of(file.fill()?, quoting) {
        Format::Jsonl => Box::new(ReadOnce::new(name, JsonlTable::without_columns(file))?),
        Format::Json => Box::new(ReadOnce::new(name, ArrayTable::without_columns(file)?)?),
        format => Box::new(CsvTable::of_text(file, format, quoting)?),
    })
}

/// The format of a text with these first bytes, which have its first line or as much of it as is looked at.
fn format_of(head: &[u8], quoting: Quoting) -> Format {
    match first_text(head) {
        // Nothing, or blank lines only, is a file without rows.
        [] | [b'{', ..] => Format::Jsonl,
        [b'[', ..] => Format::Json,
        _ if has_tabs_alone(head, quoting) => Format::Tsv,
        _ => Format::Csv,
    }
}

/// Whether the first line that is not blank has a tab and no comma, other than within quotes.
fn has_tabs_alone(head: &[u8], quoting: Quoting) -> bool {
    let mut lines = head.split(|byte| matches!(byte, b'\n' | b'\r'));
    let line = lines.find(|line| !first_text(line).is_empty()).unwrap_or_default();
    let (mut in_quotes, mut has_tab) = (false, false);
    for byte in line {
        match byte {
            b'"' => in_quotes = !in_quotes && quoting != Quoting::None,
            b',' if !in_quotes => return false,
            b'\t' if !in_quotes => has_tab = true,
            _ => {}
        }
    }
    has_tab
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io::{Cursor, Read, Write};

    use super::super::rows::TableSummary;
    use super::super::slow::{OneByOne, held_back, in_time};
    use super::super::{RowError, TableReader};
    use super::*;

    fn stream(bytes: impl Read + Send + 'static) -> Result<TableReader, RowError> {
        TableReader::from_stream("standard input", Box::new(bytes), Quoting::Auto)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::stream::encode_all(bytes, 3).unwrap()
    }

    /// What a reader learns of a table.
    #[derive(Debug, PartialEq)]
    struct Told {
        format: String,
        columns: Vec<String>,
        /// Each row with its place, or what is wrong with it.
        rows: Vec<String>,
        remarks: Vec<String>,
        summary: TableSummary,
    }

    fn told(table: Result<TableReader, RowError>) -> Told {
        let mut table = table.unwrap();
        let name = table.name().to_owned();
        let (format, columns) = (table.format_name(), table.columns().to_vec());
        let mut rows = Vec::new();
        loop {
            match table.next_row() {
                Ok(Some(row)) => rows.push(format!("{}: {row}", table.place()).replace(&name, "it")),
                Ok(None) => break,
                Err(error) => {
                    assert!(error.to_string().starts_with(&table.place().to_string()), "{error}");
                    rows.push(error.to_string().replace(&name, "it"));
                }
            }
        }
        let remarks = table.remarks().iter().map(|remark| remark.replace(&name, "it")).collect();
        let summary = table.finish().unwrap().remove(0).summary;
        Told { format, columns, rows, remarks, summary }
    }

    #[test]
    fn a_stream_has_the_rows_of_a_file() {
        let many: String = (0..20_000).map(|n| format!("{n},\"a text\nof {n}\"\n")).collect();
        let long = format!("{{\"a\": \"{}\"}}\n{{\"a\": 2}}\n", "x".repeat(200_000));
        for (extension, text, count) in [
            ("jsonl", "\u{feff}{\"a\": 1}\n\n[1]\n{\"b\": \"é\", \"a\": 2}\r\n{\"a\": ", 4),
            ("jsonl", " \n{\"a\" 1}\n{\"b\": 2}\n", 2),
            ("jsonl", &long, 2),
            ("jsonl", "", 0),
            ("jsonl", "\n  \r\n", 0),
            ("json", "\u{feff}\n[\n {\"b\": 1, \"a\": [{}]},\n 5,\n {\"a\": 2}\n]\n", 3),
            ("json", "[{\"a\": 1}, {\"a\" 2}, {\"a\": 3}]", 2),
            ("json", "[{\"a\": 1}, {\"a\": 2}", 3),
            ("json", "[]", 0),
            ("csv", "\u{feff}a,b\r\n1,\"x\ny\"\r\n3\r\n4,5", 3),
            ("csv", "\n\na,\"b\tc\"\n1,2\n", 1),
            ("csv", "text\n\"{\"\n", 1),
            ("csv", &format!("a,b\n{many}"), 20_000),
            ("tsv", "a\tb\n1\t2,3\n\"x\ty\n3\n", 3),
            ("tsv", "\"a,b\"\tc\n1\t\"2\"\n", 1),
            ("tsv", "a\tb\r1\t2\r", 1),
        ] {
            let plain = text.as_bytes();
            for (packing, bytes) in [("", plain.to_vec()), (".gz", gzip(plain)), (".zst", zstd(plain))] {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join(format!("t.{extension}{packing}"));
                std::fs::write(&path, &bytes).unwrap();
                let case = text.get(..40).unwrap_or(text);
                let expected = told(TableReader::open(&[path], Quoting::Auto).unwrap());
                assert_eq!(expected.rows.len(), count, "{case:?}{packing}");
                assert!(told(stream(Cursor::new(bytes.clone()))) == expected, "{case:?}{packing}");
                assert!(told(stream(OneByOne(Cursor::new(bytes)))) == expected, "{case:?}{packing}, byte by byte");
            }
        }
    }

    #[test]
    fn a_row_comes_out_while_the_writer_waits() {
        for (first, row, second, next) in [
            ("{\"a\": \"1\"}\n", r#"{"a": "1"}"#, "{\"a\": \"2\"}\n", r#"{"a": "2"}"#),
            ("\u{feff} {\"a\": \"1\"}\n{\"a", r#"{"a": "1"}"#, "\": \"2\"}\n", r#"{"a": "2"}"#),
            ("[{\"a\": \"1\"}", r#"{"a": "1"}"#, "\n, {\"a\": \"2\"}", r#"{"a": "2"}"#),
            ("a,b\n1,2\n", r#"{"a":"1","b":"2"}"#, "3,4\n", r#"{"a":"3","b":"4"}"#),
            ("a\tb\r\n1\t2\r", r#"{"a":"1","b":"2"}"#, "\n3\t4\r\n", r#"{"a":"3","b":"4"}"#),
        ] {
            let (writer, bytes) = held_back();
            writer.send(first.into()).unwrap();
            let (mut table, got) = in_time(first, move || {
                let mut table = stream(bytes).unwrap();
                let got = table.next_row().unwrap();
                (table, got)
            });
            assert_eq!(got.as_deref(), Some(row), "{first:?}");
            writer.send(second.into()).unwrap();
            let (mut table, got) = in_time(second, move || {
                let got = table.next_row().unwrap();
                (table, got)
            });
            assert_eq!(got.as_deref(), Some(next), "{second:?}");
            if first.starts_with('[') {
                writer.send(b"]".to_vec()).unwrap();
            }
            drop(writer);
            assert_eq!(in_time("the end", move || table.next_row().unwrap()), None, "{first:?}");
        }
    }

    #[test]
    fn headings_alone_open_a_table() {
        let (writer, bytes) = held_back();
        writer.send("text,label\n".into()).unwrap();
        let columns = in_time("headings", move || stream(bytes).unwrap().columns().to_vec());
        assert_eq!(columns, ["text", "label"]);
        drop(writer);
    }

    #[test]
    fn a_malformed_row_is_named_by_its_line_and_hides_no_other() {
        for (text, error) in [
            ("a,b\n1,2\n3\n1,2\n", "standard input, line 3: expected 2 cells, one for each column, got 1"),
            ("{\"a\":1}\n\n[]\n{\"a\":1}\n", "standard input, line 3: expected a JSON object, got an array"),
            ("[{\"a\":1},\n\ntrue,{\"a\":1}]", "standard input, row 2: expected a JSON object, got a boolean"),
        ] {
            let mut table = stream(text.as_bytes()).unwrap();
            let first = table.next_row().unwrap();
            assert_eq!(table.next_row().unwrap_err().to_string(), error);
            assert_eq!(table.next_row().unwrap(), first);
            assert_eq!(table.next_row().unwrap(), None);
        }
    }

    /// The tab decides where no comma does; without quoting, a comma in quotes is one like others.
    #[test]
    fn the_first_line_tells_tabs_from_commas() {
        for (head, quoting, expected) in [
            ("a\tb\n1,2\n", Quoting::Auto, Format::Tsv),
            ("a\tb,c\n", Quoting::Auto, Format::Csv),
            ("\u{feff}\n \n\ta\n", Quoting::Auto, Format::Tsv),
            ("a\n1\t2\n", Quoting::Auto, Format::Csv),
            ("\"a,b\"\tc\n", Quoting::Auto, Format::Tsv),
            ("\"a,b\"\tc\n", Quoting::Csv, Format::Tsv),
            ("\"a,b\"\tc\n", Quoting::None, Format::Csv),
            ("\"a\tb\"\n", Quoting::Auto, Format::Csv),
            (" \n{", Quoting::Auto, Format::Jsonl),
            ("\u{feff}[", Quoting::Auto, Format::Json),
            ("\"{\"\n", Quoting::Auto, Format::Csv),
        ] {
            assert_eq!(format_of(head.as_bytes(), quoting), expected, "{head:?}, {quoting}");
        }
    }

    #[test]
    fn other_kinds_are_refused_by_name_however_their_bytes_come() {
        let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12\n", "0".repeat(64));
        let refusal = |got: &str| format!("standard input: expected JSON lines, a JSON array, CSV or TSV, got {got}");
        for (bytes, message, hint) in [
            (b"PAR1\x15\n\x15\x04".to_vec(), refusal("a Parquet file"), "a name that ends in .parquet"),
            (b"PK\x03\x04\n\0\x06\0xl/x".to_vec(), refusal("a spreadsheet"), "save it as CSV"),
            (b"\xff\xfea\0\n\0".to_vec(), refusal("UTF-16 text"), "iconv"),
            (b"\n<!doctype html>\n".to_vec(), refusal("a web page"), "browser"),
            (gzip(&zstd(b"{}")), refusal("a file compressed with zstd"), "zstd -d"),
            (
                pointer.into_bytes(),
                "`standard input`: expected a file of 12 bytes, got a Git LFS pointer to it".into(),
                "git lfs pull",
            ),
        ] {
            for error in [stream(Cursor::new(bytes.clone())), stream(OneByOne(Cursor::new(bytes)))].map(Result::err) {
                let error = error.unwrap();
                assert_eq!(error.to_string(), message);
                assert!(error.hint().unwrap().contains(hint), "{:?}", error.hint());
                assert!(!error.can_be_skipped());
            }
        }
    }

    #[test]
    fn the_bytes_of_a_stream_are_not_given_a_second_time() {
        for text in ["{\"a\":1}\n", "[{\"a\":1}]", "a\n1\n"] {
            let error = stream(text.as_bytes()).unwrap().read(10).unwrap_err().to_string();
            assert_eq!(error, "`standard input`: expected a regular file, got a pipe or a device");
        }
    }

    /// Gives each of its pieces, an empty one as an end: a terminal goes on behind one.
    struct Terminal(VecDeque<&'static [u8]>);

    impl Read for Terminal {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let piece = self.0.pop_front().unwrap_or_default();
            buffer[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    #[test]
    fn the_first_end_is_the_end() {
        for pieces in [[&b"{\"a\":1}"[..], b"", b"{\"a\":2}\n"], [b"a\n1", b"", b"2\n"], [b"[{\"a\":1}]", b"", b"x"]] {
            let mut table = stream(Terminal(pieces.into())).unwrap();
            assert!(table.next_row().unwrap().is_some());
            assert_eq!(table.next_row().unwrap(), None);
            assert_eq!(table.next_row().unwrap(), None);
        }
    }
}
