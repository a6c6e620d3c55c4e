//! How much memory a run will take, from the model's shape and the lengths of the prompts alone.
//!
//! What is stored and what a pass needs is summed here of what each allocation says of itself. What is alive at the same
//! time is said by those who hold it, as [`Phase`]s: the tuning loop (`tune::phases`) and the scorer (`score::phases`).
//! Small things are left out: norms, biases, masks, token ids. `tests/memory.rs` holds the sum to what is allocated.

use super::decoder::layout::{Layout, QkvNames};
use super::decoder::{Decoder, DecoderConfig, Placement};
use super::weights::{WeightFormat, reading_bytes};

/// What is alive at once in some part of a run, besides the weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phase {
    /// Tokens that a pass runs; 0 where there is none.
    pub tokens: usize,
    /// Tokens of the largest of the trees that they form.
    pub largest_tree: usize,
    /// Positions of the cache that stands before them.
    pub past: usize,
    /// Positions whose keys and values are alive, over all caches and optimizer states, those of the pass included.
    pub cached: usize,
    /// Bytes of what else is alive: logits, and the hidden states that they are made of.
    pub others: u64,
}

/// Bytes that a run is expected to take at its largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The weights as they are stored.
    pub weights: u64,
    /// The weights if all were dense in the run's number format.
    pub dense_weights: u64,
    /// Keys and values, and what an optimizer has of their size, in the largest phase.
    pub cache: u64,
    /// Hidden states of a pass, or the logits, in the largest phase.
    pub activations: u64,
    /// The most that is alive at once, while the weights are read or later.
    pub total: u64,
}

/// The memory of a model with this placement, over a run with these phases. Sizes that no number holds are the largest
/// there is.
pub fn estimate(config: &DecoderConfig, layout: &Layout, placement: &Placement, phases: &[Phase]) -> Memory {
    let sizes = Sizes { config, layout, placement };
    let dense = &Placement { weights: WeightFormat::Dense, ..placement.clone() };
    let dense = Sizes { placement: dense, ..sizes };
    let position = config.cache_bytes_per_position(placement.dtype.size_in_bytes()) as u64;
    let of_phase = |phase: &Phase| {
        let cache = (phase.cached as u64).saturating_mul(position);
        let states = match phase.tokens {
            0 => 0,
            tokens => Decoder::pass_bytes(config, placement, tokens, phase.largest_tree, phase.past),
        };
        (cache, states.saturating_add(phase.others))
    };
    let largest = phases.iter().map(of_phase).max_by_key(|(cache, states)| cache.saturating_add(*states));
    let (cache, activations) = largest.unwrap_or_default();
    let weights = sizes.all();
    let running = weights.saturating_add(cache).saturating_add(activations);
    Memory { weights, dense_weights: dense.all(), cache, activations, total: running.max(sizes.while_reading()) }
}

/// A weight matrix `[outputs, inputs]` that is put together of what a checkpoint has.
#[derive(Clone, Copy)]
struct Linear {
    outputs: usize,
    inputs: usize,
    /// Outputs of the largest of the parts in which a checkpoint has it.
    part: usize,
    /// Whether there are several parts, or numbers in another order.
    rearranged: bool,
}

#[derive(Clone, Copy)]
struct Sizes<'a> {
    config: &'a DecoderConfig,
    layout: &'a Layout,
    placement: &'a Placement,
}

impl Sizes<'_> {
    fn on_cpu(&self) -> bool {
        self.placement.device.is_cpu()
    }

    fn quantized(&self) -> bool {
        self.placement.weights == WeightFormat::Quantized
    }

    /// Bytes of a dense number.
    fn number(&self) -> u64 {
        self.placement.dtype.size_in_bytes() as u64
    }

    /// A matrix as it is stored.
    fn stored(&self, linear: Linear) -> u64 {
        Decoder::matrix_bytes(self.placement, linear.outputs, linear.inputs)
    }

    /// A matrix while it is made, itself included.
    fn making(&self, linear: Linear) -> u64 {
        let stored = self.stored(linear);
        if !self.on_cpu() {
            // A device gets dense parts, and blocks of what was put together in the CPU's memory.
            return if linear.rearranged && !self.quantized() { stored.saturating_mul(2) } else { stored };
        }
        // What is yet to be quantized is read in f32.
        let number = if self.quantized() { size_of::<f32>() as u64 } else { self.number() };
        let numbers = |outputs: usize| (outputs as u64).saturating_mul(linear.inputs as u64);
        let read = numbers(linear.outputs).saturating_mul(number);
        let others = numbers(linear.outputs - linear.part).saturating_mul(number);
        let reading = others.saturating_add(reading_bytes(numbers(linear.part)));
        let rearranging = if linear.rearranged { read.saturating_mul(2) } else { 0 };
        let packing = read.saturating_add(stored);
        reading.max(rearranging).max(packing)
    }

    fn embedding(&self) -> Linear {
        let outputs = self.config.vocabulary;
        Linear { outputs, inputs: self.config.embedding, part: outputs, rearranged: false }
    }

    /// The output head, where it is not the embedding.
    fn head(&self) -> Option<Linear> {
        let own = self.layout.head.weight != self.layout.embedding;
        own.then(|| Linear { rearranged: self.layout.transposed, ..self.embedding() })
    }

    /// The matrices of one block, in the order in which they are read.
    fn block(&self) -> [Linear; 4] {
        let c = self.config;
        let whole = |outputs: usize, inputs: usize| Linear {
            outputs,
            inputs,
            part: outputs,
            rearranged: self.layout.transposed,
        };
        let heads = c.heads.saturating_mul(c.head_dim);
        let qkv = whole(c.qkv_width(), c.hidden);
        let qkv = match self.layout.layers.first().map(|layer| &layer.qkv) {
            Some(QkvNames::Separate { .. }) => Linear { part: heads, rearranged: true, ..qkv },
            Some(QkvNames::PerHead(_)) => Linear { rearranged: true, ..qkv },
            Some(QkvNames::Blocks(_)) | None => qkv,
        };
        let up = whole(c.mlp_up_width(), c.hidden);
        let up = if c.gated { Linear { part: c.intermediate, rearranged: true, ..up } } else { up };
        [qkv, whole(c.hidden, heads), up, whole(c.hidden, c.intermediate)]
    }

    fn all(&self) -> u64 {
        let c = self.config;
        // Tables of positions are dense whatever the matrices are, and f32 on the CPU.
        let number = if self.on_cpu() { size_of::<f32>() as u64 } else { self.number() };
        let positions = match self.layout.positions {
            Some(_) => (c.max_positions.unwrap_or(0) as u64).saturating_mul((c.hidden as u64).saturating_mul(number)),
            None => 0,
        };
        let projections = match self.layout.embedding_projections {
            Some(_) => {
                let of = |outputs, inputs| Decoder::matrix_bytes(self.placement, outputs, inputs);
                of(c.hidden, c.embedding).saturating_add(of(c.embedding, c.hidden))
            }
            None => 0,
        };
        let block = self.block().map(|linear| self.stored(linear)).into_iter().fold(0, u64::saturating_add);
        let outside =
            [self.stored(self.embedding()), self.head().map_or(0, |head| self.stored(head)), positions, projections];
        outside.into_iter().fold(block.saturating_mul(c.layers.len() as u64), u64::saturating_add)
    }

    /// The most while the weights are read: at the embedding, at the head, or in the last block.
    fn while_reading(&self) -> u64 {
        let embedding = self.making(self.embedding());
        let head = self.head().map_or(0, |head| self.stored(self.embedding()).saturating_add(self.making(head)));
        let mut rest = self.all();
        let mut most = embedding.max(head);
        for linear in self.block().into_iter().rev() {
            rest = rest.saturating_sub(self.stored(linear));
            most = most.max(rest.saturating_add(self.making(linear)));
        }
        most
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::model::families::{Family, UnknownSettings, from_config_json};

    fn of(config: &str, dtype: DType, weights: WeightFormat) -> Memory {
        let Family { config, layout, .. } =
            from_config_json("config.json", config.as_bytes(), UnknownSettings::Refuse).unwrap();
        let placement = Placement { device: Device::Cpu, dtype, weights };
        let phase = Phase { tokens: 1000, largest_tree: 40, past: 100, cached: 1200, others: 0 };
        estimate(&config, &layout, &placement, &[Phase { cached: 300, ..Phase::default() }, phase])
    }

    const OPT_30B: &str = r#"{"model_type": "opt", "hidden_size": 7168, "ffn_dim": 28672, "num_hidden_layers": 48,
        "num_attention_heads": 56, "max_position_embeddings": 2048, "vocab_size": 50272, "word_embed_proj_dim": 7168}"#;
    const LLAMA_7B: &str = r#"{"model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008,
        "num_hidden_layers": 32, "num_attention_heads": 32, "max_position_embeddings": 4096, "vocab_size": 32000}"#;

    #[test]
    fn published_models_weigh_what_they_are_known_to() {
        // 29,974,540,288 and 6,738,415,616 parameters.
        for (config, parameters) in [(OPT_30B, 29_974_540_288u64), (LLAMA_7B, 6_738_415_616)] {
            for (dtype, bytes) in [(DType::F32, 4), (DType::BF16, 2)] {
                let weights = of(config, dtype, WeightFormat::Dense).weights;
                let ratio = weights as f64 / (parameters * bytes) as f64;
                // OPT's table of positions is f32 on the CPU whatever the number format is.
                let most = if dtype == DType::F32 { 1.0 } else { 1.0005 };
                assert!((0.999..=most).contains(&ratio), "{ratio}");
            }
            let quantized = of(config, DType::F32, WeightFormat::Quantized);
            let saved = quantized.weights as f64 / quantized.dense_weights as f64;
            assert!((0.265..0.268).contains(&saved), "{saved}");
        }
    }

    #[test]
    fn caches_and_totals_add_up() {
        let memory = of(LLAMA_7B, DType::F32, WeightFormat::Dense);
        // A position of 32 layers takes 1 MiB.
        assert_eq!(memory.cache, 1200 << 20);
        assert_eq!(memory.total, memory.weights + memory.cache + memory.activations);
        let half = of(LLAMA_7B, DType::F16, WeightFormat::Dense);
        assert_eq!((half.cache, half.weights), (memory.cache / 2, memory.weights / 2));
    }

    #[test]
    fn absurd_sizes_do_not_wrap() {
        // The largest that are taken.
        let huge = r#"{"model_type": "llama", "hidden_size": 16777216, "intermediate_size": 16777216,
            "num_hidden_layers": 4096, "num_attention_heads": 1, "max_position_embeddings": 16777216,
            "vocab_size": 16777216}"#;
        assert_eq!(of(huge, DType::F32, WeightFormat::Dense).total, u64::MAX);
        let larger = huge.replace("4096", "4097");
        let refusal =
            from_config_json("config.json", larger.as_bytes(), UnknownSettings::Refuse).unwrap_err().to_string();
        assert!(refusal.contains("expected a number up to 4096"), "{refusal}");
    }
}
