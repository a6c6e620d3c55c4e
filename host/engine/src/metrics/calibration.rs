//! Predictions corrected for a model's leaning to one of the classes: numbers over the choices' log-likelihoods, where every
//! example has the same choices.
//!
//! Both ways add a weight to each choice's log-likelihood and take the largest sum. [`contextual_weights`] come from what the
//! model says of inputs without content, [`prior_matching_weights`] from the scored examples themselves, without their answers.

use super::choice::argmax;

/// Prior matching ends where no class's mean is further from the prior than this, as a natural logarithm.
const MATCHED: f64 = 1e-9;

/// Prior matching that has not ended there is good enough where no class's mean is further from the prior than this.
const NEARLY_MATCHED: f64 = 1e-2;

/// Rounds of prior matching at most.
const MOST_ROUNDS: usize = 1000;

/// The natural logarithm of the sum of the numbers whose logarithms these are; negative infinity for none.
fn log_sum_exp(logarithms: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = logarithms.clone().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    largest + logarithms.map(|logarithm| (logarithm - largest).exp()).sum::<f64>().ln()
}

/// The logarithms of the choices' probabilities among each other: each log-likelihood less the logarithm of the sum of all
/// likelihoods, in nats. Empty for no choices.
pub fn log_softmax(loglik: &[f64]) -> Vec<f64> {
    let all = log_sum_exp(loglik.iter().copied());
    loglik.iter().map(|loglik| loglik - all).collect()
}

/// Contextual calibration (Zhao et al. 2021, arXiv 2102.09690, section 5): a choice's weight is `-ln p`, with `p` the mean over
/// the content-free inputs of the softmax over the choices. The paper's diagonal matrix multiplies probabilities by `1 / p`,
/// which is the same. `None` without inputs, or where they differ in their number of choices.
pub fn contextual_weights(content_free: &[&[f64]]) -> Option<Vec<f64>> {
    let rows = same_choices(content_free)?.into_iter().map(log_softmax).collect::<Vec<_>>();
    Some(log_means(&rows).into_iter().map(|mean| 0.0 - mean).collect())
}

/// Weights with which the mean over all examples of the softmax over the choices is the same for every choice, found by
/// `w -= ln(mean / prior)` until no mean's logarithm is off by more than 1e-9, or 1000 times. The first choice's weight is 0,
/// since only differences count. Where predictions are sure, no weights give means that are the same to the last digit soon; so
/// weights whose means are within a hundredth of the prior count. `None` where even those are not found, without examples, or
/// where they differ in their number of choices.
///
/// The weights depend on all examples together, but not on their answers.
pub fn prior_matching_weights(examples: &[&[f64]]) -> Option<Vec<f64>> {
    let examples = same_choices(examples)?;
    let choices = examples.first()?.len();
    let prior = -(choices as f64).ln();
    let mut weights = vec![0.0; choices];
    let mut furthest = f64::INFINITY;
    for _ in 0..MOST_ROUNDS {
        let rows: Vec<Vec<f64>> = examples.iter().map(|loglik| log_softmax(&weighted(loglik, &weights))).collect();
        let off: Vec<f64> = log_means(&rows).into_iter().map(|mean| mean - prior).collect();
        // What is no number stays none, and is far from everything.
        furthest = off.iter().map(|off| off.abs()).fold(0.0, |most, off| if off <= most { most } else { off });
        if furthest < MATCHED {
            break;
        }
        weights.iter_mut().zip(&off).for_each(|(weight, off)| *weight -= off);
        let first = weights[0];
        weights.iter_mut().for_each(|weight| *weight -= first);
    }
    (furthest < NEARLY_MATCHED).then_some(weights)
}

/// The choice with the largest sum of log-likelihood and weight, the lowest index of equal ones; `None` where no sum is a
/// number.
pub fn weighted_prediction(loglik: &[f64], weights: &[f64]) -> Option<usize> {
    argmax(&weighted(loglik, weights))
}

fn weighted(loglik: &[f64], weights: &[f64]) -> Vec<f64> {
    loglik.iter().zip(weights).map(|(loglik, weight)| loglik + weight).collect()
}

/// The examples, if there are any and all have as many choices as the first, one or more.
fn same_choices<'a>(examples: &[&'a [f64]]) -> Option<Vec<&'a [f64]>> {
    let choices = examples.first()?.len();
    (choices > 0 && examples.iter().all(|loglik| loglik.len() == choices)).then(|| examples.to_vec())
}

/// For each choice the logarithm of the mean over the rows of the probabilities whose logarithms these are.
fn log_means(rows: &[Vec<f64>]) -> Vec<f64> {
    let choices = rows.first().map_or(0, Vec::len);
    let count = (rows.len() as f64).ln();
    (0..choices).map(|choice| log_sum_exp(rows.iter().map(move |row| row[choice])) - count).collect()
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

    fn slices(rows: &[Vec<f64>]) -> Vec<&[f64]> {
        rows.iter().map(Vec::as_slice).collect()
    }

    #[track_caller]
    fn close(found: &[f64], expected: &[f64], tolerance: f64) {
        assert_eq!(found.len(), expected.len());
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= tolerance), "{found:?}, {expected:?}");
    }

    #[test]
    fn choices_share_one_probability() {
        close(&log_softmax(&of(&[0.2, 0.3, 0.5])), &[0.2f64.ln(), 0.3f64.ln(), 0.5f64.ln()], TOLERANCE);
        close(&log_softmax(&[-2000.0, -2001.0]), &[-(1.0 + (-1f64).exp()).ln(), -(1.0 + 1f64.exp()).ln()], TOLERANCE);
        assert!(log_softmax(&[]).is_empty());
    }

    /// Two inputs with probabilities 0.9 and 0.1, and 0.7 and 0.3: on average 0.8 and 0.2.
    #[test]
    fn contextual_calibration_divides_by_the_mean_probability_of_inputs_without_content() {
        let inputs = [of(&[0.9, 0.1]), of(&[0.7, 0.3])];
        let weights = contextual_weights(&slices(&inputs)).unwrap();
        close(&weights, &[-(0.8f64.ln()), -(0.2f64.ln())], TOLERANCE);
        // 0.75 / 0.8 is less than 0.25 / 0.2, and 0.85 / 0.8 is more than 0.15 / 0.2.
        assert_eq!(weighted_prediction(&of(&[0.75, 0.25]), &weights), Some(1));
        assert_eq!(weighted_prediction(&of(&[0.85, 0.15]), &weights), Some(0));
        assert_eq!(contextual_weights(&[]), None);
        assert_eq!(contextual_weights(&[&[-1.0], &[-1.0, -2.0]]), None);
    }

    /// With odds 8 and 2 for the first choice, a factor f for the second one has to give 8 / (8 + f) + 2 / (2 + f) = 1, which
    /// is f * f = 16.
    #[test]
    fn prior_matching_makes_the_mean_probability_uniform() {
        let examples = [of(&[8.0 / 9.0, 1.0 / 9.0]), of(&[2.0 / 3.0, 1.0 / 3.0])];
        let weights = prior_matching_weights(&slices(&examples)).unwrap();
        close(&weights, &[0.0, 4f64.ln()], 1e-7);
        let predictions = examples.each_ref().map(|loglik| weighted_prediction(loglik, &weights));
        assert_eq!(predictions, [Some(0), Some(1)]);
        close(&prior_matching_weights(&[&[-3.0, -1.0, -2.0]]).unwrap(), &[0.0, -2.0, -1.0], 1e-7);
        assert_eq!(prior_matching_weights(&[]), None);
        assert_eq!(prior_matching_weights(&[&[], &[]]), None);
    }

    #[test]
    fn likelihoods_beyond_the_smallest_number_keep_their_order() {
        // Of the first choice the mean is 2/3 until its two examples are nearly even, which is 2999 away: more than 1000 times ln 2.
        let examples = [vec![-1.0, -3000.0], vec![-3000.0, -1.0], vec![-1.0, -3000.0]];
        assert_eq!(prior_matching_weights(&slices(&examples)), None);
        let weights = contextual_weights(&slices(&examples[..1])).unwrap();
        close(&weights, &[0.0, 2999.0], TOLERANCE);
        let nearer = [vec![-1.0, -30.0], vec![-30.0, -1.0], vec![-1.0, -30.0]];
        let weights = prior_matching_weights(&slices(&nearer)).unwrap();
        // The mean is 1/2 where both that lean to the first choice have it with 3/4: where their odds are 3 and not e^29.
        close(&weights, &[0.0, 29.0 - 3f64.ln()], 1e-6);
        // Sure and balanced: any weight between the two is as good, and none is met to the last digit in a thousand rounds.
        for sure in [[vec![0.0, -8.0], vec![-7.0, 0.0]], [vec![20.0, 0.0], vec![0.0, 20.0]]] {
            let weights = prior_matching_weights(&slices(&sure)).unwrap();
            let predictions = sure.each_ref().map(|loglik| weighted_prediction(loglik, &weights));
            assert_eq!(predictions, [Some(0), Some(1)], "{weights:?}");
        }
        // Numbers whose differences no number holds give no NaN that wins.
        let largest = [f64::MAX, -f64::MAX];
        let weights = prior_matching_weights(&[&largest, &largest]);
        assert!(weights.is_none_or(|weights| weighted_prediction(&largest, &weights).is_none_or(|choice| choice < 2)));
    }

    proptest! {
        #[test]
        fn a_shift_of_any_example_changes_nothing(
            rows in prop::collection::vec((prop::collection::vec(-6.0..0.0f64, 3), -50.0..50.0f64), 1..20),
        ) {
            let plain: Vec<Vec<f64>> = rows.iter().map(|(row, _)| row.clone()).collect();
            let moved: Vec<Vec<f64>> =
                rows.iter().map(|(row, shift)| row.iter().map(|value| value + shift).collect()).collect();
            for weights in [contextual_weights, prior_matching_weights] {
                let (plain, moved) = (weights(&slices(&plain)).unwrap(), weights(&slices(&moved)).unwrap());
                prop_assert!(plain.iter().zip(&moved).all(|(a, b)| (a - b).abs() < 1e-6), "{plain:?} {moved:?}");
            }
        }

        #[test]
        fn matched_means_are_the_prior(rows in prop::collection::vec(prop::collection::vec(-4.0..0.0f64, 4), 2..30)) {
            let weights = prior_matching_weights(&slices(&rows)).unwrap();
            for choice in 0..4 {
                let probability = |row: &Vec<f64>| log_softmax(&weighted(row, &weights))[choice].exp();
                let mean = rows.iter().map(probability).sum::<f64>() / rows.len() as f64;
                prop_assert!((mean - 0.25).abs() < 1e-8, "{mean}");
            }
        }
    }
}
