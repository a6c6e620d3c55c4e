//! A file that grows by whole lines.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::file::FileError;

/// Writes a journal line by line: after each call the file holds whole lines only, also when the disk fills up, and
/// what was written survives the end of the process (not a power cut; see [`sync`](LineWriter::sync)).
#[derive(Debug)]
pub struct LineWriter {
    file: File,
    path: PathBuf,
    /// Bytes of whole lines.
    length: u64,
    line: Vec<u8>,
}

impl LineWriter {
    /// Opens the journal `path` to go on with it, and gives its lines. What stands behind the last line break, left by a
    /// process that ended in the middle of a line, is cut off. A journal that is not there is created. It stays locked
    /// for as long as this process holds it.
    ///
    /// # Errors
    /// [`FileError::InUse`] where another process holds it; whatever the system refuses.
    pub fn resume(path: &Path) -> Result<(LineWriter, String), FileError> {
        let refused = |action| move |source| FileError::io(action, path, source);
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = open.map_err(refused("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FileError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(FileError::io("lock", path, source)),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(refused("read"))?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        bytes.truncate(whole);
        let lines = String::from_utf8(bytes).map_err(|error| {
            FileError::io("read", path, std::io::Error::new(std::io::ErrorKind::InvalidData, error))
        })?;
        file.set_len(whole as u64).map_err(refused("write to"))?;
        file.seek(SeekFrom::Start(whole as u64)).map_err(refused("write to"))?;
        Ok((LineWriter { file, path: path.to_owned(), length: whole as u64, line: Vec::new() }, lines))
    }

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

    #[test]
    fn each_line_is_in_the_file_when_the_call_returns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.jsonl");
        let mut journal = LineWriter::resume(&path).unwrap().0;
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
            let (mut journal, lines) = LineWriter::resume(&path).unwrap();
            assert_eq!(lines, whole);
            journal.write_line("3").unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{whole}3\n"));
        }
        std::fs::remove_file(&path).unwrap();
        let held = LineWriter::resume(&path).unwrap();
        assert_eq!(held.1, "");
        assert!(matches!(LineWriter::resume(&path), Err(FileError::InUse { .. })));
        drop(held);
        LineWriter::resume(&path).unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_an_error_that_names_the_file() {
        let path = Path::new("/dev/full");
        let file = OpenOptions::new().write(true).open(path).unwrap();
        let mut journal = LineWriter { file, path: path.to_owned(), length: 0, line: Vec::new() };
        let error = journal.write_line("{}").unwrap_err();
        assert!(error.to_string().starts_with("cannot write to `/dev/full`"), "{error}");
        assert!(error.hint().unwrap().contains("free some space"));
    }
}
