//! `ft-host run`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::exit::{CommandError, ExitStatus};
use super::interrupt::Interrupt;
use super::terminal::{Downloads, Terminal, print, print_json, print_run_file, say_page, stderr_screen, stdout_screen};
use super::threads;
use crate::options::{OptionGroup, RunOptions};
use crate::run::{self, Observer, Observers, Outcome, Plan, PluginUsage, RunConfig, RunOverrides};
use crate::ui::run as shown;
use crate::ui::usage;
use ft_store::datasets::location::Access;
use ft_store::machine::environment::{Environment, expand_path};
use ft_store::plugin_path::PluginPath;

#[derive(Args)]
pub struct RunArgs {
    #[command(flatten)]
    options: RunOptions,

    #[command(flatten, next_display_order = 910)]
    call: CallArgs,
}

/// What is said for one call, and in no run file.
#[derive(Args)]
struct CallArgs {
    /// Read options from a TOML file: keys are named like the flags, paths are relative to the file; flags take
    /// precedence.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print the resolved configuration of flags, run file and defaults as a run file, and stop.
    #[arg(long)]
    print_config: bool,

    /// Start over; keep the earlier run's files under another name.
    #[arg(long)]
    restart: bool,

    /// Run even if memory will not suffice, if the model has settings or tensors that this host does not know, or if a
    /// data file has other names for the classes than the task.
    #[arg(long)]
    force: bool,

    /// Print on stderr how much of its limits each plugin used.
    #[arg(long)]
    show_usage: bool,

    /// Print results.json (or, with --dry-run, the plan) on stdout instead of a table.
    #[arg(long)]
    json: bool,

    /// Print no progress and no notes on stderr.
    #[arg(long, short)]
    quiet: bool,

    /// Check everything that can be checked without reading weights, print the plan, and stop.
    #[arg(long)]
    dry_run: bool,
}

/// Prepares and carries out a run.
pub fn run(
    RunArgs { mut options, call: args }: RunArgs,
    mut environment: Environment,
) -> Result<ExitStatus, CommandError> {
    options.expand(Path::new(""), expand_path);
    if let Some(path) = &args.config {
        options = options.overlay(RunOptions::read(&expand_path(path), expand_path)?);
    }
    let plugin_path = PluginPath::new(&environment);
    let options = run::with_plugins(options, &plugin_path)?;
    if args.print_config {
        print_run_file(&options.with_defaults().to_toml()?)?;
        return Ok(ExitStatus::Done);
    }
    let threads = threads::resolve(options.compute.threads, &environment);
    environment.offline |= options.network.offline;
    environment.use_hub_cache(options.hub_cache.cache_dir.clone());
    let (json, dry_run, quiet) = (args.json, args.dry_run, args.quiet || args.json);
    let interrupt = Interrupt::install()?;
    let overrides = RunOverrides { restart: args.restart, force: args.force };
    let config = RunConfig::new(options, threads, overrides, &plugin_path)?;
    let terminal = Arc::new(Terminal::new(quiet));
    let observer: Arc<dyn Observer> = Arc::new(Observers(vec![terminal.bar(), terminal.clone()]));
    let downloads = Downloads::new(quiet);
    let access = Access { environment: &environment, progress: &downloads };
    let plan = run::prepare(config, access, &observer, &interrupt.engine())?;
    if dry_run {
        print_plan(&plan, json)?;
        if args.show_usage {
            say_usage(&plan.usage());
        }
        return Ok(ExitStatus::Done);
    }
    if !quiet {
        say_page(&shown::demonstrations(&plan, 6, stderr_screen()));
    }
    let outcome = run::execute(plan, &observer, interrupt.arm_graceful());
    terminal.finish();
    let outcome = outcome?;
    print_outcome(&outcome, json)?;
    if args.show_usage {
        say_usage(&outcome.usage);
    }
    if outcome.interrupted || !quiet {
        say_page(&shown::place(&outcome, stderr_screen()));
    }
    Ok(if outcome.interrupted { ExitStatus::Interrupted } else { ExitStatus::Done })
}

fn say_usage(usage: &[PluginUsage]) {
    say_page(&usage::render(usage, stderr_screen()));
}

fn print_plan(plan: &Plan, json: bool) -> Result<(), CommandError> {
    if json { print_json(plan.record()) } else { print(&shown::plan(plan, stdout_screen())) }
}

fn print_outcome(outcome: &Outcome, json: bool) -> Result<(), CommandError> {
    if json { print_json(&outcome.results) } else { print(&shown::outcome(outcome, stdout_screen())?) }
}
