//! A model's files, whole on this machine's disk, and where they came from.

use std::path::{Path, PathBuf};

use crate::fs::digest::Digest;
use crate::fs::digest_cache::{RememberedDigests, Stamp};
use crate::fs::error::FileError;
use crate::progress::Progress;

/// The files of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFiles {
    /// The files themselves.
    pub kind: ModelKind,
    /// Where they came from, for the record of a run.
    pub origin: ModelOrigin,
    /// What is not known of where they came from, and could change what the model computes.
    pub notes: Vec<String>,
}

/// In which form a model is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelKind {
    /// GGUF with weights, configuration and tokenizer: one file, or all parts of a split model in their order.
    Gguf(Vec<PathBuf>),
    /// The files of a Hugging Face repository.
    Folder {
        /// `config.json`.
        config: PathBuf,
        /// The safetensors files or PyTorch checkpoints, in the order of their names.
        weights: Vec<PathBuf>,
        /// The tokenizer's.
        tokenizer: TokenizerFiles,
    },
}

/// In which form a tokenizer is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenizerFiles {
    /// Within the model's GGUF file, or in the first of its parts.
    Gguf(Vec<PathBuf>),
    /// The fast tokenizer's file.
    Json {
        /// `tokenizer.json`.
        tokenizer: PathBuf,
        /// `tokenizer_config.json`, where there is one: it may say otherwise about what stands before a text.
        config: Option<PathBuf>,
    },
    /// The files that preceded it.
    Bpe {
        /// `vocab.json`.
        vocabulary: PathBuf,
        /// `merges.txt`.
        merges: PathBuf,
        /// `tokenizer_config.json`, where there is one.
        config: Option<PathBuf>,
    },
}

impl TokenizerFiles {
    /// All files.
    pub fn paths(&self) -> Vec<&PathBuf> {
        match self {
            Self::Gguf(parts) => parts.iter().collect(),
            Self::Json { tokenizer, config } => [tokenizer].into_iter().chain(config).collect(),
            Self::Bpe { vocabulary, merges, config } => [vocabulary, merges].into_iter().chain(config).collect(),
        }
    }
}

/// Where a model came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelOrigin {
    /// What the user asked for.
    pub asked: String,
    /// What that turned out to be.
    pub found: OriginKind,
}

/// What `--model` turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OriginKind {
    /// A file or folder of the user's.
    Path(PathBuf),
    /// A model of the catalogue.
    Catalogue {
        /// Its name there.
        name: &'static str,
        /// Where its file came from this time, in words.
        source: String,
    },
    /// A repository of the hub.
    Hub {
        /// `owner/name`.
        repository: String,
        /// The branch, tag or commit that was asked for.
        revision: String,
        /// The commit that it stood for.
        commit: String,
    },
}

/// One file of a model and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDigest {
    /// The file's name, without its folder.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256 digest.
    pub sha256: Digest,
}

impl ModelFiles {
    /// All files, the weights first.
    pub fn paths(&self) -> Vec<&Path> {
        match &self.kind {
            ModelKind::Gguf(parts) => parts.iter().map(PathBuf::as_path).collect(),
            ModelKind::Folder { config, weights, tokenizer } => {
                weights.iter().chain([config]).chain(tokenizer.paths()).map(PathBuf::as_path).collect()
            }
        }
    }

    /// The digest of each file, in the order of [`paths`](Self::paths). Large files are hashed once and remembered.
    pub fn digests(
        &self,
        remembered: &RememberedDigests,
        progress: &dyn Progress,
    ) -> Result<Vec<FileDigest>, FileError> {
        let digest = |path: &Path| {
            let metadata = std::fs::metadata(path).map_err(|source| FileError::io("read", path, source))?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Ok(FileDigest { name, bytes: metadata.len(), sha256: remembered.digest(path, progress)? })
        };
        self.paths().into_iter().map(digest).collect()
    }

    /// How the files stand on the disk now.
    ///
    /// # Errors
    /// The system's refusal.
    pub fn state(&self) -> Result<FilesState, FileError> {
        let stamp = |path: &Path| Ok((path.to_owned(), Stamp::of(path)?));
        self.paths().into_iter().map(stamp).collect::<Result<_, _>>().map(FilesState)
    }
}

/// How files stood on the disk at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilesState(Vec<(PathBuf, Stamp)>);

impl FilesState {
    /// Whether the files still stand so: what was read of them meanwhile is of one state, and so are their digests.
    ///
    /// # Errors
    /// [`FileError::Changed`] for the first that was written to or replaced, or the system's refusal.
    pub fn check(&self) -> Result<(), FileError> {
        self.0.iter().try_for_each(|(path, stamp)| match Stamp::of(path)? == *stamp {
            true => Ok(()),
            false => Err(FileError::Changed { path: path.clone() }),
        })
    }
}

/// A model that `--model` can name without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedModel {
    /// Its name in the catalogue, or `owner/name` on the hub.
    pub name: String,
    /// What it is, in a few words; empty for a repository of the hub.
    pub summary: String,
    /// The bytes it takes, or will take once it is fetched.
    pub bytes: u64,
    /// Where it is on this machine; `None` where it has not been fetched.
    pub path: Option<PathBuf>,
}
