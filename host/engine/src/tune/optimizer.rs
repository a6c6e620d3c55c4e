//! What the loop asks of a meta-optimizer, native or component alike.

use candle_core::Tensor;

/// Which of a layer's two matrices a slot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotKind {
    /// The keys.
    Key,
    /// The values.
    Value,
}

impl std::fmt::Display for SlotKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            SlotKind::Key => "key",
            SlotKind::Value => "value",
        })
    }
}

/// One key or value matrix of one layer.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The layer, from 0.
    pub layer: usize,
    /// Keys or values.
    pub kind: SlotKind,
    /// The matrix in the cache so far, `C_{t-1}`, `[kv_heads, positions, head_dim]`.
    pub previous: Tensor,
    /// What this step's pass produced, `P_t`, of the same shape and dtype.
    pub proposed: Tensor,
}

/// Whether further steps are useful.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Continue,
    /// The rule is at its fixed point.
    Converged,
}

/// What a step makes of the cache.
#[derive(Clone, Debug)]
pub struct Update {
    /// The new matrices `C_t`, one for each slot in the slots' order; the loop checks count, shapes, dtypes and finiteness.
    pub cache: Vec<Tensor>,
    /// Whether further steps are useful.
    pub verdict: Verdict,
}

/// A rule that moves the cache. It may keep state between steps; one value serves one run over one cache.
pub trait MetaOptimizer {
    /// Makes `C_t` of `C_{t-1}` and `P_t`. `step` is `t`, from 2; slots come as layer 0 key, layer 0 value, layer 1 key, ...
    ///
    /// # Errors
    /// Whatever the rule fails with; the loop names the step.
    fn step(&mut self, step: usize, slots: Vec<Slot>) -> Result<Update, Box<dyn std::error::Error + Send + Sync>>;
}
