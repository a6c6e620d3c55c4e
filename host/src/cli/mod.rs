//! The command line: what a user types becomes a configuration, what comes of it an exit status.

mod compare;
mod context;
mod data;
mod exit;
#[doc(hidden)]
pub mod fuzzing;
mod interrupt;
mod machine;
mod model;
mod plugin;
mod predict;
mod prompt;
mod report;
mod resolve;
mod run;
mod serve;
mod shell;
mod task;
mod terminal;
mod threads;
mod tune;

use std::process::ExitCode;
use std::time::Duration;

use clap::{ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::ui::style::Emphasis;
use exit::ExitStatus;
use ft_engine::text::is_harmless;
use ft_sandbox::compiler;
use ft_store::machine::environment::Environment;

/// What a user may want to set; `docs/environment.md` has all of them.
const VARIABLES: &str = "\
Variables:
  FT_HOST_CACHE   the folder of compiled plugins, digests and models of the catalogue [default: ~/.cache/ft-host]
  FT_PLUGIN_PATH  folders with plugins
  HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE  as for the Hugging Face tools";

/// Forward tuning ("Deep-Thinking", arXiv 2305.13016): demonstrations are passed through a language model several
/// times, an optimizer changes their key/value cache after each further pass, and queries are scored with that cache.
#[derive(Parser)]
#[command(name = "ft-host", version, propagate_version = true, max_term_width = 100, after_help = VARIABLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a task: tune its demonstrations, score its queries, print a table.
    Run(Box<run::RunArgs>),
    /// Tune a task's demonstrations and save what the model has read: a context, which predicts further texts.
    Tune(Box<tune::TuneArgs>),
    /// Predict rows without answers behind saved contexts, as they come.
    Predict(Box<predict::PredictArgs>),
    /// Serve predictions, runs and a page to watch and try them over HTTP.
    Serve(Box<serve::ServeArgs>),
    /// Show a task's prompt as the model gets it: text and token boundaries. Reads no weights.
    Prompt(prompt::PromptArgs),
    /// Fetch data sets, or look at their rows.
    #[command(subcommand)]
    Data(data::DataCommand),
    /// Report on finished or unfinished runs, from the files in their folders.
    Report(report::ReportArgs),
    /// Compare two runs example by example.
    Compare(compare::CompareArgs),
    /// Describe or compare saved contexts.
    #[command(subcommand)]
    Context(context::ContextCommand),
    /// Fetch, list or describe models.
    #[command(subcommand)]
    Model(model::ModelCommand),
    /// Compile a component from standard input to standard output, for this program itself.
    #[command(hide = true, name = interrupt::COMPILE)]
    CompilePlugin {
        /// Bytes of address space.
        #[arg(long)]
        memory: u64,
        /// Seconds that compiling may take.
        #[arg(long)]
        seconds: u64,
    },
    /// Write, build, check, inspect or list plugins.
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
    /// Describe tasks in text files: make definitions of rows or of task files of lm-evaluation-harness, check them.
    #[command(subcommand)]
    Task(task::TaskCommand),
    /// Print a script that completes commands and flags in a shell.
    Completions(shell::CompletionsArgs),
    /// Print a command's manual page.
    #[command(hide = true)]
    Man(shell::ManArgs),
}

/// The command line as clap has it, for what is checked against its commands and flags.
#[doc(hidden)]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the program; failures are printed on stderr.
pub fn main() -> ExitCode {
    let environment = Environment::from_process();
    terminal::settle(&environment);
    terminal::tell_panics();
    // By itself clap takes every terminal of a machine that checks changes (`CI`) for one with colours.
    let colour = if environment.dumb_terminal { ColorChoice::Never } else { ColorChoice::Auto };
    let matches = Cli::command().color(colour).try_get_matches();
    let cli = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return answered(&error),
    };
    let done = match cli.command {
        Command::Run(args) => run::run(*args, environment),
        Command::Tune(args) => tune::run(*args, environment),
        Command::Predict(args) => predict::run(*args, environment),
        Command::Serve(args) => serve::run(*args, environment),
        Command::Prompt(args) => prompt::run(args, environment),
        Command::Data(command) => data::run(command, environment),
        Command::Report(args) => report::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Context(command) => context::run(command, environment),
        Command::Model(command) => model::run(command, environment),
        Command::Plugin(command) => plugin::run(command, environment),
        Command::Task(command) => task::run(command, environment),
        Command::Completions(args) => shell::completions(&args, &Cli::command()),
        Command::Man(args) => shell::man(&args, Cli::command()),
        // Another process of this program reads the status, see `ft_sandbox::compiler`.
        Command::CompilePlugin { memory, seconds } => {
            let Err((status, words)) = compiler::serve(memory, Duration::from_secs(seconds)) else {
                return ExitStatus::Done.into();
            };
            terminal::say(&words);
            return ExitCode::from(u8::try_from(status).unwrap_or(ExitStatus::Host.code()));
        }
    };
    let status = done.unwrap_or_else(|error| {
        terminal::say_page(&error.page(terminal::stderr_screen()));
        error.status()
    });
    status.into()
}

/// Prints what there is to say instead of a command: help, the version, or what is wrong with the arguments.
fn answered(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && std::env::args_os().any(|argument| !is_harmless(&argument.to_string_lossy())) {
        // It repeats the argument, which a script may have taken from anywhere.
        let text = error.render().to_string();
        let text = text.trim_end().strip_prefix("error: ").unwrap_or(&text);
        terminal::say_page(&terminal::stderr_screen().message("error:", Emphasis::Error, text));
    } else {
        // A reader that has gone away is no error.
        let _ = error.print();
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(ExitStatus::Host.code()))
}
