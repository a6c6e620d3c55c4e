//! The folder of a run's results: what an earlier run left there, and what this one writes.

use std::path::{Path, PathBuf};

use super::error::FolderError;
use super::journal::{Journal, Line};
use super::plan_diff::plan_diff;
use crate::run::error::RunError;
use ft_record::files::controls::{ControlRecord, Controls};
use ft_record::files::group::GROUP;
use ft_record::files::samples::SampleRecord;
use ft_record::files::schema::{FORMAT_VERSION, PlanRecord, RESULTS_LIMIT, ResultsRecord};
use ft_record::files::trace::TraceRecord;
use ft_record::files::unconditional::UnconditionalRecord;
use ft_store::fs::atomic::{remove_temporary, write_atomic};
use ft_store::fs::error::FileError;
use ft_store::fs::file::writable_folder;
use ft_store::fs::journal::HeldJournal;
use ft_store::fs::output;

const RESULTS: &str = "results.json";
const SAMPLES: &str = "samples.jsonl";
const TRACE: &str = "trace.jsonl";
const HELD_OUT: &str = "held-out.jsonl";
const BASELINES: &str = "baselines.jsonl";
const CONTENT_FREE: &str = "content-free.jsonl";
const UNCONDITIONAL: &str = "unconditional.jsonl";

/// All files of a run. `results.json` comes last, which is set aside first: samples without it are taken for no run.
const FILES: [&str; 7] = [SAMPLES, TRACE, HELD_OUT, BASELINES, CONTENT_FREE, UNCONDITIONAL, RESULTS];

/// What a run sets aside that begins anew: its own files, and a group's, whose results are no longer all that is there.
const SET_ASIDE: [&str; 8] = [SAMPLES, TRACE, HELD_OUT, BASELINES, CONTENT_FREE, UNCONDITIONAL, GROUP, RESULTS];

/// How a run begins in a folder.
pub enum Beginning {
    /// There is nothing to go on with; files that are there are kept under other names.
    Fresh,
    /// An earlier run of the same plan ended before its end, or at it.
    Continue(Box<ResultsRecord>),
}

/// What an earlier run left in `folder` that this one may go on with; nothing where it begins anew whatever its plan.
///
/// # Errors
/// What stands in a run's files' places and is no file, and what cannot be read.
pub fn earlier(folder: &Path, restart: bool) -> Result<Option<ResultsRecord>, RunError> {
    FILES.into_iter().try_for_each(|name| output::regular(&folder.join(name)).map(drop))?;
    if restart {
        return Ok(None);
    }
    let Some(results) = output::read(&folder.join(RESULTS), RESULTS_LIMIT)? else { return Ok(None) };
    // What another version wrote, or nobody of this project, is no run to go on with.
    let results = serde_json::from_slice::<ResultsRecord>(&results).ok();
    Ok(results.filter(|results| results.plan.format_version == FORMAT_VERSION))
}

/// Says how a run with this plan begins in `folder`, where an `earlier` one left its results; changes nothing.
///
/// # Errors
/// An unfinished run of another plan, or what else is in the way.
pub fn beginning(folder: &Path, earlier: Option<ResultsRecord>, plan: &PlanRecord) -> Result<Beginning, RunError> {
    let Some(earlier) = earlier else { return Ok(Beginning::Fresh) };
    let scored = output::regular(&folder.join(SAMPLES))?.map_or(0, |samples| samples.len());
    let changes =
        plan_diff(&earlier.plan, plan).map_err(|error| FileError::io("read", folder.join(RESULTS), error.into()))?;
    match changes.is_empty() {
        // Its samples are gone, and its results are kept under another name.
        true if scored == 0 && !earlier.selected.is_empty() => Ok(Beginning::Fresh),
        true => Ok(Beginning::Continue(Box::new(earlier))),
        false if earlier.complete || scored == 0 => Ok(Beginning::Fresh),
        false => Err(FolderError::Changed { folder: folder.to_owned(), changes }.into()),
    }
}

/// Whether a run in `folder` has scored anything.
///
/// # Errors
/// What stands in the samples' place and is no file.
pub fn has_samples(folder: &Path) -> Result<bool, RunError> {
    Ok(output::regular(&folder.join(SAMPLES))?.is_some_and(|samples| samples.len() > 0))
}

/// Renames the files of a run, if there are any; the new name of the samples.
///
/// # Errors
/// Another process that is at work there, and what else is in the way.
pub fn set_run_aside(folder: &Path) -> Result<Option<PathBuf>, RunError> {
    set_aside(folder, &FILES)
}

/// Renames the files of an earlier run that a new one does not go on with; whether there were any.
///
/// # Errors
/// Those of [`set_run_aside`].
pub fn set_aside_for(folder: &Path, beginning: &Beginning) -> Result<bool, RunError> {
    Ok(matches!(beginning, Beginning::Fresh) && folder.exists() && set_aside(folder, &SET_ASIDE)?.is_some())
}

fn set_aside(folder: &Path, files: &[&str]) -> Result<Option<PathBuf>, RunError> {
    // Held while the files are renamed: none is taken from a process that is still writing. Not a byte of them is touched:
    // they may be anybody's.
    let samples = folder.join(SAMPLES);
    let held = output::regular(&samples)?.map(|_| HeldJournal::open(&samples)).transpose()?;
    let moved = output::rename_earlier(folder, files)?;
    drop(held);
    Ok(moved)
}

/// The records of a whole run.
///
/// # Errors
/// A file that cannot be read, or a line that is no record.
pub fn samples(folder: &Path) -> Result<Vec<SampleRecord>, RunError> {
    let mut journal = Journal::open(folder.join(SAMPLES))?;
    Ok(journal.recall_while(|_| true))
}

/// What a whole run scored besides its samples; nothing of files that are not there.
///
/// # Errors
/// A file that cannot be read, or a line that is no record.
pub fn controls(folder: &Path) -> Result<Controls, RunError> {
    Ok(Controls {
        baselines: records_if_there(folder, BASELINES)?,
        content_free: records_if_there(folder, CONTENT_FREE)?,
        unconditional: records_if_there(folder, UNCONDITIONAL)?,
    })
}

fn records_if_there<L: Line>(folder: &Path, name: &str) -> Result<Vec<L>, RunError> {
    let path = folder.join(name);
    let there = output::regular(&path)?.is_some();
    Ok(if there { Journal::open(path)?.recall_while(|_| true) } else { Vec::new() })
}

/// Which journals a run has that not every run has.
#[derive(Clone, Copy, Debug, Default)]
pub struct FurtherJournals {
    /// The step is chosen by held-out examples.
    pub held_out: bool,
    /// Queries are scored behind baselines.
    pub baselines: bool,
    /// There are content-free queries.
    pub content_free: bool,
    /// Choices are scored without their queries too.
    pub unconditional: bool,
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
    /// `baselines.jsonl`, where baselines are asked for: every example behind each of them.
    pub baselines: Option<Journal<ControlRecord>>,
    /// `content-free.jsonl`, for tasks with classes: every content-free query behind each scored step and baseline.
    pub content_free: Option<Journal<ControlRecord>>,
    /// `unconditional.jsonl`, with `--mutual-information`: the choices of every example without its query.
    pub unconditional: Option<Journal<UnconditionalRecord>>,
}

impl OutFolder {
    /// Opens the files of a run. When it begins anew, those of an earlier run are renamed, not lost; the new name of its
    /// samples is given too.
    ///
    /// # Errors
    /// Another process that is at work there, and what else is in the way.
    pub fn open(
        folder: &Path,
        beginning: &Beginning,
        further: FurtherJournals,
    ) -> Result<(Self, Option<PathBuf>), RunError> {
        writable_folder(folder)?;
        // Once more: reading weights takes its time.
        FILES.into_iter().try_for_each(|name| output::regular(&folder.join(name)).map(drop))?;
        let moved = match beginning {
            Beginning::Continue(_) => None,
            Beginning::Fresh => set_aside(folder, &SET_ASIDE)?,
        };
        let samples = Journal::open(folder.join(SAMPLES))?;
        if let Beginning::Continue(found) = beginning {
            // Another run may have been at work here since that was read.
            let path = folder.join(RESULTS);
            let now = earlier(folder, false)?;
            let differs = |now: ResultsRecord| plan_diff(&found.plan, &now.plan).map(|changes| !changes.is_empty());
            let differs = now.map_or(Ok(true), differs).map_err(|error| FileError::io("read", &path, error.into()))?;
            if differs {
                return Err(FileError::Changed { path }.into());
            }
        }
        // With the samples' lock in hand, what a killed process left half-written is nobody's.
        remove_temporary(folder)?;
        let trace = Journal::open(folder.join(TRACE))?;
        let held_out = further.held_out.then(|| Journal::open(folder.join(HELD_OUT))).transpose()?;
        let baselines = further.baselines.then(|| Journal::open(folder.join(BASELINES))).transpose()?;
        let content_free = further.content_free.then(|| Journal::open(folder.join(CONTENT_FREE))).transpose()?;
        let unconditional = further.unconditional.then(|| Journal::open(folder.join(UNCONDITIONAL))).transpose()?;
        let folder = folder.to_owned();
        Ok((Self { folder, samples, trace, held_out, baselines, content_free, unconditional }, moved))
    }

    /// Replaces `results.json` by what there is so far, unless an earlier process has written a later one: as long as its
    /// samples or its baselines' records are recalled there is nothing new.
    ///
    /// # Errors
    /// Those of [`Self::write`].
    pub fn update(&self, results: &ResultsRecord) -> Result<(), RunError> {
        let replays = self.samples.replays() || self.baselines.as_ref().is_some_and(Journal::replays);
        if replays { Ok(()) } else { self.write(results) }
    }

    /// Replaces `results.json`, after the journals have reached the disk. Whatever has come to have its name since the
    /// folder was opened loses the name, and nothing else.
    ///
    /// # Errors
    /// I/O errors, e.g. a full disk; the old file stays then.
    pub fn write(&self, results: &ResultsRecord) -> Result<(), RunError> {
        self.samples.sync()?;
        self.trace.sync()?;
        self.held_out.as_ref().map_or(Ok(()), Journal::sync)?;
        self.unconditional.as_ref().map_or(Ok(()), Journal::sync)?;
        [&self.baselines, &self.content_free].into_iter().flatten().try_for_each(Journal::sync)?;
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

    const ALL: FurtherJournals =
        FurtherJournals { held_out: true, baselines: true, content_free: true, unconditional: true };

    #[test]
    fn earlier_results_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        // The last line is half-written, and not in UTF-8.
        let texts: [(&str, &[u8]); 3] =
            [(SAMPLES, b"old\n\xe9half"), (TRACE, b"old trace"), ("samples.1.jsonl", b"older")];
        for (name, text) in texts {
            std::fs::write(at(name), text).unwrap();
        }
        let (open, moved) = OutFolder::open(folder.path(), &Beginning::Fresh, FurtherJournals::default()).unwrap();
        assert_eq!(moved, Some(at("samples.2.jsonl")));
        assert_eq!(std::fs::read(at("samples.2.jsonl")).unwrap(), b"old\n\xe9half");
        assert_eq!(std::fs::read(at("trace.2.jsonl")).unwrap(), b"old trace");
        assert_eq!(std::fs::read(at("samples.1.jsonl")).unwrap(), b"older");
        assert_eq!(std::fs::read(at(SAMPLES)).unwrap(), b"");
        let busy = OutFolder::open(folder.path(), &Beginning::Fresh, FurtherJournals::default()).map(drop).unwrap_err();
        assert!(busy.to_string().starts_with("another process is writing to"), "{busy}");
        drop(open);
        OutFolder::open(folder.path(), &Beginning::Fresh, FurtherJournals::default()).unwrap();
    }

    #[test]
    fn a_half_written_line_is_set_aside_with_the_others() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(SAMPLES), "old\nhalf").unwrap();
        let (_, moved) = OutFolder::open(folder.path(), &Beginning::Fresh, FurtherJournals::default()).unwrap();
        assert_eq!(std::fs::read(moved.unwrap()).unwrap(), b"old\nhalf");
    }

    #[test]
    #[cfg(unix)]
    fn a_link_in_the_place_of_any_file_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let target = elsewhere.path().join("target");
        for name in FILES {
            let link = folder.path().join(name);
            for there in [false, true] {
                if there {
                    std::fs::write(&target, "{}\n").unwrap();
                }
                std::os::unix::fs::symlink(&target, &link).unwrap();
                let expected = format!("{name}`: expected a regular file, got a symbolic link");
                for restart in [false, true] {
                    let error = earlier(folder.path(), restart).map(drop).unwrap_err().to_string();
                    assert!(error.ends_with(&expected), "{error}");
                }
                let error = OutFolder::open(folder.path(), &Beginning::Fresh, ALL).map(drop).unwrap_err().to_string();
                assert!(error.ends_with(&expected), "{error}");
                assert_eq!(std::fs::read(&target).ok(), there.then(|| b"{}\n".to_vec()));
                std::fs::remove_file(&link).unwrap();
            }
            std::fs::remove_file(&target).unwrap();
        }
        // The folder is named by the user, as a link if they like.
        let link = elsewhere.path().join("out");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        OutFolder::open(&link, &Beginning::Fresh, ALL).unwrap();
        assert!(folder.path().join(SAMPLES).is_file());
    }
}
