//! Reports of runs as texts in several formats, one file each. All of them carry the runs' notes.

mod csv;
mod html;
mod json;
mod likelihoods;
mod markdown;
mod plot;

use crate::analysis::run_report::RunReport;

/// The format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text with tables in Markdown.
    Markdown,
    /// A line for each run, seed and step, with all digits.
    Csv,
    /// One object with everything, with all digits.
    Json,
    /// One page with curves, which loads nothing and runs nothing.
    Html,
}

/// A report of runs in a format.
///
/// # Errors
/// If serialization fails.
pub fn render(format: Format, runs: &[RunReport]) -> Result<String, serde_json::Error> {
    match format {
        Format::Markdown => Ok(markdown::render(runs)),
        Format::Csv => Ok(csv::render(runs)),
        Format::Json => json::render(runs),
        Format::Html => Ok(html::render(runs)),
    }
}
