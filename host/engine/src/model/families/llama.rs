//! LLaMA: rotary positions, RMS norms, gated MLP, grouped queries; and models that depart from it in a setting or two:
//! Mistral (a window), Qwen2 (biases), Qwen3 (norms of heads), SmolLM3 (layers without rotation).

use serde_json::Value;

use super::super::ModelError;
use super::super::decoder::DecoderConfig;
use super::super::decoder::config::{Activation, HalfNorms, LayerConfig, NormKind, Positions, Rotary};
use super::super::decoder::layout::{LayerNames, Layout, LinearName, NormName, QkvNames};
use super::family::Family;
use super::rope;
use super::settings::Settings;

/// What a model takes for a setting that its `config.json` leaves out, as in transformers.
struct Defaults {
    /// Key/value heads; `None` for as many as query heads.
    kv_heads: Option<usize>,
    /// Dimensions of a head; `None` for the width divided by the heads.
    head_dim: Option<usize>,
    /// The window of the layers that have one.
    window: Option<usize>,
    /// The base of the rotary wavelengths.
    rope_theta: f64,
    tied: bool,
}

impl Defaults {
    fn of(family: &str) -> Self {
        let llama = Self { kv_heads: None, head_dim: None, window: None, rope_theta: 1e4, tied: false };
        match family {
            "mistral" => Self { kv_heads: Some(8), window: Some(4096), ..llama },
            "qwen2" => Self { kv_heads: Some(32), window: Some(4096), ..llama },
            "qwen3" => Self { kv_heads: Some(32), head_dim: Some(128), window: Some(4096), ..llama },
            "smollm3" => Self { kv_heads: Some(4), rope_theta: 2e6, tied: true, ..llama },
            _ => llama,
        }
    }
}

/// From `config.json`; tensors as transformers saves them.
pub(super) fn from_config(settings: &Settings) -> Result<Family, ModelError> {
    let base = settings.base()?;
    let defaults = Defaults::of(settings.family());
    let head_dim = settings.size_or_default("head_dim", defaults.head_dim)?.unwrap_or(base.head_dim);
    let layers = base.layers.len();
    let unrotated = unrotated(settings, layers)?;
    let windows = windows(settings, layers, &unrotated, defaults.window)?;
    let rotary = Rotary {
        dimensions: head_dim,
        base: rope::base(settings, &[], defaults.rope_theta)?,
        interleaved: false,
        scaling: rope::scaling(settings)?,
    };
    let layer = |(index, window): (usize, Option<usize>)| LayerConfig {
        window,
        rotary: (!unrotated.contains(&index)).then_some(rotary),
        ..LayerConfig::pre_norm(head_dim)
    };
    let config = DecoderConfig {
        intermediate: settings.size("intermediate_size")?,
        kv_heads: settings.size_or_default("num_key_value_heads", defaults.kv_heads)?.unwrap_or(base.heads),
        head_dim,
        gated: true,
        max_positions: Some(settings.size("max_position_embeddings")?),
        positions: Positions::Rotary,
        norm: NormKind::Rms,
        norm_eps: settings.number_or_none("rms_norm_eps")?.unwrap_or(1e-6),
        activation: settings.activation("hidden_act", Activation::Silu)?,
        layers: windows.into_iter().enumerate().map(layer).collect(),
        ..base
    };
    // It may stand within the rotary settings too.
    let share = rope::share(settings, &[], 1.0)?;
    if share != 1.0 {
        let expected = "expected 1: whole heads are rotated";
        return Err(ModelError::unsupported("partial_rotary_factor", share, expected));
    }
    let layout = layout(settings, layers, defaults.tied)?;
    Ok(Family { config, layout, fp8: None, notes: Vec::new() })
}

/// The tensors' names; `tied` is what the model does where its configuration does not say whether the head is the embedding.
fn layout(settings: &Settings, layers: usize, tied: bool) -> Result<Layout, ModelError> {
    // Qwen2 has biases of queries, keys and values and no others, Mistral none at all, whatever the setting says.
    let has_own = matches!(settings.family(), "llama" | "qwen3" | "smollm3");
    let attention_bias = has_own && settings.switch("attention_bias", false)?;
    let qkv_bias = attention_bias || settings.family() == "qwen2";
    let mlp_bias = matches!(settings.family(), "llama" | "smollm3") && settings.switch("mlp_bias", false)?;
    let normed_heads = settings.family() == "qwen3";
    let layer = |index: usize| {
        let prefix = format!("model.layers.{index}");
        let attention = |name: &str, bias: bool| LinearName::new(&format!("{prefix}.self_attn.{name}"), bias);
        let mlp = |name: &str| LinearName::new(&format!("{prefix}.mlp.{name}"), mlp_bias);
        let norm = |name: &str| NormName::new(format!("{prefix}.{name}"));
        LayerNames {
            attention_norms: HalfNorms::input(norm("input_layernorm")),
            mlp_norms: HalfNorms::input(norm("post_attention_layernorm")),
            qkv: QkvNames::Separate {
                query: attention("q_proj", qkv_bias),
                key: attention("k_proj", qkv_bias),
                value: attention("v_proj", qkv_bias),
            },
            head_norms: normed_heads.then(|| (norm("self_attn.q_norm"), norm("self_attn.k_norm"))),
            attention_output: attention("o_proj", attention_bias),
            gate: Some(mlp("gate_proj")),
            up: mlp("up_proj"),
            down: mlp("down_proj"),
        }
    };
    let embedding = "model.embed_tokens.weight".to_owned();
    let tied = settings.tied(tied)?;
    Ok(Layout {
        prefix: "model.",
        positions: None,
        embedding_norm: None,
        embedding_projections: None,
        final_norm: Some(NormName::new("model.norm")),
        head: LinearName::head("lm_head", tied.then_some(&embedding), false),
        tied_head: Some("lm_head.weight".into()),
        rotary_factors: None,
        layers: (0..layers).map(layer).collect(),
        transposed: false,
        embedding,
    })
}

/// Mistral's layers all have its window, LLaMA's none. Others have theirs behind a switch, in the layers that `layer_types`
/// lists; in files without that list, Qwen's have it from layer `max_window_layers` on, SmolLM3's where nothing is rotated.
fn windows(
    settings: &Settings,
    layers: usize,
    unrotated: &[usize],
    default: Option<usize>,
) -> Result<Vec<Option<usize>>, ModelError> {
    let kinds = sliding(settings, layers)?;
    let all = |sliding: bool| match kinds.as_ref().is_none_or(|kinds| kinds.iter().all(|kind| *kind == sliding)) {
        true => Ok(()),
        false => {
            let kind = if sliding { "sliding_attention" } else { "full_attention" };
            Err(settings.unsupported("layer_types", &format!("expected `{kind}` for every layer")))
        }
    };
    let window = match settings.family() {
        // It has no such settings: what a file says of them is not known.
        "llama" => None,
        "mistral" => {
            let window = settings.size_or_default("sliding_window", default)?;
            if window.is_some() && !settings.switch("use_sliding_window", true)? {
                return Err(settings.unsupported("use_sliding_window", "expected true beside a `sliding_window`"));
            }
            all(window.is_some())?;
            return Ok(vec![window; layers]);
        }
        _ if settings.switch("use_sliding_window", false)? => settings.size_or_default("sliding_window", default)?,
        _ => None,
    };
    if window.is_none() {
        all(false)?;
        return Ok(vec![None; layers]);
    }
    let first = settings.size_or_zero("max_window_layers")?.unwrap_or(28);
    let slides = |index: usize| match &kinds {
        Some(kinds) => kinds[index],
        None if settings.family() == "smollm3" => unrotated.contains(&index),
        None => index >= first,
    };
    Ok((0..layers).map(|index| window.filter(|_| slides(index))).collect())
}

/// Whether each layer slides, by `layer_types`.
fn sliding(settings: &Settings, layers: usize) -> Result<Option<Vec<bool>>, ModelError> {
    let Some(kinds) = settings.get("layer_types") else { return Ok(None) };
    let slides = |kind: &Value| match kind.as_str() {
        Some("full_attention") => Some(false),
        Some("sliding_attention") => Some(true),
        _ => None,
    };
    let kinds = kinds.as_array().and_then(|kinds| kinds.iter().map(slides).collect::<Option<Vec<bool>>>());
    match kinds.filter(|kinds| kinds.len() == layers) {
        Some(kinds) => Ok(Some(kinds)),
        None => {
            let expected = format!("expected full_attention or sliding_attention for each of the {layers} layers");
            Err(settings.unsupported("layer_types", &expected))
        }
    }
}

/// The layers that `no_rope_layers` marks with 0; SmolLM3's every fourth where it does not say.
fn unrotated(settings: &Settings, layers: usize) -> Result<Vec<usize>, ModelError> {
    if settings.family() != "smollm3" {
        return Ok(Vec::new());
    }
    let Some(marks) = settings.get("no_rope_layers") else {
        let interval = settings.size_or_none("no_rope_layer_interval")?.unwrap_or(4);
        return Ok((0..layers).filter(|index| (index + 1) % interval == 0).collect());
    };
    let marks = marks.as_array().filter(|marks| marks.len() == layers);
    let Some(marks) = marks else {
        return Err(settings.unsupported("no_rope_layers", &format!("expected a mark for each of {layers} layers")));
    };
    Ok((0..layers).filter(|index| marks[*index].as_u64() == Some(0)).collect())
}
