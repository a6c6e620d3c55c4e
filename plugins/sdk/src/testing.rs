//! For the native tests of an optimizer: small caches of plain numbers, and the host's part of a step.

mod model;

pub use model::{Model, Question};

use crate::{Dtype, Error, MetaOptimizer, Tensor};

/// Takes an optimizer from `cache` through one step for each of `proposals`, counted from 2 as the host does, and gives the
/// cache after each step. For optimizers that ask more than that, see [`Model`].
///
/// `S` slots of `N` positions: keys of layer 0, values of layer 0, keys of layer 1, and so on.
///
/// ```
/// use ft_plugin::testing::steps;
/// # use ft_plugin::{Description, Error, MetaOptimizer, Options, Step, Update};
/// # struct Take;
/// # impl MetaOptimizer for Take {
/// #     fn describe() -> Description { Description::new("take", "0.1.0", "C = P") }
/// #     fn new(_: &Options) -> Result<Self, Error> { Ok(Self) }
/// #     fn step(&mut self, step: &Step) -> Result<Update, Error> {
/// #         Ok(Update::new(step.proposal()?.into_iter().map(|slot| slot.proposed).collect()))
/// #     }
/// # }
/// // `Take` is the rule C = P.
/// let (keys, values) = ([0.0, 1.0, 2.0], [3.0, 4.0, 5.0]);
/// assert_eq!(steps(&mut Take, [keys, values], &[[values, keys]])?, [[values, keys]]);
/// # Ok::<(), ft_plugin::Error>(())
/// ```
///
/// # Errors
/// The optimizer's.
pub fn steps<R: MetaOptimizer, const S: usize, const N: usize>(
    rule: &mut R,
    cache: [[f32; N]; S],
    proposals: &[[[f32; N]; S]],
) -> Result<Vec<Vec<Vec<f32>>>, Error> {
    let mut cache = self::cache(cache);
    let mut after = Vec::with_capacity(proposals.len());
    for (number, proposed) in (2..).zip(proposals) {
        cache = Model::proposing(*proposed).step(number, &cache, |step| rule.step(step))?.cache;
        after.push(numbers(&cache));
    }
    Ok(after)
}

/// A cache of `S` slots: keys of layer 0, values of layer 0, keys of layer 1, and so on, each one [`matrix`].
pub fn cache<const S: usize, const N: usize>(numbers: [[f32; N]; S]) -> Vec<Tensor> {
    numbers.iter().map(|values| matrix(values)).collect()
}

/// A matrix of one head, with a number for each position.
pub fn matrix(values: &[f32]) -> Tensor {
    Tensor::from_values(&[1, values.len() as u32, 1], Dtype::Fp32, values)
}

/// The numbers of each slot of a cache, in row-major order.
pub fn numbers(cache: &[Tensor]) -> Vec<Vec<f32>> {
    cache.iter().map(Tensor::read_with_copy).collect()
}
