//! A file that grows by whole lines.

use std::fs::{File, OpenOptions};
use std::io::Write;
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
    /// Creates the journal `path`, empty; one that was there is emptied.
    pub fn create(path: &Path) -> Result<LineWriter, FileError> {
        let open = OpenOptions::new().write(true).create(true).truncate(true).open(path);
        let file = open.map_err(|source| FileError::io("create", path, source))?;
        Ok(LineWriter { file, path: path.to_owned(), length: 0, line: Vec::new() })
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
            let _ = std::io::Seek::seek(&mut self.file, std::io::SeekFrom::Start(self.length));
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
        std::fs::write(&path, "of an earlier run\n").unwrap();
        let mut journal = LineWriter::create(&path).unwrap();
        journal.write_line("{\"step\":0}").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"step\":0}\n");
        assert!(matches!(journal.write_line("a\nb"), Err(FileError::BrokenLine { .. })));
        journal.write_line("{\"step\":1}").unwrap();
        journal.sync().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"step\":0}\n{\"step\":1}\n");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_an_error_that_names_the_file() {
        let mut journal = LineWriter::create(Path::new("/dev/full")).unwrap();
        let error = journal.write_line("{}").unwrap_err();
        assert!(error.to_string().starts_with("cannot write to `/dev/full`"), "{error}");
        assert!(error.hint().unwrap().contains("free some space"));
    }
}
