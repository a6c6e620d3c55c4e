//! The two files of a saved context in their folder: a record in JSON, and the tensors that it names by their digest.
//!
//! Both are written whole before an earlier context's files lose their names, and the record takes its name last: what has
//! the record's name always names tensors that are whole.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::fs::atomic::{AtomicFile, remove_temporary_of};
use crate::fs::digest::{Digest, Hasher};
use crate::fs::error::FileError;
use crate::fs::file::{read_regular, writable_folder};
use crate::fs::mmap::MappedFile;
use crate::fs::output;
use ft_engine::model::weights::FileBytes;

/// What the names of unfinished files of contexts have behind the user's mark.
const KIND: &str = "context";

/// The names of the two files, in the folder.
#[derive(Clone, Copy, Debug)]
pub struct ContextNames {
    /// The tensors' file.
    pub tensors: &'static str,
    /// The record's file.
    pub record: &'static str,
}

/// A context that was written.
#[derive(Debug)]
pub struct Written<R> {
    /// What the record was made of.
    pub record: R,
    /// The new name of the tensors of an earlier context in the folder; `None` if there was none.
    pub earlier: Option<PathBuf>,
}

/// Writes both files of a context into `folder`, which is made where it is not there. The tensors come in pieces; `record` makes
/// the record of their number of bytes and their digest, and gives it with its bytes. Files of an earlier context in the folder
/// are renamed, not lost.
///
/// On an error, e.g. a full disk, the folder has what it had before.
///
/// # Errors
/// What a piece or the record fails with; [`FileError::NotRegular`] if one of the names is a link or a folder,
/// [`FileError::InUse`] if another process writes a context there, and I/O errors.
pub fn write<R, E: From<FileError>>(
    folder: &Path,
    names: ContextNames,
    pieces: impl IntoIterator<Item = Result<Vec<u8>, E>>,
    record: impl FnOnce(u64, &Digest) -> Result<(R, Vec<u8>), E>,
) -> Result<Written<R>, E> {
    let all = [names.tensors, names.record];
    writable_folder(folder)?;
    for name in all {
        output::regular(&folder.join(name))?;
    }
    let _held = hold(folder)?;
    // With the folder in hand, what a killed process left half-written is nobody's.
    remove_temporary_of(folder, KIND)?;
    let (tensors, bytes, digest) = written(&folder.join(names.tensors), pieces)?;
    let (made, json) = record(bytes, &digest)?;
    let record = whole(&folder.join(names.record), &json)?;
    // Nothing that is left to do takes space. The record is renamed first, and takes its name last.
    let earlier = output::rename_earlier(folder, &all)?;
    tensors.commit()?;
    record.commit()?;
    Ok(Written { record: made, earlier })
}

/// The tensors in a file that has no name yet, their number of bytes and their digest.
fn written<E: From<FileError>>(
    path: &Path,
    pieces: impl IntoIterator<Item = Result<Vec<u8>, E>>,
) -> Result<(AtomicFile, u64, Digest), E> {
    let mut file = AtomicFile::create_of(path, KIND)?;
    let mut hasher = Hasher::default();
    let mut bytes = 0;
    for piece in pieces {
        let piece = piece?;
        file.write_all(&piece).map_err(|source| FileError::io("write", path, source))?;
        hasher.update(&piece);
        bytes += piece.len() as u64;
    }
    file.sync()?;
    Ok((file, bytes, hasher.finish()))
}

/// Bytes in a file that has no name yet.
fn whole(path: &Path, bytes: &[u8]) -> Result<AtomicFile, FileError> {
    let mut file = AtomicFile::create_of(path, KIND)?;
    file.write_all(bytes).map_err(|source| FileError::io("write", path, source))?;
    file.sync()?;
    Ok(file)
}

/// Keeps other processes from writing a context into a folder for as long as the value lives.
#[cfg(unix)]
fn hold(folder: &Path) -> Result<File, FileError> {
    use std::fs::TryLockError;
    let file = File::open(folder).map_err(|source| FileError::io("open", folder, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(FileError::InUse { path: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(FileError::io("lock", folder, source)),
    }
}

/// Elsewhere folders cannot be locked; two processes that write at once leave a record and tensors whose digests differ, which
/// is refused when they are read.
#[cfg(not(unix))]
fn hold(_folder: &Path) -> Result<Option<File>, FileError> {
    Ok(None)
}

/// The bytes of a context's record. A link is followed: to read what somebody named changes nothing.
///
/// # Errors
/// I/O errors, what is no regular file, more than `limit` bytes.
pub fn read_record(folder: &Path, names: ContextNames, limit: u64) -> Result<Vec<u8>, FileError> {
    read_regular(&folder.join(names.record), limit)
}

/// Maps the tensors of a context and holds them to size and digest in the record. Every byte is read once for it, and need
/// not stay in memory.
///
/// # Errors
/// [`FileError::OtherSize`] for a file that is cut short or continued, [`FileError::OtherDigest`] for one with other bytes, I/O
/// errors, what is no regular file.
pub fn map_tensors(folder: &Path, names: ContextNames, (bytes, sha256): (u64, &str)) -> Result<MappedFile, FileError> {
    let mapped = MappedFile::open(&folder.join(names.tensors))?;
    let path = || mapped.path().to_owned();
    let found = mapped.bytes().len() as u64;
    if found != bytes {
        return Err(FileError::OtherSize { path: path(), expected: bytes, bytes: found });
    }
    let digest = digest_mapped(&mapped);
    if digest.as_str() != sha256 {
        let (expected, found) = (sha256.to_owned(), digest.to_string());
        return Err(FileError::OtherDigest { path: path(), expected, found });
    }
    Ok(mapped)
}

fn digest_mapped(mapped: &MappedFile) -> Digest {
    /// Bytes that are in memory at once.
    const PIECE: usize = 16 << 20;
    let mut hasher = Hasher::default();
    for (index, piece) in mapped.bytes().chunks(PIECE).enumerate() {
        hasher.update(piece);
        mapped.release(index * PIECE..index * PIECE + piece.len());
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: ContextNames = ContextNames { tensors: "context.safetensors", record: "context.json" };

    type Piece = Result<Vec<u8>, FileError>;

    fn save(folder: &Path, text: &str) -> Result<Option<PathBuf>, FileError> {
        let (first, second) = text.split_at(text.len() / 2);
        let pieces = [first, second].map(|piece| Piece::Ok(piece.into()));
        let record = |bytes, digest: &Digest| Ok(((), format!("{bytes} {digest}").into_bytes()));
        Ok(write(folder, NAMES, pieces, record)?.earlier)
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn record(folder: &Path) -> String {
        String::from_utf8(read_record(folder, NAMES, 1 << 10).unwrap()).unwrap()
    }

    #[test]
    fn what_is_written_is_read_and_an_earlier_context_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let folder = &folder.path().join("a/b");
        assert_eq!(save(folder, "first").unwrap(), None);
        assert_eq!(record(folder), format!("5 {}", Digest::of(b"first")));
        let mapped = map_tensors(folder, NAMES, (5, Digest::of(b"first").as_str())).unwrap();
        assert_eq!(mapped.bytes(), b"first");
        assert_eq!(save(folder, "second").unwrap(), Some(folder.join("context.1.safetensors")));
        // What was mapped before is still the earlier one.
        assert_eq!(mapped.bytes(), b"first");
        assert_eq!(record(folder), format!("6 {}", Digest::of(b"second")));
        assert_eq!(std::fs::read(folder.join("context.1.safetensors")).unwrap(), b"first");
        let all = ["context.1.json", "context.1.safetensors", "context.json", "context.safetensors"];
        assert_eq!(names(folder), all);
    }

    #[test]
    fn a_failure_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        save(folder, "first").unwrap();
        let full = || FileError::io("write", "x", std::io::ErrorKind::StorageFull.into());
        let in_a_piece = write(folder, NAMES, [Ok(b"sec".to_vec()), Err(full())], |_, _| Ok(((), Vec::new())));
        assert!(matches!(in_a_piece, Err(FileError::Io { .. })));
        let in_the_record = write::<(), _>(folder, NAMES, [Piece::Ok(b"second".to_vec())], |_, _| Err(full()));
        assert!(matches!(in_the_record, Err(FileError::Io { .. })));
        assert_eq!(names(folder), ["context.json", "context.safetensors"]);
        assert_eq!(record(folder), format!("5 {}", Digest::of(b"first")));
        map_tensors(folder, NAMES, (5, Digest::of(b"first").as_str())).unwrap();
    }

    #[test]
    fn cut_and_changed_tensors_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        save(folder, "first").unwrap();
        let digest = Digest::of(b"first");
        let told = |text: &str| {
            std::fs::write(folder.join(NAMES.tensors), text).unwrap();
            map_tensors(folder, NAMES, (5, digest.as_str())).map(drop).unwrap_err().to_string()
        };
        assert!(told("firs").ends_with("context.safetensors`: expected 5 bytes, got 4"));
        assert!(told("firsts").ends_with("context.safetensors`: expected 5 bytes, got 6"));
        let other = format!("context.safetensors`: expected sha256 {digest}, got {}", Digest::of(b"fixst"));
        assert!(told("fixst").ends_with(&other));
        std::fs::remove_file(folder.join(NAMES.tensors)).unwrap();
        let missing = map_tensors(folder, NAMES, (5, digest.as_str())).map(drop).unwrap_err();
        assert_eq!(missing.hint().as_deref(), Some("check the path"));
        assert!(matches!(read_record(folder, NAMES, 3), Err(FileError::TooLarge { limit: 3, .. })));
    }

    #[test]
    #[cfg(unix)]
    fn links_are_refused_where_it_is_written_and_followed_where_it_is_read() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (folder, elsewhere) = (folder.path(), elsewhere.path());
        let target = elsewhere.join("target");
        std::fs::write(&target, "theirs").unwrap();
        for name in [NAMES.tensors, NAMES.record] {
            std::os::unix::fs::symlink(&target, folder.join(name)).unwrap();
            let error = save(folder, "first").unwrap_err().to_string();
            assert!(error.ends_with(&format!("{name}`: expected a regular file, got a symbolic link")), "{error}");
            assert_eq!(names(folder), [name]);
            std::fs::remove_file(folder.join(name)).unwrap();
        }
        assert_eq!(std::fs::read(&target).unwrap(), b"theirs");
        std::os::unix::fs::symlink(&target, folder.join(NAMES.tensors)).unwrap();
        let mapped = map_tensors(folder, NAMES, (6, Digest::of(b"theirs").as_str())).unwrap();
        assert_eq!(mapped.bytes(), b"theirs");
    }

    #[test]
    #[cfg(unix)]
    fn one_process_writes_at_a_time_and_cleans_up_behind_those_that_were_killed() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let held = hold(folder).unwrap();
        let busy = save(folder, "first").unwrap_err();
        assert!(matches!(busy, FileError::InUse { .. }), "{busy}");
        drop(held);
        let prefix = crate::fs::atomic::temporary_prefix();
        for name in [format!("{prefix}context-a1"), format!("{prefix}b2")] {
            std::fs::write(folder.join(name), "").unwrap();
        }
        save(folder, "first").unwrap();
        // What a run may be writing in the same folder stays.
        assert_eq!(names(folder), [format!("{prefix}b2").as_str(), "context.json", "context.safetensors"]);
    }
}
