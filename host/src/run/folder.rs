//! The folder of a run's results.

use std::path::{Path, PathBuf};

use super::RunError;
use crate::report::samples::SampleRecord;
use crate::report::schema::ResultsRecord;
use crate::store::atomic::write_atomic;
use crate::store::file::{FileError, writable_folder};
use crate::store::journal::LineWriter;

const RESULTS: &str = "results.json";
const SAMPLES: &str = "samples.jsonl";
/// How many earlier runs in one folder are kept apart.
const EARLIER: usize = 10_000;

/// An output folder, open for one run.
pub struct OutFolder {
    folder: PathBuf,
    samples: LineWriter,
}

impl OutFolder {
    /// Makes the folder and proves that it can be written to.
    ///
    /// # Errors
    /// What is in the way.
    pub fn check(folder: &Path) -> Result<(), RunError> {
        Ok(writable_folder(folder)?)
    }

    /// Starts the files of a run. Those of an earlier run are renamed, not lost; the new name of its results is given too.
    ///
    /// # Errors
    /// What is in the way.
    pub fn start(folder: &Path) -> Result<(Self, Option<PathBuf>), RunError> {
        writable_folder(folder)?;
        let moved = set_aside(folder)?;
        let samples = LineWriter::create(&folder.join(SAMPLES))?;
        Ok((Self { folder: folder.to_owned(), samples }, moved))
    }

    /// Adds one line to `samples.jsonl`.
    ///
    /// # Errors
    /// A full disk, foremost.
    pub fn add(&mut self, record: &SampleRecord) -> Result<(), RunError> {
        let mut line = Vec::new();
        let path = self.folder.join(SAMPLES);
        record.write(&mut line).map_err(|source| FileError::io("write", &path, source))?;
        let line = String::from_utf8_lossy(&line);
        Ok(self.samples.write_line(line.trim_end_matches('\n'))?)
    }

    /// Replaces `results.json`, after `samples.jsonl` has reached the disk.
    ///
    /// # Errors
    /// A full disk, foremost; the old file stays then.
    pub fn write(&self, results: &ResultsRecord) -> Result<(), RunError> {
        self.samples.sync()?;
        let path = self.folder.join(RESULTS);
        let mut json =
            serde_json::to_vec_pretty(results).map_err(|error| FileError::io("write", &path, error.into()))?;
        json.push(b'\n');
        Ok(write_atomic(&path, &json)?)
    }
}

/// Renames what an earlier run left to the first free number.
fn set_aside(folder: &Path) -> Result<Option<PathBuf>, RunError> {
    let files = [RESULTS, SAMPLES];
    if !files.iter().any(|file| folder.join(file).exists()) {
        return Ok(None);
    }
    let numbered = |file: &str, number: usize| {
        let (stem, extension) = file.split_once('.').unwrap_or((file, ""));
        folder.join(format!("{stem}.{number}.{extension}"))
    };
    let free = (1..EARLIER).find(|number| files.iter().all(|file| !numbered(file, *number).exists()));
    let number = free.ok_or_else(|| RunError::CrowdedFolder { folder: folder.to_owned() })?;
    for file in files {
        let path = folder.join(file);
        if path.exists() {
            std::fs::rename(&path, numbered(file, number)).map_err(|source| FileError::io("rename", &path, source))?;
        }
    }
    Ok(Some(numbered(SAMPLES, number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_results_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(SAMPLES), "old").unwrap();
        std::fs::write(folder.path().join("samples.1.jsonl"), "older").unwrap();
        let (_, moved) = OutFolder::start(folder.path()).unwrap();
        assert_eq!(moved, Some(folder.path().join("samples.2.jsonl")));
        assert_eq!(std::fs::read(folder.path().join("samples.2.jsonl")).unwrap(), b"old");
        assert_eq!(std::fs::read(folder.path().join("samples.1.jsonl")).unwrap(), b"older");
        assert_eq!(std::fs::read(folder.path().join(SAMPLES)).unwrap(), b"");
    }
}
