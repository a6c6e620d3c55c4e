//! Why a step failed.

use super::optimizer::{OptimizerError, SlotKind};
use super::question::QuestionError;
use crate::model::ModelError;

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum TuneError {
    /// The optimizer failed.
    #[error("the optimizer failed in step {step}")]
    Optimizer {
        /// The step of the method, from 2: step 1 has no optimizer.
        step: usize,
        /// What the optimizer says.
        #[source]
        source: OptimizerError,
    },
    /// The update has another number of matrices than there are slots.
    #[error(
        "the optimizer's update in step {step}: expected {expected} matrices, one for each slot of the cache, got {found}"
    )]
    UpdateCount {
        /// The step of the method, from 2: step 1 has no optimizer.
        step: usize,
        /// Slots of the cache.
        expected: usize,
        /// Matrices of the update.
        found: usize,
    },
    /// A matrix of the update does not fit its slot.
    #[error(
        "the optimizer's update in step {step}: expected a {kind} matrix of {expected} for layer {layer}, got {found}"
    )]
    UpdateShape {
        /// The step of the method, from 2: step 1 has no optimizer.
        step: usize,
        /// The layer, from 0.
        layer: usize,
        /// Keys or values.
        kind: SlotKind,
        /// Shape and dtype of the slot.
        expected: String,
        /// Shape and dtype of the update.
        found: String,
    },
    /// A matrix of the update has a NaN or an infinity.
    #[error(
        "the optimizer's update in step {step}: expected finite numbers in the {kind} matrix of layer {layer}, got a NaN or an infinity"
    )]
    NotFinite {
        /// The step of the method, from 2: step 1 has no optimizer.
        step: usize,
        /// The layer, from 0.
        layer: usize,
        /// Keys or values.
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

impl TuneError {
    /// What a step failed with when its optimizer gave this error: a failed pass that the optimizer asked for is the
    /// model's failure.
    pub(super) fn of_optimizer(step: usize, source: OptimizerError) -> Self {
        let source = match source.downcast::<QuestionError>().map(|error| *error) {
            Ok(QuestionError::Model(error)) => return Self::Model(error),
            Ok(error) => error.into(),
            Err(source) => source,
        };
        match source.downcast::<ModelError>() {
            Ok(error) => Self::Model(*error),
            Err(source) => Self::Optimizer { step, source },
        }
    }
}
