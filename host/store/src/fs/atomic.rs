//! Writing a file so that its name stands for the old content or the whole new content, never for a part.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::fs::error::FileError;
use crate::fs::owner;

/// Replaces the file `path` by `bytes`. A link of that name is replaced itself, not what it leads to.
///
/// The bytes go to a temporary file in the same folder, reach the disk, and then take the name. On an error (a full
/// disk, for one) the old file stays as it was and the temporary one is removed.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes).map_err(|source| FileError::io("write", path, source))?;
    file.commit()
}

/// Writes `bytes` to a file of a name that nothing has, whole or not at all; `false` where something has it, which stays
/// as it was.
///
/// # Errors
/// I/O errors, e.g. a full disk.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<bool, FileError> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes).map_err(|source| FileError::io("write", path, source))?;
    file.commit_new()
}

/// A file that takes its final name only on [`commit`](AtomicFile::commit), and is removed when it is dropped before.
pub(crate) struct AtomicFile {
    file: NamedTempFile,
    path: PathBuf,
}

impl AtomicFile {
    /// Opens a temporary file beside `path`, whose folder must be there.
    pub(crate) fn create(path: &Path) -> Result<AtomicFile, FileError> {
        Self::with_prefix(path, &temporary_prefix())
    }

    /// As [`create`](Self::create), of a kind that [`remove_temporary_of`] removes without those of others.
    pub(crate) fn create_of(path: &Path, kind: &str) -> Result<AtomicFile, FileError> {
        Self::with_prefix(path, &prefix_of(kind))
    }

    fn with_prefix(path: &Path, prefix: &str) -> Result<AtomicFile, FileError> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(prefix);
        // A temporary file is its owner's alone by default; a result is as open as the user's umask has it.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder_of(path)).map_err(|source| FileError::io("write", path, source))?;
        Ok(AtomicFile { file, path: path.to_owned() })
    }

    /// Brings the bytes to the disk, so that none is missing for want of space.
    pub(crate) fn sync(&self) -> Result<(), FileError> {
        self.file.as_file().sync_all().map_err(|source| FileError::io("write", &self.path, source))
    }

    /// Brings the bytes to the disk and gives the file its name, replacing what had it.
    pub(crate) fn commit(self) -> Result<(), FileError> {
        self.sync()?;
        let path = self.path;
        self.file.persist(&path).map_err(|error| FileError::io("write", &path, error.error))?;
        sync_folder(&path);
        Ok(())
    }

    /// Brings the bytes to the disk and gives the file its name, if nothing has it.
    fn commit_new(self) -> Result<bool, FileError> {
        self.sync()?;
        let path = self.path;
        match self.file.persist_noclobber(&path) {
            Ok(_) => sync_folder(&path),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            Err(error) => return Err(FileError::io("write", &path, error.error)),
        }
        Ok(true)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_file_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_file_mut().flush()
    }
}

/// How the names of all unfinished files begin.
pub(crate) const TEMPORARY_PREFIX: &str = ".ft-host-partial-";

/// How the names of this user's unfinished files begin; others may have theirs in the same folder.
pub(crate) fn temporary_prefix() -> String {
    format!("{TEMPORARY_PREFIX}{}-", owner::mark())
}

/// How the names of this user's unfinished files of a kind begin.
fn prefix_of(kind: &str) -> String {
    format!("{}{kind}-", temporary_prefix())
}

/// Whether a name is one that the user of this mark gives to unfinished files, or gave before names had marks: then
/// random letters and digits were all of it.
fn is_own_name(name: &str, mark: &str) -> bool {
    let Some(rest) = name.strip_prefix(TEMPORARY_PREFIX) else { return false };
    !rest.contains('-') || rest.strip_prefix(mark).is_some_and(|rest| rest.starts_with('-'))
}

/// The folder that a file is in.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Brings a rename to the disk. Some file systems refuse to sync a folder; the content is safe all the same.
pub(crate) fn sync_folder(path: &Path) {
    if let Ok(folder) = File::open(folder_of(path)) {
        let _ = folder.sync_all();
    }
}

/// Removes what this user's processes that were killed left of files they had not committed: regular files of their
/// names that belong to this user. Only for a folder in which no other process of the user is at work.
pub fn remove_temporary(folder: &Path) -> Result<(), FileError> {
    let mark = owner::mark();
    remove_own(folder, |name| is_own_name(name, &mark))
}

/// Removes what this user's processes that were killed left of files of a kind, as [`remove_temporary`] does of all. Only for a
/// folder in which no other process of the user writes files of that kind.
pub(crate) fn remove_temporary_of(folder: &Path, kind: &str) -> Result<(), FileError> {
    let prefix = prefix_of(kind);
    remove_own(folder, |name| name.starts_with(&prefix))
}

/// Removes regular files of these names that belong to this user.
fn remove_own(folder: &Path, is_named: impl Fn(&str) -> bool) -> Result<(), FileError> {
    let refused = |source| FileError::io("read the folder", folder, source);
    for entry in std::fs::read_dir(folder).map_err(refused)? {
        let entry = entry.map_err(refused)?;
        if !is_named(&entry.file_name().to_string_lossy()) {
            continue;
        }
        // Of what has the name, not of what a link leads to.
        let removed = entry.metadata().and_then(|metadata| match metadata.is_file() && owner::is_own(&metadata) {
            true => std::fs::remove_file(entry.path()),
            false => Ok(()),
        });
        match removed {
            // Its process was at its end, and removed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed.map_err(|source| FileError::io("remove", entry.path(), source))?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.json");
        write_atomic(&path, b"old").unwrap();
        write_atomic(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["results.json"]);
    }

    #[test]
    fn a_new_file_takes_no_name_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        assert!(write_new(&path, b"first").unwrap());
        assert!(!write_new(&path, b"second").unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        assert_eq!(names(folder.path()), ["mine.toml"]);
    }

    #[test]
    fn an_abandoned_write_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.json");
        write_atomic(&path, b"old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        assert_eq!(std::fs::read(file.file.path()).unwrap(), b"half");
        drop(file);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["results.json"]);
    }

    #[test]
    fn a_rename_that_fails_names_the_file_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.json");
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("inside"), b"").unwrap();
        let error = write_atomic(&path, b"new").unwrap_err();
        assert!(error.to_string().contains("results.json"), "{error}");
        assert_eq!(names(folder.path()), ["results.json"]);
        let nowhere = write_atomic(&folder.path().join("none/results.json"), b"new").unwrap_err();
        assert!(nowhere.to_string().contains("none/results.json"), "{nowhere}");
    }

    #[test]
    fn names_say_whose_an_unfinished_file_is() {
        for (name, own) in [
            (".ft-host-partial-1000-Ab3dEf", true),
            (".ft-host-partial-Ab3dEf", true),
            (".ft-host-partial-10001-Ab3dEf", false),
            (".ft-host-partial-0-Ab3dEf", false),
            (".ft-host-partial-tiny-Ab3dEf", false),
            ("ft-host-partial-Ab3dEf", false),
            ("samples.jsonl", false),
        ] {
            assert_eq!(is_own_name(name, "1000"), own, "{name}");
        }
        let folder = tempfile::tempdir().unwrap();
        let file = AtomicFile::create(&folder.path().join("results.json")).unwrap();
        let name = file.file.path().file_name().unwrap().to_str().unwrap().to_owned();
        assert!(is_own_name(&name, &owner::mark()) && name.starts_with(&temporary_prefix()), "{name}");
    }

    #[test]
    #[cfg(unix)]
    fn what_is_left_is_removed_where_it_is_the_users_own() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let own = format!("{}Ab3dEf", temporary_prefix());
        let others = format!("{TEMPORARY_PREFIX}{}1-Ab3dEf", owner::mark());
        for name in [own.as_str(), &others, ".ft-host-partial-older", "results.json"] {
            std::fs::write(at(name), "").unwrap();
        }
        std::os::unix::fs::symlink(at("results.json"), at(".ft-host-partial-link")).unwrap();
        std::fs::create_dir(at(".ft-host-partial-folder")).unwrap();
        let mut left = vec![&*others, ".ft-host-partial-folder", ".ft-host-partial-link", "results.json"];
        // Only root can give files away; then it is not its own any more.
        std::fs::write(at(".ft-host-partial-given"), "").unwrap();
        if std::os::unix::fs::chown(at(".ft-host-partial-given"), Some(12_345), None).is_ok() {
            left.push(".ft-host-partial-given");
        }
        left.sort_unstable();
        remove_temporary(folder.path()).unwrap();
        assert_eq!(names(folder.path()), left);
    }

    #[test]
    #[cfg(unix)]
    fn results_are_as_open_as_any_file_of_the_user() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
        std::fs::write(folder.path().join("plain"), b"").unwrap();
        write_atomic(&folder.path().join("atomic"), b"").unwrap();
        assert_eq!(mode("atomic"), mode("plain"));
    }
}
