//! Cells between commas or tabs, with headings in the first line. All cells are texts.

use std::collections::BTreeSet;
use std::path::Path;

use super::error::{RowError, RowProblem, Unit};
use super::format::Format;
use super::json::object;
use super::quoting::Quoting;
use super::rows::{RowReader, TableSummary};
use super::scanner::{End, Record, Scanner};
use super::text::{BYTE_ORDER_MARK, TextFile};

/// The most that is read of one row: 16 MiB, as of a line of JSON.
const ROW_LIMIT: usize = 16 << 20;

/// A file of cells, positioned before the next row.
pub(crate) struct CsvTable {
    format: Format,
    /// What the user said, and what it comes to.
    quoting: Quoting,
    quotes: bool,
    file: TextFile,
    scanner: Scanner,
    record: Record,
    columns: Vec<String>,
    rows: u64,
    /// Whether nothing behind can be read: the end, or a quote that leaves the rows unknown.
    ended: bool,
    /// The file opened once more, for [`RowReader::read`].
    raw: Option<TextFile>,
    seen: Seen,
}

/// What a reader should know of the rows read so far.
#[derive(Default)]
struct Seen {
    /// Rows with a cell that begins and ends with a quote which is kept.
    kept_quotes: u64,
    /// The first line of a row that looks like several, and how many such rows there are.
    like_rows: Option<(u64, u64)>,
}

impl CsvTable {
    /// Opens a file of a format with delimiters, and reads its headings.
    pub(crate) fn open(path: &Path, format: Format, quoting: Quoting) -> Result<CsvTable, RowError> {
        let expected = if format == Format::Tsv { "TSV" } else { "CSV" };
        CsvTable::of_text(TextFile::open(path, expected)?, format, quoting)
    }

    /// Reads the headings of a file of a format with delimiters, which is not opened once more but for its bytes.
    pub(super) fn of_text(file: TextFile, format: Format, quoting: Quoting) -> Result<CsvTable, RowError> {
        CsvTable::new(file, format, quoting, ROW_LIMIT)
    }

    fn new(mut file: TextFile, format: Format, quoting: Quoting, limit: usize) -> Result<CsvTable, RowError> {
        let delimiter = if format == Format::Tsv { b'\t' } else { b',' };
        if file.fill()?.starts_with(BYTE_ORDER_MARK) {
            file.consume(BYTE_ORDER_MARK.len());
        }
        let quotes = quoting.applies_to(format);
        let mut table = CsvTable {
            format,
            quoting,
            quotes,
            file,
            scanner: Scanner::new(delimiter, quotes),
            record: Record::new(limit),
            columns: Vec::new(),
            rows: 0,
            ended: false,
            raw: None,
            seen: Seen::default(),
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
            if name.contains('\0') {
                return Err(self.malformed(RowProblem::Headings { name, reason: "with a NUL byte" }));
            }
            if !seen.insert(name.clone()) {
                return Err(self.malformed(RowProblem::Headings { name, reason: "twice" }));
            }
            columns.push(name);
        }
        let (delimiter, others) =
            if self.format == Format::Tsv { ("tabs", [',', ';']) } else { ("commas", ['\t', ';']) };
        if let [name] = columns.as_slice()
            && let Some(got) = name.chars().find(|character| others.contains(character))
        {
            return Err(self.malformed(RowProblem::Delimiter { expected: delimiter, name: name.clone(), got }));
        }
        // No column is called so: the file has quoting, which its format by itself does not have.
        if self.quoting == Quoting::Auto && !self.quotes && self.record.cells().all(is_in_quotes) {
            let name = columns.into_iter().next().unwrap_or_default();
            return Err(self.malformed(RowProblem::QuotedHeadings { name }));
        }
        Ok(columns)
    }

    /// Reads the next row into `record`; `false` at the end. Of a row that is too long the rest is read and not kept.
    fn next_record(&mut self) -> Result<bool, RowError> {
        if self.ended {
            return Ok(false);
        }
        loop {
            let bytes = self.file.fill()?;
            if bytes.is_empty() {
                self.ended = true;
                match self.scanner.end(&mut self.record) {
                    End::Clean => return Ok(false),
                    End::Row => break,
                    End::Open => {
                        let (cell, line) = self.record.opened();
                        return Err(self.malformed(RowProblem::OpenQuote { cell: self.cell_name(cell), line }));
                    }
                }
            }
            let (count, ended) = self.scanner.take(bytes, &mut self.record);
            self.file.consume(count);
            if ended {
                break;
            }
        }
        if let Some(mistake) = self.record.mistake {
            self.ended |= !mistake.ends_with_line;
            return Err(self.malformed(RowProblem::BehindQuote {
                cell: self.cell_name(mistake.cell),
                line: mistake.opened,
                confined: mistake.ends_with_line,
            }));
        }
        if self.record.too_long {
            return Err(self.malformed(RowProblem::TooLong { limit: self.record.limit }));
        }
        Ok(true)
    }

    fn cell_name(&self, cell: usize) -> String {
        match self.columns.get(cell) {
            Some(column) => format!("column `{column}`"),
            None => format!("cell {}", cell + 1),
        }
    }

    fn row(&mut self) -> Result<String, RowProblem> {
        let (expected, got) = (self.columns.len(), self.record.cells().len());
        if expected != got {
            let quotes = !self.quotes && self.record.cells().any(|cell| cell.contains(&b'"'));
            return Err(RowProblem::Cells { expected, got, quotes });
        }
        let mut quoted = false;
        let cells = self.columns.iter().zip(self.record.cells()).map(|(column, cell)| {
            quoted |= is_in_quotes(cell.trim_ascii());
            match std::str::from_utf8(cell) {
                Ok(text) if text.contains('\0') => Err(RowProblem::Nul { column: column.clone() }),
                Ok(text) => Ok((column.as_str(), serde_json::Value::from(text))),
                Err(_) => Err(RowProblem::CellNotUtf8 { column: column.clone() }),
            }
        });
        let row = object(cells.collect::<Result<Vec<_>, _>>()?);
        self.seen.kept_quotes += u64::from(quoted && !self.quotes);
        if self.record.looks_like_rows(expected) {
            let (_, count) = self.seen.like_rows.get_or_insert((self.record.line, 0));
            *count += 1;
        }
        Ok(row)
    }

    fn malformed(&self, problem: RowProblem) -> RowError {
        RowError::Malformed { name: self.file.name(), unit: Unit::Line, number: self.record.line, problem }
    }
}

/// Whether a cell begins and ends with a quote and has only pairs of them in between, as one that a writer put in
/// quotes.
fn is_in_quotes(cell: &[u8]) -> bool {
    let inner = cell.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    inner.is_some_and(|inner| inner.split(|byte| *byte != b'"').all(|quotes| quotes.len().is_multiple_of(2)))
}

impl RowReader for CsvTable {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn next_row(&mut self) -> Result<Option<String>, RowError> {
        match self.next_record() {
            Ok(false) => return Ok(None),
            Ok(true) => {}
            Err(error) => {
                self.rows += u64::from(!matches!(error, RowError::File(_)));
                return Err(error);
            }
        }
        self.rows += 1;
        self.row().map(Some).map_err(|problem| self.malformed(problem))
    }

    fn number(&self) -> u64 {
        self.record.line
    }

    fn unit(&self) -> Unit {
        Unit::Line
    }

    fn read(&mut self, max: usize) -> Result<Vec<u8>, RowError> {
        let raw = match &mut self.raw {
            Some(raw) => raw,
            None => self.raw.insert(self.file.again()?),
        };
        raw.read(max)
    }

    fn format_name(&self) -> String {
        let name = if self.format == Format::Tsv { "TSV" } else { "CSV" };
        let quotes = if self.quotes { "cells may be quoted" } else { "no quoting" };
        format!("{name}{}, {quotes}", self.file.packing())
    }

    fn quoting(&self) -> Option<Quoting> {
        let applied = if self.quotes { Quoting::Csv } else { Quoting::None };
        (self.quotes != Quoting::Auto.applies_to(self.format)).then_some(applied)
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let name = self.file.name();
        if let Some(quoting) = self.quoting() {
            remarks.push(format!("{name} was read with `--quoting {quoting}`"));
        }
        if self.seen.kept_quotes > 0 {
            let rows = self.seen.kept_quotes;
            let known =
                if self.quoting == Quoting::None { "" } else { "; if they only enclose it, use `--quoting csv`" };
            remarks.push(format!(
                "{name}: in {rows} of {} rows a cell begins and ends with `\"`, and the quotes are a part of it{known}",
                self.rows
            ));
        }
        if let Some((line, count)) = self.seen.like_rows {
            remarks.push(format!(
                "{name}: in {count} of {} rows, the first on line {line}, a quoted cell goes over several lines that \
                 would each be a row; if quotes are characters like others, use `--quoting none`",
                self.rows
            ));
        }
        remarks
    }

    fn finish(mut self: Box<Self>) -> Result<TableSummary, RowError> {
        loop {
            match self.next_record() {
                Ok(true) => self.rows += 1,
                Ok(false) => break,
                Err(RowError::File(error)) => return Err(error.into()),
                Err(_) => self.rows += 1,
            }
        }
        let (bytes, sha256) = self.file.finish()?;
        Ok(TableSummary { rows: self.rows, bytes, sha256 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(
        text: impl AsRef<[u8]>,
        format: Format,
        quoting: Quoting,
    ) -> (tempfile::TempDir, Result<CsvTable, RowError>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        let table = TextFile::open(&path, "CSV").and_then(|file| CsvTable::new(file, format, quoting, 640));
        (folder, table)
    }

    fn rows_of(text: impl AsRef<[u8]>, format: Format, quoting: Quoting) -> Result<(Vec<String>, Vec<String>), String> {
        let (_folder, table) = table(text, format, quoting);
        let mut table = table.map_err(|error| error.to_string())?;
        let mut rows = Vec::new();
        while let Some(row) = table.next_row().map_err(|error| error.to_string())? {
            rows.push(row);
        }
        Ok((rows, table.remarks()))
    }

    fn rows(text: impl AsRef<[u8]>) -> Result<Vec<String>, String> {
        rows_of(text, Format::Csv, Quoting::Auto).map(|(rows, _)| rows)
    }

    #[test]
    fn cells_are_texts_under_their_headings() {
        let text = "\u{feff}b,a\n1,\"x, \"\"y\"\"\nz\"\n,é\n";
        let expected = [r#"{"b":"1","a":"x, \"y\"\nz"}"#, r#"{"b":"","a":"é"}"#];
        assert_eq!(rows(text).unwrap(), expected);
        assert_eq!(rows("\u{feff}\"b\",a\n1,2\n").unwrap(), [r#"{"b":"1","a":"2"}"#]);
        assert_eq!(rows("").unwrap(), Vec::<String>::new());
        assert_eq!(rows("a,b\n").unwrap(), Vec::<String>::new());
        let (_folder, table) = table("a\tb\r\n1\t2,3\r\n", Format::Tsv, Quoting::Auto);
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
        check(b"a,b\n1,2\n3\n", "t.csv`, line 3: expected 2 cells, one for each column, got 1");
        check(b"a,b\n1,\"2\n3\"\n1,2,3\n", "t.csv`, line 4: expected 2 cells, one for each column, got 3");
        check(b"a,b\n1,\xff\n", "t.csv`, line 2: column `b`: not UTF-8");
        check(b"a,b\n1,x\0y\n", "t.csv`, line 2: column `b`: expected text, got a NUL byte in it");
        check(b"a\0,b\n1,2\n", "line 1: expected a different name for each column, got \"a\\0\" with a NUL byte");
        check(b"a,\n1,2\n", "line 1: expected a different name for each column, got \"\" without a name");
        check(b"a;b\n1;2\n", "line 1: expected column names between commas, got one, \"a;b\", with `;` in it");
        check(b"a\tb\n", "line 1: expected column names between commas, got one, \"a\\tb\", with a tab in it");
        check(b"a,a\n1,2\n", "line 1: expected a different name for each column, got \"a\" twice");
        check(b"a,b\r1,2\r3\r", "line 3: expected 2 cells, one for each column, got 1");
        check(b"a,b\r\n1,2\r\n3\r\n", "line 3: expected 2 cells, one for each column, got 1");
        check(b"a,b\n\n1,2\n\r\n\n3\n", "line 6: expected 2 cells, one for each column, got 1");
    }

    #[test]
    fn quotes_that_do_not_pair_are_named_by_the_line_where_they_open() {
        let check = |text: &str, expected: &str| {
            let message = rows(text).unwrap_err();
            assert!(message.ends_with(expected), "{message}");
        };
        check("a,b\n1,\"2\n3,4\n", "line 2: column `b`: the quote opened on line 2 is never closed");
        check("a,b\n\"1\n\n\",\"2\n3,4\n", "line 2: column `b`: the quote opened on line 4 is never closed");
        check("a,\"b\n1,2\n", "line 1: cell 2: the quote opened on line 1 is never closed");
        check(
            "a,b\n\"x,1\ny,0\n\"z\" w,1\n",
            "line 2: column `a`: expected the next cell or the row's end behind the quote that closes the one opened \
             on line 2, got text",
        );
        // Row 2 spoils only itself.
        let (_folder, table) = table("a,b\n1,2\n\"x\" y,3\n4,5\n", Format::Csv, Quoting::Auto);
        let mut table = table.unwrap();
        assert_eq!(table.next_row().unwrap().unwrap(), r#"{"a":"1","b":"2"}"#);
        assert!(table.next_row().unwrap_err().can_be_skipped());
        assert_eq!(table.next_row().unwrap().unwrap(), r#"{"a":"4","b":"5"}"#);
        assert_eq!(Box::new(table).finish().unwrap().rows, 3);
        // Here nobody knows where the next row begins.
        for text in ["a,b\n\"x,1\ny,0\n\"z\" w,1\n4,5\n", "a,b\n1,\"2\n4,5\n"] {
            let (_folder, table) = self::table(text, Format::Csv, Quoting::Auto);
            let mut table = table.unwrap();
            assert!(!table.next_row().unwrap_err().can_be_skipped());
            assert_eq!(table.next_row().unwrap(), None);
        }
    }

    #[test]
    fn tsv_has_no_quoting_unless_it_is_asked_for() {
        let glue = "sentence\tlabel\n\"a fine film\t1\nanother one\t0\n\"so good\" they say\t1\n";
        let (rows, remarks) = rows_of(glue, Format::Tsv, Quoting::Auto).unwrap();
        let expected = [("\\\"a fine film", 1), ("another one", 0), ("\\\"so good\\\" they say", 1)];
        assert_eq!(rows, expected.map(|(text, label)| format!(r#"{{"sentence":"{text}","label":"{label}"}}"#)));
        assert_eq!(remarks, [""; 0]);

        let pandas = "sentence\tlabel\n\"a\ttab\"\t1\n\"two\nlines\"\t0\n\"\"\"yes\"\"\"\t1\n";
        let (rows, remarks) = rows_of(pandas, Format::Tsv, Quoting::Csv).unwrap();
        let expected = ["a\\ttab", "two\\nlines", "\\\"yes\\\""];
        assert_eq!(rows.len(), 3);
        assert!(rows.iter().zip(expected).all(|(row, text)| row.contains(&format!("\"{text}\""))), "{rows:?}");
        assert!(remarks[0].ends_with("was read with `--quoting csv`"), "{remarks:?}");
        let message = rows_of(pandas, Format::Tsv, Quoting::Auto).unwrap_err();
        assert!(message.ends_with("line 2: expected 2 cells, one for each column, got 3"), "{message}");

        let enclosed = "sentence\tlabel\n\"fine\"\t1\nplain\t0\n\"\"\"yes\"\"\"\t1\n\"no\" or \"yes\"\t1\n";
        let (_, remarks) = rows_of(enclosed, Format::Tsv, Quoting::Auto).unwrap();
        assert!(remarks[0].contains("in 2 of 4 rows a cell begins and ends with `\"`"), "{remarks:?}");
        assert!(remarks[0].ends_with("use `--quoting csv`"), "{remarks:?}");
        let headings = "\"sentence\"\t\"label\"\n\"fine\"\t\"1\"\n";
        let message = rows_of(headings, Format::Tsv, Quoting::Auto).unwrap_err();
        assert!(message.ends_with("line 1: expected column names without quotes, got `\"sentence\"`"), "{message}");
        assert_eq!(rows_of(headings, Format::Tsv, Quoting::None).unwrap().0.len(), 1);
    }

    #[test]
    fn csv_without_quoting_is_lines() {
        let text = "sentence,label\n\"a fine film,1\nanother,0\nso good\",1\n";
        let (rows, remarks) = rows_of(text, Format::Csv, Quoting::None).unwrap();
        assert_eq!(rows.len(), 3);
        assert!(remarks[0].ends_with("was read with `--quoting none`"), "{remarks:?}");
        let (rows, remarks) = rows_of(text, Format::Csv, Quoting::Auto).unwrap();
        assert_eq!(rows.len(), 1);
        assert!(remarks[0].contains("in 1 of 1 rows, the first on line 2, a quoted cell goes over"), "{remarks:?}");
    }

    /// A row that is too long, by its texts or by its cells, takes little memory and hides no other row.
    #[test]
    fn a_long_row_is_left_out_alone() {
        for long in ["x".repeat(1 << 20) + ",y", ",".repeat(1 << 20), format!("\"{}\",y", "x,\n".repeat(1 << 18))] {
            let (_folder, table) = table(format!("a,b\n1,2\n{long}\n3,4\n"), Format::Csv, Quoting::Auto);
            let mut table = table.unwrap();
            assert_eq!(table.next_row().unwrap().unwrap(), r#"{"a":"1","b":"2"}"#);
            let error = table.next_row().unwrap_err();
            assert!(error.to_string().ends_with("line 3: longer than the 640 bytes that are read of a row"), "{error}");
            assert!(error.can_be_skipped());
            // A vector may take twice what it is asked for.
            let (bytes, ends) = table.record.capacities();
            assert!(bytes <= 1280 && ends <= 160, "{bytes}, {ends}");
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
        let (folder, table) = table(b"a,b\n1,2\n3\n4,5\n", Format::Csv, Quoting::Auto);
        let mut table = table.unwrap();
        assert_eq!(table.next_row().unwrap().unwrap(), r#"{"a":"1","b":"2"}"#);
        let error = table.next_row().unwrap_err();
        assert!(error.can_be_skipped(), "{error}");
        let summary = Box::new(table).finish().unwrap();
        assert_eq!((summary.rows, summary.bytes), (3, 14));
        drop(folder);
    }
}
