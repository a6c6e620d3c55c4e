//! Element-wise work of a pass back, as [`super::elementwise`] is that of a pass forward: what the derivative of a loss with
//! respect to a function's result becomes with respect to its input.
//!
//! `d` is the derivative with respect to the result throughout. As forward, all sets of instructions give the same bits.

use super::elementwise::sum_of;
use super::instructions::vectorized;
use super::math;

/// Through [`rms_norm`](super::elementwise::rms_norm) with `y = x r g`, `r = 1 / sqrt(mean(x^2) + eps)`:
/// `out = r (g d) - x r^3 mean(x g d)`.
pub fn rms_norm(x: &[f32], gain: &[f32], eps: f32, d: &[f32], out: &mut [f32]) {
    scaled(d, gain, out);
    through_rms_norm(x, eps, out);
}

/// Through [`layer_norm`](super::elementwise::layer_norm) with `y = n g + b`, `n = (x - mean) r`:
/// `out = r (g d - mean(g d) - n mean(n g d))`.
pub fn layer_norm(x: &[f32], gain: &[f32], eps: f32, d: &[f32], out: &mut [f32]) {
    scaled(d, gain, out);
    through_layer_norm(x, eps, out);
}

vectorized! {
    /// `out = x * factors`, number by number.
    pub fn scaled(x: &[f32], factors: &[f32], out: &mut [f32]) {
        for ((out, x), factor) in out.iter_mut().zip(x).zip(factors) {
            *out = x * factor;
        }
    }
}

vectorized! {
    /// [`rms_norm`] without its gain; `d` becomes the derivative with respect to `x`.
    pub fn through_rms_norm(x: &[f32], eps: f32, d: &mut [f32]) {
        let count = x.len() as f32;
        let factor = 1.0 / (sum_of(x, |x| x * x) / count + eps).sqrt();
        let along = sum_of_products(x, d) / count * factor * factor;
        for (d, x) in d.iter_mut().zip(x) {
            *d = factor * (*d - x * along);
        }
    }
}

vectorized! {
    /// [`layer_norm`] without its gain; `d` becomes the derivative with respect to `x`.
    pub fn through_layer_norm(x: &[f32], eps: f32, d: &mut [f32]) {
        let count = x.len() as f32;
        let mean = sum_of(x, |x| x) / count;
        let variance = sum_of(x, |x| (x - mean) * (x - mean)) / count;
        let factor = 1.0 / (variance + eps).sqrt();
        let even = sum_of(d, |d| d) / count;
        // The mean of n d: what is left of the mean of x d without that of x.
        let along = (sum_of_products(x, d) / count - mean * even) * factor * factor;
        for (d, x) in d.iter_mut().zip(x) {
            *d = factor * (*d - even - (x - mean) * along);
        }
    }
}

/// The sum of `x * y`, in as many sums side by side as [`sum_of`] takes.
#[inline(always)]
fn sum_of_products(x: &[f32], y: &[f32]) -> f32 {
    const LANES: usize = 32;
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    let mut sums = [0f32; LANES];
    for (x, y) in x.iter().zip(y) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    sums.iter().sum::<f32>() + x_rest.iter().zip(y_rest).map(|(x, y)| x * y).sum::<f32>()
}

vectorized! {
    /// Through a rectifier: `d` where `x` is positive, else 0.
    pub fn relu(x: &[f32], d: &mut [f32]) {
        d.iter_mut().zip(x).for_each(|(d, x)| *d = if *x > 0.0 { *d } else { 0.0 });
    }
}

vectorized! {
    /// Through `x * sigmoid(x)`.
    pub fn silu(x: &[f32], d: &mut [f32]) {
        d.iter_mut().zip(x).for_each(|(d, x)| *d *= math::silu_derivative(*x));
    }
}

vectorized! {
    /// Through GELU with the error function.
    pub fn gelu(x: &[f32], d: &mut [f32]) {
        d.iter_mut().zip(x).for_each(|(d, x)| *d *= math::gelu_derivative(*x));
    }
}

vectorized! {
    /// Through GELU in its tanh approximation.
    pub fn gelu_tanh(x: &[f32], d: &mut [f32]) {
        d.iter_mut().zip(x).for_each(|(d, x)| *d *= math::gelu_tanh_derivative(*x));
    }
}

vectorized! {
    /// Through `y = cap * tanh(x / cap)`, from its result `y`.
    pub fn softcap(y: &[f32], cap: f32, d: &mut [f32]) {
        d.iter_mut().zip(y).for_each(|(d, y)| *d *= 1.0 - (y / cap) * (y / cap));
    }
}

vectorized! {
    /// Through a softmax, from its result `weights`: `d = weights (d - sum(weights d))`. Where a weight is 0, `d` may be any number
    /// but NaN and infinity.
    pub fn softmax(weights: &[f32], d: &mut [f32]) {
        let mean = sum_of_products(weights, d);
        d.iter_mut().zip(weights).for_each(|(d, weight)| *d = weight * (*d - mean));
    }
}

#[cfg(test)]
mod tests {
    use super::super::elementwise;
    use super::*;

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| (((i + seed) * 37 % 101) as f32 - 50.0) / 16.0).collect()
    }

    /// Holds a derivative to differences of the function along some numbers, all in steps that single precision resolves.
    fn check(width: usize, function: impl Fn(&[f32]) -> Vec<f32>, back: impl Fn(&[f32], &[f32]) -> Vec<f32>) {
        let (x, d) = (numbers(width, 1), numbers(width, 5));
        let found = back(&x, &d);
        // Sums of the results, weighted by `d`, in double precision.
        let loss = |x: &[f32]| -> f64 { function(x).iter().zip(&d).map(|(y, d)| f64::from(*y) * f64::from(*d)).sum() };
        for place in 0..width {
            let step = 1.0 / 64.0;
            let at = |by: f32| {
                let mut moved = x.clone();
                moved[place] += by;
                loss(&moved)
            };
            // Differences over one and two steps cancel the next term of the series.
            let (near, far) = ((at(step) - at(-step)) / 2.0, (at(2.0 * step) - at(-2.0 * step)) / 4.0);
            let expected = (4.0 * near - far) / 3.0 / f64::from(step);
            let bound = 2e-3 * expected.abs().max(1.0);
            assert!((f64::from(found[place]) - expected).abs() < bound, "{place}: {} is not {expected}", found[place]);
        }
    }

    #[test]
    fn norms_go_back_as_their_differences_say() {
        for width in [1, 5, 32, 77] {
            let (gain, bias) = (numbers(width, 2), numbers(width, 3));
            check(
                width,
                |x| {
                    let mut out = vec![0.0; x.len()];
                    elementwise::rms_norm(x, &gain, 0.1, &mut out);
                    out
                },
                |x, d| {
                    let mut out = vec![0.0; x.len()];
                    rms_norm(x, &gain, 0.1, d, &mut out);
                    out
                },
            );
            check(
                width,
                |x| {
                    let mut out = vec![0.0; x.len()];
                    elementwise::layer_norm(x, &gain, &bias, 0.1, &mut out);
                    out
                },
                |x, d| {
                    let mut out = vec![0.0; x.len()];
                    layer_norm(x, &gain, 0.1, d, &mut out);
                    out
                },
            );
        }
    }

    #[test]
    fn activations_go_back_as_their_differences_say() {
        type InPlace = fn(&mut [f32]);
        type Back = fn(&[f32], &mut [f32]);
        let pairs: [(InPlace, Back); 3] =
            [(elementwise::silu, silu), (elementwise::gelu, gelu), (elementwise::gelu_tanh, gelu_tanh)];
        for (forward, back) in pairs {
            let function = |x: &[f32]| {
                let mut y = x.to_vec();
                forward(&mut y);
                y
            };
            check(101, function, |x, d| {
                let mut out = d.to_vec();
                back(x, &mut out);
                out
            });
        }
        let mut d = [1.0, 2.0, 3.0];
        relu(&[-1.0, 0.0, 0.5], &mut d);
        assert_eq!(d, [0.0, 0.0, 3.0]);
    }

    #[test]
    fn softmax_and_cap_go_back_as_their_differences_say() {
        let weights = |x: &[f32]| {
            let mut y = x.to_vec();
            let sum = elementwise::exponentials(&mut y);
            elementwise::scale(&mut y, 1.0 / sum);
            y
        };
        check(40, weights, |x, d| {
            let mut out = d.to_vec();
            softmax(&weights(x), &mut out);
            out
        });
        let capped = |x: &[f32]| {
            let mut y = x.to_vec();
            elementwise::softcap(&mut y, 2.0);
            y
        };
        check(40, capped, |x, d| {
            let mut out = d.to_vec();
            softcap(&capped(x), 2.0, &mut out);
            out
        });
    }
}
