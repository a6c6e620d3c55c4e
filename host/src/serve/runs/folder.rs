//! What a run has on the disk: `run.json` (what was asked), `events.jsonl` (its log), `results` as `ft-host run` writes them,
//! `result` (the context of its result) and `steps` (those of all steps).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::asked::Kind;
use super::super::contexts::{Contexts, OF_RUNS};
use super::{Log, Run};
use ft_record::files::context::{CONTEXT_RECORD, CONTEXT_TENSORS};
use ft_sandbox::Stop;
use ft_store::fs::atomic::write_new;
use ft_store::fs::error::FileError;
use ft_store::fs::file::{create_folder, read_regular};

/// Bytes of a run's files that are read.
const LIMIT: u64 = 256 << 20;

const ASKED: &str = "run.json";
const EVENTS: &str = "events.jsonl";

/// The folder of a run.
#[derive(Clone, Debug)]
pub(super) struct RunFolder(PathBuf);

/// What was asked, as `run.json` has it.
#[derive(Serialize, Deserialize)]
struct AskedRecord {
    kind: Kind,
    options: Map<String, Value>,
    command: String,
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
    pub fn context(&self, seed: Option<u64>, step: Option<u32>) -> Option<PathBuf> {
        let of_seed = |folder: PathBuf| seed.map_or(folder.clone(), |seed| folder.join(format!("seed-{seed}")));
        match step {
            Some(step) => Some(of_seed(self.steps()).join(step.to_string())),
            None => Some(of_seed(self.result())),
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

/// Makes a folder for a run under the next name that is free.
///
/// # Errors
/// I/O errors, e.g. a full disk.
pub(super) fn create(
    runs: &Path,
    kind: Kind,
    options: &Map<String, Value>,
    command: &str,
) -> Result<(String, RunFolder, Log), FileError> {
    create_folder(runs)?;
    let taken = numbers(runs)?.last().copied().unwrap_or(0);
    let id = format!("r{}", taken + 1);
    let folder = runs.join(&id);
    fs::create_dir(&folder).map_err(|source| FileError::io("create the folder", &folder, source))?;
    let asked = AskedRecord { kind, options: options.clone(), command: command.to_owned() };
    let path = folder.join(ASKED);
    let json = serde_json::to_vec_pretty(&asked).map_err(|error| FileError::io("write", &path, error.into()))?;
    write_new(&path, &json)?;
    let log = Log::create(&folder.join(EVENTS))?;
    Ok((id, RunFolder(folder), log))
}

/// The runs that earlier processes left in a folder, in their order, whose steps' contexts are made known. What is no run is passed
/// over.
///
/// # Errors
/// A folder that cannot be listed.
pub(super) fn recalled(runs: &Path, contexts: &Contexts) -> Result<Vec<Arc<Run>>, FileError> {
    let mut found = Vec::new();
    for number in numbers(runs)? {
        let id = format!("r{number}");
        let folder = runs.join(&id);
        let Some(AskedRecord { kind, options, command }) =
            read_regular(&folder.join(ASKED), LIMIT).ok().and_then(|json| serde_json::from_slice(&json).ok())
        else {
            continue;
        };
        let events = read_regular(&folder.join(EVENTS), LIMIT).unwrap_or_default();
        let log = Arc::new(Log::recalled(&String::from_utf8_lossy(&events)));
        let folder = RunFolder(folder);
        for name in log.sum().get("contexts").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
        {
            let below = name.strip_prefix(OF_RUNS).and_then(|name| name.strip_prefix(&id)?.strip_prefix('/'));
            if let Some(path) = below.filter(|path| is_step(path)).map(|path| folder.steps().join(path)) {
                contexts.add_step(name.to_owned(), path);
            }
        }
        found.push(Arc::new(Run { id, kind, options, command, asked: None, folder, log, stop: Stop::default() }));
    }
    Ok(found)
}

/// Whether it is the place of a step's context among a run's: `STEP` or `seed-N/STEP`.
fn is_step(path: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match path.split_once('/') {
        Some((seed, step)) => seed.strip_prefix("seed-").is_some_and(is_number) && is_number(step),
        None => is_number(path),
    }
}

/// The numbers of the runs in a folder, in their order.
fn numbers(runs: &Path) -> Result<Vec<u64>, FileError> {
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
    let unfinished = tempfile::Builder::new().prefix(".saving-").tempdir_in(contexts).map_err(failed)?;
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
    fn a_step_is_a_number_below_a_seed_at_most() {
        for path in ["1", "15", "seed-0/3"] {
            assert!(is_step(path), "{path}");
        }
        for path in ["", "..", "../x", "seed-/1", "seed-0/", "seed-0/../x", "/1", "1/2", "seed-0/1/2"] {
            assert!(!is_step(path), "{path}");
        }
    }

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
        let recalled = recalled(&runs, &Contexts::default()).unwrap();
        let ids: Vec<&str> = recalled.iter().map(|run| run.id.as_str()).collect();
        assert_eq!(ids, ["r1", "r2", "r11"]);
        assert!(recalled.iter().all(|run| run.log.state() == super::super::State::Stopped));
    }
}
