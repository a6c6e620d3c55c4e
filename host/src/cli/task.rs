//! `ft-host task`.

mod check;
mod import;
mod new;

use clap::Subcommand;

use super::exit::{CommandError, ExitStatus};
use check::CheckArgs;
use ft_store::machine::environment::Environment;
use import::ImportArgs;
use new::NewArgs;

#[derive(Subcommand)]
pub enum TaskCommand {
    /// Make a definition of a file of rows: guesses which column is what, and writes it with comments. What is in doubt
    /// is an error that names the flag which settles it.
    New(NewArgs),
    /// Check that a definition does what its author means: as `plugin test`, with the first prompts.
    Check(CheckArgs),
    /// Make a definition of a task file of lm-evaluation-harness, and print where it is. Tasks of choices alone; what
    /// cannot be translated exactly is refused with its key and line.
    Import(ImportArgs),
}

/// Carries out a command.
pub fn run(command: TaskCommand, environment: Environment) -> Result<ExitStatus, CommandError> {
    match command {
        TaskCommand::New(args) => new::run(&args),
        TaskCommand::Check(args) => check::run(args, environment),
        TaskCommand::Import(args) => import::run(&args),
    }
}
