//! A `config.json`, read setting by setting.

use serde_json::{Map, Value};

use super::super::ModelError;
use super::super::decoder::config::Activation;

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

    /// A setting that is there and not null.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key).filter(|value| !value.is_null())
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
    /// Zero, or of another type.
    pub fn size_or_none(&self, key: &str) -> Result<Option<usize>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.as_u64().and_then(|size| usize::try_from(size).ok()) {
            Some(size) if size > 0 => Ok(Some(size)),
            _ => Err(self.unsupported(key, "a positive whole number was expected")),
        }
    }

    /// A real number.
    ///
    /// # Errors
    /// Missing, or of another type.
    pub fn number(&self, key: &str) -> Result<f64, ModelError> {
        self.number_or_none(key)?.ok_or_else(|| self.missing(key))
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

    /// An activation function by its name in transformers.
    ///
    /// # Errors
    /// Missing, or none that the decoder has.
    pub fn activation(&self, key: &str) -> Result<Activation, ModelError> {
        match self.get(key).ok_or_else(|| self.missing(key))?.as_str() {
            Some("silu" | "swish") => Ok(Activation::Silu),
            Some("relu") => Ok(Activation::Relu),
            Some("gelu") => Ok(Activation::Gelu),
            Some("gelu_new" | "gelu_fast" | "gelu_pytorch_tanh") => Ok(Activation::GeluTanh),
            _ => Err(self.unsupported(key, "one of silu, relu, gelu, gelu_new was expected")),
        }
    }

    /// The error for a setting that is not there.
    pub fn missing(&self, key: &str) -> ModelError {
        ModelError::MissingKey { key: key.into(), family: self.family.clone() }
    }

    /// The error for a setting with a value that the decoder does not cover.
    pub fn unsupported(&self, key: &str, expected: &str) -> ModelError {
        let value = self.values.get(key).map_or_else(|| "nothing".into(), Value::to_string);
        ModelError::Unsupported { key: key.into(), value, expected: expected.into() }
    }
}
