//! What WASI keeps for one plugin: random numbers from a fixed seed, and output that has not become a line yet.

pub(crate) mod random;
pub(crate) mod streams;

use self::streams::OutputStream;
use crate::state::log_book::{LogBook, LogLevel};

/// What WASI keeps for one plugin.
pub(crate) struct System {
    pub(crate) random: random::Random,
    /// What was written to standard output and to standard error since their last line breaks.
    out: streams::Line,
    err: streams::Line,
}

impl System {
    /// With lines of so many characters; what is longer is cut.
    pub(crate) fn new(characters: usize) -> Self {
        Self { random: random::Random::new(), out: streams::Line::new(characters), err: streams::Line::new(characters) }
    }

    /// Logs what was written and not ended by a line break, since the call is over.
    pub(crate) fn flush(&mut self, log: &mut LogBook) {
        self.out.flush(|line| log.write(LogLevel::Info, line));
        self.err.flush(|line| log.write(LogLevel::Error, line));
    }

    pub(crate) fn write(&mut self, stream: OutputStream, bytes: &[u8], log: &mut LogBook) {
        match stream {
            OutputStream::Stdout => self.out.write(bytes, |line| log.write(LogLevel::Info, line)),
            OutputStream::Stderr => self.err.write(bytes, |line| log.write(LogLevel::Error, line)),
        }
    }
}
