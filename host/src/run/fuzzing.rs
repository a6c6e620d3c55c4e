//! A door for the fuzz targets in `fuzz/`: what a run goes on with in a folder, without a model.

use std::path::{Path, PathBuf};

use super::error::RunError;
use super::folder::out_folder::{Beginning, FurtherJournals, OutFolder, beginning, earlier};
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
}

/// Opens a folder for a run with this plan.
///
/// # Errors
/// Files that are no run's, or that of an unfinished run with another plan.
pub fn resume(folder: &Path, plan: &PlanRecord) -> Result<Found, RunError> {
    let beginning = beginning(folder, earlier(folder, false)?, plan)?;
    let (mut open, moved) = OutFolder::open(folder, &beginning, FurtherJournals::default())?;
    Ok(Found {
        goes_on: matches!(beginning, Beginning::Continue(_)),
        moved,
        samples: open.samples.recall_while(|_| true),
        trace: open.trace.recall_while(|_| true),
    })
}
