//! The folder of a run's results.

use std::path::{Path, PathBuf};

use super::RunError;
use crate::report::samples::SampleRecord;
use crate::report::schema::ResultsRecord;
use crate::store::atomic::write_atomic;
use crate::store::file::{FileError, probe_folder, set_aside, writable_folder};
use crate::store::journal::LineWriter;

const RESULTS: &str = "results.json";
const SAMPLES: &str = "samples.jsonl";

/// An output folder, open for one run.
pub struct OutFolder {
    folder: PathBuf,
    samples: LineWriter,
}

impl OutFolder {
    /// Proves that the folder can be made and written to, and leaves nothing behind.
    ///
    /// # Errors
    /// What is in the way.
    pub fn check(folder: &Path) -> Result<(), RunError> {
        Ok(probe_folder(folder)?)
    }

    /// Starts the files of a run. Those of an earlier run are renamed, not lost; the new name of its samples is given too.
    ///
    /// # Errors
    /// What is in the way.
    pub fn start(folder: &Path) -> Result<(Self, Option<PathBuf>), RunError> {
        writable_folder(folder)?;
        let moved = set_aside(folder, &[SAMPLES, RESULTS])?;
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
