//! `ft-host plugin`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};

use super::exit::ExitStatus;
use super::interrupt::Interrupt;
use super::run::print;
use super::terminal::{Downloads, Terminal, say, stderr_style, stdout_style};
use super::values;
use crate::author::check::{Subject, check};
use crate::author::scaffold::{self, Language};
use crate::author::{AuthorError, PluginCard, build, inventory, validate};
use crate::plugin::{Limits, PluginKind};
use crate::run::{Observer, Plugins, RunError, find_plugin};
use crate::store::data::{Access, DataLocation};
use crate::store::environment::Environment;
use crate::store::paths::CachePaths;
use crate::store::plugin_path::PluginPath;
use crate::ui::{plugin as shown, usage};

#[derive(Subcommand)]
pub enum PluginCommand {
    /// Make a folder for a new plugin: sources that build, a test that passes, fixtures, ten rows of data.
    New {
        /// What it is to be.
        #[arg(value_enum)]
        kind: Kind,
        /// Its name: letters a-z, digits and `-`; the folder is called so too.
        name: String,
        /// The language of its sources.
        #[arg(long, value_enum, default_value_t = Lang::Rust)]
        lang: Lang,
        /// The folder above the new one.
        #[arg(long, value_name = "DIR", default_value = ".")]
        dir: PathBuf,
    },
    /// Build a plugin's folder to DIR/NAME.wasm, and print the file.
    Build {
        /// The folder, with a Cargo.toml or an app.py.
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// Check that a plugin does what its author says: fixtures, rows, determinism, rows with faults, limits.
    Test {
        #[command(flatten)]
        which: Which,
        /// Fixtures: rows and the prompts they become, or caches and their updates [default: NAME.fixtures.toml or
        /// fixtures.toml beside the plugin].
        #[arg(long, value_name = "FILE")]
        fixtures: Option<PathBuf>,
        /// Where a task's rows come from, as for `ft-host run` [default: the folder `data` beside the plugin, or the
        /// bundled sample].
        #[arg(long, value_name = "sample|DIR|SPLIT=FILE")]
        data: Vec<String>,
        /// Use no network.
        #[arg(long)]
        offline: bool,
        /// Print the report as JSON.
        #[arg(long)]
        json: bool,
        /// Print on stderr what the plugin used of its limits.
        #[arg(long)]
        show_usage: bool,
    },
    /// Show what a plugin is: world, version, imports, exports, options, size, digest.
    Inspect {
        /// A file, or a name on the plugin path.
        #[arg(value_name = "FILE|NAME")]
        plugin: PathBuf,
        /// Print it as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check everything of a plugin that `run` would refuse before it reads weights.
    Validate {
        #[command(flatten)]
        which: Which,
        /// Print what the plugin is as JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the plugins of the plugin path: the folders of FT_PLUGIN_PATH, ./plugins, and plugins in this host's data folder.
    List {
        /// Print the list as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// A plugin and its options.
#[derive(Args)]
pub struct Which {
    /// A file, or a name on the plugin path.
    #[arg(value_name = "FILE|NAME")]
    plugin: PathBuf,

    /// Set an option of the plugin.
    #[arg(short = 'O', short_alias = 'T', long = "option", value_name = "NAME=VALUE", value_parser = values::name_and_value)]
    options: Vec<(String, String)>,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Kind {
    /// A data set and its prompts.
    Task,
    /// A rule that moves the key/value cache.
    Optimizer,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Lang {
    /// A crate, built with cargo.
    Rust,
    /// A module, built with componentize-py.
    Python,
}

/// Carries out a command.
pub fn run(command: PluginCommand, environment: Environment) -> anyhow::Result<ExitStatus> {
    // Other programs run in between, which Ctrl-C is to reach as well.
    match command {
        PluginCommand::New { kind, name, lang, dir } => return new(kind, &name, lang, &dir),
        PluginCommand::Build { dir } => return build_folder(&dir, &environment),
        _ => {}
    }
    Interrupt::install()?;
    let path = PluginPath::new(&environment);
    let observer: Arc<dyn Observer> = Arc::new(Terminal::new(false));
    let plugins = Plugins::new(&CachePaths::new(&environment).map_err(RunError::from)?, &observer)?;
    let limits = Limits::default();
    let style = stdout_style(&environment);
    match command {
        PluginCommand::Inspect { plugin, json } => {
            let file = find_plugin(&path, &plugin)?;
            let card = PluginCard::new(file.display().to_string(), plugins.inspect(&file, &limits)?);
            if json { print_json(&card)? } else { print(&shown::card(&card, style))? }
        }
        PluginCommand::Validate { which, json } => {
            let validated = validate(&plugins, &find_plugin(&path, &which.plugin)?, &which.options, &limits)?;
            if json { print_json(&validated.card)? } else { print(&shown::validated(&validated, style))? }
        }
        PluginCommand::List { json } => {
            let listed = inventory(&plugins, &path, &limits)?;
            if json {
                print_json(&listed)?;
            } else if listed.is_empty() {
                let folders: Vec<String> =
                    path.folders().iter().map(|folder| format!("`{}`", folder.display())).collect();
                say(&format!("no plugins in {}", folders.join(" or ")));
            } else {
                print(&shown::list(&listed, style))?;
            }
        }
        PluginCommand::Test { which, fixtures, data, offline, json, show_usage } => {
            let environment = Environment { offline: environment.offline || offline, ..environment };
            let data = match data.is_empty() {
                true => None,
                false => Some(DataLocation::parse(&data).map_err(RunError::Settings)?),
            };
            let file = find_plugin(&path, &which.plugin)?;
            let subject = Subject {
                plugins: &plugins,
                file: &file,
                options: &which.options,
                limits: &limits,
                data: data.as_ref(),
                fixtures: fixtures.as_deref(),
                access: Access { environment: &environment, progress: &Downloads::new(json) },
            };
            let report = check(subject)?;
            if json {
                print_json(&report)?
            } else {
                print(&shown::checks(&report, style))?
            }
            if show_usage {
                usage::render(std::slice::from_ref(&report.usage), stderr_style(&environment)).lines().for_each(say);
            }
            return Ok(if report.passed() { ExitStatus::Done } else { ExitStatus::Failed });
        }
        PluginCommand::New { .. } | PluginCommand::Build { .. } => {}
    }
    Ok(ExitStatus::Done)
}

fn new(kind: Kind, name: &str, lang: Lang, dir: &Path) -> anyhow::Result<ExitStatus> {
    let kind = match kind {
        Kind::Task => PluginKind::Task,
        Kind::Optimizer => PluginKind::Optimizer,
    };
    let language = match lang {
        Lang::Rust => Language::Rust,
        Lang::Python => Language::Python,
    };
    let folder = scaffold::new(kind, name, language, dir)?;
    print(&format!("{}\n", folder.display()))?;
    let (folder, file) = (folder.display(), folder.join(format!("{name}.wasm")));
    say(&format!("next: `ft-host plugin build {folder}`, then `ft-host plugin test {}`", file.display()));
    Ok(ExitStatus::Done)
}

fn build_folder(dir: &Path, environment: &Environment) -> anyhow::Result<ExitStatus> {
    let paths = CachePaths::new(environment).map_err(AuthorError::from)?;
    for file in build::build(dir, &paths, &|message| say(message))? {
        print(&format!("{}\n", file.display()))?;
    }
    Ok(ExitStatus::Done)
}

fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?))
}
