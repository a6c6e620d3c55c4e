//! What is predicted for a row.

use ft_engine::metrics::calibration::log_softmax;
use ft_engine::metrics::choice::argmax;
use ft_engine::text::Untrusted;

/// What became of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum RowPrediction {
    /// It was scored.
    Predicted(Prediction),
    /// It is none of the task's rows.
    LeftOut,
    /// It cannot be used; why, fit to be shown.
    Refused(String),
}

/// A row's prediction. Numbers stand in the choices' order.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The row's name, as the task gives it.
    pub id: String,
    /// The choices.
    pub choices: Vec<Untrusted>,
    /// The choice with the largest probability, the first of equal ones.
    pub prediction: usize,
    /// Each choice's probability: the mean over the contexts of the softmax over its log-likelihoods.
    pub probabilities: Vec<f64>,
    /// For each context each choice's log-likelihood, in nats.
    pub logliks: Vec<Vec<f64>>,
    /// The logarithm of how many times likelier the prediction is than the next choice.
    pub margin: f64,
    /// The prediction by calibrated probabilities, where those are asked for.
    pub calibrated: Option<Calibrated>,
}

/// A prediction by probabilities that are divided by what each class gets anyway.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibrated {
    /// The choice with the largest calibrated probability, the first of equal ones.
    pub prediction: usize,
    /// The probabilities, which add up to 1.
    pub probabilities: Vec<f64>,
    /// What they were divided by before they were made to add up to 1.
    pub divided_by: Vec<f64>,
}

impl Prediction {
    /// Of a log-likelihood for each choice behind each context, one context at least; `None` where one of them is no finite number, or
    /// not there.
    pub(super) fn new(id: String, choices: Vec<Untrusted>, logliks: Vec<Vec<f64>>) -> Option<Self> {
        let are_whole = logliks.iter().all(|logliks| logliks.len() == choices.len());
        if !are_whole || !logliks.iter().flatten().all(|loglik| loglik.is_finite()) {
            return None;
        }
        let logarithms = mean_log_probabilities(&logliks);
        let probabilities: Vec<f64> = logarithms.iter().map(|logarithm| logarithm.exp()).collect();
        // A probability of 1 may stand for several log-likelihoods: their order is that of the logarithms.
        let (prediction, margin) = match logliks.as_slice() {
            [one] => (argmax(one)?, margin(one)),
            _ => (argmax(&logarithms)?, margin(&logarithms)),
        };
        Some(Self { id, choices, prediction, probabilities, logliks, margin, calibrated: None })
    }
}

/// The logarithms of the means over some contexts of the softmax over the choices' log-likelihoods. They are finite where the
/// log-likelihoods are, though a mean may be too small for a number.
pub(super) fn mean_log_probabilities(logliks: &[Vec<f64>]) -> Vec<f64> {
    let shares: Vec<Vec<f64>> = logliks.iter().map(|loglik| log_softmax(loglik)).collect();
    let choices = shares.first().map_or(0, Vec::len);
    let mean = |choice: usize| {
        let of_choice = shares.iter().map(|shares| shares[choice]);
        let most = of_choice.clone().fold(f64::NEG_INFINITY, f64::max);
        most + of_choice.map(|share| (share - most).exp()).sum::<f64>().ln() - (shares.len() as f64).ln()
    };
    (0..choices).map(mean).collect()
}

/// The largest number less the second largest.
fn margin(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    match sorted.as_slice() {
        [first, second, ..] => first - second,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prediction(logliks: &[&[f64]]) -> Option<Prediction> {
        let choices = vec!["no".into(), "yes".into()];
        Prediction::new("x".into(), choices, logliks.iter().map(|loglik| loglik.to_vec()).collect())
    }

    #[test]
    fn one_context_gives_its_softmax() {
        let found = prediction(&[&[-3.0, -3.0 + 3f64.ln()]]).unwrap();
        assert!((found.probabilities[0] - 0.25).abs() < 1e-12 && (found.probabilities[1] - 0.75).abs() < 1e-12);
        assert_eq!(found.prediction, 1);
        assert!((found.margin - 3f64.ln()).abs() < 1e-12);
        // So far apart that the softmax says 1 and 0.
        let sure = prediction(&[&[-1000.0, -1.0]]).unwrap();
        assert_eq!((sure.prediction, sure.margin), (1, 999.0));
        assert_eq!(prediction(&[&[-1.0, -1.0]]).unwrap().prediction, 0);
    }

    #[test]
    fn several_contexts_predict_by_their_mean_probability() {
        // 0.9 and 0.2 for the first choice: the mean is 0.55, though two of three log-likelihoods are smaller.
        let logarithms = |p: f64| [p.ln(), (1.0 - p).ln()];
        let (a, b, c) = (logarithms(0.9), logarithms(0.4), logarithms(0.35));
        let found = prediction(&[&a, &b, &c]).unwrap();
        assert!((found.probabilities[0] - 0.55).abs() < 1e-12, "{found:?}");
        assert_eq!(found.prediction, 0);
        assert!((found.margin - (0.55f64 / 0.45).ln()).abs() < 1e-12);
        // Too small for a probability, and still a margin.
        let far = prediction(&[&[-2000.0, -1.0], &[-3000.0, -1.0]]).unwrap();
        assert_eq!((far.prediction, far.probabilities[0]), (1, 0.0));
        assert!((far.margin - (1999.0 + 2f64.ln())).abs() < 1e-9, "{far:?}");
    }

    #[test]
    fn what_is_no_number_predicts_nothing() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(prediction(&[&[-1.0, -2.0], &[bad, -1.0]]), None);
        }
    }
}
