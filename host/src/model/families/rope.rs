//! Rotary settings of a `config.json`: of their own, or within `rope_scaling` or the newer `rope_parameters`.

use serde_json::Value;

use super::super::ModelError;
use super::super::decoder::config::RotaryScaling;
use super::Settings;

/// The base of the wavelengths: `rope_theta`, or the first that is there of its `other_names`, or `default`.
///
/// # Errors
/// A value that is no number.
pub fn base(settings: &Settings, other_names: &[&str], default: f64) -> Result<f64, ModelError> {
    setting(settings, "rope_theta", other_names, default)
}

/// The share of a head's dimensions that is rotated.
///
/// # Errors
/// A value that is no number.
pub fn share(settings: &Settings, other_names: &[&str], default: f64) -> Result<f64, ModelError> {
    setting(settings, "partial_rotary_factor", other_names, default)
}

fn setting(settings: &Settings, name: &str, other_names: &[&str], default: f64) -> Result<f64, ModelError> {
    if let Some(nested) = settings.get("rope_parameters").and_then(|rope| rope.get(name)).and_then(Value::as_f64) {
        return Ok(nested);
    }
    for name in other_names.iter().chain([&name]) {
        if let Some(number) = settings.number_or_none(name)? {
            return Ok(number);
        }
    }
    Ok(default)
}

/// How the frequencies are stretched.
///
/// # Errors
/// A kind that the decoder does not have, or one without its numbers.
pub fn scaling(settings: &Settings) -> Result<RotaryScaling, ModelError> {
    let key = if settings.get("rope_scaling").is_some() { "rope_scaling" } else { "rope_parameters" };
    let Some(rope) = settings.get(key) else { return Ok(RotaryScaling::None) };
    let kind = rope.get("rope_type").or_else(|| rope.get("type")).and_then(Value::as_str);
    let number = |name: &str| {
        rope.get(name).and_then(Value::as_f64).ok_or_else(|| settings.unsupported(key, &format!("`{name}` is missing")))
    };
    match kind {
        // Dynamic scaling begins where `max_position_embeddings` ends, and no pass goes further.
        None | Some("default" | "dynamic") => Ok(RotaryScaling::None),
        Some("linear") => Ok(RotaryScaling::Linear(number("factor")?)),
        Some("llama3") => Ok(RotaryScaling::Llama3 {
            factor: number("factor")?,
            low: number("low_freq_factor")?,
            high: number("high_freq_factor")?,
            original_positions: number("original_max_position_embeddings")?,
        }),
        Some(_) => Err(settings.unsupported(key, "a type of default, linear, dynamic or llama3 was expected")),
    }
}
