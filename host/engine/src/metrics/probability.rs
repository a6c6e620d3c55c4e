//! How good the probabilities of the choices are, and not only which of them is the largest: proper scores and calibration.
//!
//! Probabilities are those of [`log_softmax`](super::calibration::log_softmax): the choices' likelihoods, made to sum to 1.

use super::calibration::log_softmax;
use super::choice::argmax;

/// Bins of the predicted choice's probability, as in Guo et al. 2017 (arXiv 1706.04599), section 5.
pub const BINS: usize = 15;

/// The Brier score of one example, from 0 for certainty about the right choice to 2 for certainty about a wrong one: the sum
/// over the choices of the squared difference between probability and truth, which is 1 for the answer and 0 for the others
/// (Brier 1950, as `brier_score` of lm-evaluation-harness). Equal probabilities of K choices have `1 - 1 / K`. `None` where
/// `answer` is no index of a choice.
pub fn brier(loglik: &[f64], answer: usize) -> Option<f64> {
    if answer >= loglik.len() {
        return None;
    }
    let squared = |(choice, logarithm): (usize, f64)| {
        let truth = if choice == answer { 1.0 } else { 0.0 };
        (logarithm.exp() - truth).powi(2)
    };
    Some(log_softmax(loglik).into_iter().enumerate().map(squared).sum())
}

/// The expected calibration error of predictions, which are added one by one: over [`BINS`] bins of equal width, of the
/// predicted choice's probability, the mean of the absolute difference between the share of right predictions and the mean
/// probability in a bin, weighted by the examples in it (Guo et al. 2017, arXiv 1706.04599, equation 3). Bin m of M has the
/// probabilities above (m - 1) / M, up to and with m / M.
#[derive(Clone, Copy, Debug, Default)]
pub struct CalibrationError {
    bins: [Bin; BINS],
}

#[derive(Clone, Copy, Debug, Default)]
struct Bin {
    count: usize,
    correct: usize,
    /// The sum of the predicted choices' probabilities.
    probability: f64,
}

impl CalibrationError {
    /// Adds an example with the log-likelihoods of its choices, in nats. One without a number among them, which predicts
    /// nothing, does not count.
    pub fn add(&mut self, loglik: &[f64], answer: usize) {
        let probabilities: Vec<f64> = log_softmax(loglik).into_iter().map(f64::exp).collect();
        let Some(prediction) = argmax(loglik) else { return };
        let probability = probabilities[prediction];
        // What rounding puts a little above an upper end is within it.
        let above = (probability * BINS as f64 - 1e-9).ceil() as usize;
        let bin = &mut self.bins[above.clamp(1, BINS) - 1];
        bin.count += 1;
        bin.correct += usize::from(prediction == answer);
        bin.probability += probability;
    }

    /// The error, from 0 to 1; `None` without examples.
    pub fn value(&self) -> Option<f64> {
        let all: usize = self.bins.iter().map(|bin| bin.count).sum();
        // |correct / count - probability / count|, weighted by count / all.
        let off: f64 = self.bins.iter().map(|bin| (bin.correct as f64 - bin.probability).abs()).sum();
        (all > 0).then(|| off / all as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TOLERANCE: f64 = 1e-12;

    /// Log-likelihoods of these probabilities, all likelihoods times a number that the softmax takes out again.
    fn of(probabilities: &[f64]) -> Vec<f64> {
        probabilities.iter().map(|probability| (0.01 * probability).ln()).collect()
    }

    fn error(examples: &[(&[f64], usize)]) -> Option<f64> {
        let mut error = CalibrationError::default();
        examples.iter().for_each(|(probabilities, answer)| error.add(&of(probabilities), *answer));
        error.value()
    }

    #[track_caller]
    fn close(found: Option<f64>, expected: f64) {
        assert!(found.is_some_and(|found| (found - expected).abs() < TOLERANCE), "{found:?}, {expected}");
    }

    #[test]
    fn a_brier_score_sums_squares_over_all_choices() {
        // (0.2 - 0)^2 + (0.3 - 1)^2 + (0.5 - 0)^2 = 0.04 + 0.49 + 0.25
        close(brier(&of(&[0.2, 0.3, 0.5]), 1), 0.78);
        close(brier(&of(&[0.25; 4]), 2), 0.75);
        close(brier(&[-1.0, -2000.0], 0), 0.0);
        close(brier(&[-1.0, -2000.0], 1), 2.0);
        assert_eq!((brier(&[-1.0, -2.0], 2), brier(&[], 0)), (None, None));
    }

    /// 0.70 and 0.72 are in the bin above 10 / 15 and up to 11 / 15, one of two right; 0.95 is in the last, and right; 0.50 in the
    /// bin above 7 / 15, and wrong. (|1 - 1.42| + |1 - 0.95| + |0 - 0.50|) / 4 = 0.97 / 4.
    #[test]
    fn a_calibration_error_weighs_bins_by_their_examples() {
        let examples: [(&[f64], usize); 4] =
            [(&[0.7, 0.3], 0), (&[0.28, 0.72], 0), (&[0.95, 0.05], 0), (&[0.5, 0.3, 0.2], 2)];
        close(error(&examples), 0.97 / 4.0);
        // Opposite errors within a bin cancel each other, those of two bins do not: 0.60 is in the bin up to 9 / 15.
        close(error(&[(&[0.75, 0.25], 0), (&[0.75, 0.25], 1)]), 0.25);
        close(error(&[(&[0.75, 0.25], 1), (&[0.58, 0.42], 0)]), (0.75 + 0.42) / 2.0);
        close(error(&[(&[1.0, 0.0], 0)]), 0.0);
        assert_eq!(error(&[]), None);
    }

    #[test]
    fn a_bin_ends_with_its_upper_bound() {
        // 0.8 is 12 / 15: with 0.79 in bin 12, and not with 0.81 in bin 13.
        let even = -(2f64.ln());
        let mut bins = CalibrationError::default();
        for probability in [0.8f64, 0.79, 0.81] {
            bins.add(&[probability.ln(), (1.0 - probability).ln()], 0);
        }
        assert_eq!((bins.bins[11].count, bins.bins[12].count), (2, 1));
        // Of equal choices the first is predicted.
        let mut bins = CalibrationError::default();
        bins.add(&[even, even], 1);
        assert_eq!((bins.bins[7].count, bins.bins[7].correct), (1, 0));
        // Without a number there is no prediction.
        bins.add(&[f64::NAN], 0);
        bins.add(&[], 0);
        close(bins.value(), 0.5);
    }

    proptest! {
        #[test]
        fn scores_stay_in_their_ranges_and_a_shift_changes_nothing(
            rows in prop::collection::vec((prop::collection::vec(-9.0..0.0f64, 1..6), 0usize..6, -50.0..50.0f64), 1..30),
        ) {
            let (mut plain, mut moved) = (CalibrationError::default(), CalibrationError::default());
            for (loglik, answer, shift) in &rows {
                let answer = answer % loglik.len();
                let shifted: Vec<f64> = loglik.iter().map(|value| value + shift).collect();
                plain.add(loglik, answer);
                moved.add(&shifted, answer);
                let (score, other) = (brier(loglik, answer).unwrap(), brier(&shifted, answer).unwrap());
                prop_assert!((0.0..=2.0).contains(&score) && (score - other).abs() < 1e-9);
            }
            let (plain, moved) = (plain.value().unwrap(), moved.value().unwrap());
            prop_assert!((0.0..=1.0).contains(&plain) && (plain - moved).abs() < 1e-6, "{plain} {moved}");
        }
    }
}
