//! The folder of a run's results: what an earlier run left there, and what this one writes.

use std::path::{Path, PathBuf};

use super::RunError;
use super::changes::changes;
use super::journal::Journal;
use crate::report::samples::SampleRecord;
use crate::report::schema::{FORMAT_VERSION, PlanRecord, ResultsRecord};
use crate::report::trace::TraceRecord;
use crate::store::atomic::{remove_temporary, write_atomic};
use crate::store::file::{FileError, read_file, set_aside, writable_folder};
use crate::store::journal::LineWriter;

const RESULTS: &str = "results.json";
const SAMPLES: &str = "samples.jsonl";
const TRACE: &str = "trace.jsonl";
const HELD_OUT: &str = "held-out.jsonl";

/// All files of a run. `results.json` comes last, which is set aside first: samples without it are taken for no run.
const FILES: [&str; 4] = [SAMPLES, TRACE, HELD_OUT, RESULTS];

/// A `results.json` with the demonstrations of thousands of seeds has some megabytes; what is larger is something else.
const RESULTS_LIMIT: u64 = 1 << 30;

/// How a run begins in a folder.
pub enum Beginning {
    /// There is nothing to go on with; files that are there are kept under other names.
    Anew,
    /// An earlier run of the same plan ended before its end, or at it.
    Continue(Box<ResultsRecord>),
}

/// Says how a run with this plan begins in `folder`; changes nothing.
///
/// # Errors
/// An unfinished run of another plan, or what else is in the way.
pub fn beginning(folder: &Path, plan: &PlanRecord, restart: bool) -> Result<Beginning, RunError> {
    let path = folder.join(RESULTS);
    if restart || !path.is_file() {
        return Ok(Beginning::Anew);
    }
    // What another version wrote, or nobody of this project, is no run to go on with.
    let Ok(earlier) = serde_json::from_slice::<ResultsRecord>(&read_file(&path, RESULTS_LIMIT)?) else {
        return Ok(Beginning::Anew);
    };
    if earlier.plan.format_version != FORMAT_VERSION {
        return Ok(Beginning::Anew);
    }
    let scored = std::fs::metadata(folder.join(SAMPLES)).map_or(0, |samples| samples.len());
    let changes = changes(&earlier.plan, plan).map_err(|error| FileError::io("read", &path, error.into()))?;
    match changes.is_empty() {
        true => Ok(Beginning::Continue(Box::new(earlier))),
        false if earlier.complete || scored == 0 => Ok(Beginning::Anew),
        false => Err(RunError::Changed { folder: folder.to_owned(), changes }),
    }
}

/// The records of a whole run.
///
/// # Errors
/// A file that cannot be read, or a line that is no record.
pub fn samples(folder: &Path) -> Result<Vec<SampleRecord>, RunError> {
    let mut journal = Journal::open(folder.join(SAMPLES))?;
    Ok(journal.recall_while(|_| true))
}

/// An output folder, open for one run.
pub struct OutFolder {
    folder: PathBuf,
    /// `samples.jsonl`: every example at every scored step.
    pub samples: Journal<SampleRecord>,
    /// `trace.jsonl`: how far every step moved the cache.
    pub trace: Journal<TraceRecord>,
    /// `held-out.jsonl`, where the step is chosen by examples: each of them at every step.
    pub held_out: Option<Journal<SampleRecord>>,
}

impl OutFolder {
    /// Opens the files of a run. When it begins anew, those of an earlier run are renamed, not lost; the new name of its
    /// samples is given too.
    ///
    /// # Errors
    /// Another process that is at work there, and what else is in the way.
    pub fn open(folder: &Path, beginning: &Beginning, held_out: bool) -> Result<(Self, Option<PathBuf>), RunError> {
        writable_folder(folder)?;
        let moved = match beginning {
            Beginning::Continue(_) => None,
            Beginning::Anew => {
                // Held while the files are renamed: none is taken from a process that is still writing.
                let samples = folder.join(SAMPLES);
                let lock = samples.is_file().then(|| LineWriter::resume(&samples)).transpose()?;
                let moved = set_aside(folder, &FILES)?;
                drop(lock);
                moved
            }
        };
        let samples = Journal::open(folder.join(SAMPLES))?;
        // With the samples' lock in hand, what a killed process left half-written is nobody's.
        remove_temporary(folder)?;
        let trace = Journal::open(folder.join(TRACE))?;
        let held_out = held_out.then(|| Journal::open(folder.join(HELD_OUT))).transpose()?;
        Ok((Self { folder: folder.to_owned(), samples, trace, held_out }, moved))
    }

    /// Replaces `results.json`, after the journals have reached the disk.
    ///
    /// # Errors
    /// A full disk, foremost; the old file stays then.
    pub fn write(&self, results: &ResultsRecord) -> Result<(), RunError> {
        self.samples.sync()?;
        self.trace.sync()?;
        self.held_out.as_ref().map_or(Ok(()), Journal::sync)?;
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
        let at = |name: &str| folder.path().join(name);
        for (name, text) in [(SAMPLES, "old\n"), (TRACE, "old trace"), ("samples.1.jsonl", "older")] {
            std::fs::write(at(name), text).unwrap();
        }
        let (open, moved) = OutFolder::open(folder.path(), &Beginning::Anew, false).unwrap();
        assert_eq!(moved, Some(at("samples.2.jsonl")));
        assert_eq!(std::fs::read(at("samples.2.jsonl")).unwrap(), b"old\n");
        assert_eq!(std::fs::read(at("trace.2.jsonl")).unwrap(), b"old trace");
        assert_eq!(std::fs::read(at("samples.1.jsonl")).unwrap(), b"older");
        assert_eq!(std::fs::read(at(SAMPLES)).unwrap(), b"");
        let busy = OutFolder::open(folder.path(), &Beginning::Anew, false).map(drop).unwrap_err();
        assert!(busy.to_string().starts_with("another process is writing to"), "{busy}");
        drop(open);
        OutFolder::open(folder.path(), &Beginning::Anew, false).unwrap();
    }
}
