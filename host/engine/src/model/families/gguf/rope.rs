//! Rotary frequencies by the metadata of a GGUF file: their base, and how they are stretched.

use super::super::super::ModelError;
use super::super::super::decoder::config::RotaryScaling;
use super::super::super::weights::{Gguf, GgufValue as Value};

/// The base of the wavelengths.
///
/// # Errors
/// A value that is no number above 0.
pub(super) fn base(architecture: &str, gguf: &Gguf) -> Result<f64, ModelError> {
    let key = format!("{architecture}.rope.freq_base");
    let Some(value) = gguf.get(&key) else { return Ok(1e4) };
    match gguf.number(&key)? {
        base if base > 0.0 && base.is_finite() => Ok(base),
        _ => Err(ModelError::unsupported(&key, value, "expected a number above 0")),
    }
}

/// How the frequencies are stretched. Where the file gives a factor and no type, it is linear, as in llama.cpp.
///
/// # Errors
/// A type that the decoder does not have, or a factor that is none.
pub(super) fn scaling(architecture: &str, gguf: &Gguf) -> Result<RotaryScaling, ModelError> {
    let key = |name: &str| format!("{architecture}.rope.{name}");
    let kind_key = key("scaling.type");
    let kind = if gguf.get(&kind_key).is_some() { gguf.text(&kind_key)? } else { "linear" };
    let factor = factor(gguf, &key("scaling.factor"), &key("scale_linear"))?;
    match (kind, factor) {
        // llama.cpp never scales where the type is none, whatever the factor, and takes a factor of 0 for 1.
        ("none", _) | ("linear", Some(0.0 | 1.0)) => Ok(RotaryScaling::None),
        ("linear", Some(factor)) => Ok(RotaryScaling::Linear(factor)),
        ("linear", None) if gguf.get(&kind_key).is_none() => Ok(RotaryScaling::None),
        ("linear", None) => Ok(RotaryScaling::Linear(gguf.number(&key("scaling.factor"))?)),
        (other, _) => Err(ModelError::unsupported(&kind_key, other, "expected none or linear")),
    }
}

/// The factor under its newer or its older name.
fn factor(gguf: &Gguf, newer: &str, older: &str) -> Result<Option<f64>, ModelError> {
    let read = |key: &str| match gguf.get(key) {
        Some(value) => match gguf.number(key)? {
            factor if factor >= 0.0 && factor.is_finite() => Ok(Some(factor)),
            _ => Err(ModelError::unsupported(key, value, "expected a number from 0 on")),
        },
        None => Ok(None),
    };
    match (read(newer)?, read(older)?) {
        (Some(newer_factor), Some(older_factor)) if newer_factor != older_factor => {
            let expected = format!("expected {}, as in `{newer}`", Value::Real(newer_factor));
            Err(ModelError::unsupported(older, Value::Real(older_factor), expected))
        }
        (newer, older) => Ok(newer.or(older)),
    }
}
