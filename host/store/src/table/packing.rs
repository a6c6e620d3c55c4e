//! Compression of a whole text file: what its first bytes say, and how it is undone as it is read.

use std::io::{self, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::bufread::MultiGzDecoder;

use super::kind::FileKind;

/// Bytes of compressed text that are held at a time.
const BUFFER: usize = 1 << 16;

/// How a text file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Zstd,
}

impl Packing {
    /// What a file's name ends in behind its format, one for each.
    pub(crate) const EXTENSIONS: &[&str] = &[".gz", ".zst"];

    /// The packing of a file with these first bytes; `None` for a file that is not compressed in one of these ways.
    pub(crate) fn of(head: &[u8]) -> Option<Packing> {
        match FileKind::of(head)? {
            FileKind::Gzip => Some(Packing::Gzip),
            FileKind::Zstd => Some(Packing::Zstd),
            _ => None,
        }
    }

    /// The packing's name for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Packing::Gzip => "gzip",
            Packing::Zstd => "zstd",
        }
    }

    /// The text of compressed bytes, of all members or frames that follow one another. zstd's window is at most 128 MiB,
    /// its library's own limit, and that much memory is taken only where a frame asks for it.
    ///
    /// # Errors
    /// If the decoder cannot be made. Reading fails on damaged or cut bytes, and on more text than [`Ratio`] allows.
    pub(crate) fn unpack(
        self,
        bytes: Box<dyn Read + Send>,
        stored: Arc<Mutex<impl Stored + Send + 'static>>,
    ) -> io::Result<Box<dyn Read + Send>> {
        let bytes = BufReader::with_capacity(BUFFER, bytes);
        let text: Box<dyn Read + Send> = match self {
            Packing::Gzip => Box::new(MultiGzDecoder::new(bytes)),
            Packing::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(bytes)?),
        };
        Ok(Box::new(Bounded { text, stored, ratio: Ratio::DEFAULT, given: 0 }))
    }
}

/// A count of the bytes that were read of a file as it is stored.
pub(crate) trait Stored {
    /// The number of bytes so far.
    fn bytes(&self) -> u64;
}

/// How much text compressed bytes may have: a small file must not keep a run busy for days.
#[derive(Clone, Copy)]
struct Ratio {
    /// Bytes of text that are free.
    free: u64,
    /// Bytes of text for each compressed byte.
    each: u64,
}

impl Ratio {
    /// gzip writes at most 1032 bytes of text as one, and only where one byte is repeated; rows come to 3 to 20, and a
    /// log of nearly equal rows to 200.
    const DEFAULT: Ratio = Ratio { free: 256 << 20, each: 512 };
}

/// Text that is refused where it is out of proportion to its compressed bytes.
struct Bounded<S> {
    text: Box<dyn Read + Send>,
    stored: Arc<Mutex<S>>,
    ratio: Ratio,
    /// Bytes of text so far.
    given: u64,
}

impl<S: Stored> Read for Bounded<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.text.read(buffer)?;
        self.given += count as u64;
        if self.given > self.ratio.free {
            let stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner).bytes();
            let most = self.ratio.free + self.ratio.each * stored;
            if self.given > most {
                let words = format!("expected at most {most} bytes of text from {stored} compressed ones, got more");
                return Err(io::Error::new(io::ErrorKind::InvalidData, words));
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Stored for u64 {
        fn bytes(&self) -> u64 {
            *self
        }
    }

    #[test]
    fn text_out_of_proportion_is_refused_as_it_is_read() {
        let ratio = Ratio { free: 100, each: 10 };
        let read = |text: u64, stored: u64| {
            let text = Box::new(io::repeat(b'x').take(text));
            let mut bounded = Bounded { text, stored: Arc::new(Mutex::new(stored)), ratio, given: 0 };
            io::copy(&mut bounded, &mut io::sink()).map_err(|error| error.to_string())
        };
        assert_eq!(read(100, 0), Ok(100));
        assert_eq!(read(130, 3), Ok(130));
        assert_eq!(read(131, 3).unwrap_err(), "expected at most 130 bytes of text from 3 compressed ones, got more");
        assert!(read(u64::MAX, 3).is_err());
    }
}
