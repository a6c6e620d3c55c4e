//! `ft-host plugin`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};

use super::exit::{CommandError, ExitStatus};
use super::interrupt::Interrupt;
use super::terminal::{
    Downloads, Terminal, print, print_json, print_path, say, say_page, stderr_screen, stdout_screen,
};
use crate::options::{DataOptions, LimitOptions, NetworkOptions, parse};
use crate::plugin_dev::check::{Candidate, check};
use crate::plugin_dev::scaffold::{self, Language};
use crate::plugin_dev::{PluginCard, build, inventory, validate};
use crate::run::{ConfigError, Observer, PluginSpec, Plugins, TaskFile, find_plugin, find_task};
use crate::ui::screen::Screen;
use crate::ui::{plugin as shown, usage};
use ft_sandbox::{Limits, PluginKind};
use ft_store::datasets::location::Access;
use ft_store::fs::cache_paths::CachePaths;
use ft_store::machine::environment::{Environment, expand_path};
use ft_store::plugin_path::PluginPath;

/// The help of `--data` where another place is the default than for `run`.
const TEST_DATA: &str = "Where a task's rows come from, as for `ft-host run` [default: the folder `data` beside the plugin, \
    or the bundled sample]";

#[derive(Subcommand)]
pub enum PluginCommand {
    /// Make a folder for a new plugin: sources that build, a test that passes, fixtures, ten rows of data.
    New {
        /// The kind of plugin.
        #[arg(value_enum)]
        kind: Kind,
        /// The name of the plugin and of its folder: letters a-z, digits and `-`.
        name: String,
        /// The language of the sources.
        #[arg(long, value_enum, default_value_t = Lang::Rust)]
        lang: Lang,
        /// The folder above the new one [default: the current one].
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Build a plugin's folder to DIR/NAME.wasm, and print the file.
    Build {
        /// The folder, with a Cargo.toml or an app.py.
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// Check that a plugin does what its author says: fixtures, rows, determinism, rows with faults, limits.
    Test(TestArgs),
    /// Show what a plugin is: world, version, imports, exports, options, size, digest.
    Inspect {
        /// A file, or a name on the plugin path.
        #[arg(value_name = "FILE|NAME")]
        plugin: PathBuf,
        /// Print the description as JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        limits: LimitOptions,
    },
    /// Check for everything that `run` would refuse before it reads weights.
    Validate {
        #[command(flatten)]
        which: PluginArgs,
        /// Print the description of the plugin as JSON.
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

/// What is checked, and with what.
#[derive(Args)]
#[command(mut_arg("data", |data| data.help(TEST_DATA)))]
pub struct TestArgs {
    #[command(flatten)]
    which: PluginArgs,

    /// Fixtures: rows and the prompts they become, or caches and their updates [default: NAME.fixtures.toml or
    /// fixtures.toml beside the plugin].
    #[arg(long, value_name = "FILE")]
    fixtures: Option<PathBuf>,

    #[command(flatten)]
    data: DataOptions,

    #[command(flatten)]
    network: NetworkOptions,

    /// Print the report as JSON.
    #[arg(long)]
    json: bool,

    /// Print on stderr how much of its limits the plugin used.
    #[arg(long)]
    show_usage: bool,
}

/// A plugin and its options.
#[derive(Args)]
pub struct PluginArgs {
    /// A file, a name on the plugin path, or the definition of a task (`NAME.toml`).
    #[arg(value_name = "FILE|NAME")]
    plugin: PathBuf,

    /// Set an option of the plugin.
    #[arg(short = 'O', short_alias = 'T', long = "option", value_name = "NAME=VALUE", value_parser = parse::name_and_value)]
    options: Vec<(String, String)>,

    #[command(flatten)]
    limits: LimitOptions,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Kind {
    /// A task: a data set and its prompts.
    Task,
    /// An optimizer: how the key/value cache changes.
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
pub fn run(command: PluginCommand, environment: Environment) -> Result<ExitStatus, CommandError> {
    match command {
        PluginCommand::New { kind, name, lang, dir } => {
            new(kind, &name, lang, &dir.map(|dir| expand_path(&dir)).unwrap_or_default())
        }
        PluginCommand::Build { dir } => build_folder(&dir, &environment),
        PluginCommand::Test(args) => test(args, environment),
        PluginCommand::Inspect { plugin, json, limits } => {
            let PluginContext { plugins, path, limits, screen } = PluginContext::open(&environment, limits)?;
            let file = find_plugin(&path, &plugin)?;
            let card = PluginCard::new(file.display().to_string(), plugins.inspect(&file, &limits)?);
            if json { print_json(&card) } else { print(&shown::card(&card, screen)) }?;
            Ok(ExitStatus::Done)
        }
        PluginCommand::Validate { which, json } => {
            let PluginContext { plugins, path, limits, screen } = PluginContext::open(&environment, which.limits)?;
            let TaskFile { plugin: file, definition } = find_task(&path, &which.plugin)?;
            let definition = definition.as_ref();
            let spec = PluginSpec { file: &file, options: &which.options, limits: &limits, definition };
            let validated = validate(&plugins, spec)?;
            if json { print_json(&validated.card) } else { print(&shown::validated(&validated, screen)) }?;
            Ok(ExitStatus::Done)
        }
        PluginCommand::List { json } => {
            let PluginContext { plugins, path, limits, screen } =
                PluginContext::open(&environment, LimitOptions::default())?;
            let listed = inventory(&plugins, &path, &limits)?;
            if json { print_json(&listed) } else { print(&shown::list(&listed, screen)) }?;
            if listed.is_empty() {
                say_page(&shown::none(path.folders(), stderr_screen()));
            }
            Ok(ExitStatus::Done)
        }
    }
}

/// What it takes to look at plugins.
struct PluginContext {
    plugins: Plugins,
    path: PluginPath,
    limits: Limits,
    screen: Screen,
}

impl PluginContext {
    fn open(environment: &Environment, limits: LimitOptions) -> Result<Self, CommandError> {
        let interrupt = Interrupt::install()?;
        let observer: Arc<dyn Observer> = Arc::new(Terminal::new(false));
        Ok(Self {
            plugins: Plugins::new(&CachePaths::new(environment), &observer, &interrupt.engine())?,
            path: PluginPath::new(environment),
            limits: limits.over(&Limits::default()),
            screen: stdout_screen(),
        })
    }
}

fn test(args: TestArgs, mut environment: Environment) -> Result<ExitStatus, CommandError> {
    let PluginContext { plugins, path, limits, screen } = PluginContext::open(&environment, args.which.limits)?;
    environment.offline |= args.network.offline;
    let data = match args.data.data.as_slice() {
        [] => None,
        _ => Some(args.data.location().map_err(ConfigError::Data)?),
    };
    let TaskFile { plugin: file, definition } = find_task(&path, &args.which.plugin)?;
    let candidate = Candidate {
        plugins: &plugins,
        file: &file,
        definition: definition.as_ref(),
        options: &args.which.options,
        limits: &limits,
        data: data.as_ref(),
        fixtures: args.fixtures.as_deref(),
        access: Access { environment: &environment, progress: &Downloads::new(args.json) },
    };
    let report = check(candidate)?;
    if args.json { print_json(&report) } else { print(&shown::checks(&report, screen)) }?;
    if args.show_usage {
        say_page(&usage::render(report.usage.as_slice(), stderr_screen()));
    }
    Ok(if report.passed() { ExitStatus::Done } else { ExitStatus::Failed })
}

fn new(kind: Kind, name: &str, lang: Lang, dir: &Path) -> Result<ExitStatus, CommandError> {
    let kind = match kind {
        Kind::Task => PluginKind::Task,
        Kind::Optimizer => PluginKind::Optimizer,
    };
    let language = match lang {
        Lang::Rust => Language::Rust,
        Lang::Python => Language::Python,
    };
    let folder = scaffold::new(kind, name, language, dir)?;
    print_path(&folder)?;
    say_page(&shown::made(&folder, name, stderr_screen()));
    Ok(ExitStatus::Done)
}

fn build_folder(dir: &Path, environment: &Environment) -> Result<ExitStatus, CommandError> {
    let paths = CachePaths::new(environment);
    for file in build::build(dir, &paths, &|message| say(message))? {
        print_path(&file)?;
    }
    Ok(ExitStatus::Done)
}
