//! How far a step moves the cache: what a reader watches to see whether the iteration settles.

use candle_core::{DType, Tensor};

use super::optimizer::Slot;
use crate::model::arithmetic::squares_on_cpu;

/// Euclidean norms over one layer in one step; keys first, values second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerNorms {
    /// Of the pseudo-gradient `P_t - C_{t-1}`.
    pub pseudo_gradient: [f64; 2],
    /// Of the update `C_t - C_{t-1}`.
    pub update: [f64; 2],
    /// Of the cache before the step, `C_{t-1}`.
    pub cache: [f64; 2],
}

/// The norm of the pseudo-gradient over the whole cache.
pub fn pseudo_gradient_norm(layers: &[LayerNorms]) -> f64 {
    layers.iter().flat_map(|layer| layer.pseudo_gradient).map(|norm| norm * norm).sum::<f64>().sqrt()
}

/// The norms of every layer; slots come in the order layer 0 keys, layer 0 values, layer 1 keys, and so on.
pub(super) fn norms(slots: &[Slot], update: &[Tensor]) -> Result<Vec<LayerNorms>, candle_core::Error> {
    let near = slots.iter().zip(update).map(|(slot, next)| squares_on_cpu(&slot.proposed, next, &slot.previous));
    let squares = match near.collect::<Option<Vec<_>>>() {
        Some(squares) => squares.concat(),
        None => {
            let squares = squares(slots, update, DType::F32)?;
            // Squares of large numbers leave single precision long before the numbers themselves do.
            match squares.iter().all(|sum| sum.is_finite()) {
                true => squares,
                false => self::squares(slots, update, DType::F64)?,
            }
        }
    };
    let of_slot: Vec<[f64; 3]> =
        squares.chunks_exact(3).map(|three| [three[0].sqrt(), three[1].sqrt(), three[2].sqrt()]).collect();
    let of_layer = of_slot.chunks_exact(2).map(|pair| LayerNorms {
        pseudo_gradient: [pair[0][0], pair[1][0]],
        update: [pair[0][1], pair[1][1]],
        cache: [pair[0][2], pair[1][2]],
    });
    Ok(of_layer.collect())
}

/// Three sums of squares for each slot, brought back from the device in one copy.
fn squares(slots: &[Slot], update: &[Tensor], dtype: DType) -> Result<Vec<f64>, candle_core::Error> {
    let mut sums = Vec::with_capacity(3 * slots.len());
    for (slot, next) in slots.iter().zip(update) {
        let previous = slot.previous.to_dtype(dtype)?;
        for matrix in [&(slot.proposed.to_dtype(dtype)? - &previous)?, &(next.to_dtype(dtype)? - &previous)?, &previous]
        {
            sums.push(matrix.sqr()?.sum_all()?);
        }
    }
    Tensor::stack(&sums, 0)?.to_dtype(DType::F64)?.to_vec1()
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::tune::SlotKind;

    fn slot(kind: SlotKind, previous: &[f32], proposed: &[f32]) -> Slot {
        let tensor = |values: &[f32]| Tensor::from_slice(values, (1, values.len(), 1), &Device::Cpu).unwrap();
        Slot { layer: 0, kind, previous: tensor(previous), proposed: tensor(proposed) }
    }

    #[test]
    fn norms_of_a_layer_by_hand() {
        let slots = [slot(SlotKind::Key, &[3.0, 4.0], &[6.0, 8.0]), slot(SlotKind::Value, &[1.0, 0.0], &[1.0, 2.0])];
        let update = [slots[0].proposed.clone(), slots[1].previous.clone()];
        let norms = norms(&slots, &update).unwrap();
        assert_eq!(norms, [LayerNorms { pseudo_gradient: [5.0, 2.0], update: [5.0, 0.0], cache: [5.0, 1.0] }]);
        assert_eq!(pseudo_gradient_norm(&norms), 29f64.sqrt());
    }

    #[test]
    fn large_numbers_have_a_norm_too() {
        let slots = [slot(SlotKind::Key, &[3e30, 4e30], &[0.0, 0.0]), slot(SlotKind::Value, &[0.0], &[0.0])];
        let update = slots.each_ref().map(|slot| slot.proposed.clone());
        let norm = norms(&slots, &update).unwrap()[0].cache[0];
        assert!((norm / 5e30 - 1.0).abs() < 1e-6, "{norm}");
    }
}
