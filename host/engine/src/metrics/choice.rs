//! From log-likelihoods to a prediction.

/// The index of the largest value; of equal ones the lowest. NaN is never the largest.
/// `None` if there are no values or all of them are NaN.
pub fn argmax(values: &[f64]) -> Option<usize> {
    let numbers = values.iter().copied().enumerate().filter(|(_, value)| !value.is_nan());
    numbers.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(index, _)| index)
}

/// The mean log-likelihood of a scored token: `loglik` over `tokens`.
/// A span without scored tokens has nothing to average and keeps its sum.
pub fn per_token(loglik: f64, tokens: usize) -> f64 {
    loglik / tokens.max(1) as f64
}

/// The mean log-likelihood of a character of the scored text: `loglik` over `characters`, as lm-evaluation-harness has
/// it in `acc_norm`. A text without characters keeps its sum.
pub fn per_character(loglik: f64, characters: usize) -> f64 {
    loglik / characters.max(1) as f64
}

/// The mean log-likelihood of a byte of the scored text in UTF-8: `loglik` over `bytes`, as lm-evaluation-harness has it in
/// `acc_bytes`. A text without bytes keeps its sum.
pub fn per_byte(loglik: f64, bytes: usize) -> f64 {
    loglik / bytes.max(1) as f64
}

/// The pointwise mutual information of each choice and the query, in nats: its log-likelihood behind the query less that behind
/// nothing (Holtzman et al. 2021, arXiv 2104.08315, section 3, with no domain premise; `acc_mutual_info` of
/// lm-evaluation-harness). A choice that is frequent wherever it stands gains nothing by that.
pub fn mutual_information(loglik: &[f64], unconditional: &[f64]) -> Vec<f64> {
    loglik.iter().zip(unconditional).map(|(behind_query, alone)| behind_query - alone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_value_and_the_lowest_index_win() {
        let check = |values: &[f64], expected| assert_eq!(argmax(values), expected, "{values:?}");
        check(&[-2.0, -1.0, -3.0], Some(1));
        check(&[-1.0, -1.0], Some(0));
        check(&[-2.0, -1.0, -1.0], Some(1));
        check(&[0.0, -0.0], Some(0));
        check(&[-0.0, 0.0], Some(0));
        check(&[f64::NEG_INFINITY, f64::NEG_INFINITY], Some(0));
        check(&[], None);
    }

    #[test]
    fn nan_never_wins() {
        assert_eq!(argmax(&[f64::NAN, f64::NEG_INFINITY, -5.0]), Some(2));
        assert_eq!(argmax(&[-5.0, f64::NAN]), Some(0));
        assert_eq!(argmax(&[f64::NAN]), None);
    }

    /// The second choice is less likely than the first behind the query, and gains more by it: a factor of 0.2 / 0.05 against 0.4 / 0.5.
    #[test]
    fn mutual_information_is_what_a_query_makes_likelier() {
        let logarithms = |probabilities: [f64; 2]| probabilities.map(f64::ln);
        let found = mutual_information(&logarithms([0.4, 0.2]), &logarithms([0.5, 0.05]));
        assert!((found[0] - 0.8f64.ln()).abs() < 1e-15 && (found[1] - 4f64.ln()).abs() < 1e-15, "{found:?}");
        assert_eq!(argmax(&found), Some(1));
    }

    #[test]
    fn a_mean_is_over_what_was_scored() {
        assert_eq!((per_token(-3.0, 2), per_token(-3.0, 0)), (-1.5, -3.0));
        assert_eq!((per_character(-3.0, 12), per_character(-3.0, 0)), (-0.25, -3.0));
        assert_eq!((per_byte(-3.0, 24), per_byte(-3.0, 0)), (-0.125, -3.0));
    }
}
