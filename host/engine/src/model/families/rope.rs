//! Rotary settings of a `config.json`: of their own, within `rope_scaling`, or within the newer `rope_parameters`.

use serde_json::{Map, Value};

use super::super::ModelError;
use super::super::decoder::config::RotaryScaling;
use super::settings::Settings;

/// The objects that hold rotary settings. A file may have both, where they say the same.
const OBJECTS: [&str; 2] = ["rope_parameters", "rope_scaling"];

/// Keys that every kind of scaling may have. The positions of the original training change nothing but in `llama3`.
const COMMON: [&str; 5] =
    ["rope_type", "type", "rope_theta", "partial_rotary_factor", "original_max_position_embeddings"];

/// The base of the wavelengths: `rope_theta`, or one of its `other_names`, or `default`.
///
/// # Errors
/// A value that is no positive number, or two that differ.
pub(super) fn base(settings: &Settings, other_names: &[&str], default: f64) -> Result<f64, ModelError> {
    setting(settings, "rope_theta", other_names, default)
}

/// The share of a head's dimensions that is rotated.
///
/// # Errors
/// A value that is no positive number, or two that differ.
pub(super) fn share(settings: &Settings, other_names: &[&str], default: f64) -> Result<f64, ModelError> {
    setting(settings, "partial_rotary_factor", other_names, default)
}

fn setting(settings: &Settings, name: &str, other_names: &[&str], default: f64) -> Result<f64, ModelError> {
    let mut found: Option<(String, f64)> = None;
    let mut agree = |place: String, value: &Value, key: &str| {
        let number = positive(value).ok_or_else(|| settings.unsupported(key, &format!("`{place}`: {NUMBER}")))?;
        match &found {
            Some((other, value)) if *value != number => {
                Err(settings.unsupported(key, &format!("expected `{place}` to be {value}, as `{other}` is")))
            }
            Some(_) => Ok(()),
            None => {
                found = Some((place, number));
                Ok(())
            }
        }
    };
    for (key, object) in objects(settings)? {
        if let Some(value) = object.get(name).filter(|value| !value.is_null()) {
            agree(format!("{key}.{name}"), value, key)?;
        }
    }
    for name in other_names.iter().chain([&name]) {
        if let Some(value) = settings.get(name) {
            agree((*name).to_owned(), value, name)?;
        }
    }
    Ok(found.map_or(default, |(_, number)| number))
}

const NUMBER: &str = "expected a number above 0";

fn positive(value: &Value) -> Option<f64> {
    value.as_f64().filter(|number| *number > 0.0 && number.is_finite())
}

/// An object of settings with the key that it stands under.
type Named<'a> = (&'static str, &'a Map<String, Value>);

/// The objects with rotary settings that a file has.
fn objects(settings: &Settings) -> Result<Vec<Named<'_>>, ModelError> {
    let mut found = Vec::new();
    for key in OBJECTS {
        let Some(value) = settings.get(key) else { continue };
        let Some(mut object) = value.as_object() else {
            return Err(settings.unsupported(key, "expected an object with a `rope_type`"));
        };
        // One object for each kind of layer, like `full_attention`.
        let mut nested = object.values().map(Value::as_object);
        if let Some(Some(first)) = nested.next() {
            if nested.any(|other| other != Some(first)) {
                return Err(settings.unsupported(key, "expected the same settings for all kinds of layers"));
            }
            object = first;
        }
        found.push((key, object));
    }
    Ok(found)
}

/// How the frequencies are stretched.
///
/// # Errors
/// A kind that the decoder does not have, one without its numbers, none where there are numbers, or two that differ.
pub(super) fn scaling(settings: &Settings) -> Result<RotaryScaling, ModelError> {
    let mut found: Option<(&str, RotaryScaling)> = None;
    for (key, object) in objects(settings)? {
        let scaling = scaling_in(settings, key, object)?;
        match &found {
            Some((other, first)) if *first != scaling => {
                return Err(settings.unsupported(key, &format!("expected the same scaling as in `{other}`")));
            }
            Some(_) => {}
            None => found = Some((key, scaling)),
        }
    }
    Ok(found.map_or(RotaryScaling::None, |(_, scaling)| scaling))
}

fn scaling_in(settings: &Settings, key: &str, object: &Map<String, Value>) -> Result<RotaryScaling, ModelError> {
    let given = |name: &str| object.get(name).filter(|value| !value.is_null());
    let expected = "expected a `rope_type` of default, linear, dynamic or llama3";
    let kind = match (given("rope_type"), given("type")) {
        (Some(kind), Some(other)) if kind != other => {
            return Err(settings.unsupported(key, "expected `rope_type` and `type` to be the same"));
        }
        (Some(kind), _) | (None, Some(kind)) => kind.as_str().ok_or_else(|| settings.unsupported(key, expected))?,
        // Nothing is stretched by an object that has a base or a share alone.
        (None, None) if object.iter().all(|(name, value)| value.is_null() || COMMON.contains(&name.as_str())) => {
            "default"
        }
        (None, None) => return Err(settings.unsupported(key, expected)),
    };
    let own: &[&str] = match kind {
        "default" => &[],
        "linear" | "dynamic" => &["factor"],
        "llama3" => &["factor", "low_freq_factor", "high_freq_factor"],
        _ => return Err(settings.unsupported(key, expected)),
    };
    for (name, value) in object.iter().filter(|(_, value)| !value.is_null()) {
        if !COMMON.contains(&name.as_str()) && !own.contains(&name.as_str()) {
            settings.object_to(&format!("{key}.{name}"), value);
        }
    }
    let number = |name: &str| {
        let value = given(name).ok_or_else(|| settings.unsupported(key, &format!("expected a `{name}`, got none")))?;
        positive(value).ok_or_else(|| settings.unsupported(key, &format!("`{name}`: {NUMBER}")))
    };
    Ok(match kind {
        "linear" => RotaryScaling::Linear(number("factor")?),
        "llama3" => {
            let original_positions = number("original_max_position_embeddings")?;
            // The newest transformers takes this one where both are there.
            if let Some(top) = settings.number_or_none("original_max_position_embeddings")?
                && top != original_positions
            {
                let expected = format!("expected {original_positions}, the value in `{key}`");
                return Err(settings.unsupported("original_max_position_embeddings", &expected));
            }
            let (low, high) = (number("low_freq_factor")?, number("high_freq_factor")?);
            if low >= high {
                return Err(settings.unsupported(key, "expected `low_freq_factor` below `high_freq_factor`"));
            }
            RotaryScaling::Llama3 { factor: number("factor")?, low, high, original_positions }
        }
        // Dynamic scaling begins where the positions end that the model was made for, and no pass goes further.
        "dynamic" => {
            let limit = settings.size_or_none("max_position_embeddings")?.map(|limit| limit as f64);
            if given("original_max_position_embeddings").is_some_and(|original| original.as_f64() != limit) {
                let expected = "expected `original_max_position_embeddings` equal to `max_position_embeddings`";
                return Err(settings.unsupported(key, expected));
            }
            RotaryScaling::None
        }
        _ => RotaryScaling::None,
    })
}
