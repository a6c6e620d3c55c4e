//! Quantized checkpoints by their `config.json`: FP8 weights with scales are read, everything else is named and refused.

use serde_json::{Map, Value};

use super::super::ModelError;
use super::super::weights::{Fp8, ScaleForm};
use super::settings::Settings;

/// The settings that say that weights are quantized. The second is an older name, the third MLX's.
const KEYS: [&str; 3] = ["quantization_config", "compression_config", "quantization"];

/// How the number of bits is called.
const BITS: [&str; 6] = ["bits", "w_bit", "nbits", "num_bits", "weight_bits", "wbits"];

/// What to do about activations is not a matter of weights: they are read as they are, and what the software that wrote
/// the checkpoint does besides is said.
pub(super) const NOTE: &str = "the weights are FP8 and were dequantized; activations and the key/value cache are not rounded to \
                        FP8, which software that computes in FP8 does, so log-likelihoods differ a little from its";

/// How the weights are scaled; `None` where they are plain.
///
/// # Errors
/// [`ModelError::Quantized`] for a method that is not read.
pub(super) fn read(settings: &Settings) -> Result<Option<Fp8>, ModelError> {
    let Some((key, value)) = KEYS.iter().find_map(|key| Some((*key, settings.get(key)?))) else { return Ok(None) };
    let described = Description { settings, key };
    let Some(object) = value.as_object() else {
        return Err(described.refusal(format!("a method that is no object of settings, {value}")));
    };
    match object.get("quant_method").and_then(Value::as_str) {
        _ if object.is_empty() => Ok(None),
        Some("fp8") => described.fp8(object).map(Some),
        Some("compressed-tensors") => described.compressed(object).map(Some),
        method => match method.unwrap_or_else(|| unnamed(key, object)) {
            // A file may keep the settings that a model was trained with, all of them off.
            "bitsandbytes"
                if ["load_in_4bit", "load_in_8bit"].iter().all(|key| object.get(*key) == Some(&false.into())) =>
            {
                Ok(None)
            }
            method => Err(described.refusal(format!("`{method}`{}", bits(object)))),
        },
    }
}

/// A method by other settings than its name.
fn unnamed<'a>(key: &str, object: &'a Map<String, Value>) -> &'a str {
    let has = |key: &str| object.contains_key(key);
    match object.get("quant_algo").and_then(Value::as_str) {
        Some(algorithm) => algorithm,
        None if has("load_in_4bit") || has("load_in_8bit") => "bitsandbytes",
        None if key == "quantization" => "mlx",
        None => "an unnamed method",
    }
}

fn bits(object: &Map<String, Value>) -> String {
    let on = |key: &str| object.get(key) == Some(&Value::Bool(true));
    let number = BITS.iter().find_map(|key| object.get(*key)).map(|bits| bits.to_string().replace('"', ""));
    match number {
        Some(bits) => format!(" in {bits} bit"),
        None if on("load_in_4bit") => " in 4 bit".into(),
        None if on("load_in_8bit") => " in 8 bit".into(),
        None => String::new(),
    }
}

struct Description<'a> {
    settings: &'a Settings,
    key: &'static str,
}

impl Description<'_> {
    fn refusal(&self, method: String) -> ModelError {
        ModelError::Quantized { file: self.settings.file().into(), key: self.key.into(), method }
    }

    /// Says which settings are not known.
    fn object_to_others(&self, object: &Map<String, Value>, known: &[&str]) {
        for (name, value) in object.iter().filter(|(name, value)| !value.is_null() && !known.contains(&name.as_str())) {
            self.settings.object_to(&format!("{}.{name}", self.key), value);
        }
    }

    /// Scales of blocks as DeepSeek has them, or of whole matrices.
    fn fp8(&self, object: &Map<String, Value>) -> Result<Fp8, ModelError> {
        let refusal = |key: &str, value: &Value| self.refusal(format!("`fp8` with `{key}` = {value}"));
        self.object_to_others(
            object,
            &[
                "quant_method",
                "activation_scheme",
                "fmt",
                "weight_block_size",
                "modules_to_not_convert",
                "ignored_layers",
                "kv_cache_scheme",
                "scale_fmt",
                "dequantize",
            ],
        );
        if let Some(format) = object.get("fmt").filter(|format| !format.is_null()) {
            let known = ["e4m3", "e5m2", "float8_e4m3fn", "float8_e5m2"];
            if !format.as_str().is_some_and(|name| known.contains(&name)) {
                return Err(refusal("fmt", format));
            }
        }
        let forms = match object.get("weight_block_size").filter(|size| !size.is_null()) {
            None => vec![ScaleForm::Tensor, ScaleForm::Channel],
            Some(size) => vec![block(size).ok_or_else(|| refusal("weight_block_size", size))?],
        };
        Ok(Fp8 { forms })
    }

    /// What llm-compressor writes: groups of modules, each with its own way.
    fn compressed(&self, object: &Map<String, Value>) -> Result<Fp8, ModelError> {
        let refusal = |what: String| self.refusal(format!("`compressed-tensors`, {what}"));
        self.object_to_others(
            object,
            &[
                "quant_method",
                "format",
                "config_groups",
                "ignore",
                "quantization_status",
                "global_compression_ratio",
                "kv_cache_scheme",
                "version",
                "sparsity_config",
                "transform_config",
            ],
        );
        let Some(groups) = object.get("config_groups").and_then(Value::as_object).filter(|groups| !groups.is_empty())
        else {
            return Err(refusal("without `config_groups`".into()));
        };
        let mut forms = Vec::new();
        for (name, group) in groups {
            let group =
                group.as_object().ok_or_else(|| refusal(format!("group `{name}` without settings: {group}")))?;
            let Some(weights) = group.get("weights").and_then(Value::as_object) else { continue };
            let format = [group, object].into_iter().find_map(|object| object.get("format").and_then(Value::as_str));
            forms.push(scales(format.unwrap_or("unnamed"), weights).map_err(refusal)?);
        }
        if forms.is_empty() {
            return Err(refusal("without a group of weights".into()));
        }
        let dense = |sparsity: &Value| {
            sparsity.as_object().is_some_and(|sparsity| {
                sparsity.is_empty() || sparsity.get("format").and_then(Value::as_str) == Some("dense")
            })
        };
        if let Some(sparsity) = object.get("sparsity_config").filter(|value| !value.is_null() && !dense(value)) {
            return Err(refusal(format!("sparse: {sparsity}")));
        }
        let none = |value: &Value| value.as_object().is_some_and(Map::is_empty);
        if let Some(transform) = object.get("transform_config").filter(|value| !value.is_null() && !none(value)) {
            return Err(refusal(format!("with transforms: {transform}")));
        }
        Ok(Fp8 { forms })
    }
}

/// How a group of llm-compressor's scales its weights; or what of it is not read.
fn scales(format: &str, weights: &Map<String, Value>) -> Result<ScaleForm, String> {
    let text = |key: &str| weights.get(key).and_then(Value::as_str).unwrap_or("nothing");
    let plain = ["float-quantized", "naive-quantized"].contains(&format)
        && text("type") == "float"
        && weights.get("num_bits").and_then(Value::as_u64) == Some(8)
        && weights.get("symmetric").is_none_or(|symmetric| symmetric != &Value::Bool(false));
    if !plain {
        return Err(format!("format `{format}` of type `{}`{}", text("type"), bits(weights)));
    }
    let form = match text("strategy") {
        "tensor" => Some(ScaleForm::Tensor),
        "channel" => Some(ScaleForm::Channel),
        "block" => weights.get("block_structure").and_then(block),
        "group" => weights.get("group_size").and_then(size).map(|columns| ScaleForm::Block { rows: 1, columns }),
        _ => None,
    };
    form.ok_or_else(|| format!("strategy `{}` of FP8", text("strategy")))
}

/// `[128, 128]`, or `128x128` as text.
fn block(value: &Value) -> Option<ScaleForm> {
    let (rows, columns) = match value {
        Value::Array(sizes) => match sizes.as_slice() {
            [rows, columns] => (size(rows)?, size(columns)?),
            _ => return None,
        },
        Value::String(text) => {
            let (rows, columns) = text.split_once('x')?;
            (rows.parse().ok()?, columns.parse().ok()?)
        }
        _ => return None,
    };
    (rows > 0 && columns > 0).then_some(ScaleForm::Block { rows, columns })
}

fn size(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|size| usize::try_from(size).ok()).filter(|size| *size > 0)
}
