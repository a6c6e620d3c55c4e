//! A `config.json`, read setting by setting.

use serde_json::{Map, Value};

use super::super::ModelError;
use super::super::decoder::DecoderConfig;
use super::super::decoder::config::{Activation, NormKind, Positions, Residual};

/// Other names of a setting: the first is what the families ask for. transformers takes either.
const ALIASES: [(&str, &[&str]); 5] = [
    ("hidden_size", &["n_embd", "n_embed", "d_model"]),
    ("num_hidden_layers", &["n_layer", "num_layers"]),
    ("num_attention_heads", &["n_head", "num_heads"]),
    ("max_position_embeddings", &["n_positions"]),
    ("intermediate_size", &["n_inner", "ffn_dim"]),
];

/// The settings of a Hugging Face `config.json`.
pub struct Settings {
    family: String,
    values: Map<String, Value>,
}

impl Settings {
    /// Parses the file.
    ///
    /// # Errors
    /// Malformed JSON, or no `model_type`.
    pub fn parse(file: &str, json: &[u8]) -> Result<Self, ModelError> {
        let malformed = |reason: String| ModelError::Malformed { file: file.into(), format: "config.json", reason };
        let values: Map<String, Value> = serde_json::from_slice(json).map_err(|error| malformed(error.to_string()))?;
        match values.get("model_type").and_then(Value::as_str) {
            Some(family) => Ok(Self { family: family.into(), values }),
            None => Err(malformed("it does not name its `model_type`".into())),
        }
    }

    /// The `model_type`.
    pub fn family(&self) -> &str {
        &self.family
    }

    /// A setting that is there and not null, under its own name or another one.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let others = ALIASES.iter().find(|(name, _)| *name == key).map_or(&[][..], |(_, others)| others);
        let mut names = std::iter::once(&key).chain(others);
        names.find_map(|name| self.values.get(*name).filter(|value| !value.is_null()))
    }

    /// The sizes that every family has, in a decoder of GPT-2's kind; families state how they depart from it.
    ///
    /// # Errors
    /// A missing size, or heads that do not divide the width.
    pub fn base(&self) -> Result<DecoderConfig, ModelError> {
        let hidden = self.size("hidden_size")?;
        let layers = super::within("num_hidden_layers", self.size("num_hidden_layers")?, super::MOST_LAYERS)?;
        let heads = self.size("num_attention_heads")?;
        let head_dim = match self.size_or_none("head_dim")? {
            Some(head_dim) => head_dim,
            None if hidden.is_multiple_of(heads) => hidden / heads,
            None => {
                let expected = format!("a divisor of the width, {hidden}, was expected");
                return Err(self.unsupported("num_attention_heads", &expected));
            }
        };
        Ok(DecoderConfig {
            vocabulary: self.size("vocab_size")?,
            hidden,
            embedding: hidden,
            intermediate: self.size_or_none("intermediate_size")?.unwrap_or(4 * hidden),
            layers,
            heads,
            kv_heads: heads,
            head_dim,
            max_positions: self.size_or_none("max_position_embeddings")?,
            positions: Positions::Learned { offset: 0 },
            norm: NormKind::Layer,
            norm_eps: self.number_or_none("layer_norm_epsilon")?.unwrap_or(1e-5),
            residual: Residual::Sequential,
            activation: Activation::GeluTanh,
            attention_scales: DecoderConfig::usual_scales(layers, head_dim),
            windows: vec![None; layers],
        })
    }

    /// A positive whole number.
    ///
    /// # Errors
    /// Missing, zero, or of another type.
    pub fn size(&self, key: &str) -> Result<usize, ModelError> {
        self.size_or_none(key)?.ok_or_else(|| self.missing(key))
    }

    /// A positive whole number, if it is there.
    ///
    /// # Errors
    /// Zero, larger than any model, or of another type.
    pub fn size_or_none(&self, key: &str) -> Result<Option<usize>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.as_u64().and_then(|size| usize::try_from(size).ok()) {
            Some(size) if size > 0 => super::within(key, size, super::LARGEST).map(Some),
            _ => Err(self.unsupported(key, "a positive whole number was expected")),
        }
    }

    /// A positive whole number; `default` where the file does not have the setting, and none where it says null.
    ///
    /// # Errors
    /// Zero, or of another type.
    pub fn size_or_default(&self, key: &str, default: Option<usize>) -> Result<Option<usize>, ModelError> {
        match self.values.get(key) {
            None => Ok(default),
            Some(_) => self.size_or_none(key),
        }
    }

    /// A real number, if it is there.
    ///
    /// # Errors
    /// Of another type.
    pub fn number_or_none(&self, key: &str) -> Result<Option<f64>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.as_f64().map(Some).ok_or_else(|| self.unsupported(key, "a number was expected"))
    }

    /// A switch.
    ///
    /// # Errors
    /// Of another type.
    pub fn switch(&self, key: &str, default: bool) -> Result<bool, ModelError> {
        let Some(value) = self.get(key) else { return Ok(default) };
        value.as_bool().ok_or_else(|| self.unsupported(key, "true or false was expected"))
    }

    /// An activation function by its name in transformers; `default` where the configuration has none.
    ///
    /// # Errors
    /// None that the decoder has.
    pub fn activation(&self, key: &str, default: Activation) -> Result<Activation, ModelError> {
        let Some(name) = self.get(key) else { return Ok(default) };
        match name.as_str() {
            Some("silu" | "swish") => Ok(Activation::Silu),
            Some("relu") => Ok(Activation::Relu),
            Some("gelu" | "gelu_python") => Ok(Activation::Gelu),
            Some("gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" | "gelu_python_tanh" | "gelu_accurate") => {
                Ok(Activation::GeluTanh)
            }
            _ => Err(self.unsupported(key, "one of silu, relu, gelu, gelu_new was expected")),
        }
    }

    /// Whether the output head is the embedding; `default` is what the family does unless told otherwise.
    ///
    /// # Errors
    /// A value that is neither true nor false.
    pub fn tied(&self, default: bool) -> Result<bool, ModelError> {
        self.switch("tie_word_embeddings", default)
    }

    /// The error for a setting that is not there.
    pub fn missing(&self, key: &str) -> ModelError {
        ModelError::MissingKey { key: key.into(), family: self.family.clone() }
    }

    /// The error for a setting with a value that the decoder does not cover.
    pub fn unsupported(&self, key: &str, expected: &str) -> ModelError {
        let value = self.get(key).map_or_else(|| "nothing".into(), Value::to_string);
        ModelError::Unsupported { key: key.into(), value, expected: expected.into() }
    }
}
