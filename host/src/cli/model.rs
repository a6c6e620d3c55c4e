//! `ft-host model`.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::exit::{CommandError, ExitStatus};
use super::interrupt::Interrupt;
use super::terminal::{Downloads, print, print_path, stdout_screen};
use crate::options::{HubCacheOptions, NetworkOptions};
use crate::run::describe_model;
use crate::ui::models;
use ft_store::hub::fetch::{fetch_model, list_models};
use ft_store::machine::environment::Environment;
use ft_store::models::catalogue::DEFAULT_MODEL;
use ft_store::models::files::ModelKind;
use ft_store::progress::Progress;

#[derive(Subcommand)]
pub enum ModelCommand {
    /// Fetch a model, if it is not there yet, and print where it is.
    Pull {
        /// A name of the catalogue, owner/name[@revision] on the hub, or a path.
        #[arg(default_value = DEFAULT_MODEL)]
        model: String,
        #[command(flatten)]
        hub_cache: HubCacheOptions,
        #[command(flatten)]
        network: NetworkOptions,
        /// Print no progress and no notes on stderr.
        #[arg(long, short)]
        quiet: bool,
    },
    /// List the models of the catalogue and those that are on this machine.
    List {
        #[command(flatten)]
        hub_cache: HubCacheOptions,
    },
    /// Describe a model without reading its weights.
    Inspect {
        /// A name of the catalogue, owner/name[@revision] on the hub, or a path.
        #[arg(default_value = DEFAULT_MODEL)]
        model: String,
        #[command(flatten)]
        hub_cache: HubCacheOptions,
    },
}

/// Carries out a command.
pub fn run(command: ModelCommand, mut environment: Environment) -> Result<ExitStatus, CommandError> {
    Interrupt::install()?;
    match command {
        ModelCommand::Pull { model, hub_cache, network, quiet } => {
            environment.use_hub_cache(hub_cache.cache_dir);
            environment.offline |= network.offline;
            let downloads = Downloads::new(quiet);
            let files = fetch_model(&model, &environment, &downloads)?;
            files.notes.iter().for_each(|note| downloads.note(note));
            let path = match &files.kind {
                ModelKind::Gguf(parts) => parts.first().map_or(Path::new(""), PathBuf::as_path),
                ModelKind::Folder { config, .. } => config.parent().unwrap_or(config),
            };
            print_path(path)?;
        }
        ModelCommand::List { hub_cache } => {
            environment.use_hub_cache(hub_cache.cache_dir);
            print(&models::list(&list_models(&environment)?, stdout_screen()))?;
        }
        ModelCommand::Inspect { model, hub_cache } => {
            environment.use_hub_cache(hub_cache.cache_dir);
            let files = fetch_model(&model, &environment, &Downloads::new(false))?;
            print(&models::describe(&describe_model(&files)?, stdout_screen()))?;
        }
    }
    Ok(ExitStatus::Done)
}
