//! `ft-host task check`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use crate::cli::exit::{CommandError, ExitStatus};
use crate::cli::interrupt::Interrupt;
use crate::cli::terminal::{Downloads, Terminal, print, print_json, say_page, stderr_screen, stdout_screen};
use crate::options::{DataOptions, LimitOptions, ModelOptions, NetworkOptions, RowOptions, TaskOptions, parse};
use crate::plugin_dev::check::{Candidate, CheckReport, check};
use crate::run::{ConfigError, Observer, Plugins, Preview, PreviewRequest, RunError, TaskConfig, find_task, preview};
use crate::ui::{plugin, prompt};
use ft_engine::text::Untrusted;
use ft_sandbox::Limits;
use ft_store::datasets::location::Access;
use ft_store::fs::cache_paths::CachePaths;
use ft_store::machine::environment::Environment;
use ft_store::plugin_path::PluginPath;

/// Queries whose prompts are shown: the first rows of the evaluation split.
const SHOWN: usize = 2;

/// The help of `--data` where another place is the default than for `run`.
const CHECK_DATA: &str = "Where the task's rows come from, as for `ft-host run` [default: the folder `data` beside the definition, the \
    bundled sample, or what the definition says]";

#[derive(Args)]
#[command(mut_arg("data", |data| data.help(CHECK_DATA)))]
pub struct CheckArgs {
    /// The definition's file.
    #[arg(value_name = "FILE.toml")]
    task: PathBuf,

    /// Set an option of the definition.
    #[arg(short = 'T', long = "task-option", value_name = "NAME=VALUE", value_parser = parse::name_and_value)]
    options: Vec<(String, String)>,

    /// Fixtures: rows and the prompts they become [default: NAME.fixtures.toml or fixtures.toml beside the definition].
    #[arg(long, value_name = "FILE")]
    fixtures: Option<PathBuf>,

    #[command(flatten)]
    model: ModelOptions,

    #[command(flatten)]
    data: DataOptions,

    #[command(flatten)]
    network: NetworkOptions,

    #[command(flatten)]
    limits: LimitOptions,

    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// What the checks found, and the first prompts.
#[derive(Serialize)]
struct Checked {
    #[serde(flatten)]
    report: CheckReport,
    prompts: Vec<Preview>,
    /// Why there are no prompts, where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    without_prompts: Option<Untrusted>,
}

/// Checks a definition, and prints what was found and the first prompts.
pub fn run(args: CheckArgs, mut environment: Environment) -> Result<ExitStatus, CommandError> {
    let interrupt = Interrupt::install()?;
    let observer: Arc<dyn Observer> = Arc::new(Terminal::new(args.json));
    let plugins = Plugins::new(&CachePaths::new(&environment), &observer, &interrupt.engine())?;
    let limits = args.limits.over(&Limits::default());
    environment.offline |= args.network.offline;
    let file = find_task(&PluginPath::new(&environment), &args.task)?;
    let data = match args.data.data.as_slice() {
        [] => None,
        _ => Some(args.data.location().map_err(ConfigError::Data)?),
    };
    let downloads = Downloads::new(args.json);
    let access = Access { environment: &environment, progress: &downloads };
    let report = check(Candidate {
        plugins: &plugins,
        file: &file.plugin,
        definition: file.definition.as_ref(),
        options: &args.options,
        limits: &limits,
        data: data.as_ref(),
        fixtures: args.fixtures.as_deref(),
        access,
    })?;
    let passed = report.passed();
    let (mut prompts, mut without_prompts) = (Vec::new(), None);
    if let Some(location) = report.data.clone().filter(|_| passed) {
        let task = TaskOptions { task: Some(args.task), task_options: args.options, ..TaskOptions::default() };
        let config = TaskConfig::new(file, &task, &args.data, &RowOptions::default(), limits)?;
        let config = TaskConfig { data: location, ..config };
        match first_prompts(&config, &args.model.model(), &environment, &observer, &interrupt) {
            Ok(first) => prompts = first,
            Err(error) => without_prompts = Some(format!("no prompts are shown: {error}").into()),
        }
    }
    show(Checked { report, prompts, without_prompts }, args.json)?;
    Ok(if passed { ExitStatus::Done } else { ExitStatus::Failed })
}

/// The prompts of the first queries, by a tokenizer that is at hand: nothing is downloaded for them.
fn first_prompts(
    config: &TaskConfig,
    model: &str,
    environment: &Environment,
    observer: &Arc<dyn Observer>,
    interrupt: &Interrupt,
) -> Result<Vec<Preview>, RunError> {
    let environment = Environment { offline: true, ..environment.clone() };
    let access = Access { environment: &environment, progress: &Downloads::new(true) };
    let of = |index| preview(config, PreviewRequest { model, seed: 0, index }, access, observer, &interrupt.engine());
    let first = of(0)?;
    // A split may have fewer rows.
    Ok(std::iter::once(first).chain((1..SHOWN).map_while(|index| of(index).ok())).collect())
}

fn show(checked: Checked, json: bool) -> Result<(), CommandError> {
    if json {
        return print_json(&checked);
    }
    print(&plugin::checks(&checked.report, stdout_screen()))?;
    if let Some((first, others)) = checked.prompts.split_first() {
        // All queries are behind the same demonstrations.
        print(&prompt::render(first, stdout_screen()))?;
        others.iter().try_for_each(|preview| print(&prompt::query(preview, stdout_screen())))?;
    }
    if let Some(reason) = &checked.without_prompts {
        say_page(&stderr_screen().note(&reason.harmless()));
    }
    Ok(())
}
