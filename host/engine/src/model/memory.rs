//! How much memory a run will take, from the model's shape alone.
//!
//! The figures count what is alive at once where the decoder, the tuning loop and the scorer are at their largest. They
//! leave out what is small beside the rest: norms' sums, masks, one thread's attention scores.

use super::decoder::layout::{Layout, LinearName};
use super::decoder::{DecoderConfig, Placement};
use super::weights::WeightFormat;

/// Numbers in a block of 8-bit weights, and its bytes: a scale in f16 beside them.
const BLOCK: (u64, u64) = (32, 34);
/// Bytes of floats that 8-bit weights become at a time for a product on a device other than the CPU.
const UNPACKED: u64 = 16 << 20;
/// Tokens whose logits are there at a time on the CPU.
const LOGITS_AT_A_TIME: u64 = 4096;
/// Caches of the demonstrations that are alive at the end of a step: the last one, the proposed one, the new one, and two
/// for the optimizer, whose state before and after the step is one matrix for each of keys and values with momentum. A
/// plugin may hold more, up to its own budget of tensor bytes.
const CACHES_IN_STEP: u64 = 5;
/// The same while queries are scored: the last one, and the optimizer's state.
const CACHES_IN_SCORING: u64 = 2;

/// What a run asks of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Tokens of the demonstrations.
    pub demonstrations: usize,
    /// Tokens of the largest batch of queries.
    pub batch: usize,
    /// Rows of logits that are alive at once.
    pub logit_rows: usize,
}

/// Bytes that a run is expected to take at its largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The weights as they are held.
    pub weights: u64,
    /// The weights if all were dense in the run's number format.
    pub dense_weights: u64,
    /// Keys and values.
    pub cache: u64,
    /// States of a pass and the logits.
    pub activations: u64,
    /// The most that is alive at once, while the weights are read or later.
    pub total: u64,
}

/// The memory of a model that is held like this under this workload.
pub fn estimate(config: &DecoderConfig, layout: &Layout, placement: &Placement, work: &Workload) -> Memory {
    let Placement { device, dtype, weights } = placement;
    let held = Held { config, layout, bytes: dtype.size_in_bytes() as u64, weights: *weights, on_cpu: device.is_cpu() };
    let dense = Held { weights: WeightFormat::Dense, ..held };
    let position = config.cache_bytes_per_position(dtype.size_in_bytes()) as u64;
    let (demonstrations, batch) = (work.demonstrations as u64, work.batch as u64);
    let step = (CACHES_IN_STEP * demonstrations * position, held.states(demonstrations));
    // A pass gives back the keys and values of its own tokens, which nobody needs of a batch of queries.
    let cache = CACHES_IN_SCORING * demonstrations * position + batch * position;
    let scoring = (cache, held.states(batch).max(held.logits(work.logit_rows as u64)));
    let (cache, activations) = if step.0 + step.1 > scoring.0 + scoring.1 { step } else { scoring };
    let weights = held.all();
    let running = weights.saturating_add(cache).saturating_add(activations);
    Memory { weights, dense_weights: dense.all(), cache, activations, total: running.max(held.while_reading()) }
}

#[derive(Clone, Copy)]
struct Held<'a> {
    config: &'a DecoderConfig,
    layout: &'a Layout,
    /// Of one number.
    bytes: u64,
    weights: WeightFormat,
    /// Whether the CPU's kernels run it, with states in f32.
    on_cpu: bool,
}

impl Held<'_> {
    /// A matrix `[out, in]` as it is held.
    fn matrix(&self, out: usize, input: usize) -> u64 {
        let (out, input) = (out as u64, input as u64);
        match self.weights {
            WeightFormat::Quantized if input.is_multiple_of(BLOCK.0) => {
                out.saturating_mul(input / BLOCK.0).saturating_mul(BLOCK.1)
            }
            _ => out.saturating_mul(input).saturating_mul(self.bytes),
        }
    }

    fn linear(&self, names: &[(&LinearName, usize)], input: usize) -> u64 {
        let parts = names.iter().map(|(name, out)| {
            let bias = if name.bias.is_some() { *out as u64 * self.bytes } else { 0 };
            self.matrix(*out, input).saturating_add(bias)
        });
        parts.fold(0, u64::saturating_add)
    }

    fn embedding(&self) -> u64 {
        self.matrix(self.config.vocabulary, self.config.embedding)
    }

    fn head(&self) -> u64 {
        if self.layout.head.weight == self.layout.embedding {
            return 0;
        }
        self.linear(&[(&self.layout.head, self.config.vocabulary)], self.config.embedding)
    }

    /// The bytes of each product's matrix in one layer.
    fn layer(&self) -> [u64; 4] {
        let c = self.config;
        let gates = if self.layout.layers.first().is_some_and(|layer| layer.gate.is_some()) { 2 } else { 1 };
        [
            self.matrix(qkv_width(c), c.hidden),
            self.matrix(c.hidden, c.heads.saturating_mul(c.head_dim)),
            self.matrix(c.intermediate.saturating_mul(gates), c.hidden),
            self.matrix(c.hidden, c.intermediate),
        ]
    }

    fn all(&self) -> u64 {
        let c = self.config;
        // Tables of positions are dense whatever the matrices are.
        let positions = match self.layout.positions {
            Some(_) => (c.max_positions.unwrap_or(0) as u64).saturating_mul(c.hidden as u64 * self.bytes),
            None => 0,
        };
        let projections = match &self.layout.embedding_projections {
            Some((into, out)) => {
                self.linear(&[(into, c.hidden)], c.embedding) + self.linear(&[(out, c.embedding)], c.hidden)
            }
            None => 0,
        };
        let layer = self.layer().into_iter().fold(0, u64::saturating_add);
        let outside = [self.embedding(), self.head(), positions, projections].into_iter().fold(0, u64::saturating_add);
        outside.saturating_add(layer.saturating_mul(c.layers as u64))
    }

    /// While one matrix is made, its numbers are there as the file has them (at most f32) and as floats.
    fn while_reading(&self) -> u64 {
        let c = self.config;
        let making = |out: usize, input: usize| (out as u64).saturating_mul(input as u64).saturating_mul(8);
        let embedding = self.embedding().saturating_add(making(c.vocabulary, c.embedding));
        let head = if self.head() > 0 { self.embedding().saturating_add(embedding) } else { 0 };
        // The last block's largest product, of parts that are put together.
        let last = self.all().saturating_add(making(qkv_width(c).max(c.intermediate.saturating_mul(2)), c.hidden));
        embedding.max(head).max(last)
    }

    /// States that are alive at once in a block, for so many tokens: around its MLP or around its attention.
    fn states(&self, tokens: u64) -> u64 {
        let c = self.config;
        let gates = if self.layout.layers.first().is_some_and(|layer| layer.gate.is_some()) { 2 } else { 1 };
        let (hidden, inner, qkv) = (c.hidden as u64, c.intermediate as u64, qkv_width(c) as u64);
        if self.on_cpu {
            // The states, their norm, the joint product, its queries, keys and values once more and packed, the heads'
            // outputs, the MLP; and what a product reads, at most, in half the bytes.
            let heads = (c.heads.saturating_mul(c.head_dim)) as u64;
            let row = 2 * hidden + 3 * qkv + heads + gates * inner + inner.max(hidden) / 2;
            return tokens.saturating_mul(row).saturating_mul(4);
        }
        // The block's input, the sum with attention, its norm; the products, activated, and multiplied with the gate.
        let mlp = 3 * hidden + 2 * gates * inner;
        // The block's input, its norm; the product, its three parts, rotated, and the heads' outputs.
        let attention = 2 * hidden + 4 * qkv;
        let largest = c.vocabulary.max(c.intermediate.saturating_mul(2)).max(qkv_width(c)) as u64;
        let floats = largest.saturating_mul(hidden).saturating_mul(4);
        let unpacked = if self.weights == WeightFormat::Quantized { UNPACKED.min(floats) } else { 0 };
        tokens.saturating_mul(mlp.max(attention)).saturating_mul(self.bytes).saturating_add(unpacked)
    }

    /// Logits in f32, of all tokens or of some at a time; where they do not come out so, or are put together of parts, there are two of them.
    fn logits(&self, rows: u64) -> u64 {
        if self.on_cpu {
            return rows.saturating_mul(LOGITS_AT_A_TIME.min(self.config.vocabulary as u64)).saturating_mul(4);
        }
        let copied = self.weights == WeightFormat::Quantized || self.bytes != 4 || self.layout.head.bias.is_some();
        rows.saturating_mul(self.config.vocabulary as u64).saturating_mul(if copied { 8 } else { 4 })
    }
}

fn qkv_width(config: &DecoderConfig) -> usize {
    config.kv_heads.saturating_mul(2).saturating_add(config.heads).saturating_mul(config.head_dim)
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
        let work = Workload { demonstrations: 100, batch: 1000, logit_rows: 256 };
        estimate(&config, &layout, &placement, &work)
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
                assert!((0.999..=1.0).contains(&ratio), "{ratio}");
            }
            let quantized = of(config, DType::F32, WeightFormat::Quantized);
            let saved = quantized.weights as f64 / quantized.dense_weights as f64;
            assert!((0.265..0.268).contains(&saved), "{saved}");
        }
    }

    #[test]
    fn caches_and_totals_add_up() {
        let memory = of(LLAMA_7B, DType::F32, WeightFormat::Dense);
        // A position of 32 layers takes 1 MiB: two caches of 100 and one of 1000.
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
