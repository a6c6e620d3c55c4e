//! `ft-host task import`.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::exit::{CommandError, ExitStatus};
use crate::cli::terminal::{print_path, say_page, stderr_screen};
use crate::task_dev::import::{Import, ImportError, Imported, import, write_definition, write_group};
use crate::ui::task as shown;
use ft_store::machine::environment::expand_path;

/// What is imported, and where to.
#[derive(Args)]
pub struct ImportArgs {
    /// A task file, or the file of a group: its tasks are looked for in its folder and below it, and become a folder of
    /// definitions.
    #[arg(value_name = "FILE.yaml")]
    file: PathBuf,

    /// The new file, or for a group the new folder [default: NAME.toml or NAME in the current folder].
    #[arg(long, value_name = "FILE.toml|DIR")]
    out: Option<PathBuf>,
}

/// Carries out the command.
pub fn run(args: &ImportArgs) -> Result<ExitStatus, CommandError> {
    let out = args.out.as_deref().map(expand_path);
    match import(&expand_path(&args.file))? {
        Import::Task(imported) => {
            let file = out.unwrap_or_else(|| PathBuf::from(format!("{}.toml", imported.name)));
            write_definition(&file, &imported)?;
            print_path(&file)?;
            Ok(ExitStatus::Done)
        }
        Import::Group { name, tasks, refused } => import_group(&name, &tasks, &refused, out.as_deref()),
    }
}

fn import_group(
    name: &str,
    tasks: &[Imported],
    refused: &[(String, ImportError)],
    out: Option<&Path>,
) -> Result<ExitStatus, CommandError> {
    if !tasks.is_empty() {
        for file in write_group(out.unwrap_or(Path::new(name)), tasks)? {
            print_path(&file)?;
        }
    }
    say_page(&shown::group(name, tasks.len(), refused, stderr_screen()));
    Ok(if refused.is_empty() { ExitStatus::Done } else { ExitStatus::Failed })
}
