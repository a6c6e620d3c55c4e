//! `ft-host context`.

use std::path::PathBuf;

use clap::Subcommand;

use super::exit::{CommandError, ExitStatus};
use super::interrupt::Interrupt;
use super::terminal::{print, print_json, stdout_screen};
use crate::context::ContextFolder;
use crate::options::{Effect, RunOptions};
use crate::ui::context;
use ft_record::analysis::contexts::ContextComparison;

#[derive(Subcommand)]
pub enum ContextCommand {
    /// Describe a saved context: where it came from, its demonstrations, its steps, what was measured.
    Inspect {
        /// The folder of a saved context.
        #[arg(value_name = "DIR")]
        folder: PathBuf,

        /// Print the context's record as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show how far the keys and values of two saved contexts are from each other, and in what their plans differ.
    Diff {
        /// The folder of a saved context.
        a: PathBuf,

        /// The folder of another context of the same shape.
        b: PathBuf,

        /// Print the comparison as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Carries out a command.
pub fn run(command: ContextCommand) -> Result<ExitStatus, CommandError> {
    Interrupt::install()?;
    match command {
        ContextCommand::Inspect { folder, json } => {
            let opened = ContextFolder::open(&folder)?;
            if json {
                print_json(opened.record())?;
            } else {
                print(&context::describe(&folder.display().to_string(), opened.record(), stdout_screen()))?;
            }
        }
        ContextCommand::Diff { a, b, json } => {
            let (first, second) = (ContextFolder::open(&a)?, ContextFolder::open(&b)?);
            let distance = first.distance_to(&second)?;
            let (a, b) = (a.display().to_string(), b.display().to_string());
            let ignored = RunOptions::recorded_of(&[Effect::Rounding, Effect::Nothing]);
            let comparison = ContextComparison::new((&a, first.record()), (&b, second.record()), distance, &ignored)?;
            if json {
                print_json(&comparison)?;
            } else {
                print(&context::comparison(&comparison, stdout_screen()))?;
            }
        }
    }
    Ok(ExitStatus::Done)
}
