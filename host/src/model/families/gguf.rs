//! LLaMA and its kin from the metadata of a GGUF file.

use super::super::ModelError;
use super::super::decoder::DecoderConfig;
use super::super::decoder::config::{Activation, NormKind, Positions, Residual, Rotary, RotaryScaling};
use super::super::decoder::layout::{LayerNames, Layout, LinearName, NormName, QkvNames};
use super::super::weights::{Gguf, TensorSource};
use super::Family;

/// What an architecture does that its metadata does not say.
pub struct Kin {
    /// Its name, which also begins the keys of its metadata.
    pub name: &'static str,
    /// Whether queries and keys are stored so that rotated pairs are neighbours, as llama.cpp permutes LLaMA's.
    pub interleaved: bool,
    /// Every how many layers one is not rotated; 0 for none.
    pub unrotated_interval: usize,
}

/// The architectures that a GGUF file may name. Mistral's models are stored as `llama`.
pub const KIN: [Kin; 4] = [
    Kin { name: "llama", interleaved: true, unrotated_interval: 0 },
    Kin { name: "qwen2", interleaved: false, unrotated_interval: 0 },
    Kin { name: "qwen3", interleaved: false, unrotated_interval: 0 },
    Kin { name: "smollm3", interleaved: true, unrotated_interval: 4 },
];

/// From a GGUF file's metadata.
pub fn read(kin: &Kin, gguf: &Gguf) -> Result<Family, ModelError> {
    let key = |name: &str| format!("{}.{name}", kin.name);
    let integer = |name: &str| super::within(&key(name), gguf.integer(&key(name))?, super::LARGEST);
    let optional = |name: &str, default: usize| match gguf.get(&key(name)) {
        Some(_) => integer(name),
        None => Ok(default),
    };
    let hidden = integer("embedding_length")?;
    let layers = super::within(&key("block_count"), integer("block_count")?, super::MOST_LAYERS)?;
    let heads = integer("attention.head_count")?.max(1);
    let head_dim = optional("attention.key_length", hidden / heads)?;
    let window = optional("attention.sliding_window", 0)?;
    let config = DecoderConfig {
        vocabulary: match gguf.get(&key("vocab_size")) {
            Some(_) => integer("vocab_size")?,
            None => gguf.texts("tokenizer.ggml.tokens")?.len(),
        },
        hidden,
        embedding: hidden,
        intermediate: integer("feed_forward_length")?,
        layers,
        heads,
        kv_heads: optional("attention.head_count_kv", heads)?,
        head_dim,
        max_positions: Some(integer("context_length")?),
        positions: Positions::Rotary(Rotary {
            dimensions: optional("rope.dimension_count", head_dim)?,
            base: match gguf.get(&key("rope.freq_base")) {
                Some(_) => gguf.number(&key("rope.freq_base"))?,
                None => 10000.0,
            },
            interleaved: kin.interleaved,
            scaling: scaling(gguf, &key("rope.scaling"))?,
            unrotated_layers: (1..=layers)
                .filter(|number| kin.unrotated_interval > 0 && number % kin.unrotated_interval == 0)
                .map(|number| number - 1)
                .collect(),
        }),
        norm: NormKind::Rms,
        norm_eps: gguf.number(&key("attention.layer_norm_rms_epsilon"))?,
        residual: Residual::Sequential,
        activation: Activation::Silu,
        attention_scales: DecoderConfig::usual_scales(layers, head_dim),
        windows: vec![(window > 0).then_some(window); layers],
    };
    let layer = |index: usize| {
        let prefix = format!("blk.{index}");
        let linear = |name: &str| linear(gguf, &format!("{prefix}.{name}"));
        let norm = |name: &str| NormName::new(format!("{prefix}.{name}"));
        let normed_heads = gguf.contains(&format!("{prefix}.attn_q_norm.weight"));
        LayerNames {
            attention_norm: norm("attn_norm"),
            mlp_norm: Some(norm("ffn_norm")),
            qkv: QkvNames::Separate { query: linear("attn_q"), key: linear("attn_k"), value: linear("attn_v") },
            head_norms: normed_heads.then(|| (norm("attn_q_norm"), norm("attn_k_norm"))),
            attention_output: linear("attn_output"),
            gate: Some(linear("ffn_gate")),
            up: linear("ffn_up"),
            down: linear("ffn_down"),
        }
    };
    let embedding = "token_embd.weight".to_owned();
    // A file leaves the head out where it is tied to the embedding.
    let tied = !gguf.contains("output.weight");
    let layout = Layout {
        prefix: "",
        positions: None,
        embedding_norm: None,
        embedding_projections: None,
        final_norm: Some(NormName::new("output_norm")),
        head: LinearName::head("output", tied.then_some(&embedding), false),
        // A file leaves out what is tied.
        tied_head: None,
        rotary_factors: Some("rope_freqs.weight".into()),
        layers: (0..layers).map(layer).collect(),
        transposed: false,
        embedding,
    };
    Ok(Family { config, layout, fp8: None, notes: Vec::new() })
}

/// A matrix, with a bias where the file has one.
fn linear(gguf: &Gguf, prefix: &str) -> LinearName {
    LinearName::new(prefix, gguf.contains(&format!("{prefix}.bias")))
}

fn scaling(gguf: &Gguf, prefix: &str) -> Result<RotaryScaling, ModelError> {
    let key = format!("{prefix}.type");
    if gguf.get(&key).is_none() {
        return Ok(RotaryScaling::None);
    }
    match gguf.text(&key)? {
        "none" => Ok(RotaryScaling::None),
        "linear" => Ok(RotaryScaling::Linear(gguf.number(&format!("{prefix}.factor"))?)),
        other => {
            Err(ModelError::Unsupported { value: other.into(), expected: "none or linear was expected".into(), key })
        }
    }
}
