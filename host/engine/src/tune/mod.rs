//! Deep-Thinking (arXiv 2305.13016, section 3): the demonstrations run through the model again and again
//! while a meta-optimizer moves their key/value cache.

mod momentum;
mod norms;
pub mod optimizer;

use candle_core::{DType, Tensor};

pub use momentum::Momentum;
pub use norms::{LayerNorms, pseudo_gradient_norm};
pub use optimizer::{MetaOptimizer, Slot, SlotKind, Update, Verdict};

use crate::model::arithmetic::are_finite_if_near;
use crate::model::decoder::{Batch, LayerCache, TokenTree};
use crate::model::{Decoder, KvCache, ModelError};

/// Which position ids a pass over the demonstrations has once there is a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Positions {
    /// L..2L-1, as if the demonstrations stood there a second time; the published method.
    Continue,
    /// 0..L-1, so that a rotary key keeps its angle from step to step.
    Restart,
}

/// How steps are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepPolicy {
    /// Which positions the passes from step 2 on have.
    pub positions: Positions,
    /// To take an update that has a NaN or an infinity in it.
    pub allow_nonfinite: bool,
}

impl StepPolicy {
    /// As published, with no update taken that is not finite.
    pub const PUBLISHED: Self = Self { positions: Positions::Continue, allow_nonfinite: false };
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum TuneError {
    /// The meta-optimizer failed.
    #[error("the meta-optimizer failed in step {step}")]
    Optimizer {
        /// The step.
        step: usize,
        /// Its error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The update has another number of matrices than there are slots.
    #[error("the meta-optimizer's update in step {step} has {found} matrices, and the cache has {expected} slots")]
    UpdateCount {
        /// The step.
        step: usize,
        /// Slots of the cache.
        expected: usize,
        /// Matrices of the update.
        found: usize,
    },
    /// A matrix of the update does not fit its slot.
    #[error(
        "the meta-optimizer's update in step {step}: expected a {kind} matrix of {expected} for layer {layer}, got {found}"
    )]
    UpdateForm {
        /// The step.
        step: usize,
        /// The layer.
        layer: usize,
        /// Key or value.
        kind: SlotKind,
        /// Shape and dtype of the slot.
        expected: String,
        /// Shape and dtype of the update.
        found: String,
    },
    /// A matrix of the update has a NaN or an infinity.
    #[error(
        "the meta-optimizer's update in step {step} has a number that is not finite in the {kind} matrix of layer {layer}"
    )]
    NotFinite {
        /// The step.
        step: usize,
        /// The layer.
        layer: usize,
        /// Key or value.
        kind: SlotKind,
    },
    /// The model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl From<candle_core::Error> for TuneError {
    fn from(error: candle_core::Error) -> Self {
        TuneError::Model(error.into())
    }
}

/// The demonstrations as the model holds them after some step.
#[derive(Clone, Debug)]
pub struct State {
    /// The step, from 1; step 1 is plain in-context learning.
    pub step: usize,
    /// Their keys and values, `C_t`.
    pub cache: KvCache,
    /// The final state of their last token in the pass of this step, `[1, width]`: it predicts a query's first token.
    pub last: Tensor,
    /// Whether the meta-optimizer holds further steps to be useful.
    pub verdict: Verdict,
    /// How far the step moved each layer; empty for step 1, which has nothing to move.
    pub norms: Vec<LayerNorms>,
}

impl State {
    /// Step 1: a plain pass over the demonstrations, which is in-context learning.
    ///
    /// # Errors
    /// The model's.
    pub fn first(decoder: &Decoder, ids: &[u32]) -> Result<Self, TuneError> {
        let (cache, last) = pass(decoder, ids, None, 0)?;
        // Told here, where nobody but the model can have caused it.
        if let Some(layer) = first_not_finite(&cache)? {
            return Err(ModelError::NotFinitePass { layer: Some(layer) }.into());
        }
        Ok(Self { step: 1, cache, last, verdict: Verdict::Continue, norms: Vec::new() })
    }

    /// The next step: a pass over the demonstrations with this state's cache before them proposes `P_t`,
    /// and the meta-optimizer makes `C_t` of `C_{t-1}` and `P_t`.
    ///
    /// # Errors
    /// The model's, the meta-optimizer's, or an update that does not fit the cache.
    pub fn next(
        &self,
        decoder: &Decoder,
        ids: &[u32],
        policy: StepPolicy,
        optimizer: &mut dyn MetaOptimizer,
    ) -> Result<Self, TuneError> {
        let step = self.step + 1;
        let first_position = match policy.positions {
            Positions::Continue => ids.len(),
            Positions::Restart => 0,
        };
        let (proposed, last) = pass(decoder, ids, Some(&self.cache), first_position)?;
        let slots = slots(&self.cache, &proposed);
        let lent = slots.clone();
        let update = optimizer.step(step, slots).map_err(|source| TuneError::Optimizer { step, source })?;
        check_update(step, &lent, &update.cache, policy.allow_nonfinite)?;
        let norms = norms::norms(&lent, &update.cache)?;
        let mut matrices = update.cache.into_iter();
        let mut layers = Vec::with_capacity(lent.len() / 2);
        while let (Some(keys), Some(values)) = (matrices.next(), matrices.next()) {
            layers.push(LayerCache { keys, values });
        }
        Ok(Self { step, cache: KvCache::new(layers)?, last, verdict: update.verdict, norms })
    }
}

/// One pass over the demonstrations: their keys and values, and the final state of their last token.
fn pass(
    decoder: &Decoder,
    ids: &[u32],
    past: Option<&KvCache>,
    first_position: usize,
) -> Result<(KvCache, Tensor), TuneError> {
    let trees = [TokenTree::chain(ids)];
    let output = decoder.forward(Batch { trees: &trees, first_position, past, wanted: &[ids.len() - 1] })?;
    Ok((output.cache, output.states))
}

fn slots(previous: &KvCache, proposed: &KvCache) -> Vec<Slot> {
    let pairs = previous.layers().iter().zip(proposed.layers());
    pairs
        .enumerate()
        .flat_map(|(layer, (previous, proposed))| {
            let slot = |kind, previous: &Tensor, proposed: &Tensor| Slot {
                layer,
                kind,
                previous: previous.clone(),
                proposed: proposed.clone(),
            };
            [
                slot(SlotKind::Key, &previous.keys, &proposed.keys),
                slot(SlotKind::Value, &previous.values, &proposed.values),
            ]
        })
        .collect()
}

/// Holds an update to what the loop takes: one matrix for each slot, of the slot's shape and dtype, and finite unless
/// others are allowed.
///
/// # Errors
/// What does not hold, with the layer.
pub fn check_update(step: usize, slots: &[Slot], update: &[Tensor], allow_nonfinite: bool) -> Result<(), TuneError> {
    check_form(step, slots, update)?;
    if allow_nonfinite { Ok(()) } else { check_finite(step, slots, update) }
}

/// An update has one matrix for each slot, of the slot's shape and dtype.
fn check_form(step: usize, slots: &[Slot], update: &[Tensor]) -> Result<(), TuneError> {
    if update.len() != slots.len() {
        return Err(TuneError::UpdateCount { step, expected: slots.len(), found: update.len() });
    }
    let form = |tensor: &Tensor| format!("{:?} {}", tensor.dims(), tensor.dtype().as_str());
    for (slot, matrix) in slots.iter().zip(update) {
        if form(&slot.previous) != form(matrix) {
            return Err(TuneError::UpdateForm {
                step,
                layer: slot.layer,
                kind: slot.kind,
                expected: form(&slot.previous),
                found: form(matrix),
            });
        }
    }
    Ok(())
}

/// The first layer with a NaN or an infinity in its keys or values.
///
/// # Errors
/// A failed transfer from the device.
pub fn first_not_finite(cache: &KvCache) -> Result<Option<usize>, ModelError> {
    let matrices: Vec<Tensor> =
        cache.layers().iter().flat_map(|layer| [layer.keys.clone(), layer.values.clone()]).collect();
    Ok(are_finite(&matrices)?.iter().position(|is_finite| !is_finite).map(|matrix| matrix / 2))
}

/// All numbers of an update are finite.
fn check_finite(step: usize, slots: &[Slot], update: &[Tensor]) -> Result<(), TuneError> {
    match are_finite(update)?.iter().zip(slots).find(|(is_finite, _)| !**is_finite) {
        Some((_, slot)) => Err(TuneError::NotFinite { step, layer: slot.layer, kind: slot.kind }),
        None => Ok(()),
    }
}

/// For each matrix whether all its numbers are finite: by a pass over the CPU's memory, or brought back from the device in
/// one copy.
fn are_finite(matrices: &[Tensor]) -> candle_core::Result<Vec<bool>> {
    let near: Option<Vec<bool>> = matrices.iter().map(are_finite_if_near).collect();
    if let Some(near) = near {
        return Ok(near);
    }
    let mut sums = Vec::with_capacity(matrices.len());
    for matrix in matrices {
        // Zero times a finite number is zero, times any other NaN: one number per slot says whether all are finite.
        sums.push((matrix * 0.0)?.sum_all()?.to_dtype(DType::F32)?);
    }
    let sums: Vec<f32> = Tensor::stack(&sums, 0)?.to_vec1()?;
    Ok(sums.iter().map(|sum| sum.is_finite()).collect())
}
