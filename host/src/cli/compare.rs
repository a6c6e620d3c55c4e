//! `ft-host compare`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::{CommandError, ExitStatus};
use super::interrupt::Interrupt;
use super::report::{group_record, open};
use super::terminal::{print, print_json, stdout_screen};
use crate::diagnosis::{Diagnosis, Fault};
use crate::options::{Effect, RunOptions};
use crate::ui;
use ft_record::analysis::compare::compare;
use ft_record::analysis::run_report::RunReport;

#[derive(Args)]
pub struct CompareArgs {
    /// The output folder of a run.
    a: PathBuf,

    /// The output folder of another run on the same examples with the same seeds, or of the same one.
    b: PathBuf,

    /// The first run's step; 0 is zero-shot, 1 in-context learning [default: each seed's result].
    #[arg(long, value_name = "N")]
    step_a: Option<u32>,

    /// The second run's step [default: each seed's result].
    #[arg(long, value_name = "N")]
    step_b: Option<u32>,

    /// Print the comparison as JSON.
    #[arg(long)]
    json: bool,
}

/// Compares two runs.
pub fn run(args: &CompareArgs) -> Result<ExitStatus, CommandError> {
    Interrupt::install()?;
    let (a, b) = (open_run(&args.a)?, open_run(&args.b)?);
    let comparison =
        compare(&a, &b, args.step_a, args.step_b, &RunOptions::recorded_of(&[Effect::Rounding, Effect::Nothing]))?;
    if args.json {
        print_json(&comparison)?;
    } else {
        print(&ui::report::comparison(&comparison, stdout_screen()))?;
    }
    Ok(ExitStatus::Done)
}

/// A folder that has several runs where one is compared.
#[derive(Debug, thiserror::Error)]
#[error("`{}`: expected the output folder of one run, got that of a group of {subtasks}", .folder.display())]
struct GroupFolder {
    folder: PathBuf,
    subtasks: usize,
    /// The folder of the group's first subtask.
    first: PathBuf,
}

impl Diagnosis for GroupFolder {
    fn fault(&self) -> Fault {
        Fault::Input
    }

    fn hint(&self) -> Option<String> {
        Some(format!("name one of its subtasks, like `{}`", self.first.display()))
    }
}

/// Reads the folder of a run and refuses that of a group.
fn open_run(folder: &Path) -> Result<RunReport, CommandError> {
    let Some(record) = group_record(folder)? else { return open(folder) };
    let first = record.subtasks.first().map(|subtask| folder.join(subtask.name.raw()));
    let first = first.unwrap_or_else(|| folder.to_owned());
    Err(GroupFolder { folder: folder.to_owned(), subtasks: record.subtasks.len(), first }.into())
}
