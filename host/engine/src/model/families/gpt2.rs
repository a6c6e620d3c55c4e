//! GPT-2: learned positions, matrices stored `[in, out]`.

use super::super::ModelError;
use super::super::decoder::DecoderConfig;
use super::super::decoder::config::{Activation, HalfNorms};
use super::super::decoder::layout::{LayerNames, Layout, LinearName, NormName, QkvNames};
use super::family::Family;
use super::settings::Settings;

/// From `config.json`; tensors as transformers saves them.
pub(super) fn from_config(settings: &Settings) -> Result<Family, ModelError> {
    let base = settings.base()?;
    let scaled = settings.switch("scale_attn_weights", true)?;
    let by_layer = settings.switch("scale_attn_by_inverse_layer_idx", false)?;
    let head_dim = base.head_dim;
    let scale = |index: usize| {
        let usual = if scaled { 1.0 / (head_dim as f64).sqrt() } else { 1.0 };
        if by_layer { usual / (index + 1) as f64 } else { usual }
    };
    let mut config = DecoderConfig {
        max_positions: Some(settings.size("max_position_embeddings")?),
        activation: settings.activation("activation_function", Activation::GeluTanh)?,
        norm_eps: settings.number_or_none("layer_norm_epsilon")?.unwrap_or(base.norm_eps),
        ..base
    };
    config.layers.iter_mut().enumerate().for_each(|(index, layer)| layer.attention_scale = scale(index));
    let layer = |index: usize| {
        let prefix = format!("transformer.h.{index}");
        let linear = |name: &str| LinearName::new(&format!("{prefix}.{name}"), true);
        LayerNames {
            attention_norms: HalfNorms::input(NormName::new(format!("{prefix}.ln_1"))),
            mlp_norms: HalfNorms::input(NormName::new(format!("{prefix}.ln_2"))),
            qkv: QkvNames::Blocks(linear("attn.c_attn")),
            head_norms: None,
            attention_output: linear("attn.c_proj"),
            gate: None,
            up: linear("mlp.c_fc"),
            down: linear("mlp.c_proj"),
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
        transposed: true,
        embedding,
    };
    Ok(Family { config, layout, fp8: None, notes: Vec::new() })
}
