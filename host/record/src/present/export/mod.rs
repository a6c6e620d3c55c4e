//! Reports of runs and groups as texts in several formats, one file each, and a page of two saved contexts. All of them carry the
//! notes.

pub mod contexts;
mod csv;
mod heat_map;
mod html;
mod json;
mod likelihoods;
mod markdown;
mod page;
mod plot;

use crate::analysis::group_report::GroupReport;
use crate::analysis::run_report::RunReport;

/// The format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text with tables in Markdown.
    Markdown,
    /// A line for each run, seed and step, and for averages of groups, with all digits.
    Csv,
    /// One object with everything, with all digits.
    Json,
    /// One page with curves, which loads nothing and runs nothing.
    Html,
}

/// A report of runs, then of groups, in a format.
///
/// # Errors
/// If serialization fails.
pub fn render(format: Format, runs: &[RunReport], groups: &[GroupReport]) -> Result<String, serde_json::Error> {
    match format {
        Format::Markdown => Ok(markdown::render(runs, groups)),
        Format::Csv => Ok(csv::render(runs, groups)),
        Format::Json => json::render(runs, groups),
        Format::Html => Ok(html::render(runs, groups)),
    }
}
