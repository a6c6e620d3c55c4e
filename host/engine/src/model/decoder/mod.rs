//! One forward pass for all families: a packed batch of token trees over a shared key/value cache.
//!
//! What a model computes is data (`config`), what its weights are called too (`layout`, `tensors`), and so is what a pass
//! takes and gives (`batch`, `context`, `cache`, `tree`). The pass (`network`) and a block's wiring (`block`) stand once,
//! over operations that two backends have (`backend`).

mod alibi;
mod assemble;
mod backend;
mod batch;
mod block;
mod cache;
pub mod config;
mod context;
mod gradient;
pub mod layout;
mod network;
mod placement;
mod rotary;
pub mod tensors;
mod tree;

use std::ops::Range;

use candle_core::{DType, Device, Tensor};

pub use batch::{Batch, Output};
pub use cache::{KvCache, LayerCache};
pub use config::DecoderConfig;
pub use context::{Context, Origin, Provenance};
pub use placement::Placement;
pub use tree::TokenTree;

use super::ModelError;
use super::weights::TensorSource;
use backend::{Cpu, Library};
use ft_kernels::WIDTH;
use layout::Layout;
use network::{Forward, Network};

/// A decoder-only transformer with its weights. Any number of threads can run it at the same time.
pub struct Decoder {
    config: DecoderConfig,
    network: Box<dyn Forward>,
}

impl Decoder {
    /// Reads all weights. The CPU runs kernels of our own, other devices the tensor library's operations.
    ///
    /// # Errors
    /// A missing or misshapen tensor, with its full name, its file and the shapes; NaN or infinity in one; a layout that
    /// does not fit the configuration.
    pub fn load(
        config: DecoderConfig,
        layout: &Layout,
        source: &dyn TensorSource,
        placement: &Placement,
    ) -> Result<Self, ModelError> {
        if !placement.device.is_cpu() {
            return Self::load_for_library(config, layout, source, placement);
        }
        let network = Network::load(&config, layout, source, placement, Cpu::new(placement))?;
        Ok(Self::of(config, network))
    }

    /// Reads all weights for the tensor library's operations, whatever the device is. On the CPU these are slow; they run
    /// there so that they are tested on every machine.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_for_library(
        config: DecoderConfig,
        layout: &Layout,
        source: &dyn TensorSource,
        placement: &Placement,
    ) -> Result<Self, ModelError> {
        let network = Network::load(&config, layout, source, placement, Library::new(placement))?;
        Ok(Self::of(config, network))
    }

    fn of(config: DecoderConfig, network: impl Forward + 'static) -> Self {
        Self { config, network: Box::new(network) }
    }

    /// The model's shape.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// Where keys and values lie, and hidden states.
    pub fn device(&self) -> &Device {
        self.network.device()
    }

    /// The number format of keys and values.
    pub fn cache_dtype(&self) -> DType {
        self.network.cache_dtype()
    }

    /// The number format of hidden states.
    pub(crate) fn states_dtype(&self) -> DType {
        self.network.states_dtype()
    }

    /// Runs a batch. Logits are not computed here: pass the hidden states to [`Self::logits`].
    ///
    /// # Errors
    /// A token or position outside the model's range, a context with another number of layers, or a failed computation.
    pub fn forward(&self, batch: Batch<'_>) -> Result<Output, ModelError> {
        let (ids, position_ids) = self.checked(&batch)?;
        Ok(self.network.forward(&self.config, &batch, &ids, &position_ids)?)
    }

    /// Runs a batch behind a context, has `loss` say how a loss depends on the final hidden states `[output_rows, embedding]`, and
    /// goes back: gives the derivative of the loss with respect to the context's keys and values, in f32, of their shapes.
    ///
    /// `loss` gives the derivative with respect to the states, of their shape, in f32; for a loss of logits see
    /// [`Self::logits_back`]. Three times the work of the pass, about, and memory for the states of all blocks, which grows
    /// linearly with the tokens.
    ///
    /// # Errors
    /// As [`Self::forward`]; [`ModelError::NoContext`] behind an empty context; what `loss` fails with.
    pub fn context_gradient(
        &self,
        batch: Batch<'_>,
        loss: &mut dyn FnMut(&Tensor) -> candle_core::Result<Tensor>,
    ) -> Result<KvCache, ModelError> {
        let (ids, position_ids) = self.checked(&batch)?;
        let Some(past) = batch.past() else { return Err(ModelError::NoContext) };
        Ok(self.network.context_gradient(&self.config, &batch, past, (&ids, &position_ids), loss)?)
    }

    /// The derivative of a loss with respect to states `[rows, embedding]` in f32, from their logits `[rows, vocabulary]`, as
    /// [`Self::logits`] gives them, and the derivative `d` with respect to these, both f32.
    ///
    /// # Errors
    /// A failed product.
    pub fn logits_back(&self, logits: &Tensor, d: &Tensor) -> Result<Tensor, ModelError> {
        Ok(self.network.logits_back(logits, d)?)
    }

    /// Keys and values with each key turned from the position at which it was read to another, as if it had been read there; as
    /// many positions of both as the cache has. Where positions are not rotations nothing is turned.
    ///
    /// # Errors
    /// A failed computation; a cache of another model.
    pub fn turned(&self, cache: &KvCache, from: &[u32], to: &[u32]) -> Result<KvCache, ModelError> {
        Ok(self.network.turned(cache, from, to)?)
    }

    /// The output head: logits `[rows, vocabulary]` in f32 for final states `[rows, embedding]`.
    ///
    /// # Errors
    /// A failed product.
    pub fn logits(&self, states: &Tensor) -> Result<Tensor, ModelError> {
        Ok(self.network.logits(states)?)
    }

    /// The logits of some tokens `[rows, tokens]`, from a multiple of [`Self::LOGIT_STEP`] on, written to `out` row after
    /// row.
    ///
    /// # Errors
    /// A failed product.
    ///
    /// # Panics
    /// On the CPU, if the first token is no multiple of [`Self::LOGIT_STEP`] or the last one is beyond the vocabulary.
    pub fn logits_of(&self, states: &Tensor, tokens: Range<usize>, out: &mut Vec<f32>) -> Result<(), ModelError> {
        Ok(self.network.logits_of(states, tokens, out)?)
    }

    /// What the first of some tokens is a multiple of.
    pub const LOGIT_STEP: usize = WIDTH;

    /// Bytes of a weight matrix `[outputs, inputs]` as it is stored.
    pub(crate) fn matrix_bytes(placement: &Placement, outputs: usize, inputs: usize) -> u64 {
        let Placement { device, dtype, weights } = placement;
        match device {
            Device::Cpu => Cpu::matrix_bytes(*dtype, *weights, outputs, inputs),
            _ => Library::matrix_bytes(*dtype, *weights, outputs, inputs),
        }
    }

    /// Bytes of hidden states, and of what attention or a product makes besides, that are alive at once in a pass over so
    /// many tokens, in trees of at most `largest_tree`, and past positions. The weights, the caches and the logits are not
    /// counted.
    pub(crate) fn pass_bytes(
        config: &DecoderConfig,
        placement: &Placement,
        tokens: usize,
        largest_tree: usize,
        past: usize,
    ) -> u64 {
        let Placement { device, dtype, weights } = placement;
        match device {
            Device::Cpu => Cpu::pass_bytes(config, *dtype, *weights, tokens, largest_tree, past),
            _ => Library::pass_bytes(config, *dtype, *weights, tokens, largest_tree, past),
        }
    }

    /// Bytes of what a pass over so many tokens keeps for the pass back, beside those of [`Self::pass_bytes`].
    pub(crate) fn tape_bytes(config: &DecoderConfig, placement: &Placement, tokens: usize) -> u64 {
        match placement.device {
            Device::Cpu => gradient::tape_bytes(config, tokens, size_of::<f32>(), ft_kernels::padded),
            _ => gradient::tape_bytes(config, tokens, placement.dtype.size_in_bytes(), |width| width),
        }
    }

    /// The token ids and position ids of a batch, all within the model's range.
    fn checked(&self, batch: &Batch<'_>) -> Result<(Vec<u32>, Vec<u32>), ModelError> {
        let ids: Vec<u32> = batch.trees.iter().flat_map(|tree| tree.tokens().iter().copied()).collect();
        let depths = batch.trees.iter().flat_map(|tree| tree.depths());
        let position_ids: Vec<u32> = depths.map(|depth| (batch.first_position + depth) as u32).collect();
        self.check(&ids, &position_ids)?;
        let layers = self.config.layers.len();
        if let Some(found) = batch.past().map(|past| past.layers().len()).filter(|found| *found != layers) {
            return Err(ModelError::ForeignContext { layers, found });
        }
        Ok((ids, position_ids))
    }

    fn check(&self, ids: &[u32], position_ids: &[u32]) -> Result<(), ModelError> {
        if let Some(id) = ids.iter().find(|id| **id as usize >= self.config.vocabulary) {
            return Err(ModelError::TokenOutOfRange { id: *id, vocabulary: self.config.vocabulary });
        }
        if let Some(limit) = self.config.max_positions
            && let Some(position) = position_ids.iter().find(|position| **position as usize >= limit)
        {
            return Err(ModelError::PositionOutOfRange { position: *position as usize, limit });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoder_is_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Decoder>();
        shared::<KvCache>();
    }
}
