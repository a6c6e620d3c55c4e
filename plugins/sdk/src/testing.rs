//! For the native tests of a rule: small caches of plain numbers, and the host's part of a step.

use crate::{Dtype, Error, MetaOptimizer, Slot, SlotKind, Tensor, Update};

/// Takes a rule from `cache` through one step for each of `proposals`, counted from 2 as the host does, and gives the
/// cache after each step.
///
/// `S` slots of `N` positions: keys of layer 0, values of layer 0, keys of layer 1, and so on.
///
/// ```
/// use ft_plugin::testing::steps;
/// # use ft_plugin::{Description, Error, MetaOptimizer, Options, Slot, Update};
/// # struct Take;
/// # impl MetaOptimizer for Take {
/// #     fn describe() -> Description { Description::new("take", "0.1.0", "C = P") }
/// #     fn new(_: &Options) -> Result<Self, Error> { Ok(Self) }
/// #     fn step(&mut self, _: u32, slots: Vec<Slot>) -> Result<Update, Error> {
/// #         Ok(Update::new(slots.into_iter().map(|slot| slot.proposed).collect()))
/// #     }
/// # }
/// // `Take` is the rule C = P.
/// let (keys, values) = ([0.0, 1.0, 2.0], [3.0, 4.0, 5.0]);
/// assert_eq!(steps(&mut Take, [keys, values], &[[values, keys]])?, [[values, keys]]);
/// # Ok::<(), ft_plugin::Error>(())
/// ```
///
/// # Errors
/// The rule's.
pub fn steps<R: MetaOptimizer, const S: usize, const N: usize>(
    rule: &mut R,
    cache: [[f32; N]; S],
    proposals: &[[[f32; N]; S]],
) -> Result<Vec<Vec<Vec<f32>>>, Error> {
    let mut cache: Vec<Tensor> = cache.iter().map(|values| matrix(values)).collect();
    let mut after = Vec::with_capacity(proposals.len());
    for (step, proposed) in (2..).zip(proposals) {
        Update { cache, .. } = rule.step(step, slots(cache, *proposed))?;
        after.push(cache.iter().map(Tensor::read_with_copy).collect());
    }
    Ok(after)
}

/// The slots of a step: a cache, and what a pass proposes for it.
pub fn slots<const S: usize, const N: usize>(cache: Vec<Tensor>, proposed: [[f32; N]; S]) -> Vec<Slot> {
    let kinds = [SlotKind::Key, SlotKind::Value].into_iter().cycle();
    let pairs = (0..).zip(kinds).zip(cache.into_iter().zip(proposed));
    pairs
        .map(|((index, kind), (previous, proposed))| Slot {
            layer: index / 2,
            kind,
            previous,
            proposed: matrix(&proposed),
        })
        .collect()
}

/// A matrix of one head, with a number for each position.
pub fn matrix(values: &[f32]) -> Tensor {
    Tensor::from_values(&[1, values.len() as u32, 1], Dtype::Fp32, values)
}
