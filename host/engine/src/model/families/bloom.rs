//! BLOOM: ALiBi instead of positions, a norm over the embedding.

use super::super::ModelError;
use super::super::decoder::DecoderConfig;
use super::super::decoder::config::{HalfNorms, Positions, Residual};
use super::super::decoder::layout::{LayerNames, Layout, LinearName, NormName, QkvNames};
use super::family::Family;
use super::settings::Settings;

/// From `config.json`; tensors as transformers saves them.
pub(super) fn from_config(settings: &Settings) -> Result<Family, ModelError> {
    let base = settings.base()?;
    // transformers then adds up slices of the products and leaves their biases out.
    if settings.switch("slow_but_exact", false)? && settings.size_or_none("pretraining_tp")?.unwrap_or(1) > 1 {
        return Err(settings.unsupported("slow_but_exact", "expected false where `pretraining_tp` is above 1"));
    }
    let from_norm = settings.switch("apply_residual_connection_post_layernorm", false)?;
    let mut config = DecoderConfig {
        // Always so, whatever `n_inner` says.
        intermediate: 4 * base.hidden,
        // `seq_length` is what it was trained on; nothing in the model ends there.
        max_positions: None,
        positions: Positions::Alibi,
        norm_eps: settings.number_or_none("layer_norm_epsilon")?.unwrap_or(base.norm_eps),
        ..base
    };
    if from_norm {
        config.layers.iter_mut().for_each(|layer| layer.residual = Residual::SequentialFromNorm);
    }
    let layer = |index: usize| {
        let prefix = format!("transformer.h.{index}");
        let linear = |name: &str| LinearName::new(&format!("{prefix}.{name}"), true);
        LayerNames {
            attention_norms: HalfNorms::input(NormName::new(format!("{prefix}.input_layernorm"))),
            mlp_norms: HalfNorms::input(NormName::new(format!("{prefix}.post_attention_layernorm"))),
            qkv: QkvNames::PerHead(linear("self_attention.query_key_value")),
            head_norms: None,
            attention_output: linear("self_attention.dense"),
            gate: None,
            up: linear("mlp.dense_h_to_4h"),
            down: linear("mlp.dense_4h_to_h"),
        }
    };
    let embedding = "transformer.word_embeddings.weight".to_owned();
    let layout = Layout {
        prefix: "transformer.",
        positions: None,
        embedding_norm: Some(NormName::new("transformer.word_embeddings_layernorm")),
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
