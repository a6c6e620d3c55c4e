//! The one error for what the file system refuses.

use std::io;
use std::path::PathBuf;

use crate::machine::environment::FT_HOST_CACHE;

/// What went wrong with a file or a folder.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system refused an operation.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried, as in "cannot `action` ...".
        action: &'static str,
        /// The file or folder that the operation was tried on.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file is larger than its use allows.
    #[error("`{}`: expected at most {limit} bytes, got {bytes}", path.display())]
    TooLarge {
        /// The file that is too large.
        path: PathBuf,
        /// The file's size in bytes.
        bytes: u64,
        /// The most bytes that are read of such a file.
        limit: u64,
    },
    /// A folder where a file is needed, or the other way round.
    #[error("`{}`: expected a {expected}, got {}", path.display(), if *expected == "file" { "a folder" } else { "another kind of file" })]
    WrongKind {
        /// The path with something of the other kind.
        path: PathBuf,
        /// The kind that is needed: `file` or `folder`.
        expected: &'static str,
    },
    /// Something else under a name that a file of this host's own has.
    #[error("`{}`: expected a regular file, got {found}", path.display())]
    NotRegular {
        /// The path that is no regular file.
        path: PathBuf,
        /// What is at the path, e.g. `a symbolic link`.
        found: &'static str,
    },
    /// A part of the cache that is somebody else's, and would have to be trusted.
    #[error("`{}` belongs to another user", path.display())]
    NotOwn {
        /// The folder that belongs to another user.
        path: PathBuf,
    },
    /// A pipe or a device where a file is needed that can be read more than once.
    #[error("`{}`: expected a regular file, got a pipe or a device", path.display())]
    Stream {
        /// The path of the pipe or device.
        path: PathBuf,
    },
    /// The file was written to while it was read.
    #[error("`{}` changed while it was read", path.display())]
    Changed {
        /// The file that changed.
        path: PathBuf,
    },
    /// The file is cut short, or is another one.
    #[error("`{}`: expected {expected} bytes, got {bytes}", path.display())]
    OtherSize {
        /// The file.
        path: PathBuf,
        /// The size in bytes that its record names.
        expected: u64,
        /// The file's size in bytes.
        bytes: u64,
    },
    /// The file has other bytes than its record names.
    #[error("`{}`: expected sha256 {expected}, got {found}", path.display())]
    OtherDigest {
        /// The file.
        path: PathBuf,
        /// The digest that its record names.
        expected: String,
        /// The digest of the file.
        found: String,
    },
    /// The file was not fetched: a Git LFS pointer stands in its place.
    #[error("`{}`: expected a file of {bytes} bytes, got a Git LFS pointer to it", path.display())]
    LfsPointer {
        /// The path of the pointer.
        path: PathBuf,
        /// The size in bytes of the file that the pointer stands for.
        bytes: u64,
    },
    /// Another process writes to the file.
    #[error("another process is writing to `{}`", path.display())]
    InUse {
        /// The file that another process has locked.
        path: PathBuf,
    },
    /// A line for a journal that would be more than one line.
    #[error("`{}`: expected one line, got a text with a line break", path.display())]
    BrokenLine {
        /// The journal that the line was meant for.
        path: PathBuf,
    },
    /// The cache folder refused what has to be kept there.
    #[error(transparent)]
    Cache(Box<FileError>),
    /// Neither the variable nor the user's home folder says where to keep a cache.
    #[error("no folder is known for the cache: `{variable}` is not set and the user has no home folder")]
    NoCacheFolder {
        /// The environment variable that names the folder.
        variable: &'static str,
    },
}

impl FileError {
    /// An operation that the system refused.
    pub fn io(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> FileError {
        FileError::Io { action, path: path.into(), source }
    }

    /// Marks the error as one of the cache folder, whose hint names `FT_HOST_CACHE`.
    pub(crate) fn in_cache(self) -> FileError {
        match self {
            named @ (FileError::Cache(_) | FileError::NoCacheFolder { .. }) => named,
            other => FileError::Cache(Box::new(other)),
        }
    }

    /// What the user can do about it, where something is known to help.
    pub fn hint(&self) -> Option<String> {
        match self {
            FileError::Cache(error) => {
                let full = matches!(&**error, FileError::Io { source, .. } if is_full(source));
                let space = if full { " and has space" } else { "" };
                Some(format!("set `{FT_HOST_CACHE}` to a folder that can be written to{space}"))
            }
            FileError::Io { source, path, .. } => match source.kind() {
                io::ErrorKind::NotFound => Some("check the path".into()),
                io::ErrorKind::PermissionDenied => Some(format!("check who may use `{}`", path.display())),
                _ if is_full(source) => {
                    Some("the disk is full: free some space, then run again; files written before are whole".into())
                }
                io::ErrorKind::ReadOnlyFilesystem => Some("name a folder on a disk that can be written".into()),
                _ => None,
            },
            FileError::NoCacheFolder { variable } => Some(format!("set `{variable}` to a folder")),
            FileError::InUse { .. } => Some("wait until it has ended, or name another folder".into()),
            FileError::LfsPointer { .. } => {
                Some("run `git lfs pull` in its repository, or download the file itself".into())
            }
            FileError::NotRegular { .. } => {
                Some("remove it, or name another folder: what is no file of this program's is left as it is".into())
            }
            FileError::NotOwn { .. } => Some(format!("set `{FT_HOST_CACHE}` to a folder of your own")),
            FileError::Stream { .. } => Some("write it to a file first: it is read more than once".into()),
            FileError::OtherSize { .. } | FileError::OtherDigest { .. } => {
                Some("it is not the file that was written with its record: copy both again, or make them again".into())
            }
            FileError::Changed { .. } => Some("run again when nothing writes to it".into()),
            _ => None,
        }
    }
}

/// Whether a disk or a user's share of it is full.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
