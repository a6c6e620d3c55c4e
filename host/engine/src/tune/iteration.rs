//! The iteration over some demonstrations, step by step; it never sees text.

use candle_core::Tensor;

use super::demonstrations::Demonstrations;
use super::error::TuneError;
use super::model_step::ModelStep;
use super::norms::{LayerNorms, norms};
use super::optimizer::{MetaOptimizer, Slot, StepReport, Verdict};
use super::policy::StepPolicy;
use super::proposal::Proposal;
use super::update::{check_update, first_not_finite};
use crate::model::decoder::{Batch, Origin, Provenance, TokenTree};
use crate::model::{Context, Decoder, KvCache, ModelError};

/// What a step comes to.
#[derive(Clone, Debug)]
pub struct State {
    /// What queries are scored behind: the cache `C_t`, and the last hidden state of the pass of this step. Queries have
    /// the positions from L on, whatever positions that pass had.
    pub context: Context,
    /// Whether the optimizer holds further steps to be useful.
    pub verdict: Verdict,
    /// How far the step moved each layer; empty for step 1, which has nothing to move.
    pub norms: Vec<LayerNorms>,
    /// What the optimizer says of the step.
    pub report: StepReport,
    /// Passes that the optimizer asked for in the step, besides the one that proposes; a gradient counts two.
    pub passes: usize,
}

impl State {
    /// Step 1: a plain pass over the demonstrations, which is in-context learning.
    ///
    /// # Errors
    /// Propagates model errors; [`ModelError::NotFinitePass`] where the pass gives a NaN or an infinity.
    ///
    /// # Panics
    /// If the demonstrations have no token.
    pub fn first(decoder: &Decoder, demonstrations: &[u32]) -> Result<Self, TuneError> {
        let Proposal { cache, last_hidden } = pass(decoder, &Context::zero_shot(None), 0, demonstrations)?;
        // Told here, where nobody but the model can have caused it.
        if let Some(layer) = first_not_finite(&cache)? {
            return Err(ModelError::NotFinitePass { layer: Some(layer) }.into());
        }
        let context = after_step(1, cache, last_hidden, demonstrations);
        let report = StepReport::default();
        Ok(Self { context, verdict: Verdict::Continue, norms: Vec::new(), report, passes: 0 })
    }

    /// The next step `t` (arXiv 2305.13016, section 3): `P_t` is what a pass over the demonstrations behind `C_{t-1}` has
    /// as keys and values, and the optimizer makes `C_t` of `C_{t-1}` and `P_t`.
    ///
    /// # Errors
    /// Propagates model errors; what the optimizer fails with, or an update that does not fit the cache.
    pub fn next(
        &self,
        decoder: &Decoder,
        demonstrations: &Demonstrations,
        policy: StepPolicy,
        optimizer: &mut dyn MetaOptimizer,
    ) -> Result<Self, TuneError> {
        let t = self.step() + 1;
        let (previous, ids) = (&self.context, &demonstrations.ids);
        let first_position = policy.positions.first(ids.len());
        let mut step = ModelStep::new((t, policy), decoder, &previous.cache, demonstrations, || {
            pass(decoder, previous, first_position, ids)
        });
        let update = optimizer.step(&mut step).map_err(|source| TuneError::of_optimizer(t, source))?;
        let (proposal, passes) = step.into_proposal()?;
        let slots = Slot::of(&previous.cache, &proposal.cache);
        check_update(t, &slots, &update.cache, policy.allow_nonfinite)?;
        let norms = norms(&slots, &update.cache)?;
        let context = after_step(t, KvCache::of_matrices(update.cache)?, proposal.last_hidden, ids);
        Ok(Self { context, verdict: update.verdict, norms, report: update.report, passes })
    }

    /// The step `t`, from 1; step 1 is plain in-context learning.
    pub fn step(&self) -> usize {
        self.context.step()
    }
}

/// The demonstrations as queries find them after a step.
fn after_step(step: usize, cache: KvCache, last_hidden: Tensor, demonstrations: &[u32]) -> Context {
    Context {
        cache,
        last_hidden: Some(last_hidden),
        next_position: demonstrations.len(),
        provenance: Provenance { origin: Origin::Demonstrations { step }, shared_start: 0 },
    }
}

/// One pass over the demonstrations behind a context. Its positions are told apart from the context's next one: behind a
/// cache of their own, the demonstrations' positions are a choice of the method.
fn pass(
    decoder: &Decoder,
    context: &Context,
    first_position: usize,
    demonstrations: &[u32],
) -> Result<Proposal, ModelError> {
    let trees = [TokenTree::chain(demonstrations)];
    let last = [demonstrations.len() - 1];
    let output = decoder.forward(Batch { first_position, ..Batch::after(context, &trees, &last) })?;
    Ok(Proposal { cache: output.cache, last_hidden: output.hidden_states })
}
