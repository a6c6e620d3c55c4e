//! `ft-host report`, and the folders that it reads.

use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::{CommandError, ExitStatus};
use super::interrupt::Interrupt;
use super::terminal::{print, stdout_screen};
use crate::options::{Effect, RunOptions};
use crate::ui;
use crate::ui::screen::Page;
use ft_record::analysis::group_report::GroupReport;
use ft_record::analysis::run_report::{Files, RunReport};
use ft_record::files::group::{GROUP, GROUP_LIMIT, GroupRecord};
use ft_record::files::schema::RESULTS_LIMIT;
use ft_record::present::export::{self, Format};
use ft_store::fs::file::read_regular;
use ft_store::fs::journal;

#[derive(Args)]
pub struct ReportArgs {
    /// Output folders of `ft-host run`, of single tasks or of groups.
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

    /// A line for each run, seed and step, and for averages of groups, with all digits.
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

/// Prints the runs and groups in the folders.
pub fn run(args: &ReportArgs) -> Result<ExitStatus, CommandError> {
    Interrupt::install()?;
    let (mut runs, mut groups) = (Vec::new(), Vec::new());
    for folder in &args.folders {
        match group_record(folder)? {
            Some(record) => groups.push(open_group(folder, record)?),
            None => runs.push(open(folder)?),
        }
    }
    let page = match args.form.format() {
        Some(format) => Page::document(&export::render(format, &runs, &groups)?),
        None => ui::report::render(&runs, &groups, stdout_screen()),
    };
    print(&page)?;
    Ok(ExitStatus::Done)
}

/// Reads the record of a group; `None` where the folder is none of a group, since it has no `group.json`.
pub fn group_record(folder: &Path) -> Result<Option<GroupRecord>, CommandError> {
    let file = folder.join(GROUP);
    if !file.exists() {
        return Ok(None);
    }
    let bytes = read_regular(&file, GROUP_LIMIT)?;
    Ok(Some(GroupReport::record(&folder.display().to_string(), &bytes)?))
}

/// Reads the folder of a group, whose record is `record`, with those of its subtasks that a run has begun to write.
pub fn open_group(folder: &Path, record: GroupRecord) -> Result<GroupReport, CommandError> {
    let mut runs = Vec::new();
    for (index, subtask) in record.subtasks.iter().enumerate() {
        let place = folder.join(subtask.name.raw());
        // A process that was killed may have left one of them alone.
        if ["results.json", "samples.jsonl"].iter().all(|file| place.join(file).exists()) {
            // All subtasks together may have more sample records than there is room for.
            runs.push((index, RunReport { records: Vec::new(), ..open(&place)? }));
        }
    }
    let ignored = RunOptions::recorded_of(&[Effect::Rounding, Effect::Nothing]);
    Ok(GroupReport::new(&folder.display().to_string(), record, runs, &ignored)?)
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
