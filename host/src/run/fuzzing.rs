//! A door for the fuzz targets in `fuzz/`: what a run goes on with in a folder, without a model.

use std::path::{Path, PathBuf};

use super::error::RunError;
use super::folder::journal::{Journal, Line};
use super::folder::out_folder::{Beginning, FurtherJournals, OutFolder, beginning, earlier};
use ft_record::files::controls::Controls;
use ft_record::files::samples::SampleRecord;
use ft_record::files::schema::PlanRecord;
use ft_record::files::trace::TraceRecord;

/// What a run finds in its folder before it has scored anything.
#[derive(Debug, PartialEq)]
pub struct Found {
    /// Whether it goes on where an earlier run ended; it begins anew otherwise.
    pub goes_on: bool,
    /// Where the samples of an earlier run are, if they were set aside.
    pub moved: Option<PathBuf>,
    /// What it need not score again.
    pub samples: Vec<SampleRecord>,
    /// The steps that are written down.
    pub trace: Vec<TraceRecord>,
    /// What is known of held-out examples.
    pub held_out: Vec<SampleRecord>,
    /// What is known of queries behind baselines, of content-free queries, and of choices without their queries.
    pub controls: Controls,
}

/// Opens a folder for a run with this plan.
///
/// # Errors
/// Files that are no run's, or that of an unfinished run with another plan.
pub fn resume(folder: &Path, plan: &PlanRecord) -> Result<Found, RunError> {
    let beginning = beginning(folder, earlier(folder, false)?, plan)?;
    let further = FurtherJournals { held_out: true, baselines: true, content_free: true, unconditional: true };
    let (mut open, moved) = OutFolder::open(folder, &beginning, further)?;
    Ok(Found {
        goes_on: matches!(beginning, Beginning::Continue(_)),
        moved,
        samples: open.samples.recall_while(|_| true),
        trace: open.trace.recall_while(|_| true),
        held_out: recalled(open.held_out),
        controls: Controls {
            baselines: recalled(open.baselines),
            content_free: recalled(open.content_free),
            unconditional: recalled(open.unconditional),
        },
    })
}

fn recalled<L: Line>(journal: Option<Journal<L>>) -> Vec<L> {
    journal.map(|mut journal| journal.recall_while(|_| true)).unwrap_or_default()
}
