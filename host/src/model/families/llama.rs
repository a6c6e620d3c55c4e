//! LLaMA: rotary positions, RMS norms, gated MLP, grouped queries.

use super::super::ModelError;
use super::super::decoder::DecoderConfig;
use super::super::decoder::config::{Activation, NormKind, Positions, Residual, Rotary, RotaryScaling};
use super::super::decoder::layout::{LayerNames, Layout, LinearName, NormName, QkvNames};
use super::super::weights::{Gguf, TensorSource};
use super::{Family, Settings};

/// From `config.json`; tensors as transformers saves them.
pub fn from_config(settings: &Settings) -> Result<Family, ModelError> {
    let hidden = settings.size("hidden_size")?;
    let layers = settings.size("num_hidden_layers")?;
    let heads = settings.size("num_attention_heads")?;
    let head_dim = settings.size_or_none("head_dim")?.unwrap_or(hidden / heads);
    let config = DecoderConfig {
        vocabulary: settings.size("vocab_size")?,
        hidden,
        embedding: hidden,
        intermediate: settings.size("intermediate_size")?,
        layers,
        heads,
        kv_heads: settings.size_or_none("num_key_value_heads")?.unwrap_or(heads),
        head_dim,
        max_positions: Some(settings.size("max_position_embeddings")?),
        positions: Positions::Rotary(Rotary {
            dimensions: head_dim,
            base: rope_theta(settings)?,
            interleaved: false,
            scaling: scaling(settings)?,
        }),
        norm: NormKind::Rms,
        norm_eps: settings.number("rms_norm_eps")?,
        residual: Residual::Sequential,
        activation: settings.activation("hidden_act")?,
        attention_scales: DecoderConfig::usual_scales(layers, head_dim),
        windows: vec![None; layers],
    };
    check_heads(&config)?;
    let attention_bias = settings.switch("attention_bias", false)?;
    let mlp_bias = settings.switch("mlp_bias", false)?;
    let layer = |index: usize| {
        let prefix = format!("model.layers.{index}");
        let attention = |name: &str| LinearName::new(&format!("{prefix}.self_attn.{name}"), attention_bias);
        let mlp = |name: &str| LinearName::new(&format!("{prefix}.mlp.{name}"), mlp_bias);
        LayerNames {
            attention_norm: NormName::new(format!("{prefix}.input_layernorm")),
            mlp_norm: Some(NormName::new(format!("{prefix}.post_attention_layernorm"))),
            qkv: QkvNames::Separate {
                query: attention("q_proj"),
                key: attention("k_proj"),
                value: attention("v_proj"),
            },
            head_norms: None,
            attention_output: attention("o_proj"),
            gate: Some(mlp("gate_proj")),
            up: mlp("up_proj"),
            down: mlp("down_proj"),
        }
    };
    let tied = settings.switch("tie_word_embeddings", false)?;
    let layout = Layout {
        embedding: "model.embed_tokens.weight".into(),
        positions: None,
        embedding_norm: None,
        embedding_projections: None,
        final_norm: Some(NormName::new("model.norm")),
        head: (!tied).then(|| LinearName::new("lm_head", false)),
        rotary_factors: None,
        layers: (0..layers).map(layer).collect(),
        transposed: false,
    };
    Ok(Family { config, layout })
}

/// From GGUF metadata; llama.cpp stores queries and keys so that rotated pairs are neighbours.
pub fn from_gguf(gguf: &Gguf) -> Result<Family, ModelError> {
    let hidden = gguf.integer("llama.embedding_length")?;
    let layers = gguf.integer("llama.block_count")?;
    let heads = gguf.integer("llama.attention.head_count")?.max(1);
    let optional = |key: &str, default: usize| if gguf.get(key).is_some() { gguf.integer(key) } else { Ok(default) };
    let head_dim = optional("llama.attention.key_length", hidden / heads)?;
    let vocabulary = match gguf.get("llama.vocab_size") {
        Some(_) => gguf.integer("llama.vocab_size")?,
        None => gguf.texts("tokenizer.ggml.tokens")?.len(),
    };
    let base = if gguf.get("llama.rope.freq_base").is_some() { gguf.number("llama.rope.freq_base")? } else { 10000.0 };
    let config = DecoderConfig {
        vocabulary,
        hidden,
        embedding: hidden,
        intermediate: gguf.integer("llama.feed_forward_length")?,
        layers,
        heads,
        kv_heads: optional("llama.attention.head_count_kv", heads)?,
        head_dim,
        max_positions: Some(gguf.integer("llama.context_length")?),
        positions: Positions::Rotary(Rotary {
            dimensions: optional("llama.rope.dimension_count", head_dim)?,
            base,
            interleaved: true,
            scaling: gguf_scaling(gguf)?,
        }),
        norm: NormKind::Rms,
        norm_eps: gguf.number("llama.attention.layer_norm_rms_epsilon")?,
        residual: Residual::Sequential,
        activation: Activation::Silu,
        attention_scales: DecoderConfig::usual_scales(layers, head_dim),
        windows: vec![None; layers],
    };
    check_heads(&config)?;
    let layer = |index: usize| {
        let prefix = format!("blk.{index}");
        let linear = |name: &str| {
            let prefix = format!("{prefix}.{name}");
            let biased = gguf.contains(&format!("{prefix}.bias"));
            LinearName::new(&prefix, biased)
        };
        LayerNames {
            attention_norm: NormName::new(format!("{prefix}.attn_norm")),
            mlp_norm: Some(NormName::new(format!("{prefix}.ffn_norm"))),
            qkv: QkvNames::Separate { query: linear("attn_q"), key: linear("attn_k"), value: linear("attn_v") },
            head_norms: None,
            attention_output: linear("attn_output"),
            gate: Some(linear("ffn_gate")),
            up: linear("ffn_up"),
            down: linear("ffn_down"),
        }
    };
    let layout = Layout {
        embedding: "token_embd.weight".into(),
        positions: None,
        embedding_norm: None,
        embedding_projections: None,
        final_norm: Some(NormName::new("output_norm")),
        // A GGUF file leaves the head out where it is tied to the embedding.
        head: gguf.contains("output.weight").then(|| LinearName::new("output", false)),
        rotary_factors: Some("rope_freqs.weight".into()),
        layers: (0..layers).map(layer).collect(),
        transposed: false,
    };
    Ok(Family { config, layout })
}

fn check_heads(config: &DecoderConfig) -> Result<(), ModelError> {
    let (heads, kv_heads) = (config.heads, config.kv_heads);
    if kv_heads > 0 && heads.is_multiple_of(kv_heads) && config.head_dim.is_multiple_of(2) {
        return Ok(());
    }
    Err(ModelError::Unsupported {
        key: "num_key_value_heads".into(),
        value: kv_heads.to_string(),
        expected: format!("a divisor of the {heads} query heads was expected, and heads of even width"),
    })
}

/// `rope_theta`, or its newer place within `rope_parameters`.
fn rope_theta(settings: &Settings) -> Result<f64, ModelError> {
    let nested = settings.get("rope_parameters").and_then(|rope| rope.get("rope_theta")).and_then(|x| x.as_f64());
    Ok(match nested {
        Some(theta) => theta,
        None => settings.number_or_none("rope_theta")?.unwrap_or(10000.0),
    })
}

fn scaling(settings: &Settings) -> Result<RotaryScaling, ModelError> {
    let key = if settings.get("rope_scaling").is_some() { "rope_scaling" } else { "rope_parameters" };
    let Some(rope) = settings.get(key) else { return Ok(RotaryScaling::None) };
    let kind = rope.get("rope_type").or_else(|| rope.get("type")).and_then(|kind| kind.as_str());
    let number = |name: &str| {
        rope.get(name)
            .and_then(|x| x.as_f64())
            .ok_or_else(|| settings.unsupported(key, &format!("`{name}` is missing")))
    };
    match kind {
        None | Some("default") => Ok(RotaryScaling::None),
        Some("linear") => Ok(RotaryScaling::Linear(number("factor")?)),
        Some("llama3") => Ok(RotaryScaling::Llama3 {
            factor: number("factor")?,
            low: number("low_freq_factor")?,
            high: number("high_freq_factor")?,
            original_positions: number("original_max_position_embeddings")?,
        }),
        Some(_) => Err(settings.unsupported(key, "a type of default, linear or llama3 was expected")),
    }
}

fn gguf_scaling(gguf: &Gguf) -> Result<RotaryScaling, ModelError> {
    if gguf.get("llama.rope.scaling.type").is_none() {
        return Ok(RotaryScaling::None);
    }
    match gguf.text("llama.rope.scaling.type")? {
        "none" => Ok(RotaryScaling::None),
        "linear" => Ok(RotaryScaling::Linear(gguf.number("llama.rope.scaling.factor")?)),
        other => Err(ModelError::Unsupported {
            key: "llama.rope.scaling.type".into(),
            value: other.into(),
            expected: "none or linear was expected".into(),
        }),
    }
}
