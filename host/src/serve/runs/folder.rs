//! What a run has on the disk: `run.json` (what was asked), `events.jsonl` (its journal), `results` as `ft-host run` writes them,
//! `result` (the context of its result) and `steps` (those of all steps).

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::asked::Kind;
use super::journal::EventJournal;
use ft_record::files::context::{CONTEXT_RECORD, CONTEXT_TENSORS};
use ft_store::fs::atomic::{write_atomic, write_new};
use ft_store::fs::error::FileError;
use ft_store::fs::file::create_folder;

/// Bytes of what was asked that are read.
pub(super) const LIMIT: u64 = 16 << 20;

pub(super) const ASKED: &str = "run.json";
pub(super) const EVENTS: &str = "events.jsonl";

/// The file of the last run's number, beside the runs.
const LAST: &str = "last";

/// What the names of contexts that are being saved begin with.
const SAVING: &str = ".saving-";

/// The folder of a run.
#[derive(Clone, Debug)]
pub(super) struct RunFolder(pub PathBuf);

/// What was asked, as `run.json` has it.
#[derive(Serialize, Deserialize)]
pub(super) struct AskedRecord {
    pub kind: Kind,
    pub options: Map<String, Value>,
    pub command: String,
}

impl RunFolder {
    /// Where the results of a run go.
    pub fn results(&self) -> PathBuf {
        self.0.join("results")
    }

    /// Where the contexts of seeds' results go.
    pub fn result(&self) -> PathBuf {
        self.0.join("result")
    }

    /// Where the contexts of all steps go.
    pub fn steps(&self) -> PathBuf {
        self.0.join("steps")
    }

    /// The folder of the context of a result or of a step; `seed` is left open where there is one alone.
    pub fn context(&self, seed: Option<u64>, step: Option<u32>) -> PathBuf {
        let of_seed = |folder: PathBuf| seed.map_or(folder.clone(), |seed| folder.join(format!("seed-{seed}")));
        match step {
            Some(step) => of_seed(self.steps()).join(step.to_string()),
            None => of_seed(self.result()),
        }
    }

    /// Removes all of it.
    ///
    /// # Errors
    /// I/O errors.
    pub fn remove(&self) -> Result<(), FileError> {
        fs::remove_dir_all(&self.0).map_err(|source| FileError::io("remove", &self.0, source))
    }
}

/// Makes a folder for a run under the next name that no run has had, whole or not at all.
///
/// # Errors
/// I/O errors, e.g. a full disk.
pub(super) fn create(
    runs: &Path,
    kind: Kind,
    options: &Map<String, Value>,
    command: &str,
) -> Result<(String, RunFolder, EventJournal), FileError> {
    create_folder(runs)?;
    let number = numbers(runs)?.last().copied().unwrap_or(0).max(last(runs)) + 1;
    let id = format!("r{number}");
    let folder = runs.join(&id);
    fs::create_dir(&folder).map_err(|source| FileError::io("create the folder", &folder, source))?;
    let made = begin(&folder, kind, options, command).and_then(|journal| {
        write_atomic(&runs.join(LAST), number.to_string().as_bytes())?;
        Ok(journal)
    });
    match made {
        Ok(journal) => Ok((id, RunFolder(folder), journal)),
        Err(error) => {
            // What a full disk has not taken is nothing.
            let _ = fs::remove_dir_all(&folder);
            Err(error)
        }
    }
}

/// The number of the last run that there was, which may have been removed.
fn last(runs: &Path) -> u64 {
    let text = fs::read_to_string(runs.join(LAST)).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

/// Writes what was asked into a run's folder, and begins its journal.
fn begin(folder: &Path, kind: Kind, options: &Map<String, Value>, command: &str) -> Result<EventJournal, FileError> {
    let asked = AskedRecord { kind, options: options.clone(), command: command.to_owned() };
    let path = folder.join(ASKED);
    let json = serde_json::to_vec_pretty(&asked).map_err(|error| FileError::io("write", &path, error.into()))?;
    write_new(&path, &json)?;
    EventJournal::create(&folder.join(EVENTS))
}

/// The numbers of the runs in a folder, in their order.
pub(super) fn numbers(runs: &Path) -> Result<Vec<u64>, FileError> {
    let entries = match fs::read_dir(runs) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(FileError::io("list", runs, source)),
    };
    let number =
        |entry: std::io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.strip_prefix('r')?.parse().ok();
    let mut numbers: Vec<u64> = entries.filter_map(number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Removes what a process that was killed left of contexts that it was saving.
pub(in crate::serve) fn remove_unfinished(contexts: &Path) {
    let entries = fs::read_dir(contexts).into_iter().flatten().filter_map(Result::ok);
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(SAVING)) {
        // It takes room, and is in nobody's way.
        let _ = fs::remove_dir_all(entry.path());
    }
}

/// Copies a context into a folder of contexts under a name, whole or not at all; `false` where the name is taken.
///
/// # Errors
/// I/O errors, e.g. a full disk.
pub(super) fn copy_context(source: &Path, contexts: &Path, name: &str) -> Result<bool, FileError> {
    create_folder(contexts)?;
    let place = contexts.join(name);
    let failed = |source| FileError::io("write", &place, source);
    if place.exists() {
        return Ok(false);
    }
    // Beside its place, under a name that no context has, and removed unless it comes there.
    let unfinished = tempfile::Builder::new().prefix(SAVING).tempdir_in(contexts).map_err(failed)?;
    for file in [CONTEXT_TENSORS, CONTEXT_RECORD] {
        let copy = unfinished.path().join(file);
        fs::copy(source.join(file), &copy).map_err(failed)?;
        fs::File::open(&copy).and_then(|file| file.sync_all()).map_err(failed)?;
    }
    match fs::rename(unfinished.path(), &place) {
        Ok(()) => {
            // It is no temporary folder any more.
            let _ = unfinished.keep();
            Ok(true)
        }
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::DirectoryNotEmpty | std::io::ErrorKind::AlreadyExists) =>
        {
            Ok(false)
        }
        Err(source) => Err(failed(source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_copied_whole_under_a_free_name() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("result");
        fs::create_dir(&source).unwrap();
        let contexts = folder.path().join("contexts");
        fs::write(source.join(CONTEXT_TENSORS), b"tensors").unwrap();
        // The record is not there: nothing is left behind.
        assert!(copy_context(&source, &contexts, "moods").is_err());
        assert_eq!(fs::read_dir(&contexts).unwrap().count(), 0);
        fs::write(source.join(CONTEXT_RECORD), b"record").unwrap();
        assert!(copy_context(&source, &contexts, "moods").unwrap());
        assert_eq!(fs::read(contexts.join("moods").join(CONTEXT_RECORD)).unwrap(), b"record");
        assert!(!copy_context(&source, &contexts, "moods").unwrap());
        assert_eq!(fs::read_dir(&contexts).unwrap().count(), 1);
    }

    #[test]
    fn runs_are_numbered_on() {
        let folder = tempfile::tempdir().unwrap();
        let runs = folder.path().join("runs");
        assert!(numbers(&runs).unwrap().is_empty());
        let make = || create(&runs, Kind::Tune, &Map::new(), "ft-host tune").unwrap().0;
        assert_eq!([make(), make()], ["r1", "r2"]);
        fs::create_dir(runs.join("r10")).unwrap();
        fs::create_dir(runs.join("notes")).unwrap();
        assert_eq!(make(), "r11");
        // A name of a run that was removed is not given again, nor by a later process.
        assert_eq!(make(), "r12");
        RunFolder(runs.join("r12")).remove().unwrap();
        assert_eq!(make(), "r13");
    }
}
