//! Files mapped into memory, for weights. One of the three places with `unsafe`; see ARCHITECTURE.md, invariant 2.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::fs::error::FileError;
use crate::fs::file::open_regular;
use ft_engine::model::weights::FileBytes;

/// A file whose bytes are read from the disk as they are touched, without a copy of the whole in memory.
///
/// # While it is mapped
///
/// The bytes are the file's. A process that writes to the file changes them under our feet, and one that cuts it short
/// makes the next touch of the lost part end this process with a bus error. No system lets a program prevent that.
/// Files of the caches are replaced by renaming, never written in place, which leaves a mapping as it was; for a file
/// that the user names, it is the same agreement that all readers of mapped weights have.
#[derive(Debug)]
pub struct MappedFile {
    map: memmap2::Mmap,
    path: PathBuf,
}

impl MappedFile {
    /// Maps a file for reading.
    #[allow(
        unsafe_code,
        reason = "mapping a file is unsafe in Rust whatever one does; the type's documentation says what holds"
    )]
    pub fn open(path: &Path) -> Result<MappedFile, FileError> {
        let file = open_regular(path)?;
        // SAFETY: the map is read-only and private to this value. That nobody changes the file's bytes meanwhile is the
        // agreement documented above; the readers of weights check every offset and take any bytes for numbers, so
        // that changed bytes give wrong numbers and nothing worse.
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(|source| FileError::io("map", path, source))?;
        Ok(MappedFile { map, path: path.to_owned() })
    }

    /// The file's path, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl FileBytes for MappedFile {
    fn bytes(&self) -> &[u8] {
        &self.map
    }

    #[cfg(unix)]
    #[allow(unsafe_code, reason = "giving pages back is unsafe in general; here they are a file's and are read again")]
    fn release(&self, range: Range<usize>) {
        if range.end <= self.map.len() && !range.is_empty() {
            // SAFETY: the mapping is read-only and of a file, so that a page that is dropped has nothing that the file
            // has not, and the next touch reads it again. A refusal leaves the pages where they are.
            let _ = unsafe {
                self.map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, range.start, range.len())
            };
        }
    }

    #[cfg(not(unix))]
    fn release(&self, _range: Range<usize>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_the_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights");
        std::fs::write(&path, b"GGUF").unwrap();
        let mapped = MappedFile::open(&path).unwrap();
        assert_eq!(mapped.bytes(), b"GGUF");
        assert_eq!(mapped.path(), path);
        // Pages that were given back are read again.
        mapped.release(0..4);
        mapped.release(2..9);
        assert_eq!(mapped.bytes(), b"GGUF");
        // Replacing by renaming, as all writers of this host do, leaves the mapping alone.
        crate::fs::atomic::write_atomic(&path, b"").unwrap();
        assert_eq!(mapped.bytes(), b"GGUF");
        assert_eq!(MappedFile::open(&path).unwrap().bytes(), b"");
        assert!(matches!(MappedFile::open(folder.path()), Err(FileError::WrongKind { .. })));
    }
}
