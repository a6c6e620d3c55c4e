//! `ft-host prompt`.

use std::sync::Arc;

use clap::Args;

use super::exit::{CommandError, ExitStatus};
use super::interrupt::Interrupt;
use super::terminal::{Downloads, Terminal, print, print_json, stdout_screen};
use crate::options::{DataOptions, LimitOptions, ModelOptions, NetworkOptions, RowOptions, TaskOptions};
use crate::run::{self, ConfigError, Observer, PreviewRequest, TaskConfig};
use crate::ui::prompt;
use ft_sandbox::Limits;
use ft_store::datasets::location::Access;
use ft_store::machine::environment::Environment;
use ft_store::plugin_path::PluginPath;

#[derive(Args)]
#[command(mut_arg("task", |task| task.required(true)))]
pub struct PromptArgs {
    #[command(flatten, next_display_order = 50)]
    task: TaskOptions,

    #[command(flatten, next_display_order = 200)]
    model: ModelOptions,

    #[command(flatten, next_display_order = 250)]
    data: DataOptions,

    #[command(flatten, next_display_order = 300)]
    rows: RowOptions,

    #[command(flatten, next_display_order = 650)]
    network: NetworkOptions,

    #[command(flatten)]
    limits: LimitOptions,

    #[command(flatten, next_display_order = 910)]
    shown: ShownArgs,
}

/// What is shown, and how.
#[derive(Args)]
struct ShownArgs {
    /// The query's row in the evaluation split, from 0.
    #[arg(long, value_name = "ROW", default_value_t = 0, display_order = 190)]
    index: usize,

    /// Seed by which demonstrations and evaluation rows are drawn, as in a run.
    #[arg(long, value_name = "SEED", default_value_t = 0, display_order = 350)]
    seed: u64,

    /// Print texts and tokens as JSON.
    #[arg(long)]
    json: bool,
}

/// Prints a prompt.
pub fn run(args: PromptArgs, mut environment: Environment) -> Result<ExitStatus, CommandError> {
    let interrupt = Interrupt::install()?;
    let PromptArgs { task, model, data, rows, network, limits, shown: ShownArgs { index, seed, json } } = args;
    environment.offline |= network.offline;
    let path = PluginPath::new(&environment);
    let file = run::find_task(&path, task.task.as_deref().ok_or(ConfigError::NoTask)?)?;
    let config = TaskConfig::new(file, &task, &data, &rows, limits.over(&Limits::default()))?;
    let observer: Arc<dyn Observer> = Arc::new(Terminal::new(json));
    let model = model.model();
    let asked = PreviewRequest { model: &model, seed, index };
    let downloads = Downloads::new(json);
    let access = Access { environment: &environment, progress: &downloads };
    let preview = run::preview(&config, asked, access, &observer, &interrupt.engine())?;
    if json {
        print_json(&preview)?;
    } else {
        print(&prompt::render(&preview, stdout_screen()))?;
    }
    Ok(ExitStatus::Done)
}
