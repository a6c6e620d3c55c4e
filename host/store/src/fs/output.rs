//! Files of a folder of results, to which others may have access: they are opened, made and renamed under their own
//! names alone. What is no regular file is never opened, and no link is followed, so that a run changes nothing but its
//! folder.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::fs::error::FileError;
use crate::fs::file::read_opened;

/// The metadata of a regular file; `None` if there is nothing of that name.
///
/// # Errors
/// [`FileError::NotRegular`] for a link, wherever it leads, a folder, a pipe or a device.
pub fn regular(path: &Path) -> Result<Option<Metadata>, FileError> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) => check(path, metadata).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FileError::io("open", path, source)),
    }
}

fn check(path: &Path, metadata: Metadata) -> Result<Metadata, FileError> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(metadata);
    }
    let found = match kind {
        kind if kind.is_symlink() => "a symbolic link",
        kind if kind.is_dir() => "a folder",
        _ => "a pipe or a device",
    };
    Err(FileError::NotRegular { path: path.to_owned(), found })
}

/// Opens a file to read and to write it, and makes an empty one where there is none.
///
/// # Errors
/// [`FileError::NotRegular`] for what is no regular file, and I/O errors.
pub(crate) fn open_or_create(path: &Path) -> Result<File, FileError> {
    open(path, OpenOptions::new().read(true).write(true).create(true).truncate(false))
}

/// The bytes of a file of at most `limit` bytes; `None` where there is none.
///
/// # Errors
/// [`FileError::NotRegular`] for what is no regular file, [`FileError::TooLarge`] for more bytes, and I/O errors.
pub fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
    match regular(path)? {
        Some(_) => read_opened(&open(path, OpenOptions::new().read(true))?, path, limit).map(Some),
        None => Ok(None),
    }
}

fn open(path: &Path, options: &mut OpenOptions) -> Result<File, FileError> {
    regular(path)?;
    follow_nothing(options);
    let opened = options.open(path);
    // The name may have passed to something else since it was looked at; then that is what is wrong.
    let file = opened.map_err(|source| regular(path).err().unwrap_or_else(|| FileError::io("open", path, source)))?;
    check(path, file.metadata().map_err(|source| FileError::io("open", path, source))?)?;
    Ok(file)
}

/// A link is refused by the system itself, and a pipe is not waited for.
#[cfg(unix)]
fn follow_nothing(options: &mut OpenOptions) {
    use rustix::fs::OFlags;
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32);
}

#[cfg(not(unix))]
fn follow_nothing(_options: &mut OpenOptions) {}

/// Renames the files of `names` that are in `folder` to `stem.N.extension`, the last name first, all with the first `N`
/// that stands behind none of them yet. Empty files are removed instead. Gives the new path of the first name, if there
/// was anything to rename.
///
/// # Errors
/// [`FileError::NotRegular`] if one of `names` is no regular file, and I/O errors.
pub fn rename_earlier(folder: &Path, names: &[&str]) -> Result<Option<PathBuf>, FileError> {
    let mut found = Vec::new();
    for name in names {
        let path = folder.join(name);
        match regular(&path)? {
            Some(metadata) if metadata.len() == 0 => {
                std::fs::remove_file(&path).map_err(|source| FileError::io("remove", &path, source))?;
            }
            Some(_) => found.push(*name),
            None => {}
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    let numbered = |name: &str, number: u64| {
        let (stem, extension) = name.split_once('.').unwrap_or((name, ""));
        folder.join(format!("{stem}.{number}.{extension}"))
    };
    // Whatever has a name has it, a link that leads nowhere too: a rename would take it away.
    let taken = |number| names.iter().any(|name| numbered(name, number).symlink_metadata().is_ok());
    let mut number = 1;
    while taken(number) {
        number += 1;
    }
    for name in found.into_iter().rev() {
        let path = folder.join(name);
        std::fs::rename(&path, numbered(name, number)).map_err(|source| FileError::io("rename", &path, source))?;
    }
    Ok(names.first().map(|name| numbered(name, number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_set_aside_under_one_free_number() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert_eq!(rename_earlier(folder.path(), &["a.jsonl", "b.json"]).unwrap(), None);
        for name in ["a.jsonl", "b.json", "b.1.json"] {
            std::fs::write(at(name), name).unwrap();
        }
        assert_eq!(rename_earlier(folder.path(), &["a.jsonl", "b.json"]).unwrap(), Some(at("a.2.jsonl")));
        assert_eq!(std::fs::read(at("b.1.json")).unwrap(), b"b.1.json");
        assert_eq!(std::fs::read(at("b.2.json")).unwrap(), b"b.json");
        assert!(!at("a.jsonl").exists());
        std::fs::write(at("a.jsonl"), "").unwrap();
        assert_eq!(rename_earlier(folder.path(), &["a.jsonl", "b.json"]).unwrap(), None);
        assert!(!at("a.jsonl").exists());
    }

    #[test]
    fn a_file_is_made_once_and_read_within_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.json");
        assert_eq!(read(&path, 3).unwrap(), None);
        open_or_create(&path).unwrap();
        assert_eq!(read(&path, 3).unwrap().as_deref(), Some(b"".as_slice()));
        std::fs::write(&path, "1234").unwrap();
        assert!(matches!(read(&path, 3), Err(FileError::TooLarge { bytes: 4, limit: 3, .. })));
        open_or_create(&path).unwrap();
        assert_eq!(read(&path, 4).unwrap().as_deref(), Some(b"1234".as_slice()));
    }

    #[test]
    fn a_folder_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("a.jsonl")).unwrap();
        let error = open_or_create(&folder.path().join("a.jsonl")).unwrap_err().to_string();
        assert!(error.ends_with("a.jsonl`: expected a regular file, got a folder"), "{error}");
        assert!(rename_earlier(folder.path(), &["a.jsonl"]).is_err() && folder.path().join("a.jsonl").is_dir());
    }

    #[test]
    #[cfg(unix)]
    fn no_link_is_followed_replaced_or_taken_away() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("target"), "theirs").unwrap();
        for leads_to in ["target", "nowhere", "/dev/zero", "."] {
            let link = at("a.jsonl");
            symlink(leads_to, &link).unwrap();
            let errors = [
                open_or_create(&link).map(drop).unwrap_err(),
                read(&link, 1 << 20).map(drop).unwrap_err(),
                rename_earlier(folder.path(), &["a.jsonl"]).map(drop).unwrap_err(),
            ];
            for error in errors {
                let message = error.to_string();
                assert!(message.ends_with("a.jsonl`: expected a regular file, got a symbolic link"), "{message}");
                assert!(error.hint().unwrap().starts_with("remove it, or name another folder"));
            }
            assert_eq!(std::fs::read_link(&link).unwrap(), Path::new(leads_to));
            std::fs::remove_file(&link).unwrap();
        }
        assert!(!at("nowhere").exists());
        assert_eq!(std::fs::read(at("target")).unwrap(), b"theirs");

        symlink("target", at("b.1.jsonl")).unwrap();
        symlink("nowhere", at("b.2.jsonl")).unwrap();
        std::fs::write(at("b.jsonl"), "ours").unwrap();
        assert_eq!(rename_earlier(folder.path(), &["b.jsonl"]).unwrap(), Some(at("b.3.jsonl")));
        assert_eq!(std::fs::read_link(at("b.2.jsonl")).unwrap(), Path::new("nowhere"));
    }

    /// The system's own answer, where a link takes the name behind the first look.
    #[test]
    #[cfg(unix)]
    fn the_system_follows_no_link_either() {
        let folder = tempfile::tempdir().unwrap();
        let (link, target) = (folder.path().join("link"), folder.path().join("target"));
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true);
        follow_nothing(&mut options);
        assert!(options.open(&link).is_err() && !target.exists());
        std::fs::write(&target, "").unwrap();
        assert!(options.open(&link).is_err());
        options.open(&target).unwrap();
    }

    #[test]
    #[cfg(unix)]
    fn a_pipe_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.jsonl");
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        for error in [open_or_create(&path).map(drop), read(&path, 9).map(drop)] {
            let message = error.unwrap_err().to_string();
            assert!(message.ends_with("expected a regular file, got a pipe or a device"), "{message}");
        }
    }
}
