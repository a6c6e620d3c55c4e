//! A model's files as a model: shape and tokenizer at once, weights when they are needed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::run::error::RunError;
use ft_engine::model::checkpoint::{self, Unused};
use ft_engine::model::decoder::{DecoderConfig, Placement};
use ft_engine::model::families::{self, Family, UnknownSettings};
use ft_engine::model::weights::{Arrays, Gguf, Scaled, TensorSource, Unwrapped, WeightBytes};
use ft_engine::model::{Decoder, ModelError, Tokenizer};
use ft_store::fs::file::read_file;
use ft_store::fs::lfs::refuse_lfs_pointer;
use ft_store::fs::mmap::MappedFile;
use ft_store::models::files::{ModelFiles, ModelKind, TokenizerFiles};
use ft_store::models::weight_files::other_weights;

/// Configurations and tokenizers are a few megabytes; what is larger is something else.
const SMALL_FILE: u64 = 256 << 20;

/// A model whose weights have not been read.
pub struct OpenModel {
    /// The model's shape and tensor names.
    pub family: Family,
    /// The model's tokenizer.
    pub tokenizer: Tokenizer,
    source: Box<dyn TensorSource>,
    /// The tensors of the files that the model does not use.
    unused: Vec<Unused>,
    notes: Vec<String>,
}

impl OpenModel {
    /// Reads the configuration, the tokenizer and the weight files' headers, and holds them to each other: what can be found
    /// wrong without the weights is found here.
    ///
    /// # Errors
    /// Missing, malformed or truncated files, a model that no family covers, tensors that are missing or have other shapes;
    /// settings that are not known and tensors that nothing uses, where those are to be refused.
    pub fn open(files: &ModelFiles, unknown: UnknownSettings) -> Result<Self, RunError> {
        files.paths().into_iter().try_for_each(refuse_lfs_pointer)?;
        let mut model = Self::of_kind(&files.kind, unknown)?;
        model.notes.extend_from_slice(&files.notes);
        Ok(model)
    }

    fn of_kind(kind: &ModelKind, unknown: UnknownSettings) -> Result<Self, RunError> {
        match kind {
            ModelKind::Gguf(parts) => {
                let gguf = open_gguf(parts)?;
                let family = families::from_gguf(gguf.file(), &gguf, unknown)?;
                let tokenizer = gguf_tokenizer(&gguf)?;
                Self::checked(family, tokenizer, Box::new(gguf), unknown)
            }
            ModelKind::Folder { config, weights, tokenizer } => {
                let family = families::from_config_json(&name(config), &read_file(config, SMALL_FILE)?, unknown)?;
                let tokenizer = open_tokenizer(tokenizer)?;
                let arrays = open_weights(weights)?;
                let source: Box<dyn TensorSource> = match &family.fp8 {
                    Some(fp8) => Box::new(Scaled::new(arrays, fp8.clone())),
                    None => Box::new(arrays),
                };
                let (source, wrapper) = Unwrapped::of(source);
                let mut model = Self::checked(family, tokenizer, source, unknown)?;
                model.notes.extend(wrapper.map(|wrapper| {
                    format!(
                        "all of the checkpoint's tensors are under `{wrapper}`, as a training program's wrapper saves \
                         them; their names were read without it"
                    )
                }));
                model.notes.extend(other_weights(weights).map(|other| {
                    let (read, other) = (weights.first().map(|path| name(path)).unwrap_or_default(), name(&other));
                    format!("`{other}` belongs to other weights in the same folder; `{read}` was read")
                }));
                Ok(model)
            }
        }
    }

    fn checked(
        family: Family,
        tokenizer: Tokenizer,
        source: Box<dyn TensorSource>,
        unknown: UnknownSettings,
    ) -> Result<Self, RunError> {
        let unused = checkpoint::check(&family, source.as_ref())?;
        let mut notes: Vec<String> = family.notes.iter().chain(tokenizer.notes()).cloned().collect();
        let unexplained = checkpoint::named(&unused, false);
        match unknown {
            _ if unexplained.is_empty() => {}
            UnknownSettings::Refuse => return Err(checkpoint::refusal(&unused, source.file()).into()),
            UnknownSettings::Note => {
                notes.push(format!("tensors were passed over, which may change what the model computes: {unexplained}"))
            }
        }
        Ok(Self { family, tokenizer, source, unused, notes })
    }

    /// What a reader of results has to know about how the model was read.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Refuses token ids that the model has no embedding for.
    ///
    /// # Errors
    /// [`ModelError::TokenOutOfRange`], for the largest.
    pub fn check_ids<'a>(&self, ids: impl IntoIterator<Item = &'a u32>) -> Result<(), ModelError> {
        let vocabulary = self.family.config.vocabulary;
        match ids.into_iter().max() {
            Some(id) if *id as usize >= vocabulary => Err(ModelError::TokenOutOfRange { id: *id, vocabulary }),
            _ => Ok(()),
        }
    }

    /// Reads the weights.
    ///
    /// # Errors
    /// A missing or misshapen tensor.
    pub fn load(&self, placement: &Placement) -> Result<Decoder, RunError> {
        let Family { config, layout, .. } = &self.family;
        Ok(Decoder::load(config.clone(), layout, self.source.as_ref(), placement)?)
    }
}

/// Reads a tokenizer.
///
/// # Errors
/// Missing or malformed files, or a kind of tokenizer that is not covered; with the file's name.
pub fn open_tokenizer(files: &TokenizerFiles) -> Result<Tokenizer, RunError> {
    files.paths().into_iter().try_for_each(|path| refuse_lfs_pointer(path))?;
    let read = |path: &Path| read_file(path, SMALL_FILE);
    let tokenizer = match files {
        TokenizerFiles::Gguf(parts) => return Ok(gguf_tokenizer(&open_gguf(parts)?)?),
        TokenizerFiles::Json { tokenizer, config } => {
            let config = config.as_deref().map(read).transpose()?;
            Tokenizer::from_json(&read(tokenizer)?, config.as_deref())
        }
        TokenizerFiles::Bpe { vocabulary, merges, config } => {
            let merges = String::from_utf8_lossy(&read(merges)?).into_owned();
            let config = config.as_deref().map(read).transpose()?;
            Tokenizer::from_bpe(&read(vocabulary)?, &merges, config.as_deref())
        }
    };
    let paths: Vec<String> = files.paths().into_iter().map(|path| name(path)).collect();
    Ok(tokenizer.map_err(|error| of_file(paths.join("`, `"), error))?)
}

/// The tokenizer in a GGUF model's metadata.
fn gguf_tokenizer(gguf: &Gguf) -> Result<Tokenizer, ModelError> {
    Tokenizer::from_gguf(gguf).map_err(|error| of_file(gguf.file().to_owned(), error))
}

/// The error with the file that it is about, which the tokenizer does not know.
fn of_file(file: String, error: ModelError) -> ModelError {
    match error {
        ModelError::Tokenizer(reason) => ModelError::Malformed { file, format: "a tokenizer", reason },
        other => other,
    }
}

/// Maps a GGUF model's parts and reads their headers.
fn open_gguf(parts: &[PathBuf]) -> Result<Gguf, RunError> {
    let parts = parts.iter().map(|path| Ok((name(path), map(path)?)));
    Ok(Gguf::from_parts(parts.collect::<Result<_, RunError>>()?)?)
}

/// Maps weight files and reads their headers.
///
/// # Errors
/// Missing, malformed or truncated files.
pub fn open_weights(paths: &[PathBuf]) -> Result<Arrays, RunError> {
    let shards = paths.iter().map(|path| Ok((name(path), map(path)?)));
    Ok(Arrays::new(shards.collect::<Result<_, RunError>>()?)?)
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

fn map(path: &Path) -> Result<WeightBytes, RunError> {
    Ok(Arc::new(MappedFile::open(path)?))
}

/// What a model's files say of it, but for the weights.
#[derive(Clone, Debug)]
pub struct ModelDescription {
    /// The files that it is read from.
    pub files: Vec<PathBuf>,
    /// The shape of the decoder.
    pub config: DecoderConfig,
    /// The token that texts begin with.
    pub bos: Option<u32>,
    /// Tensors that the model does not need, named; empty if there are none.
    pub unneeded: String,
    /// The largest id of the tokenizer, if the embedding ends before it.
    pub beyond_vocabulary: Option<u32>,
    /// What a reader of results has to know about how the model was read.
    pub notes: Vec<String>,
}

/// Describes a model without reading its weights.
///
/// # Errors
/// Missing, malformed or truncated files, or a model that no family covers.
pub fn describe_model(files: &ModelFiles) -> Result<ModelDescription, RunError> {
    let model = OpenModel::open(files, UnknownSettings::Note)?;
    let config = model.family.config;
    Ok(ModelDescription {
        files: files.paths().into_iter().map(Path::to_owned).collect(),
        bos: model.tokenizer.bos(),
        unneeded: checkpoint::named(&model.unused, true),
        beyond_vocabulary: model.tokenizer.largest_id().filter(|id| *id as usize >= config.vocabulary),
        config,
        notes: model.notes,
    })
}
