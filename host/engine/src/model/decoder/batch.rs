//! What a pass takes and what it gives, as values.

use std::ops::Range;

use candle_core::Tensor;

use super::cache::KvCache;
use super::context::Context;
use super::tree::TokenTree;

/// What to run: trees of tokens that all follow the same context.
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    /// What the model has read before every tree.
    pub context: &'a Context,
    /// The position id of every tree's first token. [`Batch::after`] takes the context's next position; a pass over
    /// demonstrations that the context holds already may have others.
    pub first_position: usize,
    /// The trees; their tokens are packed in this order, without padding.
    pub trees: &'a [TokenTree],
    /// The packed indices of the tokens whose final hidden states are given back.
    pub output_rows: &'a [usize],
    /// For each tree, the context's positions that none of its tokens sees, as ranges in any order; empty where all trees see
    /// all. What is hidden stays where it is: no position id, window or distance changes.
    pub hidden: &'a [Vec<Range<usize>>],
}

impl<'a> Batch<'a> {
    /// Trees that go on where the context ends.
    pub fn after(context: &'a Context, trees: &'a [TokenTree], output_rows: &'a [usize]) -> Self {
        Self { context, first_position: context.next_position, trees, output_rows, hidden: &[] }
    }

    /// Keys and values that stand before every tree; `None` where there are none.
    pub(super) fn past(&self) -> Option<&'a KvCache> {
        Some(&self.context.cache).filter(|past| past.positions() > 0)
    }
}

/// What a pass gives.
pub struct Output {
    /// The final hidden states of the batch's output rows, in their order, `[output_rows, embedding]`, ready for
    /// [`Decoder::logits`](super::Decoder::logits).
    pub hidden_states: Tensor,
    /// The keys and values of the batch's own tokens, in packed order.
    pub cache: KvCache,
}
