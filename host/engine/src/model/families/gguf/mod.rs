//! LLaMA-style models from the metadata of a GGUF file.

mod metadata;
mod rope;

use super::super::ModelError;
use super::super::decoder::DecoderConfig;
use super::super::decoder::config::{Activation, HalfNorms, LayerConfig, NormKind, Positions, Rotary};
use super::super::decoder::layout::{LayerNames, Layout, LinearName, NormName, QkvNames};
use super::super::weights::{Gguf, GgufValue as Value, TensorSource};
use super::{Family, UnknownSettings};

/// What an architecture does that its metadata does not say.
pub struct Kin {
    /// Its name, which also begins the keys of its metadata.
    pub name: &'static str,
    /// Whether queries and keys are stored so that rotated pairs are neighbours, as llama.cpp permutes LLaMA's.
    pub interleaved: bool,
    /// Whether each head's query and key are normalised.
    pub head_norms: bool,
    /// Whether the file may carry divisors of the rotary frequencies.
    pub rotary_factors: bool,
    /// Every how many layers one is not rotated; 0 for none.
    pub unrotated_interval: usize,
}

/// The architectures that a GGUF file may name. Mistral's models are stored as `llama`.
pub const KIN: [Kin; 4] = [
    Kin { name: "llama", interleaved: true, head_norms: false, rotary_factors: true, unrotated_interval: 0 },
    Kin { name: "qwen2", interleaved: false, head_norms: false, rotary_factors: false, unrotated_interval: 0 },
    Kin { name: "qwen3", interleaved: false, head_norms: true, rotary_factors: false, unrotated_interval: 0 },
    Kin { name: "smollm3", interleaved: true, head_norms: false, rotary_factors: false, unrotated_interval: 4 },
];

/// From a GGUF file's metadata; `file` is its name for messages.
pub fn read(file: &str, kin: &Kin, gguf: &Gguf, unknown: UnknownSettings) -> Result<Family, ModelError> {
    let key = |name: &str| format!("{}.{name}", kin.name);
    let integer = |name: &str| super::within(&key(name), gguf.integer(&key(name))?, super::LARGEST);
    let optional = |name: &str, default: usize| match gguf.get(&key(name)) {
        Some(_) => integer(name),
        None => Ok(default),
    };
    let experts = optional("expert_count", 0)?;
    if experts > 0 {
        let (file, architecture) = (file.into(), kin.name.into());
        return Err(ModelError::OtherKind { file, architecture, kind: "a mixture of experts" });
    }
    let notes = metadata::check(file, kin.name, gguf, unknown)?.into_iter().collect();
    let hidden = integer("embedding_length")?;
    let layers = super::within(&key("block_count"), integer("block_count")?, super::MOST_LAYERS)?;
    let same = |name: &str| same_in_all(gguf, &key(name), layers);
    let heads = same("attention.head_count")?;
    if heads == 0 {
        return Err(unsupported(&key("attention.head_count"), heads, "expected a number above 0".into()));
    }
    let head_dim = optional("attention.key_length", hidden / heads)?;
    let window = Some(optional("attention.sliding_window", 0)?).filter(|window| *window > 0);
    let rotary = Rotary {
        dimensions: optional("rope.dimension_count", head_dim)?,
        base: rope::base(kin.name, gguf)?,
        interleaved: kin.interleaved,
        scaling: rope::scaling(kin.name, gguf)?,
    };
    let mut config = DecoderConfig {
        vocabulary: match gguf.get(&key("vocab_size")) {
            Some(_) => integer("vocab_size")?,
            None => gguf.texts("tokenizer.ggml.tokens")?.len(),
        },
        hidden,
        embedding: hidden,
        embedding_scale: None,
        intermediate: same("feed_forward_length")?,
        gated: true,
        heads,
        kv_heads: match gguf.get(&key("attention.head_count_kv")) {
            Some(_) => same("attention.head_count_kv")?,
            None => heads,
        },
        head_dim,
        max_positions: Some(integer("context_length")?),
        positions: Positions::Rotary,
        norm: NormKind::Rms,
        norm_eps: gguf.number(&key("attention.layer_norm_rms_epsilon"))?,
        norm_gain_offset: 0.0,
        activation: Activation::Silu,
        logit_softcap: None,
        layers: vec![LayerConfig { window, rotary: Some(rotary), ..LayerConfig::pre_norm(head_dim) }; layers],
    };
    if kin.unrotated_interval > 0 {
        let unrotated = config.layers.iter_mut().skip(kin.unrotated_interval - 1).step_by(kin.unrotated_interval);
        unrotated.for_each(|layer| layer.rotary = None);
    }
    check_agreement(kin, gguf, &config)?;
    gguf.check_types()?;
    let layer = |index: usize| {
        let prefix = format!("blk.{index}");
        let linear = |name: &str| linear(gguf, &format!("{prefix}.{name}"));
        let norm = |name: &str| NormName::new(format!("{prefix}.{name}"));
        LayerNames {
            attention_norms: HalfNorms::input(norm("attn_norm")),
            mlp_norms: HalfNorms::input(norm("ffn_norm")),
            qkv: QkvNames::Separate { query: linear("attn_q"), key: linear("attn_k"), value: linear("attn_v") },
            head_norms: kin.head_norms.then(|| (norm("attn_q_norm"), norm("attn_k_norm"))),
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
        tied_head: None,
        rotary_factors: kin.rotary_factors.then(|| "rope_freqs.weight".into()),
        layers: (0..layers).map(layer).collect(),
        transposed: false,
        embedding,
    };
    Ok(Family { config, layout, fp8: None, notes })
}

/// A matrix, with a bias where the file has one.
fn linear(gguf: &Gguf, prefix: &str) -> LinearName {
    LinearName::new(prefix, gguf.contains(&format!("{prefix}.bias")))
}

/// A number that a file may have once or for each layer; the decoder has one for all.
fn same_in_all(gguf: &Gguf, key: &str, layers: usize) -> Result<usize, ModelError> {
    if !matches!(gguf.get(key), Some(Value::List(_))) {
        return super::within(key, gguf.integer(key)?, super::LARGEST);
    }
    let each = gguf.integers(key)?;
    match each.first() {
        Some(first) if each.len() == layers && each.iter().all(|other| other == first) => {
            super::within(key, *first, super::LARGEST)
        }
        _ => {
            let found = format!("a list of {} numbers", each.len());
            Err(unsupported(key, found, format!("expected the same number for each of the {layers} layers")))
        }
    }
}

/// Keys that repeat what others say, and would change what is computed if they said anything else.
fn check_agreement(kin: &Kin, gguf: &Gguf, config: &DecoderConfig) -> Result<(), ModelError> {
    let key = |name: &str| format!("{}.{name}", kin.name);
    let number = |name: &str| gguf.get(&key(name)).map(|_| gguf.number(&key(name))).transpose();
    if let Some(length) = number("attention.value_length")?.filter(|length| *length != config.head_dim as f64) {
        let expected = format!("expected {}, the length of keys", config.head_dim);
        return Err(unsupported(&key("attention.value_length"), Value::Real(length), expected));
    }
    if let Some(eps) = number("attention.layer_norm_epsilon")?.filter(|eps| *eps != config.norm_eps) {
        let rms = Value::Real(config.norm_eps);
        let expected = format!("expected {rms}, as in `{}`", key("attention.layer_norm_rms_epsilon"));
        return Err(unsupported(&key("attention.layer_norm_epsilon"), Value::Real(eps), expected));
    }
    let usual = 1.0 / (config.head_dim as f64).sqrt();
    if let Some(scale) = number("attention.scale")?.filter(|scale| *scale != 0.0 && (scale / usual - 1.0).abs() > 1e-6)
    {
        return Err(unsupported(&key("attention.scale"), Value::Real(scale), format!("expected {usual}")));
    }
    // How llama.cpp's first converters called the order that all files have.
    let layouts: &[&str] = if kin.interleaved { &["Meta AI original pth", "reference"] } else { &["reference"] };
    match gguf.get(&key("tensor_data_layout")) {
        None => Ok(()),
        Some(Value::Text(layout)) if layouts.contains(&layout.as_str()) => Ok(()),
        Some(other) => {
            Err(unsupported(&key("tensor_data_layout"), other, format!("expected {}", layouts.join(" or "))))
        }
    }
}

fn unsupported(key: &str, value: impl std::fmt::Display, expected: String) -> ModelError {
    ModelError::Unsupported { key: key.into(), value: value.to_string(), expected }
}
