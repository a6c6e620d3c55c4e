//! `ft-host report`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::{CommandError, ExitStatus};
use super::interrupt::Interrupt;
use super::terminal::{print, stdout_screen};
use crate::ui;
use crate::ui::screen::Page;
use ft_record::analysis::run_report::{Files, RunReport};
use ft_record::files::schema::RESULTS_LIMIT;
use ft_record::present::export::{self, Format};
use ft_store::fs::file::read_regular;
use ft_store::fs::journal;

#[derive(Args)]
pub struct ReportArgs {
    /// Output folders of `ft-host run`.
    #[arg(value_name = "DIR", required = true)]
    folders: Vec<PathBuf>,

    #[command(flatten)]
    form: FormArgs,
}

/// How the report is printed; tables for the terminal if nothing is asked for.
#[derive(Args)]
#[group(multiple = false)]
struct FormArgs {
    /// Tables in Markdown.
    #[arg(long)]
    markdown: bool,

    /// A line for each run, seed and step, with all digits.
    #[arg(long)]
    csv: bool,

    /// Everything, with all digits.
    #[arg(long)]
    json: bool,

    /// One page with curves for a browser; it loads nothing and runs nothing.
    #[arg(long)]
    html: bool,
}

impl FormArgs {
    fn format(&self) -> Option<Format> {
        let forms = [
            (self.markdown, Format::Markdown),
            (self.csv, Format::Csv),
            (self.json, Format::Json),
            (self.html, Format::Html),
        ];
        forms.into_iter().find(|(asked, _)| *asked).map(|(_, format)| format)
    }
}

/// Prints the runs in the folders.
pub fn run(args: &ReportArgs) -> Result<ExitStatus, CommandError> {
    Interrupt::install()?;
    let runs = args.folders.iter().map(|folder| open(folder)).collect::<Result<Vec<RunReport>, CommandError>>()?;
    let page = match args.form.format() {
        Some(format) => Page::document(&export::render(format, &runs)?),
        None => ui::report::render(&runs, stdout_screen()),
    };
    print(&page)?;
    Ok(ExitStatus::Done)
}

/// Reads the folder of a run, line by line where a file can be large. Links in it are followed: what a report shows is
/// what somebody named, and reading changes nothing.
pub fn open(folder: &Path) -> Result<RunReport, CommandError> {
    let results = read_regular(&folder.join("results.json"), RESULTS_LIMIT)?;
    let samples = journal::read(&folder.join("samples.jsonl"))?;
    // Not every run has the others.
    let if_there = |name: &str| {
        let file = folder.join(name);
        file.exists().then(|| journal::read(&file)).transpose()
    };
    let (trace, held_out) = (if_there("trace.jsonl")?, if_there("held-out.jsonl")?);
    let (baselines, content_free) = (if_there("baselines.jsonl")?, if_there("content-free.jsonl")?);
    let unconditional = if_there("unconditional.jsonl")?;
    let files = Files { results: &results, samples, trace, held_out, baselines, content_free, unconditional };
    Ok(RunReport::new(&folder.display().to_string(), files)?)
}
