//! `ft-host run`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use super::exit::{CommandError, ExitStatus};
use super::interrupt::Interrupt;
use super::report;
use super::resolve::{Resolved, resolve};
use super::terminal::{Downloads, Terminal, print, print_json, say_page, stderr_screen, stdout_screen};
use crate::options::RunOptions;
use crate::run::{
    self, GroupOutcome, Observer, Observers, Outcome, PluginUsage, Prepared, Purpose, RunConfig, RunOverrides,
    SharedWeights,
};
use crate::ui;
use crate::ui::run as shown;
use crate::ui::usage;
use ft_engine::text::Untrusted;
use ft_record::files::schema::PlanRecord;
use ft_store::datasets::location::Access;
use ft_store::machine::environment::Environment;

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
pub fn run(RunArgs { options, call: args }: RunArgs, mut environment: Environment) -> Result<ExitStatus, CommandError> {
    let file = (args.config.as_ref(), args.print_config);
    let Some(Resolved { options, threads, plugin_path }) = resolve(options, file, &mut environment)? else {
        return Ok(ExitStatus::Done);
    };
    let (json, dry_run, quiet) = (args.json, args.dry_run, args.quiet || args.json);
    let interrupt = Interrupt::install()?;
    let overrides = RunOverrides { restart: args.restart, force: args.force };
    let config = RunConfig::new(Purpose::Score, options, threads, overrides, &plugin_path)?;
    let terminal = Arc::new(Terminal::new(quiet));
    let observer: Arc<dyn Observer> = Arc::new(Observers(vec![terminal.bar(), terminal.clone()]));
    let downloads = Downloads::new(quiet);
    let access = Access { environment: &environment, progress: &downloads };
    let prepared = run::prepare(config, access, &observer, &interrupt.engine())?;
    if dry_run {
        print_prepared(&prepared, json)?;
        if args.show_usage {
            say_usage(&prepared.usage());
        }
        return Ok(ExitStatus::Done);
    }
    let weights = SharedWeights::default();
    let ended = match prepared {
        Prepared::Run(plan) => {
            if !quiet {
                say_page(&shown::demonstrations(plan.record(), 6, stderr_screen()));
            }
            let outcome = run::execute(*plan, &weights, &observer, interrupt.arm_graceful());
            terminal.finish();
            let Outcome { folder, interrupted, usage, .. } = print_outcome(outcome?, json)?;
            (folder, interrupted, usage)
        }
        Prepared::Context(plan) => {
            let outcome = run::execute_context(*plan, &weights, &observer, interrupt.arm_graceful());
            terminal.finish();
            let Outcome { folder, interrupted, usage, .. } = print_outcome(outcome?, json)?;
            (folder, interrupted, usage)
        }
        Prepared::Group(group) => {
            let outcome = run::execute_group(group, &weights, &observer, interrupt.arm_graceful());
            terminal.finish();
            let GroupOutcome { folder, interrupted, usage, .. } = print_group(outcome?, json)?;
            (folder, interrupted, usage)
        }
    };
    let (folder, interrupted, usage) = ended;
    if args.show_usage {
        say_usage(&usage);
    }
    if interrupted || !quiet {
        say_page(&shown::place(&folder, interrupted, stderr_screen()));
    }
    Ok(if interrupted { ExitStatus::Interrupted } else { ExitStatus::Done })
}

pub fn say_usage(usage: &[PluginUsage]) {
    say_page(&usage::render(usage, stderr_screen()));
}

fn print_prepared(prepared: &Prepared, json: bool) -> Result<(), CommandError> {
    match prepared {
        Prepared::Run(plan) => print_plan(plan.record(), json),
        Prepared::Context(plan) => print_plan(plan.record(), json),
        Prepared::Group(group) if json => {
            let subtasks =
                group.subtasks().map(|(subtask, plan)| SubtaskPlan { name: &subtask.name, plan: plan.record() });
            print_json(&GroupPlanRecord { group: group.name(), subtasks: subtasks.collect() })
        }
        Prepared::Group(group) => print(&shown::group_plan(group, stdout_screen())),
    }
}

fn print_plan(plan: &PlanRecord, json: bool) -> Result<(), CommandError> {
    if json { print_json(plan) } else { print(&shown::plan(plan, stdout_screen())) }
}

/// The plans of a group, as `--dry-run --json` prints them.
#[derive(Serialize)]
struct GroupPlanRecord<'a> {
    group: &'a Untrusted,
    subtasks: Vec<SubtaskPlan<'a>>,
}

#[derive(Serialize)]
struct SubtaskPlan<'a> {
    name: &'a Untrusted,
    plan: &'a PlanRecord,
}

fn print_outcome(outcome: Outcome, json: bool) -> Result<Outcome, CommandError> {
    match json {
        true => print_json(&outcome.results)?,
        false => print(&shown::outcome(&outcome, stdout_screen())?)?,
    }
    Ok(outcome)
}

/// The group's table is made of the records in its folders, as that of `ft-host report` is.
fn print_group(outcome: GroupOutcome, json: bool) -> Result<GroupOutcome, CommandError> {
    match json {
        true => print_json(&outcome.record)?,
        false => {
            let group = report::open_group(&outcome.folder, outcome.record.clone())?;
            print(&ui::report::render(&[], &[group], stdout_screen()))?;
        }
    }
    Ok(outcome)
}
