//! A `config.json`, read setting by setting.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::super::decoder::DecoderConfig;
use super::super::decoder::config::{Activation, LayerConfig, NormKind, Positions};
use super::super::{ModelError, json};
use super::known;
use super::sizes::{LARGEST, MOST_LAYERS, within};

/// Other names of a setting: the first is what the families ask for. transformers takes either.
const ALIASES: [(&str, &[&str]); 5] = [
    ("hidden_size", &["n_embd", "n_embed", "d_model"]),
    ("num_hidden_layers", &["n_layer", "num_layers"]),
    ("num_attention_heads", &["n_head", "num_heads"]),
    ("max_position_embeddings", &["n_positions"]),
    ("intermediate_size", &["n_inner", "ffn_dim"]),
];

/// The most characters of a value that a message shows.
const SHOWN: usize = 80;

/// The settings of a Hugging Face `config.json`.
pub(super) struct Settings {
    file: String,
    family: String,
    values: Map<String, Value>,
    /// The keys that a family has asked for.
    asked: RefCell<BTreeSet<String>>,
    /// Settings below the top that nobody knows, as they are shown.
    objections: RefCell<BTreeSet<String>>,
}

impl Settings {
    /// Parses the file.
    ///
    /// # Errors
    /// Malformed JSON, a key that is there twice, no `model_type`, or two names of one setting with different values.
    pub(super) fn parse(file: &str, json: &[u8]) -> Result<Self, ModelError> {
        let malformed = |reason: String| ModelError::Malformed { file: file.into(), format: "config.json", reason };
        let values = match json::parse(json).map_err(malformed)? {
            Value::Object(values) => values,
            _ => return Err(malformed("expected an object of settings".into())),
        };
        let Some(family) = values.get("model_type").and_then(Value::as_str).map(str::to_owned) else {
            return Err(malformed("it does not name its `model_type`".into()));
        };
        let nothing = RefCell::new(BTreeSet::new());
        let settings = Self { file: file.into(), family, values, asked: nothing.clone(), objections: nothing };
        for (name, others) in ALIASES {
            let mut given = std::iter::once(&name).chain(others).filter_map(|name| Some((*name, settings.peek(name)?)));
            if let Some((first, value)) = given.next()
                && let Some((other, _)) = given.find(|(_, other)| *other != value)
            {
                return Err(settings.unsupported(other, &format!("expected {value}, the value of `{first}`")));
            }
        }
        Ok(settings)
    }

    /// The file's name for messages.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// The value of `model_type`.
    pub(super) fn family(&self) -> &str {
        &self.family
    }

    /// A setting that is there and not null, under its own name or another one.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        let others = ALIASES.iter().find(|(name, _)| *name == key).map_or(&[][..], |(_, others)| others);
        let names: Vec<&str> = std::iter::once(&key).chain(others).copied().collect();
        self.asked.borrow_mut().extend(names.iter().map(|name| (*name).to_owned()));
        names.into_iter().find_map(|name| self.peek(name))
    }

    /// A setting that is there and not null, without a claim to know what it does.
    pub(super) fn peek(&self, name: &str) -> Option<&Value> {
        self.values.get(name).filter(|value| !value.is_null())
    }

    /// Says that a setting below the top, like `rope_scaling.beta_fast`, is not known.
    pub(super) fn object_to(&self, path: &str, value: &Value) {
        self.objections.borrow_mut().insert(shown(path, value));
    }

    /// The settings that may change what the model computes and that its family does not know, each with its value: what
    /// no family file asked for, is not known to be harmless, and does not say what holds anyway.
    pub(super) fn unknown(&self) -> Vec<String> {
        let asked = self.asked.borrow();
        let unknown = self.values.iter().filter(|(key, value)| {
            !asked.contains(*key) && !value.is_null() && !known::is_harmless(&self.family, key, value)
        });
        unknown.map(|(key, value)| shown(key, value)).chain(self.objections.borrow().iter().cloned()).collect()
    }

    /// The sizes that every family has, in a decoder of GPT-2's kind; families state how they depart from it.
    ///
    /// # Errors
    /// A missing size, or heads that do not divide the width.
    pub(super) fn base(&self) -> Result<DecoderConfig, ModelError> {
        let hidden = self.size("hidden_size")?;
        let layers = within("num_hidden_layers", self.size("num_hidden_layers")?, MOST_LAYERS)?;
        let heads = self.size("num_attention_heads")?;
        let head_dim = match self.size_or_none("head_dim")? {
            Some(head_dim) => head_dim,
            None if hidden.is_multiple_of(heads) => hidden / heads,
            None => {
                let expected = format!("expected a divisor of the width, {hidden}");
                return Err(self.unsupported("num_attention_heads", &expected));
            }
        };
        Ok(DecoderConfig {
            vocabulary: self.size("vocab_size")?,
            hidden,
            embedding: hidden,
            embedding_scale: None,
            intermediate: self.size_or_none("intermediate_size")?.unwrap_or(4 * hidden),
            gated: false,
            heads,
            kv_heads: heads,
            head_dim,
            max_positions: self.size_or_none("max_position_embeddings")?,
            positions: Positions::Learned { offset: 0 },
            norm: NormKind::Layer,
            norm_eps: 1e-5,
            norm_gain_offset: 0.0,
            activation: Activation::GeluTanh,
            logit_softcap: None,
            layers: vec![LayerConfig::pre_norm(head_dim); layers],
        })
    }

    /// A positive whole number.
    ///
    /// # Errors
    /// Missing, zero, or of another type.
    pub(super) fn size(&self, key: &str) -> Result<usize, ModelError> {
        self.size_or_none(key)?.ok_or_else(|| self.missing(key))
    }

    /// A positive whole number, if it is there.
    ///
    /// # Errors
    /// Zero, larger than any model, or of another type.
    pub(super) fn size_or_none(&self, key: &str) -> Result<Option<usize>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.as_u64().and_then(|size| usize::try_from(size).ok()) {
            Some(size) if size > 0 => within(key, size, LARGEST).map(Some),
            _ => Err(self.unsupported(key, "expected a positive whole number")),
        }
    }

    /// A whole number, which may be 0, if it is there.
    ///
    /// # Errors
    /// Of another type.
    pub(super) fn size_or_zero(&self, key: &str) -> Result<Option<usize>, ModelError> {
        if self.get(key).and_then(Value::as_u64) == Some(0) { Ok(Some(0)) } else { self.size_or_none(key) }
    }

    /// A positive whole number; `default` where the file does not have the setting, and none where it says null.
    ///
    /// # Errors
    /// Zero, or of another type.
    pub(super) fn size_or_default(&self, key: &str, default: Option<usize>) -> Result<Option<usize>, ModelError> {
        let given = self.size_or_none(key)?;
        Ok(if self.values.contains_key(key) { given } else { default })
    }

    /// A real number, if it is there.
    ///
    /// # Errors
    /// Of another type.
    pub(super) fn number_or_none(&self, key: &str) -> Result<Option<f64>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.as_f64().map(Some).ok_or_else(|| self.unsupported(key, "expected a number"))
    }

    /// A switch.
    ///
    /// # Errors
    /// Of another type.
    pub(super) fn switch(&self, key: &str, default: bool) -> Result<bool, ModelError> {
        let Some(value) = self.get(key) else { return Ok(default) };
        value.as_bool().ok_or_else(|| self.unsupported(key, "expected true or false"))
    }

    /// An activation function by its name in transformers; `default` where the configuration has none.
    ///
    /// # Errors
    /// None that the decoder has.
    pub(super) fn activation(&self, key: &str, default: Activation) -> Result<Activation, ModelError> {
        let Some(name) = self.get(key) else { return Ok(default) };
        match name.as_str() {
            Some("silu" | "swish") => Ok(Activation::Silu),
            Some("relu") => Ok(Activation::Relu),
            Some("gelu" | "gelu_python") => Ok(Activation::Gelu),
            Some("gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" | "gelu_python_tanh" | "gelu_accurate") => {
                Ok(Activation::GeluTanh)
            }
            _ => Err(self.unsupported(key, "expected one of silu, relu, gelu, gelu_new")),
        }
    }

    /// Whether the output head is the embedding; `default` is what the family does unless told otherwise.
    ///
    /// # Errors
    /// A value that is neither true nor false.
    pub(super) fn tied(&self, default: bool) -> Result<bool, ModelError> {
        self.switch("tie_word_embeddings", default)
    }

    /// The error for a setting that is not there.
    pub(super) fn missing(&self, key: &str) -> ModelError {
        ModelError::MissingKey { key: key.into(), family: self.family.clone() }
    }

    /// The error for a setting with a value that the decoder does not cover.
    pub(super) fn unsupported(&self, key: &str, expected: &str) -> ModelError {
        let value = self.get(key).map_or_else(|| "nothing".to_owned(), |value| cut(&value.to_string()));
        ModelError::unsupported(key, value, expected)
    }
}

/// A setting with its value, as messages show it.
fn shown(key: &str, value: &Value) -> String {
    format!("`{key}` = {}", cut(&value.to_string()))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.into(),
    }
}
