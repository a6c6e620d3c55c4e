//! What computes a pass: the operations that a decoder is made of, over weights and hidden states of a backend's own types.
//!
//! There are two backends: [`Cpu`], kernels of our own, and [`Library`], the tensor library's operations, for all other
//! devices. What is computed stands once, above them: a block in `block`, the pass in `network`.

#[cfg(test)]
mod attention_tests;
mod backward;
mod cpu;
mod library;

use std::ops::Range;

use candle_core::{DType, Device, Result, Tensor};

pub(super) use backward::Backward;
pub(super) use cpu::Cpu;
#[cfg(test)]
pub(super) use cpu::states_bytes as cpu_states_bytes;
pub(super) use library::{Library, turned};

use super::cache::LayerCache;
use super::config::{Activation, DecoderConfig};
use super::rotary::Rotator;
use super::tree::TokenTree;

/// Operations on weights and hidden states. States are matrices `[rows, width]`, a row for each token.
///
/// Operations that make states take them from a [`Self::Workspace`], and what is no longer read goes back to it by
/// [`Self::release`]; states that are dropped instead cost time and nothing else.
pub(super) trait Backend: Send + Sync + Sized {
    /// A weight matrix `[out, in]`. A clone shares its memory.
    type Matrix: Clone + Send + Sync;
    /// Weights that are no factor of a matrix product: biases, gains, tables of positions.
    type Vector: Send + Sync;
    /// Hidden states `[rows, width]`.
    type HiddenStates;
    /// Memory of states, for a whole pass.
    type Workspace;
    /// Which token of a batch sees which, and by what angles it is rotated.
    type BatchPlan;

    /// Where weights lie, and keys and values.
    fn device(&self) -> &Device;

    /// The number format of keys and values.
    fn cache_dtype(&self) -> DType;

    /// The number format of the states that [`Self::to_tensor`] gives.
    fn states_dtype(&self) -> DType;

    /// The number format in which [`Self::vector`] takes tensors, but for gains and biases of norms, which may be f32.
    fn vector_dtype(&self) -> DType;

    /// Takes a matrix `[out, in]` of any number format to where and how weights are held.
    fn matrix(&self, weight: &Tensor) -> Result<Self::Matrix>;

    /// Takes a tensor on [`Self::device`].
    fn vector(&self, values: &Tensor) -> Result<Self::Vector>;

    /// Room for the states of a pass.
    fn workspace(&self) -> Self::Workspace;

    /// Gives states back that nobody reads any more.
    fn release(&self, states: Self::HiddenStates, workspace: &mut Self::Workspace);

    /// Plans attention over `past` cached positions and within each tree, with a rotation for each of `rotators`.
    fn plan(&self, config: &DecoderConfig, batch: &PackedBatch<'_>, rotators: &[Rotator]) -> Result<Self::BatchPlan>;

    /// Some rows of the embedding `table`.
    fn embed(&self, table: &Self::Matrix, ids: &[u32], work: &mut Self::Workspace) -> Result<Self::HiddenStates>;

    /// `x[i] += table[rows[i]]`, for a table as wide as the states.
    fn add_rows(&self, x: &mut Self::HiddenStates, table: &Self::Vector, rows: &[u32]) -> Result<()>;

    /// `x += y`, for states of one shape.
    fn add(&self, x: &mut Self::HiddenStates, y: &Self::HiddenStates) -> Result<()>;

    /// `x *= factor`, in place.
    fn scale(&self, x: &mut Self::HiddenStates, factor: f64) -> Result<()>;

    /// Each row normalised.
    fn norm(&self, norm: &Norm<Self>, x: &Self::HiddenStates, work: &mut Self::Workspace)
    -> Result<Self::HiddenStates>;

    /// `x W^T + b`.
    fn linear(
        &self,
        linear: &Linear<Self>,
        x: &Self::HiddenStates,
        work: &mut Self::Workspace,
    ) -> Result<Self::HiddenStates>;

    /// `sum += x W^T + b`.
    fn add_linear(&self, linear: &Linear<Self>, x: &Self::HiddenStates, sum: &mut Self::HiddenStates) -> Result<()>;

    /// The MLP's non-linearity, in place. With `gated`, a row is a gate and as many numbers behind it, and becomes the
    /// activated gate times these.
    fn activate(&self, x: &mut Self::HiddenStates, activation: Activation, gated: bool) -> Result<()>;

    /// The heads' outputs `[tokens, heads * head_dim]` for queries, keys and values side by side in a row, and the tokens'
    /// own keys and values, rotated. `past` are the keys and values that every token of the batch sees besides.
    fn attend(
        &self,
        attention: &Attention<Self>,
        qkv: Self::HiddenStates,
        plan: &Self::BatchPlan,
        past: Option<&LayerCache>,
        work: &mut Self::Workspace,
    ) -> Result<(Self::HiddenStates, LayerCache)>;

    /// Some of the rows, in the order given.
    fn retain_rows(
        &self,
        x: Self::HiddenStates,
        rows: &[usize],
        work: &mut Self::Workspace,
    ) -> Result<Self::HiddenStates>;

    /// A copy of states, to be kept for as long as the pass takes.
    fn copied(&self, x: &Self::HiddenStates, work: &mut Self::Workspace) -> Result<Self::HiddenStates>;

    /// The states as a tensor `[rows, width]` on [`Self::device`].
    fn to_tensor(&self, x: &Self::HiddenStates) -> Result<Tensor>;

    /// Logits `[rows, vocabulary]` in f32 of states as [`Self::to_tensor`] gives them.
    fn logits(&self, head: &Head<Self>, states: &Tensor) -> Result<Tensor>;

    /// The logits of some tokens, row after row; the first of them is a multiple of [`super::Decoder::LOGIT_STEP`].
    fn logits_of(&self, head: &Head<Self>, states: &Tensor, tokens: Range<usize>, out: &mut Vec<f32>) -> Result<()>;
}

/// Trees of tokens, packed one behind the other, over a shared past.
pub(super) struct PackedBatch<'a> {
    pub trees: &'a [TokenTree],
    /// Each token's, in packed order.
    pub position_ids: &'a [u32],
    /// Cached positions before every tree.
    pub past: usize,
    /// For each tree, the cached positions that it does not see; empty where all trees see all.
    pub hidden: &'a [Vec<Range<usize>>],
}

/// `x W^T + b`, with `W` of shape `[out, in]` and `b` of shape `[out]`.
pub(super) struct Linear<B: Backend> {
    pub matrix: B::Matrix,
    pub bias: Option<B::Vector>,
}

/// A norm over the last dimension.
pub(super) enum Norm<B: Backend> {
    /// Mean and variance. Gain and bias are f32 whatever the model's number format.
    Layer {
        /// Multiplies the normalised values.
        gain: B::Vector,
        /// Is added to them.
        bias: B::Vector,
        /// Is added to the variance.
        eps: f32,
    },
    /// Root mean square.
    Rms {
        /// Multiplies the normalised values.
        gain: B::Vector,
        /// Is added to the mean square.
        eps: f32,
    },
}

/// One layer's attention: its weights, and what its scores go through.
pub(super) struct Attention<B: Backend> {
    /// All queries, all keys, all values in one product.
    pub qkv: Linear<B>,
    /// Over each head's query and key, before rotation.
    pub head_norms: Option<(Norm<B>, Norm<B>)>,
    /// Of the heads' outputs.
    pub output: Linear<B>,
    pub heads: Heads,
    /// The scores' factor, before the cap.
    pub scale: f64,
    /// Scaled scores `s` become `cap * tanh(s / cap)`.
    pub softcap: Option<f64>,
    /// How many keys a query sees, its own included.
    pub window: Option<usize>,
    /// Which of the decoder's rotators queries and keys go through.
    pub rotator: Option<usize>,
}

/// How many heads there are, and how wide one is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heads {
    pub query: usize,
    /// Heads of keys and values; a divisor of the query heads.
    pub kv: usize,
    pub head_dim: usize,
}

/// The output head.
pub(super) struct Head<B: Backend> {
    pub linear: Linear<B>,
    /// Logits `l` become `cap * tanh(l / cap)`.
    pub softcap: Option<f64>,
}
