//! Model families: one file each, from the checkpoint's own description to a [`DecoderConfig`] and tensor names.

mod bloom;
mod gguf;
mod gpt2;
mod gpt_neo;
mod gpt_neox;
mod gptj;
mod known;
mod llama;
mod opt;
mod quantization;
mod rope;
mod settings;

use serde_json::Value;
use settings::Settings;

use super::ModelError;
use super::decoder::DecoderConfig;
use super::decoder::layout::Layout;
use super::weights::{Fp8, Gguf};

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
    /// How weights in FP8 are scaled, where the description says that they are.
    pub fp8: Option<Fp8>,
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

/// How many unknown settings a message lists.
const LISTED: usize = 10;

impl UnknownSettings {
    /// What comes of the settings that nobody knows, each with its value: a note on those that are passed over, if any.
    ///
    /// # Errors
    /// [`ModelError::UnknownSettings`] where they are to be refused.
    fn judge(self, file: &str, mut settings: Vec<String>) -> Result<Option<String>, ModelError> {
        if settings.is_empty() {
            return Ok(None);
        }
        let more = settings.len().saturating_sub(LISTED);
        settings.truncate(LISTED);
        settings.extend((more > 0).then(|| format!("and {more} more")));
        match self {
            Self::Refuse => Err(ModelError::UnknownSettings { file: file.into(), settings }),
            Self::Note => Ok(Some(format!(
                "settings of the model's configuration were passed over, which may change what it computes: {}",
                settings.join(", ")
            ))),
        }
    }
}

/// An architecture that `config.json` may name.
struct Architecture {
    /// Its `model_type`.
    name: &'static str,
    /// What transformers calls the model, without the ending that says what it is for.
    class: &'static str,
    /// What follows it in the class of the language model.
    ending: &'static str,
    /// How it reads its settings.
    read: fn(&Settings) -> Result<Family, ModelError>,
}

const CAUSAL: &str = "ForCausalLM";

const FROM_CONFIG: &[Architecture] = &[
    Architecture { name: "opt", class: "OPT", ending: CAUSAL, read: opt::from_config },
    Architecture { name: "gpt2", class: "GPT2", ending: "LMHeadModel", read: gpt2::from_config },
    Architecture { name: "gpt_neo", class: "GPTNeo", ending: CAUSAL, read: gpt_neo::from_config },
    Architecture { name: "gptj", class: "GPTJ", ending: CAUSAL, read: gptj::from_config },
    Architecture { name: "gpt_neox", class: "GPTNeoX", ending: CAUSAL, read: gpt_neox::from_config },
    Architecture { name: "bloom", class: "Bloom", ending: CAUSAL, read: bloom::from_config },
    Architecture { name: "llama", class: "Llama", ending: CAUSAL, read: llama::from_config },
    Architecture { name: "mistral", class: "Mistral", ending: CAUSAL, read: llama::from_config },
    Architecture { name: "qwen2", class: "Qwen2", ending: CAUSAL, read: llama::from_config },
    Architecture { name: "qwen3", class: "Qwen3", ending: CAUSAL, read: llama::from_config },
    Architecture { name: "smollm3", class: "SmolLM3", ending: CAUSAL, read: llama::from_config },
];

/// Reads a Hugging Face `config.json`; `file` is its name for messages.
///
/// # Errors
/// Malformed JSON, an unknown `model_type`, a missing setting or one that the decoder does not cover, quantized weights that
/// are not read; settings that may change what is computed and are not known, unless they are to be noted.
pub fn from_config_json(file: &str, json: &[u8], unknown: UnknownSettings) -> Result<Family, ModelError> {
    let settings = Settings::parse(file, json)?;
    // Said first: nothing else that is wrong with such a model matters.
    if let Some(kind) = other_kind(&settings) {
        return Err(ModelError::OtherKind { file: file.into(), architecture: settings.family().into(), kind });
    }
    let Some(architecture) = FROM_CONFIG.iter().find(|architecture| architecture.name == settings.family()) else {
        return Err(ModelError::UnknownArchitecture {
            file: file.into(),
            architecture: settings.family().into(),
            supported: FROM_CONFIG.iter().map(|architecture| architecture.name).collect(),
        });
    };
    let fp8 = quantization::read(&settings)?;
    let mut family = checked((architecture.read)(&settings)?)?;
    if fp8.is_some() {
        family.notes.push(quantization::NOTE.into());
    }
    family.fp8 = fp8;
    let mut unknowns = settings.unknown();
    unknowns.extend(foreign_class(architecture, &settings));
    family.notes.extend(unknown.judge(file, unknowns)?);
    Ok(family)
}

/// What a model is that is no dense decoder of text.
fn other_kind(settings: &Settings) -> Option<&'static str> {
    if let Some(kind) = known::kind_of(settings.family()) {
        return Some(kind);
    }
    if ["text_config", "vision_config", "audio_config"].iter().any(|key| settings.peek(key).is_some()) {
        return Some("a multimodal model");
    }
    if settings.peek("is_encoder_decoder").and_then(Value::as_bool) == Some(true) {
        return Some("an encoder-decoder");
    }
    let experts = |key: &str| settings.peek(key).and_then(Value::as_f64).is_some_and(|experts| experts > 1.0);
    known::EXPERTS.iter().any(|key| experts(key)).then_some("a mixture of experts")
}

/// The setting `architectures`, where it names another class than this one's language model or its bare decoder.
fn foreign_class(architecture: &Architecture, settings: &Settings) -> Option<String> {
    let classes = settings.peek("architectures")?;
    let Architecture { class, ending, .. } = architecture;
    let (own, bare) = (format!("{class}{ending}"), format!("{class}Model"));
    let known = |name: &Value| {
        name.as_str().is_some_and(|name| [&own, &bare].into_iter().any(|known| known.eq_ignore_ascii_case(name)))
    };
    if classes.as_array().is_some_and(|classes| classes.iter().all(known)) {
        return None;
    }
    Some(format!("`architectures` = {classes} (expected `{own}`)"))
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
        let expected = format!("expected a number up to {most}; the file is damaged");
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
        return unsupported("num_attention_heads", heads, "expected fewer heads than the model is wide".into());
    }
    within("num_attention_heads times head_dim", heads.saturating_mul(head_dim), LARGEST)?;
    if kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
        let expected = format!("expected a divisor of the {heads} query heads");
        return unsupported("num_key_value_heads", kv_heads, expected);
    }
    for rotary in family.config.layers.iter().filter_map(|layer| layer.rotary) {
        if rotary.dimensions == 0 || rotary.dimensions % 2 == 1 || rotary.dimensions > head_dim {
            let expected = format!("expected an even number of a head's {head_dim} dimensions");
            return unsupported("rotary dimensions", rotary.dimensions, expected);
        }
    }
    Ok(family)
}
