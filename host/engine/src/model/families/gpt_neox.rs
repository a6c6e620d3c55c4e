//! GPT-NeoX (Pythia is one): part of each head rotated, both halves of a block from one state or one after the other.

use super::super::ModelError;
use super::super::decoder::DecoderConfig;
use super::super::decoder::config::{Activation, HalfNorms, Positions, Residual, Rotary};
use super::super::decoder::layout::{LayerNames, Layout, LinearName, NormName, QkvNames};
use super::family::Family;
use super::rope;
use super::settings::Settings;

/// From `config.json`; tensors as transformers saves them.
pub(super) fn from_config(settings: &Settings) -> Result<Family, ModelError> {
    let base = settings.base()?;
    let parallel = settings.switch("use_parallel_residual", true)?;
    let share = rope::share(settings, &["rotary_pct"], 0.25)?;
    let rotary = Rotary {
        dimensions: (base.head_dim as f64 * share) as usize,
        base: rope::base(settings, &["rotary_emb_base"], 10000.0)?,
        interleaved: false,
        scaling: rope::scaling(settings)?,
    };
    let mut config = DecoderConfig {
        max_positions: Some(settings.size("max_position_embeddings")?),
        positions: Positions::Rotary,
        norm_eps: settings.number_or_none("layer_norm_eps")?.unwrap_or(1e-5),
        activation: settings.activation("hidden_act", Activation::Gelu)?,
        ..base
    };
    for layer in &mut config.layers {
        layer.rotary = Some(rotary);
        layer.residual = if parallel { Residual::Parallel } else { Residual::Sequential };
    }
    let attention_bias = settings.switch("attention_bias", true)?;
    let layer = |index: usize| {
        let prefix = format!("gpt_neox.layers.{index}");
        let attention = |name: &str| LinearName::new(&format!("{prefix}.attention.{name}"), attention_bias);
        let mlp = |name: &str| LinearName::new(&format!("{prefix}.mlp.{name}"), true);
        LayerNames {
            attention_norms: HalfNorms::input(NormName::new(format!("{prefix}.input_layernorm"))),
            mlp_norms: HalfNorms::input(NormName::new(format!("{prefix}.post_attention_layernorm"))),
            qkv: QkvNames::PerHead(attention("query_key_value")),
            head_norms: None,
            attention_output: attention("dense"),
            gate: None,
            up: mlp("dense_h_to_4h"),
            down: mlp("dense_4h_to_h"),
        }
    };
    let embedding = "gpt_neox.embed_in.weight".to_owned();
    let layout = Layout {
        prefix: "gpt_neox.",
        positions: None,
        embedding_norm: None,
        embedding_projections: None,
        final_norm: Some(NormName::new("gpt_neox.final_layer_norm")),
        head: LinearName::head("embed_out", settings.tied(false)?.then_some(&embedding), false),
        tied_head: Some("embed_out.weight".into()),
        rotary_factors: None,
        layers: (0..config.layers.len()).map(layer).collect(),
        transposed: false,
        embedding,
    };
    Ok(Family { config, layout, fp8: None, notes: Vec::new() })
}
