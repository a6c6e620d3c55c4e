//! What the loop asks of a meta-optimizer, native or component alike, and what an optimizer may ask of the loop.

use candle_core::Tensor;

use super::question::{
    CacheGradient, DemonstrationSpan, Dropout, Examples, Objective, ProposalPass, QuestionError, Unanswerable,
};
use crate::model::KvCache;

/// Which of a layer's two matrices a slot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotKind {
    /// The layer's keys.
    Key,
    /// The layer's values.
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

/// One key or value matrix of one layer, as it is and as a pass proposes it.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The layer, from 0.
    pub layer: usize,
    /// Keys or values.
    pub kind: SlotKind,
    /// The matrix in the cache so far, `C_{t-1}`, `[kv_heads, positions, head_dim]`.
    pub previous: Tensor,
    /// The matrix in the proposed cache, `P_t`, of the same shape and dtype.
    pub proposed: Tensor,
}

impl Slot {
    /// The slots of two caches of one model, in the slots' order: layer 0 keys, layer 0 values, layer 1 keys, and so on.
    pub(super) fn of(previous: &KvCache, proposed: &KvCache) -> Vec<Self> {
        let layers = previous.layers().iter().zip(proposed.layers()).enumerate();
        let of_layer = layers.map(|(layer, (previous, proposed))| {
            let slot = |kind, previous: &Tensor, proposed: &Tensor| Self {
                layer,
                kind,
                previous: previous.clone(),
                proposed: proposed.clone(),
            };
            [
                slot(SlotKind::Key, &previous.keys, &proposed.keys),
                slot(SlotKind::Value, &previous.values, &proposed.values),
            ]
        });
        of_layer.flatten().collect()
    }
}

/// Whether further steps are useful.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They may be.
    Continue,
    /// The optimizer is at its fixed point.
    Converged,
}

/// What a step makes of the cache.
#[derive(Clone, Debug)]
pub struct Update {
    /// The new matrices `C_t`, one for each slot in the slots' order; the loop checks count, shapes, dtypes and finiteness.
    pub cache: Vec<Tensor>,
    /// Whether further steps are useful.
    pub verdict: Verdict,
    /// What the optimizer says of the step.
    pub report: StepReport,
}

/// What an optimizer says of a step, for those who watch it; the loop does not go by it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepReport {
    /// What the optimizer minimised, at the cache before its update; `None` where it has no such number. It may be any
    /// number, NaN among them.
    pub loss: Option<f64>,
    /// Whether the optimizer took its update (`true`) or kept the cache as it was; `None` where it does not choose.
    pub accepted: Option<bool>,
}

/// What an optimizer fails with.
pub type OptimizerError = Box<dyn std::error::Error + Send + Sync>;

/// What an optimizer may ask in one step. Whatever it asks for is computed when it is asked for.
///
/// The loop implements this; optimizers only call it, so that a further question to the model changes none of them. A context
/// that knows a cache and a proposal alone has no answer to the other questions.
pub trait StepContext {
    /// The step `t`, from 2.
    fn step(&self) -> usize;

    /// A number for all that is random in this step; it follows from the run's seed and the step.
    fn seed(&self) -> u64 {
        self.step() as u64
    }

    /// The cache so far, `C_{t-1}`.
    fn cache(&self) -> &KvCache;

    /// Where the demonstrations stand in the cache, in order; empty where they are not known one by one.
    fn demonstrations(&self) -> &[DemonstrationSpan] {
        &[]
    }

    /// How many rows the run set aside to select the step by, which [`Examples::HeldOut`] is about.
    fn held_out(&self) -> usize {
        0
    }

    /// The proposed cache `P_t`: keys and values of a pass over the demonstrations behind `C_{t-1}`. The pass runs at the
    /// first call; later ones give the same matrices.
    ///
    /// # Errors
    /// Propagates model errors. An optimizer that hands one back as it is has not failed itself.
    fn propose(&mut self) -> Result<KvCache, QuestionError>;

    /// Keys and values of a pass over the demonstrations behind any cache, in the order of the cache.
    ///
    /// # Errors
    /// A cache of another shape or dtype, or a pass that does not fit the demonstrations; propagates model errors.
    fn propose_behind(&mut self, _cache: &KvCache, _pass: &ProposalPass) -> Result<KvCache, QuestionError> {
        Err(Unanswerable::NotApart.into())
    }

    /// The log-likelihood of each example behind a cache, in nats.
    ///
    /// # Errors
    /// A cache of another shape or dtype; examples that the run does not have; propagates model errors.
    fn likelihood(
        &mut self,
        _cache: &KvCache,
        _examples: Examples,
        _objective: Objective,
    ) -> Result<Vec<f64>, QuestionError> {
        Err(Unanswerable::NotApart.into())
    }

    /// The gradient of the examples' mean negative log-likelihood with respect to a cache.
    ///
    /// # Errors
    /// As [`Self::likelihood`], and a dropout that is no probability below 1.
    fn gradient(
        &mut self,
        _cache: &KvCache,
        _examples: Examples,
        _objective: Objective,
        _dropout: Dropout,
    ) -> Result<CacheGradient, QuestionError> {
        Err(Unanswerable::NotApart.into())
    }

    /// `C_{t-1}` and `P_t` slot by slot: layer 0 keys, layer 0 values, layer 1 keys, and so on.
    ///
    /// # Errors
    /// As [`Self::propose`].
    fn slots(&mut self) -> Result<Vec<Slot>, QuestionError> {
        let proposed = self.propose()?;
        Ok(Slot::of(self.cache(), &proposed))
    }
}

/// What moves the cache. It may keep state between steps; one value serves one iteration.
pub trait MetaOptimizer {
    /// Makes `C_t` of `C_{t-1}` and what it asks for. The pass that proposes `P_t` runs in every step, whether or not the
    /// optimizer asks for it: the hidden state that predicts a query's first token comes from it.
    ///
    /// # Errors
    /// Whatever the optimizer fails with; the loop names the step.
    fn step(&mut self, context: &mut dyn StepContext) -> Result<Update, OptimizerError>;
}
