//! Digests of large files, remembered so that a start does not hash the model again.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::fs::atomic::write_atomic;
use crate::fs::cache_paths::CachePaths;
use crate::fs::digest::{Digest, digest_file};
use crate::fs::error::FileError;
use crate::fs::file::create_folder;
use crate::progress::Progress;

/// Digests by file. A remembered one counts as long as the file has the stamp that it had.
#[derive(Clone, Debug)]
pub struct DigestCache {
    /// `None` if there is no cache: then every digest is computed.
    folder: Option<PathBuf>,
    /// Whether what is remembered counts; if not, it is only replaced.
    recalls: bool,
}

/// What is remembered of a file, as it stands on disk.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    path: String,
    stamp: Stamp,
    sha256: String,
}

/// What tells a file from one with other bytes. Programs that copy or unpack files set the time of modification, so
/// that another file of the same size may have it; the time of the inode's change is the system's alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    size: u64,
    /// The time of the last change, in nanoseconds since 1970.
    modified: u64,
    /// 0 where the system has none.
    inode: u64,
    /// Seconds and nanoseconds since 1970; 0 where the system has no such time.
    inode_changed: (i64, i64),
}

impl Stamp {
    /// The stamp of the file at `path`.
    pub(crate) fn of(path: &Path) -> Result<Stamp, FileError> {
        let refused = |source| FileError::io("read", path, source);
        let metadata = std::fs::metadata(path).map_err(refused)?;
        let modified = metadata.modified().map_err(refused)?;
        // Times before 1970 or after 2554 do not occur; all of them together read as "changed at 0".
        let nanoseconds = modified.duration_since(UNIX_EPOCH).ok().and_then(|time| time.as_nanos().try_into().ok());
        let (inode, inode_changed) = inode(&metadata);
        Ok(Stamp { size: metadata.len(), modified: nanoseconds.unwrap_or(0), inode, inode_changed })
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> (u64, (i64, i64)) {
    use std::os::unix::fs::MetadataExt;
    (metadata.ino(), (metadata.ctime(), metadata.ctime_nsec()))
}

#[cfg(not(unix))]
fn inode(_metadata: &Metadata) -> (u64, (i64, i64)) {
    (0, (0, 0))
}

impl DigestCache {
    /// The digests in this host's cache.
    pub fn new(paths: &CachePaths) -> DigestCache {
        DigestCache { folder: paths.digests(), recalls: true }
    }

    /// Computes every digest and recalls none, for what must not rest on an earlier look: a stamp can be set back by
    /// whoever may set the clock, and a record be wrong.
    pub fn recomputing(self) -> DigestCache {
        DigestCache { recalls: false, ..self }
    }

    /// The file's digest, hashed only if it is not remembered; the hashing reports to `progress`.
    pub(crate) fn digest(&self, path: &Path, progress: &dyn Progress) -> Result<Digest, FileError> {
        let path = &path.canonicalize().map_err(|source| FileError::io("open", path, source))?;
        let stamp = Stamp::of(path)?;
        if let Some(digest) = self.recall(path, stamp) {
            return Ok(digest);
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        progress.start(&format!("checking {name}"), Some(stamp.size));
        let digest = digest_file(path, |bytes| progress.advance(bytes))?;
        if Stamp::of(path)? != stamp {
            return Err(FileError::Changed { path: path.clone() });
        }
        self.remember(path, stamp, &digest);
        Ok(digest)
    }

    /// Notes the digest of a file that was hashed while it was written.
    pub(crate) fn note(&self, path: &Path, digest: &Digest) -> Result<(), FileError> {
        let path = path.canonicalize().map_err(|source| FileError::io("open", path, source))?;
        self.remember(&path, Stamp::of(&path)?, digest);
        Ok(())
    }

    fn record_of(&self, path: &Path) -> Option<PathBuf> {
        let name = format!("{}.json", Digest::of(path.as_os_str().as_encoded_bytes()));
        self.folder.as_ref().map(|folder| folder.join(name))
    }

    fn recall(&self, path: &Path, stamp: Stamp) -> Option<Digest> {
        if !self.recalls {
            return None;
        }
        let record: Record = serde_json::from_slice(&std::fs::read(self.record_of(path)?).ok()?).ok()?;
        (record.stamp == stamp).then(|| Digest::from_hex(&record.sha256))?
    }

    /// Writes the record down. Where that fails (a read-only cache) the next start hashes again: slower, not wrong.
    fn remember(&self, path: &Path, stamp: Stamp, digest: &Digest) {
        let record = Record { path: path.to_string_lossy().into_owned(), stamp, sha256: digest.as_str().to_owned() };
        if let (Some(folder), Some(file), Ok(bytes)) =
            (&self.folder, self.record_of(path), serde_json::to_vec_pretty(&record))
        {
            let _ = create_folder(folder).and_then(|()| write_atomic(&file, &bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Counts how often something was hashed.
    #[derive(Default)]
    struct Starts(Cell<usize>);

    impl Progress for Starts {
        fn start(&self, _what: &str, _total: Option<u64>) {
            self.0.set(self.0.get() + 1);
        }
        fn advance(&self, _bytes: u64) {}
        fn note(&self, _message: &str) {}
    }

    #[test]
    fn a_file_is_hashed_again_only_when_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        std::fs::write(&path, b"one").unwrap();
        let digests = DigestCache { folder: Some(folder.path().join("digests")), recalls: true };
        let starts = Starts::default();
        for _ in 0..3 {
            assert_eq!(digests.digest(&path, &starts).unwrap(), Digest::of(b"one"));
        }
        assert_eq!(starts.0.get(), 1);

        let changed = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
        std::fs::write(&path, b"two").unwrap();
        std::fs::File::options().append(true).open(&path).unwrap().set_modified(changed).unwrap();
        assert_eq!(digests.digest(&path, &starts).unwrap(), Digest::of(b"two"));
        assert_eq!(starts.0.get(), 2);

        // A record that is not one is as good as none.
        std::fs::write(digests.record_of(&path.canonicalize().unwrap()).unwrap(), b"{").unwrap();
        assert_eq!(digests.digest(&path, &starts).unwrap(), Digest::of(b"two"));
        assert_eq!(starts.0.get(), 3);
    }

    #[test]
    fn what_is_to_be_computed_is_not_recalled_and_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        std::fs::write(&path, b"one").unwrap();
        let digests = DigestCache { folder: Some(folder.path().join("digests")), recalls: true };
        // As it would be if the file had been changed and its stamp had not.
        digests.note(&path, &Digest::of(b"another")).unwrap();
        let starts = Starts::default();
        assert_eq!(digests.digest(&path, &starts).unwrap(), Digest::of(b"another"));
        let anew = digests.clone().recomputing();
        for expected in 1..3 {
            assert_eq!(anew.digest(&path, &starts).unwrap(), Digest::of(b"one"));
            assert_eq!(starts.0.get(), expected);
        }
        assert_eq!(digests.digest(&path, &starts).unwrap(), Digest::of(b"one"));
        assert_eq!(starts.0.get(), 2);
    }

    /// Written over, and replaced by renaming, as `cp -p`, `rsync -t` and `touch -r` leave files.
    #[test]
    #[cfg(unix)]
    fn other_bytes_of_the_same_size_and_time_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("model.gguf"), folder.path().join("other"));
        std::fs::write(&path, b"one").unwrap();
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        let digests = DigestCache { folder: Some(folder.path().join("digests")), recalls: true };
        assert_eq!(digests.digest(&path, &Starts::default()).unwrap(), Digest::of(b"one"));

        // The system's clock of files ticks every few milliseconds.
        std::thread::sleep(std::time::Duration::from_millis(50));
        let write = |path: &Path, bytes: &[u8]| {
            std::fs::write(path, bytes).unwrap();
            std::fs::File::options().append(true).open(path).unwrap().set_modified(modified).unwrap();
        };
        write(&path, b"two");
        assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), modified);
        assert_eq!(digests.digest(&path, &Starts::default()).unwrap(), Digest::of(b"two"));
        write(&other, b"six");
        std::fs::rename(&other, &path).unwrap();
        assert_eq!(digests.digest(&path, &Starts::default()).unwrap(), Digest::of(b"six"));
    }

    #[test]
    fn a_cache_that_cannot_be_written_costs_time_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        std::fs::write(&path, b"one").unwrap();
        for folder in [Some(path.join("below a file")), None] {
            let digests = DigestCache { folder, recalls: true };
            assert_eq!(digests.digest(&path, &Starts::default()).unwrap(), Digest::of(b"one"));
        }
    }
}
