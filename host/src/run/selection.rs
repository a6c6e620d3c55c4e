//! The step whose scores are the result, chosen by examples that are no part of the evaluation.

use std::collections::BTreeMap;

use super::RunError;
use super::draw::Draw;
use super::journal::Journal;
use super::render::Query;
use super::scoring::Scoring;
use super::tuner::{Tuner, Tuning};
use ft_engine::tune::Verdict;
use ft_record::samples::SampleRecord;

/// Tunes every fold of a draw for `steps` steps and scores its examples at each of them. Gives the step at which the right
/// choices have the highest log-likelihood together, the lowest of equal ones; `None`: stopped before the end.
///
/// # Errors
/// The model's, the plugin's, a full disk.
pub fn choose(
    draw: &Draw,
    steps: usize,
    tuning: &mut Tuning<'_>,
    scoring: Scoring<'_>,
    journal: &mut Journal<SampleRecord>,
) -> Result<Option<usize>, RunError> {
    let mut likelihoods: BTreeMap<usize, f64> = (1..=steps).map(|step| (step, 0.0)).collect();
    for fold in &draw.held_out.folds {
        let queries: Vec<&Query> = fold.queries.iter().collect();
        let mut tuner = Tuner::new(scoring.decoder, &fold.ids, tuning.policy);
        for step in 1..=steps {
            let (state, _) = tuner.advance(tuning)?;
            let converged = state.verdict == Verdict::Converged;
            let Some(records) = scoring.score(journal, draw.record.seed, &state.context, &queries)? else {
                return Ok(None);
            };
            let likelihood = likelihood(&records);
            // A rule that has converged stays where it is.
            let reached = if converged { step..=steps } else { step..=step };
            likelihoods.range_mut(reached).for_each(|(_, sum)| *sum += likelihood);
            if converged {
                break;
            }
        }
    }
    Ok(best(&likelihoods))
}

/// The log-likelihood of the right choices, in nats.
fn likelihood(records: &[SampleRecord]) -> f64 {
    records.iter().filter_map(|record| record.loglik.get(record.answer)).sum()
}

/// The step with the highest sum, the lowest of equal ones.
fn best(likelihoods: &BTreeMap<usize, f64>) -> Option<usize> {
    let best = likelihoods.iter().reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map(|(step, _)| *step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_step_wins_and_the_earlier_of_equal_ones() {
        let check = |sums: &[f64], expected| {
            let likelihoods = (1..).zip(sums.iter().copied()).collect();
            assert_eq!(best(&likelihoods), expected, "{sums:?}");
        };
        check(&[-3.0, -1.0, -2.0], Some(2));
        check(&[-1.0, -1.0], Some(1));
        check(&[], None);
    }
}
