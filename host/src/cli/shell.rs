//! `ft-host completions` and `ft-host man`: what shells and `man` know of the program, made of its own definition.

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;

use super::exit::{CommandError, ExitStatus};
use super::terminal::print_data;
use crate::diagnosis::{Diagnosis, Fault};

#[derive(Args)]
pub struct CompletionsArgs {
    /// The shell to print a script for.
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Args)]
pub struct ManArgs {
    /// The command, like `plugin new` [default: the program itself].
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
}

/// Prints a shell's completion script.
pub fn completions(args: &CompletionsArgs, program: &Command) -> Result<ExitStatus, CommandError> {
    let name = program.get_name();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut without_hidden_commands(program), name, &mut script);
    // clap_complete 4.6 spells a `-` of the program's name in two ways in a bash script, which then completes no command.
    let script = String::from_utf8(script)?.replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__"));
    print_data(&script)?;
    Ok(ExitStatus::Done)
}

/// The program without the commands that its help leaves out, which clap_complete 4.6 would offer.
fn without_hidden_commands(program: &Command) -> Command {
    Command::new(env!("CARGO_PKG_NAME"))
        .version(env!("CARGO_PKG_VERSION"))
        .propagate_version(true)
        .args(program.get_arguments().cloned())
        .subcommands(program.get_subcommands().filter(|command| !command.is_hide_set()).cloned())
}

/// Prints a command's manual page, in roff.
pub fn man(args: &ManArgs, mut program: Command) -> Result<ExitStatus, CommandError> {
    // Gives subcommands their names in full, and the flags that all of them have.
    program.build();
    let mut command = &program;
    for name in &args.command {
        command = command.find_subcommand(name).ok_or_else(|| NoCommand::below(command, name))?;
    }
    let mut page = Vec::new();
    let source = format!("{} {}", program.get_name(), env!("CARGO_PKG_VERSION"));
    Man::new(command.clone()).source(source).render(&mut page)?;
    print_data(&String::from_utf8(page)?)?;
    Ok(ExitStatus::Done)
}

/// A word that is no command.
#[derive(Debug, thiserror::Error)]
#[error("expected {expected}, got `{name}`")]
struct NoCommand {
    /// The commands that there are.
    expected: String,
    name: String,
}

impl NoCommand {
    fn below(above: &Command, name: &str) -> Self {
        let commands = above.get_subcommands().filter(|command| !command.is_hide_set());
        let commands: Vec<&str> = commands.map(Command::get_name).collect();
        let expected = match commands.as_slice() {
            [] => format!("no command below `{}`", above.get_name()),
            _ => format!("one of {}", commands.join(", ")),
        };
        Self { expected, name: name.to_owned() }
    }
}

impl Diagnosis for NoCommand {
    fn fault(&self) -> Fault {
        Fault::Input
    }

    fn hint(&self) -> Option<String> {
        None
    }
}
