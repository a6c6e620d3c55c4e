//! `ft-host run`.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::exit::ExitStatus;
use super::interrupt::Interrupt;
use super::terminal::{Downloads, Terminal, say, stdout_style};
use super::{default_optimizer, sizes, threads};
use crate::model::device::{DTypeChoice, DeviceChoice};
use crate::model::weights::WeightFormat;
use crate::plugin::Limits;
use crate::run::memory::size;
use crate::run::{self, Observer, Outcome, Plan, RunConfig, ScoreSteps};
use crate::store::catalogue::DEFAULT_MODEL;
use crate::store::data::DataLocation;
use crate::store::environment::Environment;
use crate::tune::Positions;
use crate::ui::style::Style;
use crate::ui::table::{self, ResultRow};
use crate::ui::text;

/// Query tokens that run together: enough rows for the matrix products to be at their best, few enough to stop soon.
const BATCH_TOKENS: usize = 1024;

#[derive(Args)]
pub struct RunArgs {
    /// The task plugin, a WebAssembly component.
    #[arg(long, value_name = "FILE")]
    task: PathBuf,

    /// The optimizer plugin [default: momentum.wasm beside the task plugin or in plugins/].
    #[arg(long, value_name = "FILE")]
    optimizer: Option<PathBuf>,

    /// Set an option of the optimizer.
    #[arg(short = 'O', long = "optimizer-option", value_name = "NAME=VALUE", value_parser = name_and_value)]
    optimizer_options: Vec<(String, String)>,

    /// Set an option of the task.
    #[arg(short = 'T', long = "task-option", value_name = "NAME=VALUE", value_parser = name_and_value)]
    task_options: Vec<(String, String)>,

    /// A GGUF file, a folder with config.json, a name of the catalogue (`ft-host model list`), or owner/name[@revision]
    /// on the hub.
    #[arg(long, value_name = "MODEL", default_value = DEFAULT_MODEL)]
    model: String,

    /// Where rows come from: `sample` for the bundled sample, or a folder with DIR/<data set>/<split>.jsonl
    /// [default: the data set's repository on the hub].
    #[arg(long, value_name = "sample|DIR")]
    data: Option<String>,

    /// Deep-Thinking steps; step 1 is plain in-context learning.
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = at_least_one)]
    steps: usize,

    /// Demonstrations; for tasks with classes, demonstrations of each class.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least_one)]
    shots: usize,

    /// Seeds the choice of demonstrations and evaluation rows.
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    seed: u64,

    /// Score only the first N evaluation rows.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    limit: Option<usize>,

    /// Which steps to score, besides zero-shot and step 1: `all`, `last`, or a list like 5,10,15.
    #[arg(long, value_name = "STEPS", default_value_t = ScoreSteps::All)]
    score_steps: ScoreSteps,

    /// Position ids of the passes from step 2 on: `continue` after the first pass, as published, or `restart` at 0.
    #[arg(long, value_enum, default_value_t = PositionsArg::Continue)]
    positions: PositionsArg,

    /// Where the model runs: `auto`, `cpu`, `cuda` or `cuda:N`.
    #[arg(long, default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,

    /// Number format: `auto` (f32 on the CPU, bf16 on CUDA), `f32`, `bf16` or `f16`.
    #[arg(long, default_value = "auto")]
    dtype: DTypeChoice,

    /// How weight matrices are held: `dense` in the number format, or `quantized` in 8 bit.
    #[arg(long, value_enum, default_value_t = WeightsArg::Dense)]
    weights: WeightsArg,

    /// Threads for computing [default: one for each core].
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    threads: Option<usize>,

    /// Query tokens that run together; results do not depend on it.
    #[arg(long, value_name = "N", default_value_t = BATCH_TOKENS, value_parser = at_least_one)]
    batch_tokens: usize,

    /// Folder for results.json and samples.jsonl [default: runs/<task>].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Use no network.
    #[arg(long)]
    offline: bool,

    /// The folder of the hub's downloads, as `cache_dir` of the Hugging Face tools [default: HF_HUB_CACHE, or hub in
    /// HF_HOME].
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,

    /// Run even where memory will not be enough.
    #[arg(long)]
    force: bool,

    /// Print results.json (or, with --dry-run, the plan) on stdout instead of a table.
    #[arg(long)]
    json: bool,

    /// No progress and no notes on stderr.
    #[arg(long, short)]
    quiet: bool,

    /// Check everything that can be checked without reading weights, print the plan, and stop.
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    limits: LimitArgs,
}

/// What each plugin may use.
#[derive(Args)]
#[command(next_help_heading = "Plugin limits")]
struct LimitArgs {
    /// Instructions for each call, in WebAssembly fuel.
    #[arg(long, value_name = "FUEL", default_value_t = Limits::default().fuel)]
    plugin_fuel: u64,

    /// Seconds for each call.
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().time.as_secs_f64(), value_parser = seconds)]
    plugin_time: f64,

    /// Bytes of linear memory, with k, M or G.
    #[arg(long, value_name = "BYTES", default_value = "256M", value_parser = sizes::bytes)]
    plugin_memory: u64,

    /// Table elements, and handles to host resources.
    #[arg(long, value_name = "N", default_value_t = Limits::default().table_elements)]
    plugin_tables: usize,

    /// Bytes that one call moves across the boundary, with k, M or G.
    #[arg(long, value_name = "BYTES", default_value = "64M", value_parser = sizes::bytes)]
    plugin_call_bytes: u64,

    /// Bytes of live tensors that the plugin made, with k, M or G.
    #[arg(long, value_name = "BYTES", default_value = "2G", value_parser = sizes::bytes)]
    plugin_tensor_bytes: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum PositionsArg {
    Continue,
    Restart,
}

#[derive(Clone, Copy, ValueEnum)]
enum WeightsArg {
    Dense,
    Quantized,
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err(format!("`{text}` is not of the form NAME=VALUE")),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("a whole number from 1 was expected".into()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds < 1e9 => Ok(seconds),
        _ => Err("a positive number of seconds was expected".into()),
    }
}

impl RunArgs {
    fn into_config(self, threads: usize) -> Result<RunConfig, run::RunError> {
        let optimizer = match self.optimizer {
            Some(path) => path,
            None => default_optimizer::find(&self.task)?,
        };
        let name = self.task.file_stem().unwrap_or_default();
        Ok(RunConfig {
            out: self.out.unwrap_or_else(|| PathBuf::from("runs").join(name)),
            task: self.task,
            optimizer,
            task_options: self.task_options,
            optimizer_options: self.optimizer_options,
            model: self.model,
            data: self.data.as_deref().map_or(DataLocation::Hub, DataLocation::parse),
            shots: self.shots,
            seed: self.seed,
            steps: self.steps,
            limit: self.limit,
            score_steps: self.score_steps,
            positions: match self.positions {
                PositionsArg::Continue => Positions::Continue,
                PositionsArg::Restart => Positions::Restart,
            },
            device: self.device,
            dtype: self.dtype,
            weights: match self.weights {
                WeightsArg::Dense => WeightFormat::Dense,
                WeightsArg::Quantized => WeightFormat::Quantized,
            },
            threads,
            batch_tokens: self.batch_tokens,
            force: self.force,
            limits: Limits {
                fuel: self.limits.plugin_fuel,
                time: Duration::from_secs_f64(self.limits.plugin_time),
                memory: self.limits.plugin_memory,
                table_elements: self.limits.plugin_tables,
                call_bytes: self.limits.plugin_call_bytes,
                tensor_bytes: self.limits.plugin_tensor_bytes,
                ..Limits::default()
            },
        })
    }
}

/// Prepares and carries out a run.
pub fn run(args: RunArgs, mut environment: Environment) -> anyhow::Result<ExitStatus> {
    let threads = threads::settle(args.threads, &environment);
    environment.offline |= args.offline;
    environment.use_hub_cache(args.cache_dir.clone());
    let (json, dry_run, quiet) = (args.json, args.dry_run, args.quiet || args.json);
    let interrupt = Interrupt::install()?;
    let config = args.into_config(threads)?;
    let terminal = Arc::new(Terminal::new(quiet));
    let observer: Arc<dyn Observer> = terminal.clone();
    let plan = run::prepare(config, &environment, &observer, &Downloads::new(quiet))?;
    if dry_run {
        print_plan(&plan, json)?;
        return Ok(ExitStatus::Done);
    }
    if !quiet {
        say(&text::head(&plan.record().demonstrations, 6, 100));
    }
    let outcome = run::execute(plan, &observer, interrupt.gently());
    terminal.finish();
    let outcome = outcome?;
    print_outcome(&outcome, json, stdout_style(&environment))?;
    if outcome.interrupted {
        say(&format!("interrupted: what was scored is in `{}`", outcome.folder.display()));
        return Ok(ExitStatus::Interrupted);
    }
    if !quiet {
        say(&format!("results are in `{}`", outcome.folder.display()));
    }
    Ok(ExitStatus::Done)
}

fn print_plan(plan: &Plan, json: bool) -> anyhow::Result<()> {
    let record = plan.record();
    if json {
        return print(&format!("{}\n", serde_json::to_string_pretty(record)?));
    }
    let mut lines = text::head(&record.demonstrations, 20, 100);
    lines += &format!(
        "\n{} demonstration tokens, {} of {} evaluation rows, longest query {} tokens, scored steps {:?}\n",
        record.demonstration_ids.len(),
        record.evaluation_rows,
        record.evaluation_split_rows,
        record.longest_query,
        record.score_steps
    );
    let memory = &record.memory;
    lines += &format!(
        "about {} of memory: weights {}, keys and values {}, states {}; {}\n",
        size(memory.total),
        size(memory.weights),
        size(memory.cache),
        size(memory.activations),
        memory
            .available
            .map_or_else(|| "what there is is not known".into(), |bytes| format!("{} are free", size(bytes)))
    );
    for note in &record.notes {
        lines += &format!("note: {note}\n");
    }
    print(&lines)
}

fn print_outcome(outcome: &Outcome, json: bool, style: Style) -> anyhow::Result<()> {
    if json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&outcome.results)?));
    }
    let rows: Vec<ResultRow> =
        outcome.steps.iter().map(|(summary, seconds)| ResultRow { summary: *summary, seconds: *seconds }).collect();
    let mut lines = table::render(&rows, None, style);
    for note in &outcome.results.plan.notes {
        lines += &format!("note: {note}\n");
    }
    print(&lines)
}

/// Writes to stdout; a reader that has gone away is no error.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
