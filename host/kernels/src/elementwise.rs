//! Element-wise work on rows of f32, each in one pass, compiled for several sets of instructions.
//!
//! All sets give the same bits: the compiler makes vectors of these loops, and neither fuses a product with a sum nor
//! reorders one. So sums are written as 32 sums side by side, which is what vectors can do; what is added to which
//! follows from a number's index. Another order, or `mul_add`, would change recorded results.

use half::f16;

use super::instructions::vectorized;
use super::math;
use super::q8::BLOCK;
use super::tile::WIDTH;

/// Sums that are taken side by side: as many numbers as the widest registers hold, twice.
const LANES: usize = 32;

/// The sum of `of` over numbers: each of [`LANES`] sums takes every `LANES`-th, then they are added up, then what is left.
#[inline(always)]
pub(super) fn sum_of(x: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = x.as_chunks::<LANES>();
    let mut sums = [0f32; LANES];
    for chunk in chunks {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *sum += of(*x);
        }
    }
    sums.iter().sum::<f32>() + rest.iter().map(|x| of(*x)).sum::<f32>()
}

/// The sum of `of` over pairs, in double precision.
#[inline(always)]
fn sum_of_pairs(x: &[f32], y: &[f32], of: impl Fn(f64, f64) -> f64) -> f64 {
    let ((chunks, rest), (y_chunks, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    let mut sums = [0f64; LANES];
    for (x, y) in chunks.iter().zip(y_chunks) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += of(f64::from(*x), f64::from(*y));
        }
    }
    let rest = rest.iter().zip(y_rest).map(|(x, y)| of(f64::from(*x), f64::from(*y)));
    sums.iter().sum::<f64>() + rest.sum::<f64>()
}

/// The largest number; a NaN is passed over.
#[inline(always)]
fn largest(x: &[f32]) -> f32 {
    let (chunks, rest) = x.as_chunks::<LANES>();
    let mut most = [f32::NEG_INFINITY; LANES];
    for chunk in chunks {
        for (most, x) in most.iter_mut().zip(chunk) {
            // Not `max`, which is more than one instruction for what it does with a NaN.
            *most = if *x > *most { *x } else { *most };
        }
    }
    most.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max)
}

vectorized! {
    /// Root mean square norm: `out = x / sqrt(mean(x^2) + eps) * gain`.
    pub fn rms_norm(x: &[f32], gain: &[f32], eps: f32, out: &mut [f32]) {
        let mean = sum_of(x, |x| x * x) / x.len() as f32;
        let factor = 1.0 / (mean + eps).sqrt();
        for ((out, x), gain) in out.iter_mut().zip(x).zip(gain) {
            *out = x * factor * gain;
        }
    }
}

vectorized! {
    /// Layer norm: `out = (x - mean) / sqrt(variance + eps) * gain + bias`.
    pub fn layer_norm(x: &[f32], gain: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) {
        // In two passes over the row, which is in the first cache: squares less the square of the mean lose all digits where
        // the mean is large.
        let mean = sum_of(x, |x| x) / x.len() as f32;
        let variance = sum_of(x, |x| (x - mean) * (x - mean)) / x.len() as f32;
        let factor = 1.0 / (variance + eps).sqrt();
        for (((out, x), gain), bias) in out.iter_mut().zip(x).zip(gain).zip(bias) {
            *out = (x - mean) * factor * gain + bias;
        }
    }
}

vectorized! {
    /// Rectifier, in place.
    pub fn relu(x: &mut [f32]) {
        // Not `max`: a NaN stays one.
        x.iter_mut().for_each(|x| *x = if *x < 0.0 { 0.0 } else { *x });
    }
}

vectorized! {
    /// `x * sigmoid(x)`, in place.
    pub fn silu(x: &mut [f32]) {
        x.iter_mut().for_each(|x| *x = math::silu(*x));
    }
}

vectorized! {
    /// GELU with the error function, in place.
    pub fn gelu(x: &mut [f32]) {
        x.iter_mut().for_each(|x| *x = math::gelu(*x));
    }
}

vectorized! {
    /// GELU in its tanh approximation (Hendrycks and Gimpel 2016, arXiv 1606.08415, section 2), in place.
    pub fn gelu_tanh(x: &mut [f32]) {
        x.iter_mut().for_each(|x| *x = math::gelu_tanh(*x));
    }
}

vectorized! {
    /// `x *= factors`, number by number.
    pub fn multiply(x: &mut [f32], factors: &[f32]) {
        x.iter_mut().zip(factors).for_each(|(x, factor)| *x *= factor);
    }
}

vectorized! {
    /// `x *= factor`, in place.
    pub fn scale(x: &mut [f32], factor: f32) {
        x.iter_mut().for_each(|x| *x *= factor);
    }
}

vectorized! {
    /// `x = cap * tanh(x / cap)`: numbers far below the cap stay nearly as they are, none gets beyond it.
    pub fn softcap(x: &mut [f32], cap: f32) {
        x.iter_mut().for_each(|x| *x = cap * math::tanh(*x / cap));
    }
}

vectorized! {
    /// `x += y`, number by number.
    pub fn add(x: &mut [f32], y: &[f32]) {
        x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
    }
}

vectorized! {
    /// `x + factor * y`, the product rounded before it is added.
    pub fn scaled_sum(x: &[f32], y: &[f32], factor: f32) -> Vec<f32> {
        // Zero is added as the tensor library's affine map does it, for the sign of zeros.
        x.iter().zip(y).map(|(x, y)| x + (y * factor + 0.0)).collect()
    }
}

vectorized! {
    /// The sum of `x * y`, in double precision.
    pub fn dot(x: &[f32], y: &[f32]) -> f64 {
        sum_of_pairs(x, y, |x, y| x * y)
    }
}

vectorized! {
    /// The sum of `(x - y)^2`, in double precision.
    pub fn squared_distance(x: &[f32], y: &[f32]) -> f64 {
        sum_of_pairs(x, y, |x, y| (x - y) * (x - y))
    }
}

vectorized! {
    /// Whether no number is a NaN or an infinity.
    pub fn are_finite(x: &[f32]) -> bool {
        // Zero times a finite number is zero, times any other NaN, and a sum with a NaN in it is one.
        sum_of(x, |x| x * 0.0) == 0.0
    }
}

vectorized! {
    /// `x += factor * (first, first + 1, ...)`: ALiBi's bias of consecutive keys.
    pub fn add_ramp(x: &mut [f32], factor: f32, first: f32) {
        x.iter_mut().enumerate().for_each(|(index, x)| *x += factor * (first + index as f32));
    }
}

vectorized! {
    /// `x = e^(x - max)`, and their sum; an infinitely small one becomes 0.
    pub fn exponentials(x: &mut [f32]) -> f32 {
        let most = largest(x);
        x.iter_mut().for_each(|x| *x = math::exp(*x - most));
        sum_of(x, |x| x)
    }
}

vectorized! {
    /// `x = e^(x - max)`; an infinitely small one becomes 0.
    pub fn exponentiate(x: &mut [f32]) {
        let most = largest(x);
        x.iter_mut().for_each(|x| *x = math::exp(*x - most));
    }
}

vectorized! {
    /// The sum of some numbers; the order of its terms follows from how many there are.
    pub fn sum(x: &[f32]) -> f32 {
        sum_of(x, |x| x)
    }
}

vectorized! {
    /// The largest of some numbers, and the sum of `e^(x - largest)`.
    pub fn log_sum_parts(x: &[f32]) -> (f32, f64) {
        let most = largest(x);
        // In f32 over a thousand numbers, in f64 over those: the error does not grow with the vocabulary.
        let sum = x.chunks(1024).map(|x| f64::from(sum_of(x, |x| math::exp(x - most)))).sum();
        (most, sum)
    }
}

vectorized! {
    /// Rotates pairs `(first[i], second[i])` by angles with these cosines and sines.
    pub fn rotate_halves(first: &mut [f32], second: &mut [f32], cos: &[f32], sin: &[f32]) {
        for (((first, second), cos), sin) in first.iter_mut().zip(second).zip(cos).zip(sin) {
            (*first, *second) = (*first * cos - *second * sin, *second * cos + *first * sin);
        }
    }
}

vectorized! {
    /// Rotates pairs of neighbours `(x[2 * i], x[2 * i + 1])` by angles with these cosines and sines.
    pub fn rotate_neighbours(x: &mut [f32], cos: &[f32], sin: &[f32]) {
        for ((pair, cos), sin) in x.as_chunks_mut::<2>().0.iter_mut().zip(cos).zip(sin) {
            *pair = [pair[0] * cos - pair[1] * sin, pair[1] * cos + pair[0] * sin];
        }
    }
}

vectorized! {
    /// Half precision to single.
    pub fn halves_to_floats(x: &[f16], out: &mut [f32]) {
        x.iter().zip(out).for_each(|(x, out)| *out = x.to_f32());
    }
}

vectorized! {
    /// Rows of pairs of bfloat16 to twice as many rows of floats; rows have [`WIDTH`] elements.
    pub fn pairs_to_floats(x: &[u32], out: &mut [f32]) {
        for (x, out) in x.as_chunks::<WIDTH>().0.iter().zip(out.as_chunks_mut::<{ 2 * WIDTH }>().0) {
            let (first, second) = out.split_at_mut(WIDTH);
            x.iter().zip(first).for_each(|(x, out)| *out = f32::from_bits(x << 16));
            x.iter().zip(second).for_each(|(x, out)| *out = f32::from_bits(x & 0xffff_0000));
        }
    }
}

vectorized! {
    /// Multiples of scales to floats: from rows of pairs, two inputs of each of [`WIDTH`] outputs side by side, to twice as many
    /// rows of floats. There is a row of scales for every [`BLOCK`] inputs.
    pub fn blocks_to_floats(multiples: &[i8], scales: &[f16], out: &mut [f32]) {
        let blocks = multiples.as_chunks::<{ BLOCK * WIDTH }>().0.iter().zip(out.as_chunks_mut::<{ BLOCK * WIDTH }>().0);
        for ((multiples, out), scales) in blocks.zip(scales.as_chunks::<WIDTH>().0) {
            let scales: [f32; WIDTH] = std::array::from_fn(|column| scales[column].to_f32());
            let pairs = multiples.as_chunks::<{ 2 * WIDTH }>().0.iter();
            for (multiples, out) in pairs.zip(out.as_chunks_mut::<{ 2 * WIDTH }>().0) {
                let (first, second) = out.split_at_mut(WIDTH);
                let outs = first.iter_mut().zip(second);
                for (((first, second), pair), scale) in outs.zip(multiples.as_chunks::<2>().0).zip(&scales) {
                    (*first, *second) = (f32::from(pair[0]) * scale, f32::from(pair[1]) * scale);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 37 % 101) as f32 - 50.0) / 16.0).collect()
    }

    #[test]
    fn norms_are_their_formulas() {
        for width in [1, 5, 32, 77] {
            let (x, gain, bias) = (numbers(width), numbers(width + 1)[1..].to_vec(), numbers(width + 2)[2..].to_vec());
            let wide: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
            let mean = |of: &dyn Fn(f64) -> f64| wide.iter().map(|x| of(*x)).sum::<f64>() / width as f64;
            let (square, middle) = (mean(&|x| x * x), mean(&|x| x));
            let variance = mean(&|x| (x - middle).powi(2));
            let mut out = vec![0f32; width];
            rms_norm(&x, &gain, 1e-3, &mut out);
            for i in 0..width {
                let expected = wide[i] / (square + 1e-3).sqrt() * f64::from(gain[i]);
                assert!((f64::from(out[i]) - expected).abs() < 1e-5, "{} {expected}", out[i]);
            }
            layer_norm(&x, &gain, &bias, 1e-3, &mut out);
            for i in 0..width {
                let expected = (wide[i] - middle) / (variance + 1e-3).sqrt() * f64::from(gain[i]) + f64::from(bias[i]);
                assert!((f64::from(out[i]) - expected).abs() < 1e-5, "{} {expected}", out[i]);
            }
        }
    }

    #[test]
    fn a_large_mean_does_not_swallow_the_variance() {
        let mut out = [0.0; 2];
        layer_norm(&[10_000.0, 10_001.0], &[1.0; 2], &[0.0; 2], 0.0, &mut out);
        assert_eq!(out, [-1.0, 1.0]);
    }

    #[test]
    fn capped_numbers_are_their_formula() {
        for count in [1, 5, 77] {
            let mut x = numbers(count);
            softcap(&mut x, 1.5);
            for (found, x) in x.iter().zip(numbers(count)) {
                assert!((f64::from(*found) - 1.5 * (f64::from(x) / 1.5).tanh()).abs() < 1e-6, "{x}: {found}");
            }
        }
        let mut broken = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        softcap(&mut broken, 2.0);
        assert!(broken[0].is_nan() && broken[1..] == [2.0, -2.0], "{broken:?}");
    }

    #[test]
    fn sums_of_pairs_are_in_double_precision() {
        for count in [0, 1, 31, 32, 33, 1000] {
            let (x, y) = (numbers(count), numbers(count + 3)[3..].to_vec());
            let pairs = || x.iter().zip(&y).map(|(x, y)| (f64::from(*x), f64::from(*y)));
            // Multiples of 1/256 that stay small: sums are exact in any order.
            assert_eq!(dot(&x, &y), pairs().map(|(x, y)| x * y).sum::<f64>());
            assert_eq!(squared_distance(&x, &y), pairs().map(|(x, y)| (x - y).powi(2)).sum::<f64>());
        }
        assert_eq!(dot(&[1e30, 1.0], &[1e30, 1.0]), f64::from(1e30_f32).powi(2));
    }

    #[test]
    fn one_number_that_is_not_finite_is_seen_wherever_it_is() {
        for place in [0, 5, 32, 69] {
            for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut x = numbers(70);
                assert!(are_finite(&x));
                x[place] = number;
                assert!(!are_finite(&x), "{number} at {place}");
            }
        }
        assert!(are_finite(&[f32::MAX, -f32::MAX, f32::MIN_POSITIVE, -0.0]));
    }

    #[test]
    fn sums_of_exponentials() {
        let x = numbers(2500);
        let sum: f64 = x.iter().map(|x| f64::from(*x).exp()).sum();
        let (most, part) = log_sum_parts(&x);
        assert!((f64::from(most) + part.ln() - sum.ln()).abs() < 1e-6);
        let mut weights = x.clone();
        weights.push(f32::NEG_INFINITY);
        let total = exponentials(&mut weights);
        assert_eq!(weights[2500], 0.0);
        for (weight, x) in weights.iter().zip(&x) {
            assert!((f64::from(weight / total) - f64::from(*x).exp() / sum).abs() < 1e-7);
        }
        let mut same = x.clone();
        same.push(f32::NEG_INFINITY);
        exponentiate(&mut same);
        assert_eq!((super::sum(&same), same), (total, weights));
        let mut broken = [1.0, f32::NAN, 2.0];
        assert!(exponentials(&mut broken).is_nan(), "a NaN is not lost");
        exponentiate(&mut broken);
        assert!(super::sum(&broken).is_nan());
    }

    #[test]
    fn rotations_keep_lengths_and_add_angles() {
        let (cos, sin): (Vec<f32>, Vec<f32>) = (0..8).map(|i| (0.3 * i as f32).sin_cos()).map(|(s, c)| (c, s)).unzip();
        let mut halves = [[1.0f32; 8], [0.0; 8]];
        let [first, second] = &mut halves;
        rotate_halves(first, second, &cos, &sin);
        assert_eq!((first.as_slice(), second.as_slice()), (cos.as_slice(), sin.as_slice()));
        let mut neighbours = [1.0, 0.0].repeat(8);
        rotate_neighbours(&mut neighbours, &cos, &sin);
        for (pair, (cos, sin)) in neighbours.chunks(2).zip(cos.iter().zip(&sin)) {
            assert_eq!(pair, [*cos, *sin]);
        }
    }
}
