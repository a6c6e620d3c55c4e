//! Model families: one file each, from the checkpoint's own description to a [`Family`]: the decoder's
//! configuration and tensor names.

mod bloom;
mod family;
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
mod sizes;

use serde_json::Value;

pub use family::{Family, UnknownSettings};

use super::ModelError;
use super::weights::Gguf;
use settings::Settings;
use sizes::checked;

/// An architecture that `config.json` may name.
struct Architecture {
    /// The value of `model_type`.
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
    let Some(known) = gguf::ARCHITECTURES.iter().find(|known| known.name == architecture) else {
        return Err(ModelError::UnknownArchitecture {
            file: file.into(),
            architecture: architecture.into(),
            supported: gguf::ARCHITECTURES.iter().map(|known| known.name).collect(),
        });
    };
    checked(gguf::read(file, known, gguf, unknown)?)
}
