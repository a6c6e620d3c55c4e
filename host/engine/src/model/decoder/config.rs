//! What distinguishes one decoder-only model from another, as data.

/// How a token's place in the sequence reaches the model.
#[derive(Clone, Debug, PartialEq)]
pub enum Positions {
    /// A learned vector per position, added to the token's embedding; position `p` has row `p + offset`.
    Learned {
        /// Rows before position 0 (OPT: 2).
        offset: usize,
    },
    /// Queries and keys are rotated by an angle proportional to the position.
    Rotary(Rotary),
    /// A head-specific slope times the key's index is added to the attention scores (ALiBi).
    Alibi,
}

/// Rotary position embedding (Su et al. 2021, arXiv 2104.09864).
#[derive(Clone, Debug, PartialEq)]
pub struct Rotary {
    /// Leading dimensions of a head that are rotated; the others pass through.
    pub dimensions: usize,
    /// Base of the geometric series of wavelengths.
    pub base: f64,
    /// Whether pairs are neighbours (2i, 2i+1) or lie half the rotated dimensions apart (i, i + n/2).
    pub interleaved: bool,
    /// How the frequencies are stretched for longer contexts.
    pub scaling: RotaryScaling,
    /// Layers whose queries and keys are left as they are (SmolLM3).
    pub unrotated_layers: Vec<usize>,
}

/// How rotary frequencies are stretched.
#[derive(Clone, Debug, PartialEq)]
pub enum RotaryScaling {
    /// Not at all.
    None,
    /// All frequencies divided by a factor.
    Linear(f64),
    /// Llama 3.1: low frequencies divided by `factor`, high ones kept, a smooth passage between.
    Llama3 {
        /// Divisor of the low frequencies.
        factor: f64,
        /// Wavelengths above `original_positions / low` are divided.
        low: f64,
        /// Wavelengths below `original_positions / high` are kept.
        high: f64,
        /// Positions of the original training.
        original_positions: f64,
    },
}

/// The kind of normalisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NormKind {
    /// Mean and variance, with gain and bias.
    Layer,
    /// Root mean square, with gain.
    Rms,
}

/// How a block's two halves join the residual stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residual {
    /// `x += attention(norm1(x)); x += mlp(norm2(x))`.
    Sequential,
    /// `n = norm1(x); x = n + attention(n); n = norm2(x); x = n + mlp(n)`: what is added to has been normalised.
    SequentialFromNorm,
    /// Norms after the sums: `x = norm1(x + attention(x)); x = norm2(x + mlp(x))`.
    SequentialPostNorm,
    /// `x += attention(norm1(x)) + mlp(norm2(x))`, both from the same `x`; without a second norm both read the first.
    Parallel,
}

/// The non-linearity of the MLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Rectifier.
    Relu,
    /// GELU with the error function.
    Gelu,
    /// GELU in its tanh approximation.
    GeluTanh,
    /// x times its sigmoid.
    Silu,
}

/// Everything that the forward pass needs to know about a model besides its weights.
#[derive(Clone, Debug, PartialEq)]
pub struct DecoderConfig {
    /// Rows of the embedding.
    pub vocabulary: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Width of the token embedding, where it is projected to `hidden` (OPT-350m); else equal to it.
    pub embedding: usize,
    /// Width of the MLP.
    pub intermediate: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key/value heads; a divisor of `heads`.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Positions that the model was made for; `None` where nothing bounds them (ALiBi).
    pub max_positions: Option<usize>,
    /// How positions reach the model.
    pub positions: Positions,
    /// The kind of all norms.
    pub norm: NormKind,
    /// Added to the variance.
    pub norm_eps: f64,
    /// How a block's halves join the residual stream.
    pub residual: Residual,
    /// The MLP's non-linearity.
    pub activation: Activation,
    /// Per layer, what attention scores are multiplied by.
    pub attention_scales: Vec<f64>,
    /// Per layer, how many keys a query sees, itself included; `None` means all before it.
    pub windows: Vec<Option<usize>>,
}

impl DecoderConfig {
    /// The usual scale of attention scores, `1 / sqrt(head_dim)`, for every layer.
    pub fn usual_scales(layers: usize, head_dim: usize) -> Vec<f64> {
        vec![1.0 / (head_dim as f64).sqrt(); layers]
    }

    /// Bytes of keys and values that one position takes over all layers.
    pub fn cache_bytes_per_position(&self, bytes_per_number: usize) -> usize {
        2 * self.layers * self.kv_heads * self.head_dim * bytes_per_number
    }
}
