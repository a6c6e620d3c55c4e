//! `ft-host prompt`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::exit::ExitStatus;
use super::interrupt::Interrupt;
use super::limits::LimitSettings;
use super::terminal::{Downloads, Terminal, print, print_json, stdout_screen};
use super::values;
use crate::run::{self, Observer, PreviewRequest, RunError, TaskConfig};
use crate::ui::prompt;
use ft_engine::task::sampling::Sampling;
use ft_sandbox::Limits;
use ft_store::datasets::location::{Access, DataLocation};
use ft_store::machine::environment::Environment;
use ft_store::models::catalogue::DEFAULT_MODEL;
use ft_store::plugin_path::PluginPath;
use ft_store::table::Quoting;

#[derive(Args)]
pub struct PromptArgs {
    /// The task plugin, a WebAssembly component: a file, or its name on the plugin path.
    #[arg(long, value_name = "FILE|NAME")]
    task: PathBuf,

    /// Set an option of the task.
    #[arg(short = 'T', long = "task-option", value_name = "NAME=VALUE", value_parser = values::name_and_value)]
    task_options: Vec<(String, String)>,

    /// The query's row in the evaluation split, from 0.
    #[arg(long, value_name = "ROW", default_value_t = 0)]
    index: usize,

    /// Whose tokenizer: a GGUF file, a folder with config.json, a name of the catalogue, or owner/name[@revision] on the hub.
    #[arg(long, value_name = "MODEL", default_value = DEFAULT_MODEL)]
    model: String,

    /// Where rows come from: `sample` for the bundled sample, a folder with DIR/<data set>/<split>.jsonl (.json, .parquet,
    /// .csv, .tsv), or evaluation=FILE and demonstrations=FILE for single splits; may be given several times
    /// [default: the data set's repository on the hub].
    #[arg(long, value_name = "sample|DIR|SPLIT=FILE")]
    data: Vec<String>,

    /// Whether cells of CSV and TSV files may stand in double quotes: `csv`, `none`, or `auto` for `csv` in CSV and `none` in
    /// TSV.
    #[arg(long, value_name = "auto|csv|none", default_value_t = Quoting::Auto)]
    quoting: Quoting,

    /// How demonstrations are chosen: `stratified` by class where the task has classes, `random`, `written` by the task's
    /// author, or the `first` rows.
    #[arg(long, value_name = "HOW", default_value_t = Sampling::Stratified)]
    sampling: Sampling,

    /// Demonstrations; with `--sampling stratified` and a task with classes, demonstrations of each class [default: 1, or all
    /// that are written].
    #[arg(long, value_name = "N", value_parser = values::shots)]
    shots: Option<usize>,

    /// As many evaluation rows as the run draws with `--sample`: they are drawn before the demonstrations.
    #[arg(long, value_name = "N", value_parser = values::at_least_one)]
    sample: Option<usize>,

    /// Leave out rows that cannot be read or that the task does not take, as the run does.
    #[arg(long)]
    skip_bad_rows: bool,

    /// Seeds the choice of demonstrations and evaluation rows.
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    seed: u64,

    /// Use no network.
    #[arg(long)]
    offline: bool,

    /// Print texts and tokens as JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    limits: LimitSettings,
}

/// Prints a prompt.
pub fn run(args: PromptArgs, mut environment: Environment) -> anyhow::Result<ExitStatus> {
    let interrupt = Interrupt::install()?;
    environment.offline |= args.offline;
    let config = TaskConfig {
        plugin: run::find_plugin(&PluginPath::new(&environment), &args.task)?,
        options: args.task_options,
        data: DataLocation::parse(&args.data).map_err(RunError::Settings)?.with_quoting(args.quoting),
        skip_bad_rows: args.skip_bad_rows,
        sampling: args.sampling,
        shots: args.shots,
        sample: args.sample,
        limits: args.limits.over(&Limits::default()),
    };
    let observer: Arc<dyn Observer> = Arc::new(Terminal::new(args.json));
    let asked = PreviewRequest { model: &args.model, seed: args.seed, index: args.index };
    let downloads = Downloads::new(args.json);
    let access = Access { environment: &environment, progress: &downloads };
    let preview = run::preview(&config, asked, access, &observer, &interrupt.engine())?;
    if args.json {
        print_json(&preview)?;
    } else {
        print(&prompt::render(&preview, stdout_screen()))?;
    }
    Ok(ExitStatus::Done)
}
