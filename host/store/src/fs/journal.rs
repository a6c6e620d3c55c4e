//! A file that grows by whole lines.

use std::fs::{File, TryLockError};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::fs::error::FileError;
use crate::fs::file::open_regular;
use crate::fs::output::open_or_create;

/// The most that is read of a journal: 16 GiB. Lines have some hundred bytes, and there is one for each seed, step and
/// example.
const JOURNAL_LIMIT: u64 = 16 << 30;

/// Bytes that are read of a journal at once.
const PIECE: usize = 1 << 16;

/// Opens a journal to be read and not to be gone on with, from its beginning, in pieces. A link is followed: to read
/// what somebody named changes nothing.
///
/// # Errors
/// I/O errors, [`FileError::WrongKind`] for a folder, [`FileError::Stream`] for a pipe or a device,
/// [`FileError::TooLarge`] for a file that is too large.
pub fn read(path: &Path) -> Result<impl BufRead + use<>, FileError> {
    let file = open_regular(path)?;
    let bytes = file.metadata().map_err(|source| FileError::io("read", path, source))?.len();
    if bytes > JOURNAL_LIMIT {
        return Err(FileError::TooLarge { path: path.to_owned(), bytes, limit: JOURNAL_LIMIT });
    }
    Ok(BufReader::with_capacity(PIECE, file.take(JOURNAL_LIMIT)))
}

/// A journal that nobody else writes to for as long as the value lives, and that has not been written to yet.
#[derive(Debug)]
pub struct HeldJournal {
    file: File,
    path: PathBuf,
}

impl HeldJournal {
    /// Takes hold of the journal `path`, and makes an empty one where there is none.
    ///
    /// # Errors
    /// [`FileError::InUse`] if another process holds it, [`FileError::NotRegular`] if it is no regular file, I/O errors.
    pub fn open(path: &Path) -> Result<HeldJournal, FileError> {
        let file = open_or_create(path)?;
        match file.try_lock() {
            Ok(()) => Ok(HeldJournal { file, path: path.to_owned() }),
            Err(TryLockError::WouldBlock) => Err(FileError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(FileError::io("lock", path, source)),
        }
    }

    /// What is in it, in pieces.
    pub fn reader(&self) -> impl BufRead + '_ {
        BufReader::with_capacity(PIECE, &self.file)
    }

    /// Continues the journal behind its first `whole` bytes, which are whole lines. What stands there, left by a process that ended
    /// in the middle of a line, is cut off.
    ///
    /// # Errors
    /// I/O errors, e.g. a full disk.
    pub fn resume(self, whole: u64) -> Result<LineWriter, FileError> {
        let HeldJournal { mut file, path } = self;
        let cut = file.set_len(whole).and_then(|()| file.seek(SeekFrom::Start(whole)));
        cut.map_err(|source| FileError::io("write to", &path, source))?;
        Ok(LineWriter { file, path, length: whole, line: Vec::new() })
    }
}

/// Writes a journal line by line: after each call the file holds whole lines only, also when the disk fills up, and
/// what was written survives the end of the process (not a power cut; see [`sync`](LineWriter::sync)). It holds the
/// journal.
#[derive(Debug)]
pub struct LineWriter {
    file: File,
    path: PathBuf,
    /// The length in bytes of the whole lines.
    length: u64,
    line: Vec<u8>,
}

impl LineWriter {
    /// Writes one line, without its line break, in one piece and with no buffer in between.
    pub fn write_line(&mut self, line: &str) -> Result<(), FileError> {
        if line.contains('\n') {
            return Err(FileError::BrokenLine { path: self.path.clone() });
        }
        self.line.clear();
        self.line.extend_from_slice(line.as_bytes());
        self.line.push(b'\n');
        if let Err(source) = self.file.write_all(&self.line) {
            // A part of the line may be in the file. If it cannot be cut off either, the first error says why.
            let _ = self.file.set_len(self.length);
            let _ = self.file.seek(SeekFrom::Start(self.length));
            return Err(FileError::io("write to", &self.path, source));
        }
        self.length += self.line.len() as u64;
        Ok(())
    }

    /// Brings all lines to the disk.
    pub fn sync(&self) -> Result<(), FileError> {
        self.file.sync_data().map_err(|source| FileError::io("write to", &self.path, source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(journal: &HeldJournal) -> String {
        let mut text = String::new();
        journal.reader().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn each_line_is_in_the_file_when_the_call_returns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.jsonl");
        let mut journal = HeldJournal::open(&path).unwrap().resume(0).unwrap();
        journal.write_line("{\"step\":0}").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"step\":0}\n");
        assert!(matches!(journal.write_line("a\nb"), Err(FileError::BrokenLine { .. })));
        journal.write_line("{\"step\":1}").unwrap();
        journal.sync().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"step\":0}\n{\"step\":1}\n");
    }

    #[test]
    fn a_journal_goes_on_behind_its_last_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.jsonl");
        for (before, whole) in [("", ""), ("{\"a\"", ""), ("1\n2\n", "1\n2\n"), ("1\n2\n{\"half", "1\n2\n")] {
            std::fs::write(&path, before).unwrap();
            let held = HeldJournal::open(&path).unwrap();
            assert_eq!(text(&held), before);
            let mut journal = held.resume(whole.len() as u64).unwrap();
            journal.write_line("3").unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{whole}3\n"));
        }
    }

    #[test]
    fn a_journal_is_one_processs_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.jsonl");
        let held = HeldJournal::open(&path).unwrap();
        assert_eq!(text(&held), "");
        assert!(matches!(HeldJournal::open(&path), Err(FileError::InUse { .. })));
        let writer = held.resume(0).unwrap();
        assert!(matches!(HeldJournal::open(&path), Err(FileError::InUse { .. })));
        drop(writer);
        HeldJournal::open(&path).unwrap();
    }

    #[test]
    fn a_journal_to_be_read_is_a_file_of_a_size_that_one_has() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.jsonl");
        std::fs::write(&path, "1\n2").unwrap();
        let lines: Vec<String> = read(&path).unwrap().lines().map(Result::unwrap).collect();
        assert_eq!(lines, ["1", "2"]);
        File::options().write(true).open(&path).unwrap().set_len(JOURNAL_LIMIT + 1).unwrap();
        assert!(matches!(read(&path).map(drop), Err(FileError::TooLarge { limit: JOURNAL_LIMIT, .. })));
        assert!(matches!(read(folder.path()).map(drop), Err(FileError::WrongKind { .. })));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_an_error_that_names_the_file() {
        let path = Path::new("/dev/full");
        let file = File::options().write(true).open(path).unwrap();
        let mut journal = LineWriter { file, path: path.to_owned(), length: 0, line: Vec::new() };
        let error = journal.write_line("{}").unwrap_err();
        assert!(error.to_string().starts_with("cannot write to `/dev/full`"), "{error}");
        assert!(error.hint().unwrap().contains("free some space"));
    }
}
