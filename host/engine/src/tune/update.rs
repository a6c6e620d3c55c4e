//! What the loop takes of an optimizer, whoever wrote it.

use candle_core::{DType, Tensor};

use super::error::TuneError;
use super::optimizer::Slot;
use crate::model::arithmetic::are_finite_on_cpu;
use crate::model::{KvCache, ModelError};

/// Holds an update to what the loop takes: one matrix for each slot, of the slot's shape and dtype, and finite unless
/// others are allowed.
///
/// # Errors
/// [`TuneError::UpdateCount`], [`TuneError::UpdateShape`] and [`TuneError::NotFinite`], in this order; a failed transfer
/// from the device.
pub fn check_update(step: usize, slots: &[Slot], update: &[Tensor], allow_nonfinite: bool) -> Result<(), TuneError> {
    check_shape(step, slots, update)?;
    if allow_nonfinite { Ok(()) } else { check_finite(step, slots, update) }
}

/// An update has one matrix for each slot, of the slot's shape and dtype.
fn check_shape(step: usize, slots: &[Slot], update: &[Tensor]) -> Result<(), TuneError> {
    if update.len() != slots.len() {
        return Err(TuneError::UpdateCount { step, expected: slots.len(), found: update.len() });
    }
    let shape = |tensor: &Tensor| format!("{:?} {}", tensor.dims(), tensor.dtype().as_str());
    for (slot, matrix) in slots.iter().zip(update) {
        if shape(&slot.previous) != shape(matrix) {
            return Err(TuneError::UpdateShape {
                step,
                layer: slot.layer,
                kind: slot.kind,
                expected: shape(&slot.previous),
                found: shape(matrix),
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
    let matrices: Vec<Tensor> = cache.matrices().cloned().collect();
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
    let near: Option<Vec<bool>> = matrices.iter().map(are_finite_on_cpu).collect();
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
