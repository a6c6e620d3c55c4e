//! A model's files, whole on this machine's disk, and where they came from.

use std::path::{Path, PathBuf};

use crate::fs::digest::Digest;
use crate::fs::digest_cache::{DigestCache, Stamp};
use crate::fs::error::FileError;
use crate::progress::Progress;

/// The files of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFiles {
    /// Which files there are, by the format of the model.
    pub kind: ModelKind,
    /// The source of the files, for the record of a run.
    pub origin: ModelOrigin,
    /// What is not known of where they came from, and could change what the model computes.
    pub notes: Vec<String>,
}

/// The files of a model, by the format that it is stored in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelKind {
    /// GGUF with weights, configuration and tokenizer: one file, or all parts of a split model in their order.
    Gguf(Vec<PathBuf>),
    /// The files of a Hugging Face repository.
    Folder {
        /// The path of `config.json`.
        config: PathBuf,
        /// The safetensors files or PyTorch checkpoints, in the order of their names.
        weights: Vec<PathBuf>,
        /// The files of the tokenizer.
        tokenizer: TokenizerFiles,
    },
}

/// The files of a tokenizer, by the format that it is stored in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenizerFiles {
    /// Within the model's GGUF file, or in the first of its parts.
    Gguf(Vec<PathBuf>),
    /// A fast tokenizer in one file.
    Json {
        /// The path of `tokenizer.json`.
        tokenizer: PathBuf,
        /// `tokenizer_config.json`, where there is one: it may say otherwise about what stands before a text.
        config: Option<PathBuf>,
    },
    /// The files that preceded it.
    Bpe {
        /// The path of `vocab.json`.
        vocabulary: PathBuf,
        /// The path of `merges.txt`.
        merges: PathBuf,
        /// `tokenizer_config.json`, where there is one.
        config: Option<PathBuf>,
    },
}

impl TokenizerFiles {
    /// The paths of the tokenizer's files.
    pub fn paths(&self) -> Vec<&PathBuf> {
        match self {
            Self::Gguf(parts) => parts.iter().collect(),
            Self::Json { tokenizer, config } => [tokenizer].into_iter().chain(config).collect(),
            Self::Bpe { vocabulary, merges, config } => [vocabulary, merges].into_iter().chain(config).collect(),
        }
    }
}

/// The source of a model's files.
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
        /// The model's name in the catalogue.
        name: &'static str,
        /// The source that gave the model's file this time, in words.
        source: String,
    },
    /// A repository of the hub.
    Hub {
        /// The repository as `owner/name`.
        repository: String,
        /// The branch, tag or commit that was asked for.
        revision: String,
        /// The commit that it stood for.
        commit: String,
    },
}

/// A file of a model, with its size and digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDigest {
    /// The file's name, without its folder.
    pub name: String,
    /// The file's size in bytes.
    pub bytes: u64,
    /// The SHA-256 digest of the file.
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
    pub fn digests(&self, cache: &DigestCache, progress: &dyn Progress) -> Result<Vec<FileDigest>, FileError> {
        let digest = |path: &Path| {
            let metadata = std::fs::metadata(path).map_err(|source| FileError::io("read", path, source))?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Ok(FileDigest { name, bytes: metadata.len(), sha256: cache.digest(path, progress)? })
        };
        self.paths().into_iter().map(digest).collect()
    }

    /// How the files stand on the disk now.
    ///
    /// # Errors
    /// I/O errors, e.g. a file that is gone.
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
    /// [`FileError::Changed`] for the first file that was written to or replaced, and I/O errors.
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
    /// The model's name in the catalogue, or `owner/name` on the hub.
    pub name: String,
    /// What it is, in a few words; empty for a repository of the hub.
    pub summary: String,
    /// The bytes it takes, or will take once it is fetched.
    pub bytes: u64,
    /// The model's path on this machine; `None` if it has not been fetched.
    pub path: Option<PathBuf>,
}
