//! What distinguishes one decoder-only model from another, as data.

/// How a token's position id reaches the model.
#[derive(Clone, Debug, PartialEq)]
pub enum Positions {
    /// A learned vector per position, added to the token's embedding; position `p` has row `p + offset`.
    Learned {
        /// Rows before position 0 (OPT: 2).
        offset: usize,
    },
    /// Queries and keys are rotated by an angle proportional to the position, in each layer as [`LayerConfig::rotary`] says.
    Rotary,
    /// A head-specific slope times the key's index is added to the attention scores (ALiBi).
    Alibi,
}

/// Rotary position embedding (Su et al. 2021, arXiv 2104.09864).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rotary {
    /// Leading dimensions of a head that are rotated; the others pass through.
    pub dimensions: usize,
    /// Base of the geometric series of wavelengths.
    pub base: f64,
    /// Whether pairs are neighbours (2i, 2i+1) or lie half the rotated dimensions apart (i, i + n/2).
    pub interleaved: bool,
    /// How the frequencies are stretched for longer contexts.
    pub scaling: RotaryScaling,
}

/// How rotary frequencies are stretched.
#[derive(Clone, Copy, Debug, PartialEq)]
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

/// What a block has at each of the three places where one of its halves, attention or MLP, may normalise. For
/// `f(x) = x + half(x)` with all three it is `f(x) = sum(x + output(half(input(x))))`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HalfNorms<T> {
    /// Before the half: of what it reads.
    pub input: T,
    /// Behind the half, before its output is added to the residual stream.
    pub output: T,
    /// Of the residual stream, after the half's output is added to it.
    pub sum: T,
}

impl HalfNorms<bool> {
    /// A norm before the half, and no other: most models.
    pub const INPUT: Self = Self { input: true, output: false, sum: false };
    /// A norm of the sum alone, as in the first transformers.
    pub const SUM: Self = Self { input: false, output: false, sum: true };
    /// No norm at any of the three places.
    pub const NONE: Self = Self { input: false, output: false, sum: false };
}

/// How a block's two halves join the residual stream `x`. Where a half has no norm of its input, `norm(x)` is `x`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residual {
    /// `x += attention(norm1(x)); x += mlp(norm2(x))`.
    Sequential,
    /// `n = norm1(x); x = n + attention(n); n = norm2(x); x = n + mlp(n)`: what is added to has been normalised.
    SequentialFromNorm,
    /// `x += attention(norm1(x)) + mlp(norm2(x))`, both from the same `x`; without a second norm both read the first.
    Parallel,
}

/// The non-linearity of the MLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// The rectifier, `max(x, 0)`.
    Relu,
    /// GELU with the error function.
    Gelu,
    /// GELU in its tanh approximation.
    GeluTanh,
    /// `x * sigmoid(x)`, also called swish.
    Silu,
}

/// What one block computes, and where it differs from the other blocks of its model.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerConfig {
    /// How the halves join the residual stream.
    pub residual: Residual,
    /// What a half's output is multiplied by before it is added to the stream; `None` for 1.
    pub residual_scale: Option<f64>,
    /// The norms around attention.
    pub attention_norms: HalfNorms<bool>,
    /// The norms around the MLP.
    pub mlp_norms: HalfNorms<bool>,
    /// How many keys a query sees, its own included; `None` means all before it.
    pub window: Option<usize>,
    /// How queries and keys are rotated; `None` where they are left as they are.
    pub rotary: Option<Rotary>,
    /// What attention scores are multiplied by.
    pub attention_scale: f64,
    /// Scaled attention scores `s` become `cap * tanh(s / cap)` (Gemma 2, arXiv 2408.00118, section 2); `None` for no cap.
    pub attention_softcap: Option<f64>,
}

impl LayerConfig {
    /// A block as most models have it: a norm before each half, one half after the other, no window, no rotation, scores
    /// multiplied by `1 / sqrt(head_dim)`.
    pub fn pre_norm(head_dim: usize) -> Self {
        Self {
            residual: Residual::Sequential,
            residual_scale: None,
            attention_norms: HalfNorms::INPUT,
            mlp_norms: HalfNorms::INPUT,
            window: None,
            rotary: None,
            attention_scale: 1.0 / (head_dim as f64).sqrt(),
            attention_softcap: None,
        }
    }
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
    /// What token embeddings are multiplied by (Gemma: `sqrt(hidden)`); `None` for 1.
    pub embedding_scale: Option<f64>,
    /// Width of the MLP.
    pub intermediate: usize,
    /// Whether the MLP's first product is multiplied by an activated gate of the same width.
    pub gated: bool,
    /// Number of query heads.
    pub heads: usize,
    /// Number of key/value heads; a divisor of `heads`.
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
    /// Added to the gains of all norms as the checkpoint has them (Gemma: 1).
    pub norm_gain_offset: f64,
    /// The MLP's non-linearity.
    pub activation: Activation,
    /// Final logits `l` become `cap * tanh(l / cap)` (Gemma 2, arXiv 2408.00118, section 2); `None` for no cap.
    pub logit_softcap: Option<f64>,
    /// The blocks, from the first.
    pub layers: Vec<LayerConfig>,
}

impl DecoderConfig {
    /// Bytes of keys and values that one position takes over all layers.
    pub fn cache_bytes_per_position(&self, bytes_per_number: usize) -> usize {
        2 * self.layers.len() * self.kv_heads * self.head_dim * bytes_per_number
    }

    /// Numbers of a token's queries, keys and values together.
    pub(crate) fn qkv_width(&self) -> usize {
        self.kv_heads.saturating_mul(2).saturating_add(self.heads).saturating_mul(self.head_dim)
    }

    /// Numbers that the MLP's first product gives for a token: gate and up, or up alone.
    pub(crate) fn mlp_up_width(&self) -> usize {
        self.intermediate.saturating_mul(if self.gated { 2 } else { 1 })
    }
}
