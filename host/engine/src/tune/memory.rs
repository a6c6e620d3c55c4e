//! What the steps of the method have in memory besides the weights.

use crate::model::memory::Phase;

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
