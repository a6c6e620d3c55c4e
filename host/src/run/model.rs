//! A model's files as a model: shape and tokenizer at once, weights when they are needed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::RunError;
use crate::model::decoder::Placement;
use crate::model::families::{self, Family, UnknownSettings};
use crate::model::weights::{Arrays, Gguf, TensorSource, WeightBytes};
use crate::model::{Decoder, Tokenizer};
use crate::store::file::read_file;
use crate::store::mmap::MappedFile;
use crate::store::model_files::{ModelFiles, ModelKind, TokenizerFiles};

/// Configurations and tokenizers are a few megabytes; what is larger is something else.
const SMALL_FILE: u64 = 256 << 20;

/// A model whose weights have not been read.
pub struct OpenModel {
    /// Its shape and tensor names.
    pub family: Family,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    source: Box<dyn TensorSource>,
}

impl OpenModel {
    /// Reads the configuration, the tokenizer and the weight files' headers.
    ///
    /// # Errors
    /// Missing, malformed or truncated files, a model that no family covers, or settings that are not known and are to be
    /// refused.
    pub fn open(files: &ModelFiles, unknown: UnknownSettings) -> Result<Self, RunError> {
        match &files.kind {
            ModelKind::Gguf(parts) => {
                let gguf = open_gguf(parts)?;
                let family = families::from_gguf(gguf.file(), &gguf, unknown)?;
                let tokenizer = Tokenizer::from_gguf(&gguf)?;
                Ok(Self { family, tokenizer, source: Box::new(gguf) })
            }
            ModelKind::Folder { config, weights, tokenizer } => {
                let family = families::from_config_json(&name(config), &read_file(config, SMALL_FILE)?, unknown)?;
                let tokenizer = open_tokenizer(tokenizer)?;
                Ok(Self { family, tokenizer, source: Box::new(open_weights(weights)?) })
            }
        }
    }

    /// What a reader of results has to know about how the model was read: of its description and of its tokenizer.
    pub fn notes(&self) -> Vec<String> {
        self.family.notes.iter().chain(self.tokenizer.notes()).cloned().collect()
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
/// Missing or malformed files, or a kind of tokenizer that is not covered.
pub fn open_tokenizer(files: &TokenizerFiles) -> Result<Tokenizer, RunError> {
    let read = |path: &Path| read_file(path, SMALL_FILE);
    Ok(match files {
        TokenizerFiles::Gguf(parts) => Tokenizer::from_gguf(&open_gguf(parts)?)?,
        TokenizerFiles::Json(path) => Tokenizer::from_json(&read(path)?)?,
        TokenizerFiles::Bpe { vocabulary, merges, config } => {
            let merges = String::from_utf8_lossy(&read(merges)?).into_owned();
            let config = config.as_deref().map(read).transpose()?;
            Tokenizer::from_bpe(&read(vocabulary)?, &merges, config.as_deref())?
        }
    })
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

/// What a model is, in a few lines.
///
/// # Errors
/// Missing, malformed or truncated files, or a model that no family covers.
pub fn describe_model(files: &ModelFiles) -> Result<String, RunError> {
    let model = OpenModel::open(files, UnknownSettings::Note)?;
    let config = &model.family.config;
    let mut lines: Vec<String> = files.paths().iter().map(|path| path.display().to_string()).collect();
    lines.push(format!(
        "{} layers, {} wide, {} heads of {} ({} for keys and values), MLP {}, vocabulary {}",
        config.layers,
        config.hidden,
        config.heads,
        config.head_dim,
        config.kv_heads,
        config.intermediate,
        config.vocabulary
    ));
    lines.push(match config.max_positions {
        Some(limit) => format!("{limit} positions"),
        None => "positions without a bound".into(),
    });
    lines.push(format!("{} bytes of cache for each position in f32", config.cache_bytes_per_position(4)));
    lines.push(match model.tokenizer.bos() {
        Some(id) => format!("texts begin with token {id}"),
        None => "no token at the beginning of texts".into(),
    });
    lines.extend(model.notes().iter().map(|note| format!("note: {note}")));
    Ok(lines.join("\n") + "\n")
}
