//! The binomial distribution, for counts of any size.

/// From here on Stirling's series is exact to the last bits.
const STIRLING_FROM: usize = 16;

/// Probabilities below this part of the largest one are taken for 0: all of them together do not reach the last digit.
const NEGLIGIBLE: f64 = 1e-25;

/// The natural logarithm of `n!`.
pub(crate) fn ln_factorial(n: usize) -> f64 {
    if n < STIRLING_FROM {
        return (2..=n).map(|factor| factor as f64).product::<f64>().ln();
    }
    // Stirling's series for ln(n!); the first term left out is 1 / (1188 n^9), under 2e-14 here.
    let x = n as f64;
    let squared = x * x;
    let series = (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - 1.0 / (1680.0 * squared)) / squared) / squared) / x;
    x * x.ln() - x + 0.5 * (std::f64::consts::TAU * x).ln() + series
}

/// Neighbouring outcomes with all of the probability that matters.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outcomes {
    /// The lowest outcome, as a number of successes.
    pub first: usize,
    /// The probability of `first`, `first + 1`, and so on.
    pub probabilities: Vec<f64>,
}

/// The probabilities of the number of successes in `n` trials that succeed with probability `p`, from 0 to 1.
/// Outcomes whose probability is negligible at both ends are left out.
pub(crate) fn outcomes(n: usize, p: f64) -> Outcomes {
    if p <= 0.0 || p >= 1.0 || n == 0 {
        return Outcomes { first: if p >= 1.0 { n } else { 0 }, probabilities: vec![1.0] };
    }
    // From the likeliest outcome to both sides, so that nothing underflows before it is negligible.
    let mode = (((n + 1) as f64 * p) as usize).min(n);
    let odds = p / (1.0 - p);
    let ln_choose = ln_factorial(n) - ln_factorial(mode) - ln_factorial(n - mode);
    let peak = (ln_choose + mode as f64 * p.ln() + (n - mode) as f64 * (-p).ln_1p()).exp();
    let matters = |probability: &f64| *probability > NEGLIGIBLE * peak;
    let step = |state: &mut f64, ratio: f64| {
        *state *= ratio;
        Some(*state)
    };
    let below = (0..mode).rev().map(|k| (k + 1) as f64 / ((n - k) as f64 * odds));
    let below: Vec<f64> = below.scan(peak, step).take_while(matters).collect();
    let above = (mode + 1..=n).map(|k| (n - k + 1) as f64 * odds / k as f64);
    let above = above.scan(peak, step).take_while(matters);
    let first = mode - below.len();
    let mut probabilities: Vec<f64> = below.into_iter().rev().collect();
    probabilities.push(peak);
    probabilities.extend(above);
    Outcomes { first, probabilities }
}

/// The probability of at most `k` heads in `n` tosses of a fair coin, exact to about 12 digits.
/// Below the smallest positive number it is 0.
pub(crate) fn fair_tail(n: usize, k: usize) -> f64 {
    if k >= n {
        return 1.0;
    }
    // The log of the largest term, then the terms below it by their ratio; above the middle the other tail is smaller.
    if 2 * k >= n {
        return 1.0 - fair_tail(n, n - k - 1);
    }
    let largest = ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k) - n as f64 * std::f64::consts::LN_2;
    let ratios = (1..=k).rev().map(|j| j as f64 / (n - j + 1) as f64);
    let terms = ratios.scan(1.0, |term, ratio| {
        *term *= ratio;
        Some(*term)
    });
    let sum: f64 = 1.0 + terms.take_while(|term| *term > f64::EPSILON * f64::EPSILON).sum::<f64>();
    (largest + sum.ln()).exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn factorials_meet_where_the_series_begins() {
        let mut sum = 0.0;
        for n in 1..200usize {
            sum += (n as f64).ln();
            assert!((ln_factorial(n) - sum).abs() < 1e-12 * sum.max(1.0), "{n}: {}, {sum}", ln_factorial(n));
        }
        assert_eq!(ln_factorial(0), 0.0);
    }

    #[test]
    fn certain_outcomes_are_certain() {
        let sure = |first| Outcomes { first, probabilities: vec![1.0] };
        assert_eq!(outcomes(7, 0.0), sure(0));
        assert_eq!(outcomes(7, 1.0), sure(7));
        assert_eq!(outcomes(0, 0.3), sure(0));
    }

    #[test]
    fn two_tosses() {
        assert_eq!((fair_tail(2, 0), fair_tail(2, 1), fair_tail(2, 2)), (0.25, 0.75, 1.0));
    }

    #[test]
    fn a_million_tosses_neither_overflow_nor_vanish() {
        // A half and half of the middle outcome, which is about sqrt(2 / (pi n)).
        let middle = (2.0 / (std::f64::consts::PI * 1e6)).sqrt();
        assert!((fair_tail(1_000_000, 500_000) - (0.5 + middle / 2.0)).abs() < 1e-9);
        assert_eq!(fair_tail(1_000_000, 0), 0.0);
    }

    proptest! {
        #[test]
        fn probabilities_sum_to_one_with_the_right_mean(n in 1usize..20_000, p in 0.0..=1.0f64) {
            let Outcomes { first, probabilities } = outcomes(n, p);
            prop_assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            let mean: f64 = (first..).zip(&probabilities).map(|(k, q)| k as f64 * q).sum();
            prop_assert!((mean - n as f64 * p).abs() < 1e-9 * n as f64);
        }

        #[test]
        fn a_tail_is_the_sum_of_its_outcomes(n in 1usize..3000, part in 0.0..=1.0f64) {
            let k = (part * n as f64) as usize;
            let Outcomes { first, probabilities } = outcomes(n, 0.5);
            let sum: f64 = (first..=k).zip(&probabilities).map(|(_, q)| q).sum();
            prop_assert!((fair_tail(n, k) - sum).abs() < 1e-11, "{} {}", fair_tail(n, k), sum);
        }
    }
}
