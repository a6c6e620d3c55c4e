//! `ft-host compare`.

use std::path::PathBuf;

use clap::Args;

use super::exit::{CommandError, ExitStatus};
use super::interrupt::Interrupt;
use super::report::open;
use super::terminal::{print, print_json, stdout_screen};
use crate::options::{Effect, RunOptions};
use crate::ui;
use ft_record::analysis::compare::compare;

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
    let (a, b) = (open(&args.a)?, open(&args.b)?);
    let comparison =
        compare(&a, &b, args.step_a, args.step_b, &RunOptions::recorded_of(&[Effect::Rounding, Effect::Nothing]))?;
    if args.json {
        print_json(&comparison)?;
    } else {
        print(&ui::report::comparison(&comparison, stdout_screen()))?;
    }
    Ok(ExitStatus::Done)
}
