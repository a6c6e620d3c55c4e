//! Where cells and rows of CSV and TSV end.
//!
//! As RFC 4180 has it, and stricter than most readers: behind a quoted cell nothing but a delimiter or the row's end
//! may come, since a quote that is only a character would otherwise make one row of several.

/// The role of the next byte, by the bytes before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The first one of a row.
    Row,
    /// The first one of a cell.
    Cell,
    /// A further one of a cell without quotes.
    Plain,
    /// A byte of a cell within quotes.
    Quoted,
    /// One behind a quote that may have been the last or the first of two.
    Closed,
    /// One behind a mistake, on the same line.
    Lost,
}

/// How a file's cells are separated, and where in it the scanner is.
pub(crate) struct Scanner {
    delimiter: u8,
    quoting: bool,
    state: State,
    /// The line of the next byte, from 1. A lone carriage return ends a line, as a line feed does.
    line: u64,
    /// Whether the last byte was a carriage return, which a line feed belongs to.
    after_return: bool,
}

/// A mistake in a row's quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// The cell's place in its row, from 0.
    pub cell: usize,
    /// The line on which its quote was opened.
    pub opened: u64,
    /// Whether the next line begins a new row for sure: the quotes of this line come in pairs.
    pub ends_with_line: bool,
}

/// The cells of one row, one after the other. Kept from row to row for its memory.
pub(crate) struct Record {
    bytes: Vec<u8>,
    /// Where each cell ends in `bytes`.
    ends: Vec<usize>,
    /// The most bytes that are kept.
    pub limit: usize,
    /// The line on which it begins; 0 before the first.
    pub line: u64,
    /// Whether it has more bytes or cells than are kept; what was kept is none of it then.
    pub too_long: bool,
    /// What is wrong with its quotes.
    pub mistake: Option<Mistake>,
    /// The quote that was opened last: its cell and its line.
    opened: (usize, u64),
    /// Quotes on the line at hand.
    quotes: usize,
    /// Whether the row is longer than a line.
    several_lines: bool,
    lines: LineCells,
}

/// Counts what cells each line of a row would have by itself.
#[derive(Default)]
struct LineCells {
    cells: usize,
    /// The cells of each line before this one, where all have the same number.
    each: Option<usize>,
    differ: bool,
    after_delimiter: bool,
}

impl LineCells {
    fn byte(&mut self, byte: u8, delimiter: u8) {
        // Commas of a text have a blank behind them, those between cells have none.
        self.cells += usize::from(self.after_delimiter && byte != b' ');
        self.after_delimiter = byte == delimiter;
    }

    fn line_end(&mut self) {
        self.differ |= self.each.is_some_and(|each| each != self.cells + 1);
        self.each = Some(self.cells + 1);
        self.cells = 0;
    }
}

impl Record {
    /// An empty one, which keeps at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Record {
        Record {
            bytes: Vec::new(),
            ends: Vec::new(),
            limit,
            line: 0,
            too_long: false,
            mistake: None,
            opened: (0, 0),
            quotes: 0,
            several_lines: false,
            lines: LineCells::default(),
        }
    }

    fn begin(&mut self, line: u64) {
        self.bytes.clear();
        self.ends.clear();
        self.line = line;
        (self.too_long, self.mistake, self.several_lines) = (false, None, false);
        (self.opened, self.quotes, self.lines) = ((0, 0), 0, LineCells::default());
    }

    fn push(&mut self, byte: u8) {
        if self.bytes.len() < self.limit && !self.too_long {
            self.bytes.push(byte);
        } else {
            self.drop_all();
        }
    }

    fn end_cell(&mut self) {
        if self.ends.len() < self.limit / size_of::<usize>() && !self.too_long {
            self.ends.push(self.bytes.len());
        } else {
            self.drop_all();
        }
    }

    fn drop_all(&mut self) {
        self.too_long = true;
        self.bytes.clear();
        self.ends.clear();
    }

    /// The bytes of each cell, without quotes.
    pub(crate) fn cells(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.ends.len()).map(|cell| {
            let start = cell.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.bytes[start..self.ends[cell]]
        })
    }

    /// Whether it has several lines, each of which would be a row of `columns` cells by itself.
    pub(crate) fn looks_like_rows(&self, columns: usize) -> bool {
        self.several_lines && columns > 1 && !self.lines.differ && self.lines.each == Some(columns)
    }

    /// The quote that was opened last: its cell, from 0, and its line.
    pub(crate) fn opened(&self) -> (usize, u64) {
        self.opened
    }

    #[cfg(test)]
    pub(crate) fn capacities(&self) -> (usize, usize) {
        (self.bytes.capacity(), self.ends.capacity())
    }
}

/// Where the end of a file was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Behind a whole row.
    Clean,
    /// Behind a row without a line break.
    Row,
    /// Within a cell in quotes.
    Open,
}

impl Scanner {
    /// Before the first byte of a file.
    pub(crate) fn new(delimiter: u8, quoting: bool) -> Scanner {
        Scanner { delimiter, quoting, state: State::Row, line: 1, after_return: false }
    }

    /// Takes bytes up to the end of a row; gives how many they were, and whether the row came to its end.
    pub(crate) fn take(&mut self, bytes: &[u8], record: &mut Record) -> (usize, bool) {
        for (at, byte) in bytes.iter().enumerate() {
            if self.byte(*byte, record) {
                return (at + 1, true);
            }
        }
        (bytes.len(), false)
    }

    /// Takes the end of the file.
    pub(crate) fn end(&mut self, record: &mut Record) -> End {
        let state = std::mem::replace(&mut self.state, State::Row);
        match state {
            State::Row => return End::Clean,
            State::Quoted => return End::Open,
            State::Cell | State::Plain | State::Closed => record.end_cell(),
            State::Lost => {}
        }
        self.end_row(record);
        End::Row
    }

    fn byte(&mut self, byte: u8, record: &mut Record) -> bool {
        let (is_return, is_feed) = (byte == b'\r', byte == b'\n');
        let goes_on = is_feed && self.after_return;
        self.after_return = is_return;
        let breaks = is_return || is_feed;
        if self.state == State::Row {
            if breaks {
                self.line += u64::from(!goes_on);
                return false;
            }
            record.begin(self.line);
            self.state = State::Cell;
        }
        if !breaks {
            record.lines.byte(byte, self.delimiter);
            record.quotes += usize::from(byte == b'"');
        }
        match self.state {
            State::Quoted if byte == b'"' => self.state = State::Closed,
            State::Quoted => {
                record.push(byte);
                if breaks && !goes_on {
                    self.line += 1;
                    record.lines.byte(byte, self.delimiter);
                    record.lines.line_end();
                    (record.several_lines, record.quotes) = (true, 0);
                }
            }
            State::Cell if byte == b'"' && self.quoting => {
                record.opened = (record.ends.len(), self.line);
                self.state = State::Quoted;
            }
            State::Closed if byte == b'"' => {
                record.push(byte);
                self.state = State::Quoted;
            }
            State::Lost if breaks => return self.end_row(record),
            State::Lost => {}
            State::Row | State::Cell | State::Plain | State::Closed if breaks => {
                record.end_cell();
                return self.end_row(record);
            }
            State::Row | State::Cell | State::Plain | State::Closed if byte == self.delimiter => {
                record.end_cell();
                self.state = State::Cell;
            }
            State::Closed => {
                let (cell, opened) = record.opened;
                record.mistake = Some(Mistake { cell, opened, ends_with_line: opened == self.line });
                self.state = State::Lost;
            }
            State::Row | State::Cell | State::Plain => {
                record.push(byte);
                self.state = State::Plain;
            }
        }
        false
    }

    /// Behind the last byte of a row.
    fn end_row(&mut self, record: &mut Record) -> bool {
        record.lines.byte(b'\n', self.delimiter);
        record.lines.line_end();
        if let Some(mistake) = &mut record.mistake {
            mistake.ends_with_line &= record.quotes.is_multiple_of(2);
        }
        self.line += 1;
        self.state = State::Row;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows as their cells, whatever the sizes of the pieces in which the bytes come.
    fn rows(text: &str, delimiter: u8, quoting: bool) -> (Vec<Vec<String>>, End) {
        let whole = scan(text, delimiter, quoting, usize::MAX);
        assert_eq!(whole, scan(text, delimiter, quoting, 1));
        whole
    }

    fn scan(text: &str, delimiter: u8, quoting: bool, piece: usize) -> (Vec<Vec<String>>, End) {
        let (mut scanner, mut record, mut rows) = (Scanner::new(delimiter, quoting), Record::new(1000), Vec::new());
        let mut bytes = text.as_bytes();
        let cells =
            |record: &Record| record.cells().map(|cell| String::from_utf8(cell.to_vec()).unwrap()).collect::<Vec<_>>();
        while !bytes.is_empty() {
            let (count, ended) = scanner.take(&bytes[..bytes.len().min(piece)], &mut record);
            bytes = &bytes[count..];
            if ended {
                rows.push(cells(&record));
            }
        }
        let end = scanner.end(&mut record);
        if end == End::Row {
            rows.push(cells(&record));
        }
        (rows, end)
    }

    fn check(text: &str, expected: &[&[&str]], end: End) {
        let expected: Vec<Vec<String>> =
            expected.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect();
        assert_eq!(rows(text, b',', true), (expected, end), "{text:?}");
    }

    #[test]
    fn quotes_hold_delimiters_and_line_breaks() {
        check("a,b\n\"1,\"\"2\"\"\",\"3\r\n4\"\r\n", &[&["a", "b"], &["1,\"2\"", "3\r\n4"]], End::Clean);
        check("\"\",\n,\"\"", &[&["", ""], &["", ""]], End::Row);
        check("a\"b\",c\n", &[&["a\"b\"", "c"]], End::Clean);
        check("a\rb\r\rc", &[&["a"], &["b"], &["c"]], End::Row);
        check("a,\"b\n", &[], End::Open);
        check("\n\r\n\n", &[], End::Clean);
    }

    #[test]
    fn without_quoting_every_line_is_a_row() {
        let text = "\"a fine film\t1\nhe said \"no\" twice\t1\n\"so good\" they say\t1\n\"\"\t\"\"\n";
        let expected =
            [["\"a fine film", "1"], ["he said \"no\" twice", "1"], ["\"so good\" they say", "1"], ["\"\"", "\"\""]];
        assert_eq!(
            rows(text, b'\t', false),
            (expected.map(|row| row.map(str::to_owned).to_vec()).to_vec(), End::Clean)
        );
    }

    fn mistakes(text: &str) -> Vec<(u64, Option<Mistake>)> {
        let (mut scanner, mut record, mut found) = (Scanner::new(b',', true), Record::new(1000), Vec::new());
        let mut bytes = text.as_bytes();
        while !bytes.is_empty() {
            let (count, ended) = scanner.take(bytes, &mut record);
            bytes = &bytes[count..];
            if ended {
                found.push((record.line, record.mistake));
            }
        }
        if scanner.end(&mut record) == End::Row {
            found.push((record.line, record.mistake));
        }
        found
    }

    #[test]
    fn text_behind_a_closing_quote_is_a_mistake_that_may_be_confined_to_its_line() {
        let mistake = |cell, opened, ends_with_line| Some(Mistake { cell, opened, ends_with_line });
        // The quotes of the line come in pairs: the next line is a row.
        assert_eq!(mistakes("\"a\" b,1\nc,2\n"), [(1, mistake(0, 1, true)), (2, None)]);
        assert_eq!(mistakes("x,\"a \"b\" c\"\r\nc,2\r\n"), [(1, mistake(1, 1, true)), (2, None)]);
        // One quote too many: it may belong to a cell that goes on.
        assert_eq!(mistakes("\"a \"b,1\n2\",3\n")[0], (1, mistake(0, 1, true)));
        assert_eq!(mistakes("\"a \"b \"c,1\n2\",3\n")[0], (1, mistake(0, 1, false)));
        // Closed on another line than it was opened on: rows were swallowed.
        assert_eq!(mistakes("\"a,1\nb,0\n\"so\" c,1\n")[0], (1, mistake(0, 1, false)));
    }

    #[test]
    fn a_quoted_cell_of_lines_that_look_like_rows_is_noticed() {
        let looks = |text: &str, columns| {
            let (mut scanner, mut record) = (Scanner::new(b',', true), Record::new(1000));
            assert!(scanner.take(text.as_bytes(), &mut record).1);
            record.looks_like_rows(columns)
        };
        assert!(looks("\"a fine film,1\nanother,0\nso good\",1\n", 2));
        assert!(!looks("\"a line\nanother\",1\n", 2));
        assert!(!looks("\"one, with a comma\nanother\",1\n", 2));
        assert!(!looks("\"a fine film,1\",1\n", 2));
        assert!(!looks("\"a\nb\"\n", 1));
    }

    /// Python's `csv` module, strict, reads the same rows of three hundred texts, and refuses the same.
    #[test]
    fn rows_and_mistakes_are_those_of_another_reader() {
        #[derive(serde::Deserialize)]
        struct Case {
            text: String,
            strict: Option<Vec<Vec<String>>>,
            plain: Vec<Vec<String>>,
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/tables/csv_cells.json");
        let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(cases.len(), 300);
        for Case { text, strict, plain } in cases {
            let (read, end) = rows(&text, b',', true);
            let read =
                (end != End::Open && mistakes(&text).iter().all(|(_, mistake)| mistake.is_none())).then_some(read);
            assert_eq!(read, strict, "{text:?}");
            assert_eq!(rows(&text, b',', false).0, plain, "{text:?}");
        }
    }
}
