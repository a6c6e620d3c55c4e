//! Model families: one file each, from the checkpoint's own description to a [`DecoderConfig`] and tensor names.

mod bloom;
mod gguf;
mod gpt2;
mod gpt_neo;
mod gpt_neox;
mod gptj;
mod llama;
mod opt;
mod rope;
mod settings;

use settings::Settings;

use super::ModelError;
use super::decoder::DecoderConfig;
use super::decoder::config::Positions;
use super::decoder::layout::Layout;
use super::weights::Gguf;

/// Layers that no model has. A damaged file's number of them must not fill the memory with their names.
const MOST_LAYERS: usize = 4096;
/// What no size of a model exceeds: small enough for products of two, times layers and numbers of bytes, in 64 bits.
const LARGEST: usize = 1 << 24;

/// A model's shape and where its weights are.
#[derive(Clone, Debug)]
pub struct Family {
    /// What the forward pass needs to know.
    pub config: DecoderConfig,
    /// Tensor names.
    pub layout: Layout,
    /// What a reader of results has to know about how the description was read, such as settings that were passed over.
    pub notes: Vec<String>,
}

/// What to do about a setting of a checkpoint that this host does not know, and that may change what the model computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownSettings {
    /// Refuse the model and name the setting.
    Refuse,
    /// Go on without it, and say so in [`Family::notes`].
    Note,
}

/// How a family reads its settings.
type FromConfig = fn(&Settings) -> Result<Family, ModelError>;

/// The architectures that `config.json` may name as `model_type`.
const FROM_CONFIG: &[(&str, FromConfig)] = &[
    ("opt", opt::from_config),
    ("gpt2", gpt2::from_config),
    ("gpt_neo", gpt_neo::from_config),
    ("gptj", gptj::from_config),
    ("gpt_neox", gpt_neox::from_config),
    ("bloom", bloom::from_config),
    ("llama", llama::from_config),
    ("mistral", llama::from_config),
    ("qwen2", llama::from_config),
    ("qwen3", llama::from_config),
    ("smollm3", llama::from_config),
];

/// Reads a Hugging Face `config.json`; `file` is its name for messages.
///
/// # Errors
/// Malformed JSON, an unknown `model_type`, a missing setting or one that the decoder does not cover.
pub fn from_config_json(file: &str, json: &[u8], _unknown: UnknownSettings) -> Result<Family, ModelError> {
    let settings = Settings::parse(file, json)?;
    let Some((_, read)) = FROM_CONFIG.iter().find(|(name, _)| *name == settings.family()) else {
        return Err(ModelError::UnknownArchitecture {
            file: file.into(),
            architecture: settings.family().into(),
            supported: FROM_CONFIG.iter().map(|(name, _)| *name).collect(),
        });
    };
    checked(read(&settings)?)
}

/// Reads a GGUF file's metadata.
///
/// # Errors
/// An unknown architecture, a missing setting, one that the decoder does not cover, or a tensor type that is not read.
pub fn from_gguf(file: &str, gguf: &Gguf, unknown: UnknownSettings) -> Result<Family, ModelError> {
    let architecture = gguf.architecture()?;
    let Some(kin) = gguf::KIN.iter().find(|kin| kin.name == architecture) else {
        return Err(ModelError::UnknownArchitecture {
            file: file.into(),
            architecture: architecture.into(),
            supported: gguf::KIN.iter().map(|kin| kin.name).collect(),
        });
    };
    checked(gguf::read(file, kin, gguf, unknown)?)
}

/// A size, unless it is larger than `most`.
fn within(key: &str, size: usize, most: usize) -> Result<usize, ModelError> {
    if size > most {
        let expected = format!("a number up to {most} was expected; the file is damaged");
        return Err(ModelError::Unsupported { key: key.into(), value: size.to_string(), expected });
    }
    Ok(size)
}

/// Sizes that go together, which tensors of the right shapes do not show.
fn checked(family: Family) -> Result<Family, ModelError> {
    let DecoderConfig { heads, kv_heads, head_dim, .. } = family.config;
    let unsupported = |key: &str, value: usize, expected: String| {
        Err(ModelError::Unsupported { key: key.into(), value: value.to_string(), expected })
    };
    if head_dim == 0 {
        return unsupported("num_attention_heads", heads, "fewer heads than the model is wide were expected".into());
    }
    within("num_attention_heads times head_dim", heads.saturating_mul(head_dim), LARGEST)?;
    if kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
        let expected = format!("a divisor of the {heads} query heads was expected");
        return unsupported("num_key_value_heads", kv_heads, expected);
    }
    if let Positions::Rotary(rotary) = &family.config.positions
        && (rotary.dimensions == 0 || rotary.dimensions % 2 == 1 || rotary.dimensions > head_dim)
    {
        let expected = format!("an even number of a head's {head_dim} dimensions was expected to be rotated");
        return unsupported("rotary dimensions", rotary.dimensions, expected);
    }
    Ok(family)
}
