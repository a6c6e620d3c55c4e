//! Files of one JSON record a line.

use std::error::Error;

/// A line that is no record.
#[derive(Debug, thiserror::Error)]
#[error("line {line}")]
pub struct LineError {
    /// The line, from 1.
    pub line: usize,
    /// What does not hold.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

/// What a file holds.
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
/// Names the first other line that is no record.
pub fn read<T, E: Into<Box<dyn Error + Send + Sync>>>(
    bytes: &[u8],
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Lines<T>, LineError> {
    let parse = |line: &[u8]| -> Result<T, Box<dyn Error + Send + Sync>> {
        let line = std::str::from_utf8(line)?;
        parse(line.strip_suffix('\n').unwrap_or(line)).map_err(Into::into)
    };
    let mut records = Vec::new();
    for (line, number) in bytes.split_inclusive(|byte| *byte == b'\n').zip(1..) {
        match parse(line) {
            Ok(record) => records.push(record),
            Err(_) if !line.ends_with(b"\n") => return Ok(Lines { records, cut: true }),
            Err(source) => return Err(LineError { line: number, source }),
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
}
