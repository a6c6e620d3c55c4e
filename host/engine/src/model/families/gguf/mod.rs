//! LLaMA-style models from the metadata of a GGUF file.

mod metadata;
mod rope;

use super::super::ModelError;
use super::super::decoder::DecoderConfig;
use super::super::decoder::config::{Activation, HalfNorms, LayerConfig, NormKind, Positions, Rotary};
use super::super::decoder::layout::{LayerNames, Layout, LinearName, NormName, QkvNames};
use super::super::weights::{Gguf, GgufValue as Value, TensorSource};
use super::family::{Family, UnknownSettings};
use super::sizes::{LARGEST, MOST_LAYERS, within};

/// What an architecture does that its metadata does not say.
pub(super) struct Architecture {
    /// The name in the metadata, which also begins the keys of the architecture's settings.
    pub name: &'static str,
    /// Whether queries and keys are stored so that rotated pairs are neighbours, as llama.cpp permutes LLaMA's.
    interleaved: bool,
    /// Whether each head's query and key are normalised.
    head_norms: bool,
    /// Whether the file may carry divisors of the rotary frequencies.
    rotary_factors: bool,
    /// Every how many layers one is not rotated; 0 for none.
    unrotated_interval: usize,
}

/// The architectures that a GGUF file may name. Mistral's models are stored as `llama`.
pub(super) const ARCHITECTURES: [Architecture; 4] = [
    Architecture { name: "llama", interleaved: true, head_norms: false, rotary_factors: true, unrotated_interval: 0 },
    Architecture { name: "qwen2", interleaved: false, head_norms: false, rotary_factors: false, unrotated_interval: 0 },
    Architecture { name: "qwen3", interleaved: false, head_norms: true, rotary_factors: false, unrotated_interval: 0 },
    Architecture {
        name: "smollm3",
        interleaved: true,
        head_norms: false,
        rotary_factors: false,
        unrotated_interval: 4,
    },
];

/// From a GGUF file's metadata; `file` is its name for messages.
pub(super) fn read(
    file: &str,
    architecture: &Architecture,
    gguf: &Gguf,
    unknown: UnknownSettings,
) -> Result<Family, ModelError> {
    let reader = Reader { architecture, gguf };
    if reader.size_or("expert_count", 0)? > 0 {
        let (file, architecture) = (file.into(), architecture.name.into());
        return Err(ModelError::OtherKind { file, architecture, kind: "a mixture of experts" });
    }
    let notes = metadata::check(file, architecture.name, gguf, unknown)?.into_iter().collect();
    let config = reader.config()?;
    reader.check_agreement(&config)?;
    gguf.check_types()?;
    let layout = reader.layout(config.layers.len());
    Ok(Family { config, layout, fp8: None, notes })
}

/// A file whose metadata names an architecture. Settings are called by what follows the architecture's name in their keys.
struct Reader<'a> {
    architecture: &'a Architecture,
    gguf: &'a Gguf,
}

impl Reader<'_> {
    fn config(&self) -> Result<DecoderConfig, ModelError> {
        let Self { architecture, gguf } = *self;
        let hidden = self.size("embedding_length")?;
        let layers = within(&self.key("block_count"), self.size("block_count")?, MOST_LAYERS)?;
        let heads = self.size_of_all("attention.head_count", layers)?;
        if heads == 0 {
            return Err(ModelError::unsupported(&self.key("attention.head_count"), heads, "expected a number above 0"));
        }
        let head_dim = self.size_or("attention.key_length", hidden / heads)?;
        let window = Some(self.size_or("attention.sliding_window", 0)?).filter(|window| *window > 0);
        let rotary = Rotary {
            dimensions: self.size_or("rope.dimension_count", head_dim)?,
            base: rope::base(architecture.name, gguf)?,
            interleaved: architecture.interleaved,
            scaling: rope::scaling(architecture.name, gguf)?,
        };
        let mut config = DecoderConfig {
            vocabulary: match self.get("vocab_size") {
                Some(_) => self.size("vocab_size")?,
                None => gguf.texts("tokenizer.ggml.tokens")?.len(),
            },
            hidden,
            embedding: hidden,
            embedding_scale: None,
            intermediate: self.size_of_all("feed_forward_length", layers)?,
            gated: true,
            heads,
            kv_heads: match self.get("attention.head_count_kv") {
                Some(_) => self.size_of_all("attention.head_count_kv", layers)?,
                None => heads,
            },
            head_dim,
            max_positions: Some(self.size("context_length")?),
            positions: Positions::Rotary,
            norm: NormKind::Rms,
            norm_eps: gguf.number(&self.key("attention.layer_norm_rms_epsilon"))?,
            norm_gain_offset: 0.0,
            activation: Activation::Silu,
            logit_softcap: None,
            layers: vec![LayerConfig { window, rotary: Some(rotary), ..LayerConfig::pre_norm(head_dim) }; layers],
        };
        let interval = architecture.unrotated_interval;
        if interval > 0 {
            let unrotated = config.layers.iter_mut().skip(interval - 1).step_by(interval);
            unrotated.for_each(|layer| layer.rotary = None);
        }
        Ok(config)
    }

    fn layout(&self, layers: usize) -> Layout {
        let Self { architecture, gguf } = *self;
        let layer = |index: usize| {
            let prefix = format!("blk.{index}");
            let linear = |name: &str| linear(gguf, &format!("{prefix}.{name}"));
            let norm = |name: &str| NormName::new(format!("{prefix}.{name}"));
            LayerNames {
                attention_norms: HalfNorms::input(norm("attn_norm")),
                mlp_norms: HalfNorms::input(norm("ffn_norm")),
                qkv: QkvNames::Separate { query: linear("attn_q"), key: linear("attn_k"), value: linear("attn_v") },
                head_norms: architecture.head_norms.then(|| (norm("attn_q_norm"), norm("attn_k_norm"))),
                attention_output: linear("attn_output"),
                gate: Some(linear("ffn_gate")),
                up: linear("ffn_up"),
                down: linear("ffn_down"),
            }
        };
        let embedding = "token_embd.weight".to_owned();
        // A file leaves the head out where it is tied to the embedding.
        let tied = !gguf.contains("output.weight");
        Layout {
            prefix: "",
            positions: None,
            embedding_norm: None,
            embedding_projections: None,
            final_norm: Some(NormName::new("output_norm")),
            head: LinearName::head("output", tied.then_some(&embedding), false),
            tied_head: None,
            rotary_factors: architecture.rotary_factors.then(|| "rope_freqs.weight".into()),
            layers: (0..layers).map(layer).collect(),
            transposed: false,
            embedding,
        }
    }

    /// Refuses settings that repeat what others say, where they say anything else, which would change what is computed.
    fn check_agreement(&self, config: &DecoderConfig) -> Result<(), ModelError> {
        let refused = |name: &str, number: f64, expected: String| {
            Err(ModelError::unsupported(&self.key(name), Value::Real(number), expected))
        };
        let name = "attention.value_length";
        if let Some(length) = self.number(name)?.filter(|length| *length != config.head_dim as f64) {
            return refused(name, length, format!("expected {}, the length of keys", config.head_dim));
        }
        let name = "attention.layer_norm_epsilon";
        if let Some(eps) = self.number(name)?.filter(|eps| *eps != config.norm_eps) {
            let (rms, key) = (Value::Real(config.norm_eps), self.key("attention.layer_norm_rms_epsilon"));
            return refused(name, eps, format!("expected {rms}, as in `{key}`"));
        }
        let name = "attention.scale";
        let usual = 1.0 / (config.head_dim as f64).sqrt();
        let differs = |scale: &f64| *scale != 0.0 && (scale / usual - 1.0).abs() > 1e-6;
        if let Some(scale) = self.number(name)?.filter(differs) {
            return refused(name, scale, format!("expected {usual}"));
        }
        // How llama.cpp's first converters called the order that all files have.
        let layouts: &[&str] =
            if self.architecture.interleaved { &["Meta AI original pth", "reference"] } else { &["reference"] };
        match self.get("tensor_data_layout") {
            None => Ok(()),
            Some(Value::Text(layout)) if layouts.contains(&layout.as_str()) => Ok(()),
            Some(other) => {
                let expected = format!("expected {}", layouts.join(" or "));
                Err(ModelError::unsupported(&self.key("tensor_data_layout"), other, expected))
            }
        }
    }

    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture.name)
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.gguf.get(&self.key(name))
    }

    fn number(&self, name: &str) -> Result<Option<f64>, ModelError> {
        self.get(name).map(|_| self.gguf.number(&self.key(name))).transpose()
    }

    fn size(&self, name: &str) -> Result<usize, ModelError> {
        let key = self.key(name);
        within(&key, self.gguf.integer(&key)?, LARGEST)
    }

    fn size_or(&self, name: &str, default: usize) -> Result<usize, ModelError> {
        if self.get(name).is_some() { self.size(name) } else { Ok(default) }
    }

    /// A size that a file may have once or for each layer; the decoder has one for all.
    fn size_of_all(&self, name: &str, layers: usize) -> Result<usize, ModelError> {
        if !matches!(self.get(name), Some(Value::List(_))) {
            return self.size(name);
        }
        let key = self.key(name);
        let each = self.gguf.integers(&key)?;
        match each.first() {
            Some(first) if each.len() == layers && each.iter().all(|other| other == first) => {
                within(&key, *first, LARGEST)
            }
            _ => {
                let found = format!("a list of {} numbers", each.len());
                let expected = format!("expected the same number for each of the {layers} layers");
                Err(ModelError::unsupported(&key, found, expected))
            }
        }
    }
}

/// A matrix, with a bias where the file has one.
fn linear(gguf: &Gguf, prefix: &str) -> LinearName {
    LinearName::new(prefix, gguf.contains(&format!("{prefix}.bias")))
}
