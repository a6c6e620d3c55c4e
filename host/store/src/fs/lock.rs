//! One process at a time: a lock that the system drops when its holder ends, however it ends.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::fs::error::FileError;
use crate::fs::output::open_or_create;

/// Held as long as the value lives. The lock's file stays; being there means nothing.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

impl FileLock {
    /// Takes the lock of the file `path`, creating it; `None` where another process holds it.
    ///
    /// # Errors
    /// I/O errors.
    pub fn try_acquire(path: &Path) -> Result<Option<FileLock>, FileError> {
        let file = open_or_create(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(FileLock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(FileError::io("lock", path, source)),
        }
    }

    /// Takes the lock of the file `path`, creating it; where another process holds it, `waiting` is called once and
    /// the call waits for as long as that process does its work.
    pub(crate) fn acquire(path: &Path, waiting: impl FnOnce()) -> Result<FileLock, FileError> {
        let file = open_or_create(path)?;
        let refused = |source| FileError::io("lock", path, source);
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waiting();
                file.lock().map_err(refused)?;
            }
            Err(TryLockError::Error(source)) => return Err(refused(source)),
        }
        Ok(FileLock { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn the_second_waits_for_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lock");
        let first = FileLock::acquire(&path, || panic!("nobody holds it")).unwrap();
        let (sender, receiver) = mpsc::channel();
        std::thread::scope(|scope| {
            let path = &path;
            scope.spawn(move || {
                let _second = FileLock::acquire(path, || sender.send("waits").unwrap()).unwrap();
                sender_done(path);
            });
            assert_eq!(receiver.recv().unwrap(), "waits");
            assert!(!done(path));
            drop(first);
        });
        assert!(done(&path));
    }

    fn sender_done(path: &Path) {
        std::fs::write(path.with_extension("done"), b"").unwrap();
    }

    fn done(path: &Path) -> bool {
        path.with_extension("done").exists()
    }
}
