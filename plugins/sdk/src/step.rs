//! A step as an optimizer sees it.

use crate::{Demonstration, Dropout, Error, Examples, Gradient, Objective, Pass, SlotKind, Tensor, log};

/// One key or value matrix of one layer of the cache.
#[derive(Debug)]
pub struct Slot {
    /// The layer, from 0.
    pub layer: u32,
    /// Keys or values.
    pub kind: SlotKind,
    /// The matrix in the current cache, `C` of step - 1, shape `[kv_heads, positions, head_dim]`.
    pub matrix: Tensor,
}

/// One key or value matrix of one layer: what it is, and what a pass over the demonstrations behind the current cache proposes.
#[derive(Debug)]
pub struct Proposal {
    /// The layer, from 0.
    pub layer: u32,
    /// Keys or values.
    pub kind: SlotKind,
    /// The matrix in the current cache, `C` of step - 1, shape `[kv_heads, positions, head_dim]`.
    pub previous: Tensor,
    /// The matrix that this step's pass produced, `P` of this step, of the same shape.
    pub proposed: Tensor,
}

/// One step of the method: the current cache, and what the model makes of it or of any other cache of the same shape.
///
/// Whatever is asked is computed by the host when it is asked for, and stays on its device. A question costs passes of the
/// model, of which a step has a limited number ([`Step::passes_left`]): a proposal and a likelihood one each, a gradient two,
/// since it runs forward and back. A plugin that asks for more is ended, as one is that asks about a cache whose matrices are not
/// one for each slot, of the slots' shapes and dtypes.
///
/// Under [`Selected`](crate::Selected), the cache is the part of it that moves, here as everywhere; positions count from the first
/// that moves.
pub struct Step<'a> {
    context: &'a dyn Context,
}

impl<'a> Step<'a> {
    pub(crate) fn new(context: &'a dyn Context) -> Self {
        Self { context }
    }

    pub(crate) fn context(&self) -> &'a dyn Context {
        self.context
    }
}

impl Step<'_> {
    /// The step's number: it counts up from 2, since step 1 is the plain pass that makes the first cache.
    pub fn number(&self) -> u32 {
        self.context.number()
    }

    /// A number for all that is random in this step; it follows from the run's seed and the step.
    pub fn seed(&self) -> u64 {
        self.context.seed()
    }

    /// The current cache: all slots of all layers, in the order layer 0 key, layer 0 value, layer 1 key, and so on.
    pub fn slots(&self) -> Vec<Slot> {
        self.context.slots()
    }

    /// The matrices of [`Step::slots`] alone, to ask about.
    pub fn cache(&self) -> Vec<Tensor> {
        self.slots().into_iter().map(|slot| slot.matrix).collect()
    }

    /// Where the demonstrations stand in the cache, in the order in which they are shown.
    pub fn demonstrations(&self) -> Vec<Demonstration> {
        self.context.demonstrations()
    }

    /// How many rows the run has set aside to select the step by, for [`Examples::HeldOut`]; 0 without such rows.
    pub fn held_out_rows(&self) -> u32 {
        self.context.held_out_rows()
    }

    /// How many passes may still be asked for in this step.
    pub fn passes_left(&self) -> u32 {
        self.context.passes_left()
    }

    /// The demonstrations as the model has not seen them: [`Examples::LeaveOneOut`] where there are two or more. A single one
    /// cannot be left out: then [`Examples::Demonstrations`], which the user is told in the first step.
    pub fn unseen_demonstrations(&self) -> Examples {
        if self.demonstrations().len() != 1 {
            return Examples::LeaveOneOut;
        }
        if self.number() == 2 {
            log::info("a single demonstration cannot be left out: its answer is predicted behind the whole cache");
        }
        Examples::Demonstrations
    }

    /// What the published method moves the cache towards (arXiv 2305.13016, section 3): for each slot the current matrix, and
    /// that of the plain pass over the demonstrations behind the current cache. The pass runs once, however often this is called.
    ///
    /// Tensors that are dropped early count no longer against the plugin's limit of tensors: take proposals by value where
    /// possible.
    ///
    /// # Errors
    /// The host's, if the pass fails.
    pub fn proposal(&self) -> Result<Vec<Proposal>, Error> {
        self.context.proposal()
    }

    /// The keys and values of a pass over the demonstrations behind a cache, in the slots' order.
    ///
    /// # Errors
    /// The host's, if the pass fails; an invalid `pass` ends the plugin.
    pub fn propose(&self, cache: &[Tensor], pass: &Pass) -> Result<Vec<Tensor>, Error> {
        self.context.propose(&references(cache), pass)
    }

    /// The log-likelihood of each example behind a cache, in nats.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if there are no such examples in this run.
    pub fn likelihood(&self, cache: &[Tensor], examples: Examples, objective: Objective) -> Result<Vec<f64>, Error> {
        self.context.likelihood(&references(cache), examples, objective)
    }

    /// The gradient of the negative mean likelihood with respect to every slot, at a cache.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if there are no such examples in this run; a dropout rate outside of
    /// `0 <= rate < 1` ends the plugin.
    pub fn gradient(
        &self,
        cache: &[Tensor],
        examples: Examples,
        objective: Objective,
        dropout: Dropout,
    ) -> Result<Gradient, Error> {
        self.context.gradient(&references(cache), examples, objective, dropout)
    }
}

/// Who answers a step's questions: the host, its stand-in in tests, or either of them behind a selection. The methods are those of
/// [`Step`].
pub(crate) trait Context {
    fn number(&self) -> u32;
    fn seed(&self) -> u64;
    fn slots(&self) -> Vec<Slot>;
    fn demonstrations(&self) -> Vec<Demonstration>;
    fn held_out_rows(&self) -> u32;
    fn passes_left(&self) -> u32;

    /// A method of its own, since only the very tensors of [`Context::slots`] are known for the current cache.
    fn proposal(&self) -> Result<Vec<Proposal>, Error> {
        let slots = self.slots();
        let matrices: Vec<&Tensor> = slots.iter().map(|slot| &slot.matrix).collect();
        let proposed = self.propose(&matrices, &Pass::default())?;
        let pairs = slots.into_iter().zip(proposed);
        let proposal =
            |(Slot { layer, kind, matrix: previous }, proposed)| Proposal { layer, kind, previous, proposed };
        Ok(pairs.map(proposal).collect())
    }

    fn propose(&self, cache: &[&Tensor], pass: &Pass) -> Result<Vec<Tensor>, Error>;
    fn likelihood(&self, cache: &[&Tensor], examples: Examples, objective: Objective) -> Result<Vec<f64>, Error>;
    fn gradient(
        &self,
        cache: &[&Tensor],
        examples: Examples,
        objective: Objective,
        dropout: Dropout,
    ) -> Result<Gradient, Error>;
}

fn references(cache: &[Tensor]) -> Vec<&Tensor> {
    cache.iter().collect()
}
