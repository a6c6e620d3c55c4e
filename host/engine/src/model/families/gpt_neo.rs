//! GPT-Neo: learned positions, layers that see a window of keys, attention scores that are not scaled.

use serde_json::Value;

use super::super::ModelError;
use super::super::decoder::DecoderConfig;
use super::super::decoder::config::{Activation, HalfNorms};
use super::super::decoder::layout::{LayerNames, Layout, LinearName, NormName, QkvNames};
use super::family::Family;
use super::settings::Settings;

/// From `config.json`; tensors as transformers saves them.
pub(super) fn from_config(settings: &Settings) -> Result<Family, ModelError> {
    let base = settings.base()?;
    let mut config = DecoderConfig {
        max_positions: Some(settings.size("max_position_embeddings")?),
        activation: settings.activation("activation_function", Activation::GeluTanh)?,
        norm_eps: settings.number_or_none("layer_norm_epsilon")?.unwrap_or(base.norm_eps),
        ..base
    };
    let windows = windows(settings, config.layers.len())?;
    for (layer, window) in config.layers.iter_mut().zip(windows) {
        layer.attention_scale = 1.0;
        layer.window = window;
    }
    let layer = |index: usize| {
        let prefix = format!("transformer.h.{index}");
        let linear = |name: &str, bias: bool| LinearName::new(&format!("{prefix}.{name}"), bias);
        LayerNames {
            attention_norms: HalfNorms::input(NormName::new(format!("{prefix}.ln_1"))),
            mlp_norms: HalfNorms::input(NormName::new(format!("{prefix}.ln_2"))),
            qkv: QkvNames::Separate {
                query: linear("attn.attention.q_proj", false),
                key: linear("attn.attention.k_proj", false),
                value: linear("attn.attention.v_proj", false),
            },
            head_norms: None,
            attention_output: linear("attn.attention.out_proj", true),
            gate: None,
            up: linear("mlp.c_fc", true),
            down: linear("mlp.c_proj", true),
        }
    };
    let embedding = "transformer.wte.weight".to_owned();
    let layout = Layout {
        prefix: "transformer.",
        positions: Some("transformer.wpe.weight".into()),
        embedding_norm: None,
        embedding_projections: None,
        final_norm: Some(NormName::new("transformer.ln_f")),
        head: LinearName::head("lm_head", settings.tied(true)?.then_some(&embedding), false),
        tied_head: Some("lm_head.weight".into()),
        rotary_factors: None,
        layers: (0..config.layers.len()).map(layer).collect(),
        transposed: false,
        embedding,
    };
    Ok(Family { config, layout, fp8: None, notes: Vec::new() })
}

/// One kind per layer, from `attention_layers` or else from `attention_types`, runs of kinds with their repetitions.
fn windows(settings: &Settings, layers: usize) -> Result<Vec<Option<usize>>, ModelError> {
    let (key, kinds) = match settings.get("attention_layers") {
        Some(kinds) => ("attention_layers", Some(texts(kinds))),
        None => ("attention_types", settings.get("attention_types").map(repeated)),
    };
    // The configuration's own default, as in transformers.
    let kinds = kinds.unwrap_or_else(|| (0..layers).map(|index| Some(["global", "local"][index % 2])).collect());
    let malformed = || {
        let expected = format!("expected `global` or `local` for each of the {layers} layers");
        settings.unsupported(key, &expected)
    };
    let kinds = kinds.filter(|kinds| kinds.len() == layers).ok_or_else(malformed)?;
    let window = settings.size_or_none("window_size")?.unwrap_or(256);
    let of_kind = |kind: &str| match kind {
        "global" => Ok(None),
        "local" => Ok(Some(window)),
        _ => Err(malformed()),
    };
    kinds.into_iter().map(of_kind).collect()
}

/// A list of kinds: `["global", "local"]`.
fn texts(list: &Value) -> Option<Vec<&str>> {
    list.as_array()?.iter().map(Value::as_str).collect()
}

/// Runs of kinds, each with its repetitions: `[[["global", "local"], 12], ...]`.
fn repeated(list: &Value) -> Option<Vec<&str>> {
    let runs = list.as_array()?.iter().map(|run| {
        let [kinds, times] = run.as_array()?.as_slice() else { return None };
        Some(texts(kinds)?.repeat(usize::try_from(times.as_u64()?).ok()?))
    });
    Some(runs.collect::<Option<Vec<_>>>()?.concat())
}
