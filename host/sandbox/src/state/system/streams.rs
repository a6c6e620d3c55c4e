//! Standard input, which is at its end, and standard output and error, which go to the log line by line.

use wasmtime::component::Resource;

/// What an `input-stream` stands for; every one is at its end.
pub(crate) enum InputStream {}

/// What an `output-stream` stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutputStream {
    Stdout,
    Stderr,
}

impl OutputStream {
    /// A handle to give to the guest. There is nothing behind it but the number, so handles may be given without end.
    pub(crate) fn handle(self) -> Resource<Self> {
        Resource::new_own(self as u32)
    }

    /// What a handle of the guest stands for.
    pub(crate) fn of(handle: &Resource<Self>) -> Self {
        if handle.rep() == Self::Stdout as u32 { Self::Stdout } else { Self::Stderr }
    }
}

/// Bytes of a line that has not ended.
pub(crate) struct Line {
    bytes: Vec<u8>,
    most: usize,
}

impl Line {
    /// Keeps about so many characters of a line.
    pub(crate) fn new(characters: usize) -> Self {
        // One byte more than can be shown, so that what is cut shows that it is.
        Self { bytes: Vec::new(), most: characters.saturating_mul(4).saturating_add(1) }
    }

    /// Adds bytes and hands over the lines that they end.
    pub(crate) fn write(&mut self, bytes: &[u8], mut ended: impl FnMut(&str)) {
        let mut parts = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            let room = self.most.saturating_sub(self.bytes.len());
            self.bytes.extend_from_slice(&part[..part.len().min(room)]);
            if parts.peek().is_some() {
                self.flush(&mut ended);
                self.bytes.clear();
            }
        }
    }

    /// Hands over what there is, unless it is nothing but blanks.
    pub(crate) fn flush(&mut self, mut ended: impl FnMut(&str)) {
        let line = String::from_utf8_lossy(&self.bytes);
        if !line.trim().is_empty() {
            ended(line.trim_end());
        }
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(characters: usize, writes: &[&[u8]]) -> (Vec<String>, Vec<String>) {
        let (mut line, mut ended, mut rest) = (Line::new(characters), Vec::new(), Vec::new());
        for bytes in writes {
            line.write(bytes, |text| ended.push(text.to_owned()));
        }
        line.flush(|text| rest.push(text.to_owned()));
        (ended, rest)
    }

    #[test]
    fn bytes_become_lines() {
        let (ended, rest) = lines(100, &[b"one\ntw", b"o\r\n", b"\n  \n", b"", b"\xff three"]);
        assert_eq!(ended, ["one", "two"]);
        assert_eq!(rest, ["\u{fffd} three"]);
        assert_eq!(lines(100, &[b"end\n"]).1, [""; 0]);
    }

    #[test]
    fn a_long_line_is_not_kept() {
        let mut line = Line::new(10);
        for _ in 0..1000 {
            line.write(&[b'x'; 4096], |_| ());
        }
        assert_eq!(line.bytes.len(), 41);
        assert!(line.bytes.capacity() < 100);
    }
}
