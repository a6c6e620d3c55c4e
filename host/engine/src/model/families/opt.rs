//! OPT: learned positions that begin at row 2, norms before or after, an embedding that may be narrower than the model.

use super::super::ModelError;
use super::super::decoder::DecoderConfig;
use super::super::decoder::config::{Activation, HalfNorms, Positions};
use super::super::decoder::layout::{LayerNames, Layout, LinearName, NormName, QkvNames};
use super::family::Family;
use super::settings::Settings;

/// From `config.json`; tensors as transformers saves them.
pub(super) fn from_config(settings: &Settings) -> Result<Family, ModelError> {
    let base = settings.base()?;
    let norm_first = settings.switch("do_layer_norm_before", true)?;
    let mut config = DecoderConfig {
        embedding: settings.size_or_none("word_embed_proj_dim")?.unwrap_or(base.hidden),
        max_positions: Some(settings.size("max_position_embeddings")?),
        positions: Positions::Learned { offset: 2 },
        // The norms are PyTorch's with their default; the configuration has no say.
        norm_eps: 1e-5,
        activation: settings.activation("activation_function", Activation::Relu)?,
        ..base
    };
    if !norm_first {
        for layer in &mut config.layers {
            (layer.attention_norms, layer.mlp_norms) = (HalfNorms::SUM, HalfNorms::SUM);
        }
    }
    let biased = settings.switch("enable_bias", true)?;
    let scaled = settings.switch("layer_norm_elementwise_affine", true)?;
    let norm = |prefix: String| NormName { prefix, scaled };
    let around = |prefix: String| match norm_first {
        true => HalfNorms::input(norm(prefix)),
        false => HalfNorms::sum(norm(prefix)),
    };
    let layer = |index: usize| {
        let prefix = format!("model.decoder.layers.{index}");
        let linear = |name: &str| LinearName::new(&format!("{prefix}.{name}"), biased);
        LayerNames {
            attention_norms: around(format!("{prefix}.self_attn_layer_norm")),
            mlp_norms: around(format!("{prefix}.final_layer_norm")),
            qkv: QkvNames::Separate {
                query: linear("self_attn.q_proj"),
                key: linear("self_attn.k_proj"),
                value: linear("self_attn.v_proj"),
            },
            head_norms: None,
            attention_output: linear("self_attn.out_proj"),
            gate: None,
            up: linear("fc1"),
            down: linear("fc2"),
        }
    };
    let embedding = "model.decoder.embed_tokens.weight".to_owned();
    let projection = |name: &str| LinearName::new(&format!("model.decoder.{name}"), false);
    let final_norm = norm_first && !settings.switch("_remove_final_layer_norm", false)?;
    let layout = Layout {
        prefix: "model.",
        positions: Some("model.decoder.embed_positions.weight".into()),
        embedding_norm: None,
        embedding_projections: (config.embedding != config.hidden)
            .then(|| (projection("project_in"), projection("project_out"))),
        final_norm: final_norm.then(|| norm("model.decoder.final_layer_norm".into())),
        head: LinearName::head("lm_head", settings.tied(true)?.then_some(&embedding), false),
        tied_head: Some("lm_head.weight".into()),
        rotary_factors: None,
        layers: (0..config.layers.len()).map(layer).collect(),
        transposed: false,
        embedding,
    };
    Ok(Family { config, layout, fp8: None, notes: Vec::new() })
}
