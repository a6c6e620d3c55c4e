//! Model families: one file each, from the checkpoint's own description to a [`DecoderConfig`] and tensor names.

mod llama;
mod settings;

use settings::Settings;

use super::ModelError;
use super::decoder::DecoderConfig;
use super::decoder::layout::Layout;
use super::weights::Gguf;

/// A model's shape and where its weights are.
#[derive(Clone, Debug)]
pub struct Family {
    /// What the forward pass needs to know.
    pub config: DecoderConfig,
    /// Tensor names.
    pub layout: Layout,
}

/// Names of architectures, each with what reads its description.
type Readers<T> = &'static [(&'static str, fn(&T) -> Result<Family, ModelError>)];

/// The architectures that `config.json` may name as `model_type`.
const FROM_CONFIG: Readers<Settings> = &[("llama", llama::from_config)];

/// The architectures that a GGUF file may name.
const FROM_GGUF: Readers<Gguf> = &[("llama", llama::from_gguf)];

/// Reads a Hugging Face `config.json`; `file` is its name for messages.
///
/// # Errors
/// Malformed JSON, an unknown `model_type`, a missing setting or one that the decoder does not cover.
pub fn from_config_json(file: &str, json: &[u8]) -> Result<Family, ModelError> {
    let settings = Settings::parse(file, json)?;
    let Some((_, read)) = FROM_CONFIG.iter().find(|(name, _)| *name == settings.family()) else {
        return Err(ModelError::UnknownArchitecture {
            file: file.into(),
            architecture: settings.family().into(),
            supported: FROM_CONFIG.iter().map(|(name, _)| *name).collect(),
        });
    };
    read(&settings)
}

/// Reads a GGUF file's metadata.
///
/// # Errors
/// An unknown architecture, a missing setting or one that the decoder does not cover.
pub fn from_gguf(file: &str, gguf: &Gguf) -> Result<Family, ModelError> {
    let architecture = gguf.architecture()?;
    let Some((_, read)) = FROM_GGUF.iter().find(|(name, _)| *name == architecture) else {
        return Err(ModelError::UnknownArchitecture {
            file: file.into(),
            architecture: architecture.into(),
            supported: FROM_GGUF.iter().map(|(name, _)| *name).collect(),
        });
    };
    read(gguf)
}
