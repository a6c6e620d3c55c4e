//! Files of one JSON record a line, read line by line: such a file may be as large as a disk, and whoever made it may
//! not have been this program.

use std::error::Error;
use std::io::{self, BufRead, Read};

/// The most that is read of one line: 16 MiB. Records of the longest lists of choices have some hundred KiB.
pub const LINE_LIMIT: usize = 16 << 20;

/// A line that is no record.
#[derive(Debug, thiserror::Error)]
#[error("line {line}")]
pub struct LineError {
    /// The number of the line, from 1.
    pub line: usize,
    /// Why the line is no record.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

/// Why there is no line to be read as a record.
#[derive(Debug, thiserror::Error)]
enum NoLine {
    /// The line is longer than [`LINE_LIMIT`].
    #[error("it is longer than {} MiB, the most that is read of one line", LINE_LIMIT >> 20)]
    TooLong,
    /// The system or the disk refused.
    #[error("cannot read the line")]
    Unreadable(#[source] io::Error),
}

/// The lines of a text, one at a time, none longer than [`LINE_LIMIT`].
pub struct LineReader<R> {
    text: R,
    line: Vec<u8>,
    number: usize,
    whole: u64,
}

/// A line of a text, as [`LineReader`] reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The line's bytes, without its line feed.
    pub bytes: &'a [u8],
    /// The number of the line, from 1.
    pub number: usize,
    /// Whether it has a line feed; only a last one may have none.
    pub ended: bool,
}

impl<R: BufRead> LineReader<R> {
    /// Reads a text from its first line on.
    pub fn new(text: R) -> Self {
        Self { text, line: Vec::new(), number: 0, whole: 0 }
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// If the line is too long, or the reader fails.
    pub fn next_line(&mut self) -> Result<Option<Line<'_>>, LineError> {
        self.line.clear();
        self.number += 1;
        let no_line = |reason: NoLine| LineError { line: self.number, source: reason.into() };
        // With its line feed.
        let most = LINE_LIMIT as u64 + 1;
        let read = self.text.by_ref().take(most).read_until(b'\n', &mut self.line);
        let bytes = read.map_err(|error| no_line(NoLine::Unreadable(error)))?;
        if bytes == 0 {
            return Ok(None);
        }
        let ended = self.line.pop_if(|byte| *byte == b'\n').is_some();
        if ended {
            self.whole += bytes as u64;
        } else if self.line.len() > LINE_LIMIT {
            return Err(no_line(NoLine::TooLong));
        }
        Ok(Some(Line { bytes: &self.line, number: self.number, ended }))
    }

    /// The bytes of all lines read so far that have a line feed, with these.
    pub fn whole(&self) -> u64 {
        self.whole
    }
}

impl Line<'_> {
    /// The line as a record.
    ///
    /// # Errors
    /// If `parse` fails or the bytes are no text, with the number of the line.
    pub fn record<T, E: Into<Box<dyn Error + Send + Sync>>>(
        &self,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, LineError> {
        let text: Result<&str, Box<dyn Error + Send + Sync>> = std::str::from_utf8(self.bytes).map_err(Into::into);
        let record = text.and_then(|text| parse(text).map_err(Into::into));
        record.map_err(|source| LineError { line: self.number, source })
    }
}

/// The records of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Lines<T> {
    /// The records of its lines, in their order.
    pub records: Vec<T>,
    /// Whether a last line was left out because it is half-written: the process was killed, or is still at work.
    pub cut: bool,
}

/// Reads every line with `parse`. A last line without a line feed that is no record is left out.
///
/// # Errors
/// If any other line is no record; the error names the first.
pub(crate) fn read<T, E: Into<Box<dyn Error + Send + Sync>>>(
    text: impl BufRead,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Lines<T>, LineError> {
    let mut lines = LineReader::new(text);
    let mut records = Vec::new();
    while let Some(line) = lines.next_line()? {
        match line.record(&parse) {
            Ok(record) => records.push(record),
            Err(_) if !line.ended => return Ok(Lines { records, cut: true }),
            Err(error) => return Err(error),
        }
    }
    Ok(Lines { records, cut: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_last_line_may_be_half_written() {
        let number = |line: &str| line.parse::<u32>();
        let check = |text: &[u8], expected: &[u32], cut| {
            assert_eq!(read(text, number).unwrap(), Lines { records: expected.to_vec(), cut });
        };
        check(b"", &[], false);
        check(b"1\n2\n", &[1, 2], false);
        check(b"1\n2", &[1, 2], false);
        check(b"1\n2\nx", &[1, 2], true);
        check(b"1\n\xe9\x9b", &[1], true);
        let bad = |text: &[u8]| read(text, number).unwrap_err().line;
        assert_eq!(bad(b"1\nx\n3\n"), 2);
        assert_eq!(bad(b"1\n\xe9\x9b\n"), 2);
        assert_eq!(bad(b"1\n2\n\n"), 3);
    }

    #[test]
    fn lines_say_where_they_stand() {
        let mut lines = LineReader::new(b"one\n\ntwo".as_slice());
        let mut next = || lines.next_line().unwrap().map(|line| (line.bytes.to_vec(), line.number, line.ended));
        assert_eq!(next(), Some((b"one".to_vec(), 1, true)));
        assert_eq!(next(), Some((b"".to_vec(), 2, true)));
        assert_eq!(next(), Some((b"two".to_vec(), 3, false)));
        assert_eq!(next(), None);
        assert_eq!(lines.whole(), 5);
    }

    #[test]
    fn a_line_is_read_up_to_its_limit_and_no_further() {
        let mut longest = vec![b'x'; LINE_LIMIT];
        let length =
            |text: &[u8]| read(text, |line| Ok::<usize, std::fmt::Error>(line.len())).map(|lines| lines.records);
        assert_eq!(length(&longest).unwrap(), [LINE_LIMIT]);
        longest.push(b'\n');
        assert_eq!(length(&longest).unwrap(), [LINE_LIMIT]);
        longest.insert(0, b'x');
        let text = [b"1\n", longest.as_slice()].concat();
        // It is no half-written record either.
        for text in [text.as_slice(), &text[..text.len() - 1]] {
            let error = length(text).unwrap_err();
            assert_eq!(error.line, 2);
            assert!(error.source.to_string().starts_with("it is longer than 16 MiB"), "{}", error.source);
        }
        // Without an end: the limit is what is read and kept.
        let mut endless = LineReader::new(io::BufReader::new(io::repeat(0)));
        assert_eq!(endless.next_line().unwrap_err().line, 1);
        assert!(endless.line.capacity() <= 4 * LINE_LIMIT);
    }

    #[test]
    fn what_cannot_be_read_is_told_by_its_line() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the disk is gone"))
            }
        }
        let text = io::BufReader::new(b"1\n2".as_slice().chain(Broken));
        let error = read(text, |line| line.parse::<u32>()).unwrap_err();
        assert_eq!((error.line, error.source.to_string().as_str()), (2, "cannot read the line"));
        assert_eq!(error.source.source().unwrap().to_string(), "the disk is gone");
    }
}
