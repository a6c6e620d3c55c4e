//! Reading whole files within a bound, making folders, and the one error for what the file system refuses.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::fs::atomic::temporary_prefix;
use crate::fs::error::FileError;

/// Opens a file that is mapped, or read more than once.
///
/// # Errors
/// I/O errors, [`FileError::WrongKind`] for a folder, [`FileError::Stream`] for a pipe or a device, which is not opened.
pub(crate) fn open_regular(path: &Path) -> Result<File, FileError> {
    let refused = |source| FileError::io("open", path, source);
    // To open a pipe is to wait for somebody who writes to it.
    let metadata = std::fs::metadata(path).map_err(refused)?;
    if metadata.is_dir() {
        return Err(FileError::WrongKind { path: path.into(), expected: "file" });
    }
    if !metadata.is_file() {
        return Err(FileError::Stream { path: path.into() });
    }
    File::open(path).map_err(refused)
}

/// The most that [`read_file`] reads of a plugin: 128 MiB.
pub const PLUGIN_LIMIT: u64 = 128 << 20;

/// The bytes of a file of at most `limit` bytes.
pub fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    read_opened(&File::open(path).map_err(|source| FileError::io("open", path, source))?, path, limit)
}

/// The bytes of a regular file of at most `limit` bytes.
///
/// # Errors
/// I/O errors, [`FileError::WrongKind`] for a folder, [`FileError::Stream`] for a pipe or a device,
/// [`FileError::TooLarge`] for more bytes.
pub fn read_regular(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    read_opened(&open_regular(path)?, path, limit)
}

/// The bytes of an open file, which `path` stands for in messages.
pub(crate) fn read_opened(file: &File, path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let metadata = file.metadata().map_err(|source| FileError::io("read", path, source))?;
    if metadata.is_dir() {
        return Err(FileError::WrongKind { path: path.into(), expected: "file" });
    }
    let too_large = |bytes| FileError::TooLarge { path: path.into(), bytes, limit };
    if metadata.len() > limit {
        return Err(too_large(metadata.len()));
    }
    // The size says nothing for a pipe or a device, and a file can grow: the bound holds for what is read.
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|source| FileError::io("read", path, source))?;
    if bytes.len() as u64 > limit {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}

/// Creates a folder and those above it; one that is there already is fine.
pub fn create_folder(folder: &Path) -> Result<(), FileError> {
    std::fs::create_dir_all(folder).map_err(|source| {
        if folder.exists() && !folder.is_dir() {
            FileError::WrongKind { path: folder.into(), expected: "folder" }
        } else {
            FileError::io("create the folder", folder, source)
        }
    })
}

/// Creates the folder `out` and proves that a file can be written into it, so that a run does not find out at its end.
pub fn writable_folder(out: &Path) -> Result<(), FileError> {
    create_folder(out)?;
    let refused = |source| FileError::io("write into", out, source);
    // Under the name of unfinished files: what a killed process leaves is removed with them.
    let mut probe = tempfile::Builder::new().prefix(&temporary_prefix()).tempfile_in(out).map_err(refused)?;
    // A full disk takes an empty file, and some take a short one.
    io::Write::write_all(&mut probe, &[0; 4096]).map_err(refused)?;
    match probe.close() {
        // The process whose folder it is removed it; that it could be written is known.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        closed => closed.map_err(refused),
    }
}

/// Checks that a file can be written into `out` as [`writable_folder`] does, and removes the folders that it created
/// for that.
pub fn probe_folder(out: &Path) -> Result<(), FileError> {
    let missing: Vec<&Path> =
        out.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()).collect();
    let written = writable_folder(out);
    for folder in missing {
        // A folder that somebody else has put something into by now stays.
        let _ = std::fs::remove_dir(folder);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        probe_folder(&folder.path().join("a/b/c")).unwrap();
        assert!(!folder.path().join("a").exists());
        probe_folder(folder.path()).unwrap();
        assert!(folder.path().exists());
        std::fs::write(folder.path().join("file"), b"").unwrap();
        assert!(probe_folder(&folder.path().join("file")).is_err());
    }

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plugin.wasm");
        std::fs::write(&path, b"12345678").unwrap();
        assert_eq!(read_file(&path, 8).unwrap(), b"12345678");
        let error = read_file(&path, 7).unwrap_err();
        assert!(error.to_string().ends_with(": expected at most 7 bytes, got 8"), "{error}");
        assert!(matches!(read_file(folder.path(), 8), Err(FileError::WrongKind { expected: "file", .. })));
        let missing = read_file(&folder.path().join("none"), 8).unwrap_err();
        assert!(missing.to_string().starts_with("cannot open `"), "{missing}");
        assert_eq!(missing.hint().as_deref(), Some("check the path"));
    }

    #[test]
    #[cfg(unix)]
    fn a_file_without_a_size_is_bounded_too() {
        assert!(matches!(read_file(Path::new("/dev/zero"), 1000), Err(FileError::TooLarge { bytes: 1001, .. })));
    }

    #[test]
    #[cfg(unix)]
    fn only_what_is_no_file_is_refused_behind_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, b"12").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(read_regular(&link, 2).unwrap(), b"12");
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        assert!(matches!(read_regular(&link, 2), Err(FileError::Stream { .. })));
    }

    #[test]
    fn an_output_folder_is_made_and_left_empty() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("a/b");
        writable_folder(&out).unwrap();
        assert_eq!(std::fs::read_dir(&out).unwrap().count(), 0);
        let file = folder.path().join("file");
        std::fs::write(&file, b"").unwrap();
        assert!(matches!(writable_folder(&file), Err(FileError::WrongKind { expected: "folder", .. })));
        let below = writable_folder(&file.join("out")).unwrap_err();
        assert!(below.to_string().contains("cannot create the folder"), "{below}");
    }
}
