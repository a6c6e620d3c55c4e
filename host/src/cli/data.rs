//! `ft-host data`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::exit::{CommandError, ExitStatus};
use super::interrupt::Interrupt;
use super::terminal::{Downloads, Terminal, print, print_path, say_page, stderr_screen, stdout_screen};
use crate::diagnosis::{Diagnosis, Fault};
use crate::options::{DataOptions, HubCacheOptions, LimitOptions, NetworkOptions, parse};
use crate::run::{self, ConfigError, Observer, TaskFile, find_task};
use crate::ui::data as shown;
use ft_engine::task::example::{Source, Split};
use ft_sandbox::Limits;
use ft_store::datasets::address::{AddressError, is_address};
use ft_store::datasets::error::DataError;
use ft_store::datasets::hub::{HubSplit, fetch_split};
use ft_store::datasets::location::{Access, SplitFiles, open_files};
use ft_store::datasets::pattern::is_pattern;
use ft_store::hub_id::HubId;
use ft_store::machine::environment::Environment;
use ft_store::plugin_path::PluginPath;
use ft_store::progress::Progress;
use ft_store::table::{Format, TableReader};

#[derive(Subcommand)]
pub enum DataCommand {
    /// Fetch a data set from the hub, if it is not there yet, and print where its files are.
    Pull {
        #[command(flatten)]
        what: DatasetArgs,
        /// Print no progress and no notes on stderr.
        #[arg(long, short)]
        quiet: bool,
    },
    /// Print the first rows of a split, one JSON object per line.
    #[command(mut_arg("data", |data| data.requires("task")))]
    Head {
        #[command(flatten)]
        what: DatasetArgs,
        #[command(flatten)]
        data: DataOptions,
        /// The number of rows to print.
        #[arg(short = 'n', long = "rows", value_name = "N", default_value_t = 5, value_parser = parse::at_least_one)]
        rows: usize,
        #[command(flatten)]
        network: NetworkOptions,
    },
}

/// Which data set: a task's, one of the hub's, or a file.
#[derive(Args)]
pub struct DatasetArgs {
    /// The data set of a task plugin: a file, a name on the plugin path, or a definition (`NAME.toml`).
    #[arg(long, value_name = "FILE|NAME", conflicts_with_all = ["name", "config"])]
    task: Option<PathBuf>,

    /// Set an option of the task, or of its definition.
    #[arg(
        short = 'T',
        long = "task-option",
        value_name = "NAME=VALUE",
        value_parser = parse::name_and_value,
        requires = "task"
    )]
    options: Vec<(String, String)>,

    /// owner/name[@revision] on the hub, a file, a pattern of files ('runs/*.jsonl'), or
    /// hf://datasets/OWNER/NAME[@REVISION]/PATH.
    #[arg(value_name = "NAME|FILE", required_unless_present = "task")]
    name: Option<String>,

    /// The configuration of the data set, if it has several.
    #[arg(long, value_name = "CONFIG")]
    config: Option<String>,

    #[command(flatten)]
    hub_cache: HubCacheOptions,

    /// The split: its own name, or, with --task, `demonstrations` or `evaluation` [default: train, or the task's].
    #[arg(long, value_name = "SPLIT")]
    split: Option<String>,

    #[command(flatten)]
    limits: LimitOptions,
}

/// A data set that cannot be meant.
#[derive(Debug, thiserror::Error)]
enum DatasetArgsError {
    /// A split that the task does not load.
    #[error("expected one of the task's splits {names}, got `{asked}`")]
    NoSplit { asked: String, names: String },
    /// A task that loads no rows to score.
    #[error("expected a task with an evaluation split, got one without")]
    NoEvaluation,
    /// A name that no repository of the hub has.
    #[error("expected a data set of the hub, `owner/name`, got `{repository}`")]
    NotOnHub { repository: String },
    /// An address that is none of files of a data set.
    #[error(transparent)]
    Address(AddressError),
}

impl Diagnosis for DatasetArgsError {
    fn fault(&self) -> Fault {
        Fault::Input
    }

    fn hint(&self) -> Option<String> {
        None
    }
}

/// Carries out a command.
pub fn run(command: DataCommand, mut environment: Environment) -> Result<ExitStatus, CommandError> {
    Interrupt::install()?;
    match command {
        DataCommand::Pull { what, quiet } => {
            environment.use_hub_cache(what.hub_cache.cache_dir.clone());
            let downloads = Downloads::new(quiet);
            let access = Access { environment: &environment, progress: &downloads };
            if let Some(files) = what.named_files().filter(|name| is_address(name)) {
                let files = SplitFiles::parse(files).map_err(DatasetArgsError::Address)?;
                return files.paths(access)?.iter().try_for_each(|path| print_path(path)).map(|()| ExitStatus::Done);
            }
            for split in what.hub_splits(&environment, quiet)? {
                for path in fetch_split(&split, &environment, &downloads).map_err(DataError::from)? {
                    print_path(&path)?;
                }
            }
        }
        DataCommand::Head { what, data, rows, network } => {
            environment.offline |= network.offline;
            environment.use_hub_cache(what.hub_cache.cache_dir.clone());
            let table = what.table(&data, &environment, &Downloads::new(false))?;
            head(table, rows)?;
        }
    }
    Ok(ExitStatus::Done)
}

/// The rows on stdout, what they are on stderr.
fn head(mut table: TableReader, rows: usize) -> Result<(), CommandError> {
    say_page(&shown::heading(&table, stderr_screen()));
    for _ in 0..rows {
        match table.next_row()? {
            Some(row) => print(&stdout_screen().json_row(&row))?,
            None => break,
        }
    }
    for remark in table.remarks() {
        say_page(&stderr_screen().note(&remark));
    }
    Ok(())
}

/// Whether something is there that is no folder.
fn is_file_or_stream(path: &Path) -> bool {
    path.exists() && !path.is_dir()
}

impl DatasetArgs {
    /// What the task loads, or where `of_groups` allows it a group of tasks: all of it, or the split asked for.
    fn sources(
        &self,
        task: &TaskFile,
        of_groups: bool,
        environment: &Environment,
        quiet: bool,
    ) -> Result<Vec<Source>, CommandError> {
        let observer: Arc<dyn Observer> = Arc::new(Terminal::new(quiet));
        // An interrupt ends the program at once here, whatever a plugin does.
        let engine = Interrupt::default().engine();
        let asked = (task, self.options.as_slice(), &self.limits.over(&Limits::default()));
        let mut sources = run::task_sources(asked, of_groups, environment, &observer, &engine)?;
        if let Some(asked) = &self.split {
            let names: Vec<String> =
                sources.iter().map(|source| format!("{} ({})", source.split, source.name)).collect();
            sources.retain(|source| source.name == *asked || source.split.to_string() == *asked);
            if sources.is_empty() {
                return Err(DatasetArgsError::NoSplit { asked: asked.clone(), names: names.join(" and ") }.into());
            }
        }
        Ok(sources)
    }

    /// The files that are named themselves: a path, a pattern or an address. A name that says a format is a file's,
    /// though there may be none.
    fn named_files(&self) -> Option<&str> {
        let names_files = |name: &&str| {
            let path = Path::new(name);
            is_file_or_stream(path) || Format::of(path).is_some() || is_address(name) || is_pattern(name)
        };
        self.name.as_deref().filter(names_files)
    }

    fn hub_splits(&self, environment: &Environment, quiet: bool) -> Result<Vec<HubSplit>, CommandError> {
        let parse = |repository: &str| {
            let wrong = || DatasetArgsError::NotOnHub { repository: repository.to_owned() };
            HubId::parse(repository).ok_or_else(wrong)
        };
        match (&self.task, &self.name) {
            (Some(task), _) => {
                let task = find_task(&PluginPath::new(environment), task)?;
                let sources = self.sources(&task, true, environment, quiet)?;
                let split = |source: Source| {
                    Ok(HubSplit { id: parse(&source.repository)?, config: source.config, split: source.name })
                };
                // Files beside a definition are there already.
                sources.into_iter().filter(|source| source.files.is_empty()).map(split).collect()
            }
            (None, name) => {
                let name = name.as_deref().unwrap_or_default();
                let split = self.split.clone().unwrap_or_else(|| "train".into());
                Ok(vec![HubSplit { id: parse(name)?, config: self.config.clone(), split }])
            }
        }
    }

    fn table(
        &self,
        data: &DataOptions,
        environment: &Environment,
        progress: &dyn Progress,
    ) -> Result<TableReader, CommandError> {
        let opened = match (&self.task, &self.name) {
            (Some(task), _) => {
                let task = find_task(&PluginPath::new(environment), task)?;
                let sources = self.sources(&task, false, environment, false)?;
                let evaluation = |source: &Source| self.split.is_some() || source.split == Split::Evaluation;
                let Some(source) = sources.iter().find(|source| evaluation(source)) else {
                    return Err(DatasetArgsError::NoEvaluation.into());
                };
                let beside = task.definition.map(|definition| definition.file().to_owned());
                let location = data.location().map_err(ConfigError::Data)?.of_definition(beside);
                location.open(source, Access { environment, progress })
            }
            (None, _) if let Some(name) = self.named_files() => {
                let files = SplitFiles::parse(name).map_err(DatasetArgsError::Address)?;
                open_files(&files.paths(Access { environment, progress })?, data.quoting())
            }
            (None, _) => {
                let mut files = Vec::new();
                for split in self.hub_splits(environment, false)? {
                    files.extend(fetch_split(&split, environment, progress).map_err(DataError::from)?);
                }
                open_files(&files, data.quoting())
            }
        };
        Ok(opened?)
    }
}
