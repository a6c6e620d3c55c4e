//! The bytes of a text file: unpacked where it is compressed, and the digest of the file as it is stored.

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::error::RowError;
use super::kind::{FileKind, HEAD};
use super::packing::{Packing, Stored};
use crate::fs::digest::{Digest, Hasher};
use crate::fs::error::FileError;
use crate::fs::file::open_regular;
use crate::fs::lfs::{begins_as_pointer, lfs_pointer};

/// Some editors put it at the start of a file.
pub(crate) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Bytes that are read forward only.
pub(super) type Bytes = Box<dyn Read + Send>;

/// A text file, read forward only.
pub(crate) struct TextFile {
    origin: Origin,
    /// What a file of this kind should hold, for messages.
    expected: &'static str,
    reader: BufReader<Bytes>,
    tally: Arc<Mutex<Tally>>,
    packing: Option<Packing>,
}

/// The source of the bytes.
#[derive(Clone)]
enum Origin {
    File(PathBuf),
    Memory {
        name: String,
        bytes: &'static [u8],
    },
    /// Bytes that come once, e.g. those of standard input.
    Stream {
        name: String,
    },
}

impl Origin {
    /// The path, or what stands for it where errors have a path.
    fn path(&self) -> PathBuf {
        match self {
            Origin::File(path) => path.clone(),
            Origin::Memory { name, .. } | Origin::Stream { name } => name.into(),
        }
    }
}

/// What was read of the file as it is stored.
#[derive(Default)]
struct Tally {
    hasher: Hasher,
    bytes: u64,
}

impl Stored for Tally {
    fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Bytes as they are stored, counted as they come.
struct Counted {
    bytes: Bytes,
    tally: Arc<Mutex<Tally>>,
    /// Whether the end was met. A terminal would wait for more behind it.
    ended: bool,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended {
            return Ok(0);
        }
        let count = loop {
            match self.bytes.read(buffer) {
                // A signal came, which a stream may wait long enough for.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.ended = count == 0 && !buffer.is_empty();
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.hasher.update(&buffer[..count]);
        tally.bytes += count as u64;
        Ok(count)
    }
}

/// The first bytes, and a reader that gives them again: [`HEAD`] or all of fewer, but no more is waited for than
/// `is_enough` asks for.
fn peek(mut bytes: Bytes, is_enough: fn(&[u8]) -> bool) -> io::Result<(Vec<u8>, Bytes)> {
    let (mut head, mut piece) = (Vec::new(), [0; HEAD as usize]);
    let mut first = bytes.by_ref().take(HEAD);
    while !is_enough(&head) {
        let count = first.read(&mut piece)?;
        if count == 0 {
            break;
        }
        head.extend_from_slice(&piece[..count]);
    }
    Ok((head.clone(), Box::new(Cursor::new(head).chain(bytes))))
}

/// Whether a stream's first bytes say what it holds. More than its first row begins with must not be waited for: whoever
/// writes the stream may write the second row only when something was made of the first.
fn says_what_it_is(head: &[u8]) -> bool {
    let text = first_text(head);
    // Compressed bytes, lines of objects, an array.
    if Packing::of(head).is_some() || text.starts_with(b"{") || text.starts_with(b"[") {
        return true;
    }
    // A line of cells, unless other kinds of files begin so.
    let end = text.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    end.is_some_and(|end| {
        let is_text = !text[..end].iter().any(|byte| byte.is_ascii_control() && *byte != b'\t');
        is_text && !begins_as_pointer(text)
    })
}

/// First bytes without what may stand before a text: the byte order mark and white space.
pub(super) fn first_text(head: &[u8]) -> &[u8] {
    head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head).trim_ascii_start()
}

impl TextFile {
    /// Opens a file. `expected` is what messages say should be in it.
    ///
    /// # Errors
    /// If the file is not there, or is a folder or a file of another kind.
    pub(crate) fn open(path: &Path, expected: &'static str) -> Result<TextFile, RowError> {
        TextFile::new(Origin::File(path.to_owned()), expected)
    }

    /// Reads bytes in memory; `name` stands for them in messages.
    pub(crate) fn from_bytes(name: &str, bytes: &'static [u8], expected: &'static str) -> Result<TextFile, RowError> {
        TextFile::new(Origin::Memory { name: name.to_owned(), bytes }, expected)
    }

    /// Reads bytes that come once; `name` stands for them in messages. Waits for the first of them, and no longer than it
    /// takes to see that they are text.
    pub(super) fn from_stream(name: &str, bytes: Bytes, expected: &'static str) -> Result<TextFile, RowError> {
        TextFile::over(bytes, Origin::Stream { name: name.to_owned() }, expected, says_what_it_is)
    }

    fn new(origin: Origin, expected: &'static str) -> Result<TextFile, RowError> {
        let stored: Bytes = match &origin {
            // It is opened once more when its first row is known, which a pipe does not stand.
            Origin::File(path) => Box::new(open_regular(path)?),
            Origin::Memory { bytes, .. } => Box::new(Cursor::new(*bytes)),
            Origin::Stream { name } => return Err(FileError::Stream { path: name.into() }.into()),
        };
        TextFile::over(stored, origin, expected, |_| false)
    }

    fn over(
        stored: Bytes,
        origin: Origin,
        expected: &'static str,
        is_enough: fn(&[u8]) -> bool,
    ) -> Result<TextFile, RowError> {
        let tally = Arc::new(Mutex::new(Tally::default()));
        let counted = Box::new(Counted { bytes: stored, tally: tally.clone(), ended: false });
        let (mut head, mut bytes) = peek(counted, is_enough).map_err(refusal(&origin, None))?;
        let packing = Packing::of(&head);
        if let Some(packing) = packing {
            let unpacked = packing.unpack(bytes, tally.clone()).and_then(|text| peek(text, is_enough));
            (head, bytes) = unpacked.map_err(refusal(&origin, Some(packing)))?;
        }
        let file = TextFile { origin, expected, reader: BufReader::with_capacity(1 << 16, bytes), tally, packing };
        match (lfs_pointer(&head), FileKind::of(&head)) {
            (Some(pointer), _) => Err(FileError::LfsPointer { path: file.path(), bytes: pointer.size }.into()),
            (None, Some(got)) => Err(RowError::Kind { name: file.name(), expected, got }),
            (None, None) => Ok(file),
        }
    }

    /// Opens the file once more, at its beginning.
    ///
    /// # Errors
    /// Errors of [`TextFile::open`]; [`FileError::Stream`] for a stream, which cannot be.
    pub(crate) fn again(&self) -> Result<TextFile, RowError> {
        TextFile::new(self.origin.clone(), self.expected)
    }

    /// What messages call the file: its path in quotes, or what stands for it.
    pub(crate) fn name(&self) -> String {
        match &self.origin {
            Origin::File(path) => format!("`{}`", path.display()),
            Origin::Memory { name, .. } | Origin::Stream { name } => name.clone(),
        }
    }

    fn path(&self) -> PathBuf {
        self.origin.path()
    }

    /// The packing as it is shown behind the format: `, gzip`, `, zstd`, or nothing.
    pub(crate) fn packing(&self) -> String {
        self.packing.map(|packing| format!(", {}", packing.name())).unwrap_or_default()
    }

    /// The next bytes, as many as there are at hand; none at the end. The first time they are [`HEAD`] or all of a
    /// shorter file, of a stream at least what says what it holds.
    pub(crate) fn fill(&mut self) -> Result<&[u8], RowError> {
        let (origin, packing) = (&self.origin, self.packing);
        self.reader.fill_buf().map_err(|source| refusal(origin, packing)(source))
    }

    /// Goes on by so many of the bytes at hand.
    pub(crate) fn consume(&mut self, count: usize) {
        self.reader.consume(count);
    }

    /// The next bytes, at most `max`, and fewer only at the end.
    pub(crate) fn read(&mut self, max: usize) -> Result<Vec<u8>, RowError> {
        let mut bytes = Vec::new();
        let read = self.reader.by_ref().take(max as u64).read_to_end(&mut bytes);
        read.map_err(refusal(&self.origin, self.packing))?;
        Ok(bytes)
    }

    /// Reads the rest. Gives the bytes and the digest of the file as it is stored.
    pub(crate) fn finish(mut self) -> Result<(u64, Digest), RowError> {
        loop {
            let count = self.fill()?.len();
            if count == 0 {
                break;
            }
            self.consume(count);
        }
        let tally = std::mem::take(&mut *self.tally.lock().unwrap_or_else(PoisonError::into_inner));
        Ok((tally.bytes, tally.hasher.finish()))
    }
}

/// What a failed read of a file is.
fn refusal(origin: &Origin, packing: Option<Packing>) -> impl Fn(io::Error) -> RowError + use<> {
    let path = origin.path();
    move |source| FileError::io(if packing.is_some() { "unpack" } else { "read" }, &path, source).into()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// One frame, with a checksum as the program `zstd` writes it.
    fn frame(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// A skippable frame, as `pzstd` writes them.
    const SKIPPED: &[u8] = b"\x50\x2a\x4d\x18\x04\0\0\0abcd";

    fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.jsonl.gz");
        std::fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    fn whole(mut file: TextFile) -> Result<(Vec<u8>, u64, Digest), RowError> {
        let bytes = file.read(usize::MAX)?;
        let (count, digest) = file.finish()?;
        Ok((bytes, count, digest))
    }

    #[test]
    fn what_is_packed_is_unpacked_and_the_digest_is_the_files() {
        let text: Vec<u8> = (0..100_000u32).flat_map(|n| format!("{n}\n").into_bytes()).collect();
        // Two members behind one another are one file, as `cat a.gz b.gz` makes it.
        for stored in [
            text.clone(),
            packed(&text),
            [packed(&text[..2]), packed(&text[2..])].concat(),
            frame(&text),
            [SKIPPED.to_vec(), frame(&text[..2]), SKIPPED.to_vec(), frame(&text[2..])].concat(),
        ] {
            let (_folder, path) = file(&stored);
            let (bytes, count, digest) = whole(TextFile::open(&path, "text").unwrap()).unwrap();
            assert!(bytes == text, "{}", bytes.len());
            assert_eq!((count, digest), (stored.len() as u64, Digest::of(&stored)));
            let opened = TextFile::open(&path, "text").unwrap();
            assert_eq!(opened.finish().unwrap().1, Digest::of(&stored), "without having been read");
        }
    }

    #[test]
    fn what_is_packed_badly_is_an_error_with_its_name() {
        let good = packed(&b"{\"a\": 1}\n".repeat(5000));
        let mut changed = good.clone();
        let checksum = changed.len() - 6;
        changed[checksum] ^= 1;
        let framed = frame(&b"{\"a\": 1}\n".repeat(5000));
        let mut flipped = framed.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for bad in [
            &good[..good.len() - 4],
            &good[..30],
            &changed,
            &[&good[..], b"more"].concat(),
            &framed[..framed.len() - 2],
            &framed[..20],
            &framed[..4],
            &flipped,
            &[&framed[..], b"more"].concat(),
        ] {
            let (_folder, path) = file(bad);
            let message = TextFile::open(&path, "text").and_then(whole).map(drop).unwrap_err().to_string();
            assert!(message.starts_with(&format!("cannot unpack `{}`: ", path.display())), "{message}");
        }
    }

    #[test]
    fn a_bomb_ends_before_its_text_does() {
        // A GiB of zeros in blocks of 128 KiB that are one byte and its number each, and in members of a MiB.
        let frame = [b"\x28\xb5\x2f\xfd\x00\x60", [0x02, 0x00, 0x10, 0].repeat(1 << 13).as_slice()].concat();
        let members = packed(&vec![0; 1 << 20]).repeat(1 << 10);
        for bytes in [frame, members] {
            let (_folder, path) = file(&bytes);
            let error = TextFile::open(&path, "text").unwrap().finish().unwrap_err().to_string();
            assert!(error.contains("cannot unpack `") && error.contains(" compressed ones, got more"), "{error}");
        }
    }

    #[test]
    fn other_kinds_are_told_as_what_they_are() {
        let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12\n", "0".repeat(64));
        for (bytes, expected) in [
            (pointer.into_bytes(), "expected a file of 12 bytes, got a Git LFS pointer"),
            (packed(b"PAR1\0"), "expected JSON lines, got a Parquet file"),
            (packed(&frame(b"{}")), "expected JSON lines, got a file compressed with zstd"),
            (frame(&packed(b"{}")), "expected JSON lines, got a file compressed with gzip"),
            (b"\xff\xfe{\0".to_vec(), "expected JSON lines, got UTF-16 text"),
        ] {
            let (_folder, path) = file(&bytes);
            let message = TextFile::open(&path, "JSON lines").map(drop).unwrap_err().to_string();
            assert!(message.contains(expected) && message.contains("t.jsonl.gz`"), "{message}");
        }
        let folder = tempfile::tempdir().unwrap();
        assert!(
            TextFile::open(folder.path(), "text")
                .map(drop)
                .unwrap_err()
                .to_string()
                .ends_with("expected a file, got a folder")
        );
    }
}
