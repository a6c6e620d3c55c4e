//! What a meta-optimizer is: a rule that moves the key/value cache.

use crate::{Description, Error, Options, Step, Tensor};

/// Which of a layer's two matrices a slot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotKind {
    /// The keys.
    Key,
    /// The values.
    Value,
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
    /// What the optimizer minimised, at the cache before the step, for the trace; `None` if it minimises nothing that it knows.
    pub loss: Option<f64>,
    /// Whether the optimizer took the update that it tried, or kept the cache; `None` if it does not try.
    pub accepted: Option<bool>,
}

impl Update {
    /// A new cache, and further steps are useful.
    pub fn new(cache: Vec<Tensor>) -> Self {
        Self { cache, verdict: Verdict::Continue, loss: None, accepted: None }
    }

    /// A last cache: the optimizer has converged, and further steps are not useful.
    pub fn converged(cache: Vec<Tensor>) -> Self {
        Self { verdict: Verdict::Converged, ..Self::new(cache) }
    }

    /// The same update with what the optimizer minimised, at the cache before the step.
    pub fn with_loss(self, loss: f64) -> Self {
        Self { loss: Some(loss), ..self }
    }

    /// The same update with whether the optimizer took what it tried.
    pub fn with_accepted(self, accepted: bool) -> Self {
        Self { accepted: Some(accepted), ..self }
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

    /// Updates the whole cache, after whatever it asks of the step.
    ///
    /// # Errors
    /// Whatever the rule fails with; the run ends there.
    fn step(&mut self, step: &Step) -> Result<Update, Error>;
}
