//! Reports of runs as texts in several forms, one file each. All of them carry the runs' notes.

mod csv;
mod html;
mod json;
mod markdown;
mod plot;

use super::run_report::RunReport;

/// A form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Tables in Markdown.
    Markdown,
    /// A line for each run, seed and step, with all digits.
    Csv,
    /// Everything, with all digits.
    Json,
    /// One page with curves, which loads nothing and runs nothing.
    Html,
}

/// The runs in this form.
///
/// # Errors
/// The serialiser's.
pub fn render(format: Format, runs: &[RunReport]) -> Result<String, serde_json::Error> {
    match format {
        Format::Markdown => Ok(markdown::render(runs)),
        Format::Csv => Ok(csv::render(runs)),
        Format::Json => json::render(runs),
        Format::Html => Ok(html::render(runs)),
    }
}
