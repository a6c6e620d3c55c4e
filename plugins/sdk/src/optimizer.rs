//! What a meta-optimizer is: a rule that moves the key/value cache.

use crate::{Description, Error, Options, Tensor};

/// Which of a layer's two matrices a slot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotKind {
    /// The keys.
    Key,
    /// The values.
    Value,
}

/// One key or value matrix of one layer: what it was, and what a pass over the demonstrations proposes.
#[derive(Debug)]
pub struct Slot {
    /// The layer, from 0.
    pub layer: u32,
    /// Keys or values.
    pub kind: SlotKind,
    /// The matrix in the cache so far, `C` of step - 1, shape `[kv_heads, positions, head_dim]`.
    pub previous: Tensor,
    /// The matrix that this step's pass produced, `P` of this step, of the same shape.
    pub proposed: Tensor,
}

/// Whether further steps are useful.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Continue,
    /// The rule is at its fixed point; further steps change nothing of note.
    Converged,
}

/// What a step makes of the cache.
#[derive(Debug)]
pub struct Update {
    /// The new matrices, one for each slot, in the order of the slots, of the same shapes and dtypes.
    pub cache: Vec<Tensor>,
    /// Whether further steps are useful.
    pub verdict: Verdict,
}

impl Update {
    /// A new cache, and further steps are useful.
    pub fn new(cache: Vec<Tensor>) -> Self {
        Self { cache, verdict: Verdict::Continue }
    }

    /// A last cache: the rule is at its fixed point.
    pub fn converged(cache: Vec<Tensor>) -> Self {
        Self { cache, verdict: Verdict::Converged }
    }
}

/// A rule that moves the cache. One value serves one run over one cache and may keep state between steps.
/// The crate's documentation has a complete one.
pub trait MetaOptimizer: Sized + 'static {
    /// What the rule is and which options it takes. Gives the same answer every time.
    fn describe() -> Description;

    /// Starts afresh. `options` has a value for every option that [`MetaOptimizer::describe`] names.
    ///
    /// # Errors
    /// If the rule cannot work with these values.
    fn new(options: &Options) -> Result<Self, Error>;

    /// Updates the whole cache. `step` counts up from 2, since step 1 is the plain pass that makes the first cache.
    /// The slots of all layers come at once, in the order layer 0 key, layer 0 value, layer 1 key, and so on.
    ///
    /// Tensors that are dropped early count no longer against the plugin's limit of tensors: take slots by value where possible.
    ///
    /// # Errors
    /// Whatever the rule fails with; the run ends there.
    fn step(&mut self, step: u32, slots: Vec<Slot>) -> Result<Update, Error>;
}
