//! The step whose scores are the result, chosen by examples that are no part of the evaluation.

use std::collections::BTreeMap;

use super::iterate::{Criterion, Sink, Step, iterate};
use super::scoring::Scorer;
use super::tuned_model::TunedModel;
use crate::run::error::RunError;
use crate::run::folder::journal::Journal;
use crate::run::plan::draw::Draw;
use crate::run::plan::render::Query;
use ft_record::files::samples::SampleRecord;

/// Tunes every fold of a draw for `steps` steps and scores its examples at each of them. Gives the step at which the right
/// choices have the highest log-likelihood together, the lowest of equal ones; `None` where there is no step.
///
/// # Errors
/// Failures of the model or the optimizer; a full disk; [`RunError::Interrupted`].
pub(super) fn select_by_held_out<M: TunedModel>(
    model: &mut M,
    draw: &Draw,
    steps: usize,
    scorer: Scorer<'_>,
    journal: &mut Journal<SampleRecord>,
) -> Result<Option<usize>, RunError> {
    let mut likelihoods: BTreeMap<usize, f64> = (1..=steps).map(|step| (step, 0.0)).collect();
    let until = Criterion { last_step: steps, until_norm: None };
    for fold in &draw.held_out.folds {
        let queries: Vec<&Query> = fold.queries.iter().collect();
        let mut sink =
            HeldOutLikelihoods { seed: draw.record.seed, queries: &queries, scorer, journal, sums: &mut likelihoods };
        iterate(model, &fold.demonstrations, until, scorer.stop, &mut sink)?;
    }
    Ok(best(&likelihoods))
}

/// Adds up the log-likelihoods of a fold's right choices, step by step.
struct HeldOutLikelihoods<'a> {
    seed: u64,
    queries: &'a [&'a Query],
    scorer: Scorer<'a>,
    journal: &'a mut Journal<SampleRecord>,
    /// Of every step, in nats, over all folds so far.
    sums: &'a mut BTreeMap<usize, f64>,
}

impl<M: TunedModel> Sink<M> for HeldOutLikelihoods<'_> {
    fn step(&mut self, model: &M, step: &Step<'_>) -> Result<(), RunError> {
        let behind = (self.seed, &step.state.context);
        let records = self.scorer.score(model, self.journal, behind, self.queries)?;
        let likelihood: f64 = records.iter().filter_map(|record| record.loglik.get(record.answer)).sum();
        let t = step.state.step();
        // An optimizer that has converged stays where it is.
        let reached = self.sums.range_mut(t..).take(if step.settled { usize::MAX } else { 1 });
        reached.for_each(|(_, sum)| *sum += likelihood);
        Ok(())
    }
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
