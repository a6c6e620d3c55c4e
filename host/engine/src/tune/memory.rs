//! What the steps of the method have in memory besides the weights.

use super::model_step::GRADIENT_TOKENS;
use crate::model::Decoder;
use crate::model::decoder::{DecoderConfig, Placement};
use crate::model::memory::Phase;
use crate::score::gradient_logits_bytes;

/// The examples that an optimizer may ask for the gradient of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuestionSize {
    /// Tokens of all of them as trees.
    pub tokens: usize,
    /// Tokens of the largest tree.
    pub largest_tree: usize,
    /// Tokens whose predictions are read.
    pub predictions: usize,
}

/// The moment at which most is alive while an optimizer is answered a gradient behind so many tokens of demonstrations. The
/// optimizer is taken to keep two matrices for each slot, as Adam does.
pub fn gradient_phase(
    config: &DecoderConfig,
    placement: &Placement,
    demonstrations: usize,
    size: QuestionSize,
) -> Phase {
    let tokens = size.tokens.min(GRADIENT_TOKENS.max(size.largest_tree));
    let tape = Decoder::tape_bytes(config, placement, tokens);
    let logits = gradient_logits_bytes(config, size.predictions.min(tokens));
    // The cache, what the optimizer keeps, and the gradient, which is f32 whatever the cache is.
    let gradient = size_of::<f32>().div_ceil(placement.dtype.size_in_bytes());
    let cached = demonstrations.saturating_mul(3 + gradient);
    let others = tape.saturating_add(logits);
    Phase { tokens, largest_tree: size.largest_tree, past: demonstrations, cached, others }
}

/// The moments at which most is alive in `steps` steps over so many tokens of demonstrations: the pass of a step, and the
/// end of the optimizer's work. The optimizer is taken to have one matrix of state for each slot, as momentum does; a
/// plugin may have more, up to its limit for tensors.
pub fn phases(demonstrations: usize, steps: usize) -> Vec<Phase> {
    let pass = |past: usize, caches: usize| Phase {
        tokens: demonstrations,
        largest_tree: demonstrations,
        past,
        cached: demonstrations.saturating_mul(caches),
        others: 0,
    };
    if steps <= 1 {
        return vec![pass(0, 1)];
    }
    // During the pass: the cache before the step, the optimizer's state, and the pass's own keys and values. After it: the
    // cache before the step, the proposed and the new one, and the state before and after the step.
    vec![pass(demonstrations, 3), Phase { cached: demonstrations.saturating_mul(5), ..Phase::default() }]
}
