//! `ft-host tune`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::exit::{CommandError, ExitStatus};
use super::interrupt::Interrupt;
use super::resolve::{Resolved, resolve};
use super::run::say_usage;
use super::terminal::{Downloads, Terminal, print, print_json, say_page, stderr_screen, stdout_screen};
use crate::options::{
    CacheDTypeOptions, ComputeOptions, DataOptions, DigestOptions, HubCacheOptions, LimitOptions, ModelOptions,
    NetworkOptions, OptimizerOptions, OutputOptions, PublishedOptions, RowOptions, RunOptions, SeedOptions,
    SelectionOptions, TaskOptions, TuneOptions,
};
use crate::run::{self, Observer, Observers, Plan, Purpose, RunConfig, RunOverrides, SharedWeights};
use crate::ui::context;
use crate::ui::run as shown;
use ft_record::files::context::ContextRecord;
use ft_store::datasets::location::Access;
use ft_store::machine::environment::Environment;

/// The help of flags that mean something else where nothing is scored.
const OUT: &str = "The folder for the context; with several seeds each has a folder seed-N in it [default: contexts/<task> in the \
    current folder]";
const SAMPLE: &str = "Draw demonstrations as `ft-host run --sample N` does, which draws N evaluation rows before them";

#[derive(Args)]
#[command(mut_arg("out", |out| out.help(OUT)), mut_arg("sample", |sample| sample.help(SAMPLE)))]
pub struct TuneArgs {
    #[command(flatten, next_display_order = 50)]
    task: TaskOptions,

    #[command(flatten, next_display_order = 100)]
    optimizer: OptimizerOptions,

    #[command(flatten, next_display_order = 150)]
    digests: DigestOptions,

    #[command(flatten, next_display_order = 200)]
    model: ModelOptions,

    #[command(flatten, next_display_order = 250)]
    data: DataOptions,

    #[command(flatten, next_display_order = 300)]
    rows: RowOptions,

    #[command(flatten, next_display_order = 350)]
    seeds: SeedOptions,

    #[command(flatten, next_display_order = 440)]
    published: PublishedOptions,

    #[command(flatten, next_display_order = 450)]
    selection: SelectionOptions,

    #[command(flatten, next_display_order = 500)]
    tune: TuneOptions,

    #[command(flatten, next_display_order = 550)]
    compute: ComputeOptions,

    #[command(flatten, next_display_order = 600)]
    output: OutputOptions,

    #[command(flatten, next_display_order = 630)]
    cache_dtype: CacheDTypeOptions,

    #[command(flatten, next_display_order = 650)]
    network: NetworkOptions,

    #[command(flatten, next_display_order = 700)]
    hub_cache: HubCacheOptions,

    #[command(flatten, next_display_order = 750)]
    limits: LimitOptions,

    #[command(flatten, next_display_order = 910)]
    call: CallArgs,
}

/// What is said for one call, and in no run file.
#[derive(Args)]
struct CallArgs {
    /// Read options from a TOML file, as for `ft-host run`; what it says of scoring is passed over.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print the resolved configuration as a run file, and stop.
    #[arg(long)]
    print_config: bool,

    /// Tune again though the context is there already; the earlier one is kept under another name.
    #[arg(long)]
    restart: bool,

    /// Tune even if memory will not suffice, if the model has settings or tensors that this host does not know, or if a
    /// data file has other names for the classes than the task.
    #[arg(long)]
    force: bool,

    /// Print on stderr how much of its limits each plugin used.
    #[arg(long)]
    show_usage: bool,

    /// Print the record of each context (or, with --dry-run, the plan) on stdout as JSON.
    #[arg(long)]
    json: bool,

    /// Print no progress and no notes on stderr.
    #[arg(long, short)]
    quiet: bool,

    /// Check everything that can be checked without reading weights, print the plan, and stop.
    #[arg(long)]
    dry_run: bool,
}

impl TuneArgs {
    /// The flags as options of a run that scores nothing.
    fn into_options(self) -> (RunOptions, CallArgs) {
        let Self { task, optimizer, digests, model, data, rows, seeds, published, selection, tune, .. } = self;
        let Self { compute, output, cache_dtype, network, hub_cache, limits, call, .. } = self;
        let options = RunOptions {
            task,
            optimizer,
            digests,
            model,
            data,
            rows,
            seeds,
            published,
            selection,
            tune,
            compute,
            output,
            cache_dtype,
            network,
            hub_cache,
            limits,
            ..RunOptions::default()
        };
        (options, call)
    }
}

/// Tunes demonstrations and saves the contexts.
pub fn run(args: TuneArgs, mut environment: Environment) -> Result<ExitStatus, CommandError> {
    let (options, args) = args.into_options();
    let file = (args.config.as_ref(), args.print_config);
    let Some(Resolved { options, threads, plugin_path }) = resolve(options, file, &mut environment)? else {
        return Ok(ExitStatus::Done);
    };
    let (json, quiet) = (args.json, args.quiet || args.json);
    let interrupt = Interrupt::install()?;
    let overrides = RunOverrides { restart: args.restart, force: args.force };
    let config = RunConfig::new(Purpose::Tune, options, threads, overrides, &plugin_path)?;
    let terminal = Arc::new(Terminal::new(quiet));
    let observer: Arc<dyn Observer> = Arc::new(Observers(vec![terminal.bar(), terminal.clone()]));
    let downloads = Downloads::new(quiet);
    let access = Access { environment: &environment, progress: &downloads };
    let plan = run::prepare_single(config, access, &observer, &interrupt.engine())?;
    if args.dry_run {
        print_plan(&plan, json)?;
        return Ok(ExitStatus::Done);
    }
    if !quiet {
        say_page(&shown::demonstrations(plan.record(), 6, stderr_screen()));
    }
    let mut printed = Ok(());
    let tuned = run::tune(plan, &SharedWeights::default(), &observer, interrupt.arm_graceful(), |saved| {
        terminal.aside(|| {
            let told = print_context(&saved.folder, &saved.record, json);
            if printed.is_ok() {
                printed = told;
            }
        });
        if let Some(earlier) = saved.earlier.as_ref().filter(|_| !quiet) {
            terminal.aside(|| {
                let note = format!("an earlier context is kept as `{}`", earlier.display());
                say_page(&stderr_screen().note(&note));
            });
        }
    });
    terminal.finish();
    let tuned = tuned?;
    printed?;
    if args.show_usage {
        say_usage(&tuned.usage);
    }
    Ok(ExitStatus::Done)
}

fn print_plan(plan: &Plan, json: bool) -> Result<(), CommandError> {
    if json { print_json(plan.record()) } else { print(&shown::tune_plan(plan.record(), stdout_screen())) }
}

fn print_context(folder: &Path, record: &ContextRecord, json: bool) -> Result<(), CommandError> {
    match json {
        true => print_json(record),
        false => print(&context::saved(&folder.display().to_string(), record, stdout_screen())),
    }
}
