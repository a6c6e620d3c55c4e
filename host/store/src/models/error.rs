//! What is wrong with a model that the user named.

use std::path::PathBuf;

use crate::fs::error::FileError;

/// What is wrong with a model that the user named.
#[derive(Debug, thiserror::Error)]
pub enum ModelSourceError {
    /// The text looks like a path, and nothing is there.
    #[error("no model file or folder `{}`", path.display())]
    Missing {
        /// The path that the user named.
        path: PathBuf,
    },
    /// The text is neither a path nor a name nor a repository.
    #[error(
        "unknown model `{asked}`: expected a file or folder, a name of the catalogue ({catalogue}), or a repository on \
         the hub as `owner/name`"
    )]
    Unknown {
        /// What the user asked for.
        asked: String,
        /// The names of the catalogue.
        catalogue: String,
    },
    /// A file that is not GGUF.
    #[error("`{}`: expected a GGUF file, which begins with \"GGUF\", got one that begins with {begins:?}", path.display())]
    NotGguf {
        /// The file that was named.
        path: PathBuf,
        /// The file's first bytes, at most four, as text.
        begins: String,
    },
    /// A part of a split GGUF model without others of its parts.
    #[error(
        "`{}` is part {number} of {count} of a split model; missing: {}{}",
        path.display(),
        missing.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        and_more(*more)
    )]
    PartsMissing {
        /// The part that was named.
        path: PathBuf,
        /// The number of the part, counted from 1.
        number: usize,
        /// The number of parts of the whole model.
        count: usize,
        /// The names of the first that are missing.
        missing: Vec<String>,
        /// How many others are missing.
        more: usize,
    },
    /// A folder without a file that a model needs.
    #[error("the model folder `{}` has no {missing}", folder.display())]
    Incomplete {
        /// The model folder that was named.
        folder: PathBuf,
        /// The names of the files that it lacks, as messages list them.
        missing: String,
        /// What the folder has that may have been meant.
        instead: Instead,
    },
    /// A folder with a link that leads nowhere in the place of a file that counts.
    #[error(
        "`{}`: expected a file `{name}`, got a link to `{}`, where nothing is",
        folder.display(), target.display()
    )]
    Dangling {
        /// The model folder that was named.
        folder: PathBuf,
        /// The file's name in it.
        name: &'static str,
        /// The path that the link leads to.
        target: PathBuf,
    },
    /// A folder with an adapter in it.
    #[error("`{}`: expected a whole model, got an adapter (`adapter_config.json`)", folder.display())]
    Adapter {
        /// The model folder that was named.
        folder: PathBuf,
    },
    /// An index of weight files that cannot be used.
    #[error("`{}` is not an index of weight files: {reason}", path.display())]
    BadIndex {
        /// The index's file.
        path: PathBuf,
        /// What was expected and what came.
        reason: String,
    },
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
}

/// What a folder without a model's files has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instead {
    /// Nothing that this host knows.
    Nothing,
    /// The path of a GGUF file.
    Gguf(PathBuf),
    /// Snapshots of a repository: it is the hub's cache.
    Snapshots {
        /// The repository as `owner/name`, as far as the folder's name tells.
        repository: String,
        /// The snapshot to take, where there is one.
        folder: Option<PathBuf>,
    },
}

/// What helps against an adapter in a model's place.
pub(crate) const MERGE_THE_ADAPTER: &str = "merge it into its base model and save that (`merge_and_unload` and \
                                            `save_pretrained` in PEFT), or name the base model";

impl ModelSourceError {
    /// What the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            ModelSourceError::Missing { .. } => {
                Some("`ft-host model list` shows the models that are known by name".into())
            }
            ModelSourceError::NotGguf { begins, .. } if OLD_FORMATS.contains(&begins.as_str()) => Some(
                "it is in a format that llama.cpp had before GGUF, which it left in August 2023; convert the original model"
                    .into(),
            ),
            ModelSourceError::PartsMissing { .. } => Some(
                "put all parts into one folder, under the names they were published with; \
                 `llama-gguf-split --merge` makes one file of them"
                    .into(),
            ),
            ModelSourceError::Unknown { .. } | ModelSourceError::NotGguf { .. } => Some(
                "name a .gguf file, a folder with config.json, tokenizer.json and weights, a model of the \
                 catalogue, or `owner/name` on the hub"
                    .into(),
            ),
            ModelSourceError::Incomplete { instead, .. } => match instead {
                Instead::Nothing => None,
                Instead::Gguf(gguf) => Some(format!("for the GGUF file in it: `--model {}`", gguf.display())),
                Instead::Snapshots { repository, folder } => {
                    let snapshot = folder.as_ref().map(|folder| format!(" or `--model {}`", folder.display()));
                    Some(format!(
                        "this is a repository in the hub's cache: `--model {repository}`{}",
                        snapshot.unwrap_or_default()
                    ))
                }
            },
            ModelSourceError::Dangling { .. } => Some(
                "in the hub's cache the files of a snapshot are links into `blobs`: copy that folder too, or the files \
                 themselves with `cp -rL`"
                    .into(),
            ),
            ModelSourceError::Adapter { .. } => Some(MERGE_THE_ADAPTER.into()),
            ModelSourceError::BadIndex { .. } => None,
            ModelSourceError::File(error) => error.hint(),
        }
    }
}

/// What files of llama.cpp's older formats begin with: `ggml`, `ggmf`, `ggjt` and `ggla`, the bytes in reverse.
const OLD_FORMATS: [&str; 4] = ["lmgg", "fmgg", "tjgg", "algg"];

fn and_more(more: usize) -> String {
    if more == 0 { String::new() } else { format!(" and {more} more") }
}
