//! Functions of one number without branches, so that loops over them become vector instructions.

const SQRT_2_OVER_PI: f32 = 0.797_884_6;
/// Adding and subtracting it rounds a small number to a whole one.
const ROUNDS: f32 = 12_582_912.0;

/// `e^x`, to about two units in the last place; 0 below -87.3, where it has no normal form, and finite above 88.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const LOWEST: f32 = -87.3;
    const HIGHEST: f32 = 88.3;
    // Comparisons, not `min` and `max`: a NaN stays one.
    let bounded = if x > HIGHEST { HIGHEST } else { x };
    let bounded = if bounded < LOWEST { LOWEST } else { bounded };
    let shifted = bounded * std::f32::consts::LOG2_E + ROUNDS;
    let whole = shifted - ROUNDS;
    // ln 2 in two parts: the first is short, so that its multiples are exact.
    let rest = (bounded - whole * 0.693_359_4) - whole * -2.121_944_4e-4;
    // e^r - 1 - r over r^2 on [-ln 2 / 2, ln 2 / 2]: the coefficients of Cephes' expf.
    let mut series = 1.987_569_1e-4_f32;
    series = series * rest + 1.398_199_9e-3;
    series = series * rest + 8.333_452e-3;
    series = series * rest + 4.166_579_6e-2;
    series = series * rest + 1.666_666_5e-1;
    series = series * rest + 0.5;
    let fraction = series * (rest * rest) + rest + 1.0;
    let exponent = shifted.to_bits().wrapping_sub(ROUNDS.to_bits()).wrapping_add(127) << 23;
    let result = fraction * f32::from_bits(exponent);
    if x < LOWEST { 0.0 } else { result }
}

/// `tanh(x)`, to about 1e-7.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (exp(2.0 * x) + 1.0)
}

/// `erf(x)`, to 1.5e-7 (Abramowitz and Stegun 1964, 7.1.26).
#[inline(always)]
pub(crate) fn erf(x: f32) -> f32 {
    let size = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * size);
    let series = t * (0.254_829_6 + t * (-0.284_496_74 + t * (1.421_413_7 + t * (-1.453_152 + t * 1.061_405_4))));
    (1.0 - series * exp(-size * size)).copysign(x)
}

/// `x` times its sigmoid.
#[inline(always)]
pub(crate) fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// GELU with the error function.
#[inline(always)]
pub(crate) fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// GELU in its tanh approximation (Hendrycks and Gimpel 2016, arXiv 1606.08415, section 2).
#[inline(always)]
pub(crate) fn gelu_tanh(x: f32) -> f32 {
    0.5 * x * (1.0 + tanh(SQRT_2_OVER_PI * (x + 0.044_715 * x * x * x)))
}

/// The derivative of [`silu`]: `s (1 + x (1 - s))` with the sigmoid `s`.
#[inline(always)]
pub(crate) fn silu_derivative(x: f32) -> f32 {
    let sigmoid = 1.0 / (1.0 + exp(-x));
    sigmoid * (1.0 + x * (1.0 - sigmoid))
}

/// The derivative of [`gelu`]: the normal distribution at `x`, and `x` times its density.
#[inline(always)]
pub(crate) fn gelu_derivative(x: f32) -> f32 {
    const ONE_OVER_SQRT_2_PI: f32 = 0.398_942_3;
    0.5 * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2)) + x * ONE_OVER_SQRT_2_PI * exp(-0.5 * x * x)
}

/// The derivative of [`gelu_tanh`].
#[inline(always)]
pub(crate) fn gelu_tanh_derivative(x: f32) -> f32 {
    let tanh = tanh(SQRT_2_OVER_PI * (x + 0.044_715 * x * x * x));
    0.5 * (1.0 + tanh) + 0.5 * x * (1.0 - tanh * tanh) * SQRT_2_OVER_PI * (1.0 + 3.0 * 0.044_715 * x * x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(from: f32, to: f32) -> impl Iterator<Item = f32> {
        (0..=40_000).map(move |i| from + (to - from) * i as f32 / 40_000.0)
    }

    #[test]
    fn exponentials_are_near_the_double_precise_ones() {
        for x in numbers(-87.0, 88.0) {
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) / exact - 1.0).abs() < 3e-7, "exp({x}) = {}", exp(x));
        }
        assert_eq!([exp(f32::NEG_INFINITY), exp(-90.0), exp(0.0)], [0.0, 0.0, 1.0]);
        assert!(exp(1000.0).is_finite() && exp(f32::NAN).is_nan());
    }

    #[test]
    fn activations_are_near_the_double_precise_ones() {
        let tanh_form =
            |x: f64| 0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh());
        for x in numbers(-12.0, 12.0) {
            let wide = f64::from(x);
            let bound = 4e-7 * wide.abs().max(1.0);
            assert!((f64::from(silu(x)) - wide / (1.0 + (-wide).exp())).abs() < bound, "silu({x})");
            assert!((f64::from(gelu_tanh(x)) - tanh_form(wide)).abs() < bound, "gelu_tanh({x})");
            assert!((f64::from(tanh(x)) - wide.tanh()).abs() < 4e-7, "tanh({x})");
        }
        for value in [f32::NAN, f32::INFINITY] {
            assert!(silu(value).is_nan() == value.is_nan() && gelu(value).is_nan() == value.is_nan());
        }
        for far in [silu(-1000.0), gelu(-1000.0), gelu_tanh(-1000.0)] {
            assert!(far.abs() < 1e-30, "{far}");
        }
    }

    /// The integral of the normal density, by Simpson's rule.
    #[test]
    fn the_error_function_is_its_integral() {
        for x in numbers(-5.0, 5.0).step_by(400) {
            let (wide, steps) = (f64::from(x), 2000);
            let width = wide / f64::from(steps);
            let sum: f64 = (0..=steps)
                .map(|i| {
                    let weight = if i == 0 || i == steps {
                        1.0
                    } else if i % 2 == 1 {
                        4.0
                    } else {
                        2.0
                    };
                    weight * (-(f64::from(i) * width).powi(2)).exp()
                })
                .sum();
            let exact = sum * width / 3.0 * 2.0 / std::f64::consts::PI.sqrt();
            assert!((f64::from(erf(x)) - exact).abs() < 3e-7, "erf({x}) = {}, not {exact}", erf(x));
        }
    }
}
