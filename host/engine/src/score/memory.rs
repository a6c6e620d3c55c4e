//! What scoring has in memory besides the weights.

use super::log_probs::logits_bytes;
use crate::model::decoder::{DecoderConfig, Placement};
use crate::model::memory::Phase;

/// The size of a batch of queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSize {
    /// Tokens that all queries start with, and that are part of the context while the rest is scored.
    pub shared_start: usize,
    /// Tokens of all trees, without the shared start.
    pub tokens: usize,
    /// Tokens of the largest tree.
    pub largest_tree: usize,
    /// Tokens whose predictions are read.
    pub predictions: usize,
}

/// The moments at which most is alive while a batch is scored behind so many tokens of demonstrations, after up to `steps`
/// steps: its pass, and the output head. An optimizer is taken to have one matrix of state for each slot, as momentum does.
pub fn phases(
    config: &DecoderConfig,
    placement: &Placement,
    demonstrations: usize,
    steps: usize,
    batch: BatchSize,
) -> [Phase; 2] {
    // The cache, and once more with the queries' shared start behind it; the optimizer's state, from step 2 on. A pass gives
    // the keys and values of its own tokens too, which nobody needs of queries.
    let caches = if steps > 1 { 3 } else { 2 };
    let past = demonstrations.saturating_add(batch.shared_start);
    let cached = demonstrations.saturating_mul(caches).saturating_add(batch.shared_start).saturating_add(batch.tokens);
    let pass = Phase { tokens: batch.tokens, largest_tree: batch.largest_tree, past, cached, others: 0 };
    let head = Phase { cached, others: logits_bytes(config, placement, batch.predictions), ..Phase::default() };
    [pass, head]
}
