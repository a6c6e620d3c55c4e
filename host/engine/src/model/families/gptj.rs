//! GPT-J: neighbouring dimensions rotated, one norm for both halves of a block, a head with a bias.

use super::super::ModelError;
use super::super::decoder::DecoderConfig;
use super::super::decoder::config::{Activation, HalfNorms, Positions, Residual, Rotary, RotaryScaling};
use super::super::decoder::layout::{LayerNames, Layout, LinearName, NormName, QkvNames};
use super::family::Family;
use super::settings::Settings;

/// From `config.json`; tensors as transformers saves them.
pub(super) fn from_config(settings: &Settings) -> Result<Family, ModelError> {
    let base = settings.base()?;
    let rotary = Rotary {
        dimensions: settings.size("rotary_dim")?,
        base: 10000.0,
        interleaved: true,
        scaling: RotaryScaling::None,
    };
    let mut config = DecoderConfig {
        max_positions: Some(settings.size("max_position_embeddings")?),
        positions: Positions::Rotary,
        activation: settings.activation("activation_function", Activation::GeluTanh)?,
        norm_eps: settings.number_or_none("layer_norm_epsilon")?.unwrap_or(base.norm_eps),
        ..base
    };
    for layer in &mut config.layers {
        layer.rotary = Some(rotary);
        layer.residual = Residual::Parallel;
        // Both halves read the norm before attention.
        layer.mlp_norms = HalfNorms::NONE;
    }
    let layer = |index: usize| {
        let prefix = format!("transformer.h.{index}");
        let attention = |name: &str| LinearName::new(&format!("{prefix}.attn.{name}"), false);
        let mlp = |name: &str| LinearName::new(&format!("{prefix}.mlp.{name}"), true);
        LayerNames {
            attention_norms: HalfNorms::input(NormName::new(format!("{prefix}.ln_1"))),
            mlp_norms: HalfNorms::default(),
            qkv: QkvNames::Separate {
                query: attention("q_proj"),
                key: attention("k_proj"),
                value: attention("v_proj"),
            },
            head_norms: None,
            attention_output: attention("out_proj"),
            gate: None,
            up: mlp("fc_in"),
            down: mlp("fc_out"),
        }
    };
    let embedding = "transformer.wte.weight".to_owned();
    let layout = Layout {
        prefix: "transformer.",
        positions: None,
        embedding_norm: None,
        embedding_projections: None,
        final_norm: Some(NormName::new("transformer.ln_f")),
        head: LinearName::head("lm_head", settings.tied(false)?.then_some(&embedding), true),
        tied_head: Some("lm_head.weight".into()),
        rotary_factors: None,
        layers: (0..config.layers.len()).map(layer).collect(),
        transposed: false,
        embedding,
    };
    Ok(Family { config, layout, fp8: None, notes: Vec::new() })
}
