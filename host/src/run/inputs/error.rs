//! Why a run has no inputs: its configuration, its plugins, the saved context that it scores, or its rows.

use std::path::PathBuf;

use super::class_names::OtherClasses;
use crate::diagnosis::{Diagnosis, Fault, SKIP_BAD_ROWS};
use crate::options::{NotPublished, OtherSelection, SeedAndSeeds, TuningOptions};
use ft_engine::task::example::Split;
use ft_engine::task::sampling::SamplingError;
use ft_sandbox::options::OptionError;
use ft_store::datasets::error::DataLocationError;

/// Options that ask for no run.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No task is named.
    #[error("expected a task, got none")]
    NoTask,
    /// The published setting, and an option that says otherwise.
    #[error(transparent)]
    Published(#[from] NotPublished),
    /// A context that was tuned before, and options on tuning.
    #[error(transparent)]
    Tuning(#[from] TuningOptions),
    /// Ways to select the step that contradict each other.
    #[error(transparent)]
    Selection(#[from] OtherSelection),
    /// Both a seed and a list of seeds.
    #[error(transparent)]
    Seeds(#[from] SeedAndSeeds),
    /// A place of rows that cannot be meant.
    #[error(transparent)]
    Data(#[from] DataLocationError),
    /// An option that `results.json` cannot hold.
    #[error(transparent)]
    Recorded(serde_json::Error),
}

impl Diagnosis for ConfigError {
    fn fault(&self) -> Fault {
        Fault::Input
    }

    fn hint(&self) -> Option<String> {
        let hint = "leave them out; without `--context` a run tunes anew, and `ft-host tune` saves another context";
        matches!(self, Self::Tuning(_)).then(|| hint.into())
    }
}

/// A plugin that is asked for and not there, or not as it is asked for.
#[derive(Debug, thiserror::Error)]
pub enum PluginRequestError {
    /// No optimizer was named, and the paper's is not where it is looked for.
    #[error("no optimizer was named, and there is no {}", or(.looked_for))]
    NoOptimizer {
        /// The files that would have done.
        looked_for: Vec<PathBuf>,
    },
    /// A name that no plugin on the plugin path has.
    #[error("there is no file `{}`, and no plugin of that name in {}", name.display(), or(.folders))]
    NoPlugin {
        /// What the user named.
        name: PathBuf,
        /// The folders of the plugin path.
        folders: Vec<PathBuf>,
    },
    /// A definition, and no component that interprets it.
    #[error(
        "`{}`: expected the component `{interpreter}`, which interprets definitions, in {}, got none",
        definition.display(), or(.folders)
    )]
    NoInterpreter {
        /// The definition's file.
        definition: PathBuf,
        /// The component's name.
        interpreter: &'static str,
        /// The folders of the plugin path.
        folders: Vec<PathBuf>,
    },
    /// A definition that the component which interprets it does not take.
    #[error("`{}`: {message}", file.display())]
    Definition {
        /// The definition's file.
        file: PathBuf,
        /// What was expected and what came, with the key and its line.
        message: String,
    },
    /// A group of tasks in a single task's place.
    #[error("expected a single task, got the group `{group}` of {subtasks} tasks: {}", shown_names(.first, *.subtasks))]
    Group {
        /// The group's name.
        group: String,
        /// The names of its first tasks.
        first: Vec<String>,
        /// How many tasks it has.
        subtasks: usize,
    },
    /// A folder in a plugin's place.
    #[error("expected a plugin's file, got the folder `{}`", folder.display())]
    Folder {
        /// The folder that was named.
        folder: PathBuf,
    },
    /// A plugin's file with another digest than those that are required.
    #[error("`{}`: expected SHA-256 {}, got {found}", file.display(), required.join(" or "))]
    Digest {
        /// The plugin's file.
        file: PathBuf,
        /// The file's digest.
        found: String,
        /// The digests that the user requires.
        required: Vec<String>,
    },
    /// An option that the plugin does not take.
    #[error("plugin {plugin}: {source}")]
    Option {
        /// The plugin's name.
        plugin: String,
        /// What is wrong with the option.
        source: OptionError,
    },
}

fn shown_names(first: &[String], all: usize) -> String {
    let more = if first.len() < all { ", ..." } else { "" };
    first.join(", ") + more
}

fn or(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(" or ")
}

impl Diagnosis for PluginRequestError {
    fn fault(&self) -> Fault {
        Fault::Input
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoOptimizer { .. } => {
                "name one with `--optimizer FILE`: the paper's is `plugins/momentum.wasm` of this project, built by `cargo xtask \
                 plugins`, and `ft-host plugin new optimizer NAME` makes one"
                    .into()
            }
            Self::Folder { folder } => {
                format!("`ft-host plugin build {}` makes a plugin of its sources, and prints its file", folder.display())
            }
            Self::NoPlugin { .. } => {
                "`ft-host plugin list` shows the plugins that are there; `FT_PLUGIN_PATH` names further folders".into()
            }
            Self::NoInterpreter { interpreter, .. } => format!(
                "`cargo xtask plugins` of this project builds `plugins/{interpreter}.wasm`; `FT_PLUGIN_PATH` names the folder of it"
            ),
            Self::Group { .. } => {
                "choose one of them by the option that stands for several (`-T NAME=VALUE`); `ft-host run`, also with \
                 `--save-context DIR`, and `ft-host data pull` take the whole group"
                    .into()
            }
            Self::Definition { .. } => return None,
            Self::Digest { found, .. } => {
                format!("look at it with `ft-host plugin inspect`; if it is to run, add `--require-digest {found}`")
            }
            Self::Option { source, .. } => source.hint(),
        })
    }
}

/// A context that is not there, or whose task or record cannot be used as they are.
#[derive(Debug, thiserror::Error)]
pub enum TunedWithError {
    /// The contexts of several seeds where one is expected.
    #[error("`{}`: expected a saved context, got a folder of several", folder.display())]
    Seeds {
        /// The folder.
        folder: PathBuf,
        /// The first context in it.
        seed: PathBuf,
    },
    /// The task's file is neither where it was nor on the plugin path.
    #[error("`{}`: expected the task `{task}` at `{file}` or on the plugin path, got none", folder.display())]
    NoTask {
        /// The context's folder.
        folder: PathBuf,
        /// The task's name.
        task: String,
        /// Where its file was.
        file: String,
    },
    /// A definition that is not the context's.
    #[error("`{}`: expected the definition that the context `{}` was tuned with, got another text", file.display(), folder.display())]
    OtherDefinition {
        /// The context's folder.
        folder: PathBuf,
        /// The definition's file.
        file: PathBuf,
    },
    /// A value of the record that this version does not know.
    #[error("`{}`: expected {what} that this version knows, got `{found}`", folder.display())]
    Unknown {
        /// The context's folder.
        folder: PathBuf,
        /// What it is.
        what: &'static str,
        /// The value.
        found: String,
    },
}

impl Diagnosis for TunedWithError {
    fn fault(&self) -> Fault {
        Fault::Input
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Seeds { seed, .. } => {
                format!("name one of them, like `{}`; `ft-host predict` takes several", seed.display())
            }
            Self::NoTask { .. } => "name the task's file with `--task FILE`".into(),
            Self::OtherDefinition { .. } => {
                "leave `--task` out: the context has its definition; a changed one has to be tuned again".into()
            }
            Self::Unknown { .. } => "use the version that saved the context, or tune again".into(),
        })
    }
}

/// A split that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    /// A row that the task does not take.
    #[error("{place}{}: {message}", in_column(.column))]
    Rejected {
        /// The data file and the row's place in it.
        place: String,
        /// The column at fault, where there is one.
        column: Option<String>,
        /// What was expected and what came.
        message: String,
        /// Whether the task takes no other row of the split either.
        takes_none: bool,
    },
    /// A file that counts classes from 1.
    #[error(
        "{place}{}: expected classes from 0 to {}, got {classes}, and class 0 in no row",
        in_column(.column), .classes - 1
    )]
    CountedFromOne {
        /// The data file and the place of a row of the last class in it.
        place: String,
        /// The column of classes, where the task names one.
        column: Option<String>,
        /// How many classes there are.
        classes: usize,
        /// Whether the task is a definition, which can say that answers count from 1.
        of_definition: bool,
    },
    /// A file whose names for classes contradict the task's.
    #[error("{0}")]
    OtherClasses(OtherClasses),
    /// A split without rows.
    #[error("{file}: expected rows for the {split} split, got none")]
    NoRows {
        /// What messages call the data file.
        file: String,
        /// The split that the file is for.
        split: Split,
    },
    /// A split of which the task takes no row.
    #[error("{file}: all {left_out} rows of the {split} split are none of the task's")]
    NoneOfTheTask {
        /// What messages call the data file.
        file: String,
        /// The split that the file is for.
        split: Split,
        /// How many rows there are.
        left_out: usize,
    },
    /// A split whose rows all are left out.
    #[error("{file}: all {skipped} rows of the {split} split were left out, the first: {first}")]
    OnlyBadRows {
        /// What messages call the data file.
        file: String,
        /// The split that the file is for.
        split: Split,
        /// How many rows there are.
        skipped: usize,
        /// What is wrong with the first.
        first: String,
    },
    /// Too few rows for the demonstrations.
    #[error("`{file}`: {source}{}", .class.as_ref().map(|class| format!(" (the class is `{class}`)")).unwrap_or_default())]
    Sampling {
        /// What messages call the data file.
        file: String,
        /// The name of the class that has too few rows, where it is one.
        class: Option<String>,
        /// What is missing.
        source: SamplingError,
    },
}

fn in_column(column: &Option<String>) -> String {
    column.as_ref().map(|column| format!(", column `{column}`")).unwrap_or_default()
}

impl Diagnosis for SplitError {
    fn fault(&self) -> Fault {
        Fault::Input
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Rejected { message, takes_none, .. } => {
                let folder = message.ends_with("the column is missing").then_some("is `--data` the right folder?");
                // Where all rows are like that, nothing would be left.
                let hints = folder.into_iter().chain((!takes_none).then_some(SKIP_BAD_ROWS));
                Some(hints.collect::<Vec<_>>().join(" ")).filter(|hint| !hint.is_empty())
            }
            Self::CountedFromOne { of_definition: true, .. } => Some(
                "answers count from 0, and this file's seem to be counted from 1: write `answer-is = \"index-from-1\"` in \
                 the definition's `[row]`"
                    .into(),
            ),
            Self::CountedFromOne { of_definition: false, .. } => {
                Some("classes count from 0, and this file's seem to count from 1: write each as one less".into())
            }
            Self::OtherClasses(_) => Some(
                "the names are the file's own, under `huggingface` in its footer: bring the numbers into the task's \
                 order, or go on with `--force` where the names are what is wrong"
                    .into(),
            ),
            Self::Sampling { .. } => Some("ask for fewer `--shots`".into()),
            Self::NoneOfTheTask { .. } => Some("look at the task's filter".into()),
            Self::NoRows { .. } | Self::OnlyBadRows { .. } => None,
        }
    }
}
