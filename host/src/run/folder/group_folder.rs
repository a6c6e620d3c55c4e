//! The folder of a group's results: `group.json`, beside a run's folder for each subtask.

use std::path::{Path, PathBuf};

use super::error::FolderError;
use super::out_folder;
use crate::run::error::RunError;
use ft_record::files::group::{GROUP, GroupRecord};
use ft_record::files::schema::ResultsRecord;
use ft_store::fs::atomic::write_atomic;
use ft_store::fs::error::FileError;
use ft_store::fs::file::writable_folder;
use ft_store::fs::output;

/// Says whether a group may have its results in a folder, where an `earlier` run left its own; changes nothing.
///
/// # Errors
/// An unfinished run of a single task, and what stands in the place of the group's file and is no file.
pub fn check(folder: &Path, earlier: Option<&ResultsRecord>) -> Result<(), RunError> {
    output::regular(&folder.join(GROUP))?;
    match earlier {
        Some(earlier) if !earlier.complete && out_folder::has_samples(folder)? => {
            Err(FolderError::OtherRun { folder: folder.to_owned() }.into())
        }
        _ => Ok(()),
    }
}

/// A group's folder, open for its file.
pub struct GroupFolder(PathBuf);

impl GroupFolder {
    /// Makes the folder, and sets aside what a run of a single task has left in it; the new name of that run's samples is given
    /// too.
    ///
    /// # Errors
    /// A folder that cannot be written to, a process that is at work there.
    pub fn open(folder: &Path) -> Result<(Self, Option<PathBuf>), RunError> {
        writable_folder(folder)?;
        let moved = out_folder::set_run_aside(folder)?;
        Ok((Self(folder.to_owned()), moved))
    }

    /// Replaces `group.json`.
    ///
    /// # Errors
    /// I/O errors, e.g. a full disk; the old file stays then.
    pub fn write(&self, group: &GroupRecord) -> Result<(), RunError> {
        let path = self.0.join(GROUP);
        let mut json = serde_json::to_vec_pretty(group).map_err(|error| FileError::io("write", &path, error.into()))?;
        json.push(b'\n');
        Ok(write_atomic(&path, &json)?)
    }
}
