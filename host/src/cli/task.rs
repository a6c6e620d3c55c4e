//! `ft-host task`.

mod check;

use clap::Subcommand;

use super::exit::{CommandError, ExitStatus};
use check::CheckArgs;
use ft_store::machine::environment::Environment;

#[derive(Subcommand)]
pub enum TaskCommand {
    /// Check that a definition does what its author means: as `plugin test`, with the first prompts.
    Check(CheckArgs),
}

/// Carries out a command.
pub fn run(command: TaskCommand, environment: Environment) -> Result<ExitStatus, CommandError> {
    match command {
        TaskCommand::Check(args) => check::run(args, environment),
    }
}
