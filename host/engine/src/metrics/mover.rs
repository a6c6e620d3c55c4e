//! The interval of a mean of several estimates, from the interval of each.

use super::accuracy::Interval;

/// The interval of the mean of independent proportions, from each one's estimate and interval of the same level: MOVER, the
/// method of variance estimates recovery (Zou and Donner 2008, "Construction of confidence limits about effect measures",
/// Statistics in Medicine 27), for a sum with the weights `1/k`. Its lower end is
/// `mean(p) - sqrt(sum (p_i - l_i)^2) / k`, its upper end `mean(p) + sqrt(sum (u_i - p_i)^2) / k`.
///
/// `None` for no proportions.
pub fn mean_interval(parts: &[(f64, Interval)]) -> Option<Interval> {
    let k = parts.len() as f64;
    let mean = parts.iter().map(|(p, _)| p).sum::<f64>() / k;
    let half =
        |distance: fn(&(f64, Interval)) -> f64| parts.iter().map(|part| distance(part).powi(2)).sum::<f64>().sqrt() / k;
    let (below, above) = (half(|(p, interval)| p - interval.low), half(|(p, interval)| interval.high - p));
    // Both ends are within 0 and 1 but for rounding.
    (!parts.is_empty()).then(|| Interval { low: (mean - below).max(0.0), high: (mean + above).min(1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::accuracy::{CorrectCount, Z_95};
    use proptest::prelude::*;

    const TOLERANCE: f64 = 1e-12;

    fn close(found: Interval, low: f64, high: f64) -> bool {
        (found.low - low).abs() < TOLERANCE && (found.high - high).abs() < TOLERANCE
    }

    /// The mean is 0.7; below it is sqrt(0.3^2 + 0.4^2) / 2 = 0.25, above it sqrt(0.2^2 + 0.1^2) / 2 = sqrt(0.05) / 2.
    #[test]
    fn distances_to_the_ends_are_added_as_squares() {
        let parts = [(0.5, Interval { low: 0.2, high: 0.7 }), (0.9, Interval { low: 0.5, high: 1.0 })];
        let found = mean_interval(&parts).unwrap();
        assert!(close(found, 0.45, 0.7 + 0.05f64.sqrt() / 2.0), "{found:?}");
        assert_eq!(mean_interval(&[]), None);
    }

    #[test]
    fn one_proportion_keeps_its_interval_and_four_equal_ones_have_half_of_it() {
        let one = CorrectCount { correct: 80, n: 100 };
        let (p, interval) = (0.8, one.wilson(Z_95));
        assert!(close(mean_interval(&[(p, interval)]).unwrap(), interval.low, interval.high));
        let four = mean_interval(&[(p, interval); 4]).unwrap();
        assert!(close(four, p - (p - interval.low) / 2.0, p + (interval.high - p) / 2.0), "{four:?}");
    }

    proptest! {
        #[test]
        fn it_is_around_the_mean_and_within_the_mean_of_the_ends(counts in prop::collection::vec((0usize..50, 0usize..50), 1..20)) {
            let part = |(right, wrong): (usize, usize)| {
                let count = CorrectCount { correct: right, n: right + wrong + 1 };
                (count.accuracy().unwrap(), count.wilson(Z_95))
            };
            let parts: Vec<(f64, Interval)> = counts.into_iter().map(part).collect();
            let mean = |value: fn(&(f64, Interval)) -> f64| parts.iter().map(value).sum::<f64>() / parts.len() as f64;
            let found = mean_interval(&parts).unwrap();
            let centre = mean(|(p, _)| *p);
            prop_assert!(mean(|(_, interval)| interval.low) <= found.low + TOLERANCE && found.low <= centre + TOLERANCE);
            prop_assert!(centre <= found.high + TOLERANCE && found.high <= mean(|(_, interval)| interval.high) + TOLERANCE);
        }
    }
}
