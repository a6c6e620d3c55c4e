//! The step whose scores are the result, chosen by examples that are no part of the evaluation.

use std::collections::BTreeMap;

use super::iterate::{Criterion, Sink, Step, iterate};
use super::scoring::{Behind, Scorer};
use super::tuned_model::TunedModel;
use crate::run::error::RunError;
use crate::run::folder::journal::Journal;
use crate::run::plan::draw::Draw;
use crate::run::plan::render::Query;
use ft_record::files::samples::SampleRecord;

/// How likely the right choices of a seed's held-out examples are together at each step, in nats, from step 1 on. A step
/// at which that is no number has negative infinity; step 1 always has a number.
pub(super) struct HeldOutLikelihoods(BTreeMap<usize, f64>);

impl HeldOutLikelihoods {
    /// The likeliest of these steps, the lowest of equal ones; `None` where none of them is known. Where step 1 is among
    /// them, the one that is given is never less likely than in-context learning.
    pub fn likeliest(&self, among: impl Fn(usize) -> bool) -> Option<usize> {
        let steps = self.0.iter().filter(|(step, _)| among(**step));
        steps.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(step, _)| *step)
    }

    /// What is said of the steps at which the likelihood is no number; `None` where there are none.
    pub fn note(&self) -> Option<String> {
        let mut ranges: Vec<[usize; 2]> = Vec::new();
        for (step, _) in self.0.iter().filter(|(_, likelihood)| **likelihood == f64::NEG_INFINITY) {
            match ranges.last_mut() {
                Some([_, last]) if *last + 1 == *step => *last = *step,
                _ => ranges.push([*step; 2]),
            }
        }
        let subject = match ranges.as_slice() {
            [] => return None,
            [[first, last]] if first == last => format!("step {first} is"),
            ranges => {
                let steps: Vec<String> = (ranges.iter())
                    .map(|[first, last]| if first == last { first.to_string() } else { format!("{first}-{last}") })
                    .collect();
                format!("steps {} are", steps.join(", "))
            }
        };
        Some(format!("{subject} not selected: the scores of a held-out example are not finite"))
    }
}

/// How the steps of folds are taken.
#[derive(Clone, Copy)]
pub(super) struct Folds<'a> {
    /// The most steps.
    pub steps: usize,
    /// To leave out a step at which scores are not finite, instead of ending the run at it.
    pub allow_nonfinite: bool,
    /// What scores the held-out examples.
    pub scorer: Scorer<'a>,
}

/// Tunes every fold of a draw and scores its examples at each step.
///
/// # Errors
/// Failures of the model or the optimizer; a full disk; [`RunError::Interrupted`].
pub(super) fn held_out_likelihoods<M: TunedModel>(
    model: &mut M,
    draw: &Draw,
    folds: Folds<'_>,
    journal: &mut Journal<SampleRecord>,
) -> Result<HeldOutLikelihoods, RunError> {
    let mut likelihoods: BTreeMap<usize, f64> = (1..=folds.steps).map(|step| (step, 0.0)).collect();
    let until = Criterion { last_step: folds.steps, until_norm: None };
    for fold in &draw.held_out.folds {
        let queries: Vec<&Query> = fold.queries.iter().collect();
        let mut sink = FoldLikelihoods {
            seed: draw.record.seed,
            queries: &queries,
            folds,
            journal: &mut *journal,
            sums: &mut likelihoods,
        };
        iterate(model, &fold.demonstrations, until, folds.scorer.stop, &mut sink)?;
    }
    Ok(HeldOutLikelihoods(likelihoods))
}

/// Adds up the log-likelihoods of a fold's right choices, step by step.
struct FoldLikelihoods<'a> {
    seed: u64,
    queries: &'a [&'a Query],
    folds: Folds<'a>,
    journal: &'a mut Journal<SampleRecord>,
    /// Of every step, in nats, over all folds so far.
    sums: &'a mut BTreeMap<usize, f64>,
}

impl<M: TunedModel> Sink<M> for FoldLikelihoods<'_> {
    fn step(&mut self, model: &M, step: &Step<'_>) -> Result<(), RunError> {
        let behind = Behind::context(self.seed, &step.state.context);
        let likelihood = match self.folds.scorer.score(model, self.journal, behind, self.queries) {
            Ok(records) => records.iter().filter_map(|record| record.loglik.get(record.answer)).sum(),
            Err(error) if self.folds.allow_nonfinite && error.is_score_not_finite() => f64::NEG_INFINITY,
            Err(error) => return Err(error),
        };
        let t = step.state.step();
        // An optimizer that has converged stays where it is.
        let reached = self.sums.range_mut(t..).take(if step.settled { usize::MAX } else { 1 });
        reached.for_each(|(_, sum)| *sum += likelihood);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(sums: &[f64]) -> HeldOutLikelihoods {
        HeldOutLikelihoods((1..).zip(sums.iter().copied()).collect())
    }

    #[test]
    fn the_likeliest_step_wins_and_the_earlier_of_equal_ones() {
        let check = |sums: &[f64], expected| assert_eq!(of(sums).likeliest(|_| true), expected, "{sums:?}");
        check(&[-3.0, -1.0, -2.0], Some(2));
        check(&[-1.0, -1.0], Some(1));
        check(&[-3.0, f64::NEG_INFINITY, -2.0], Some(3));
        check(&[], None);
        assert_eq!(of(&[-3.0, -1.0, -2.0]).likeliest(|step| step != 2), Some(3));
    }

    #[test]
    fn steps_without_a_number_are_told_in_one_note() {
        const NONE: f64 = f64::NEG_INFINITY;
        let check = |sums: &[f64], steps: Option<&str>| {
            let expected =
                steps.map(|steps| format!("{steps} not selected: the scores of a held-out example are not finite"));
            assert_eq!(of(sums).note(), expected);
        };
        check(&[-3.0, -2.0], None);
        check(&[-3.0, NONE, -2.0], Some("step 2 is"));
        check(&[-3.0, NONE, NONE], Some("steps 2-3 are"));
        check(&[-3.0, NONE, -1.0, NONE, NONE, NONE, -1.0], Some("steps 2, 4-6 are"));
    }

    proptest! {
        /// Whichever further steps there are: none is given that is less likely than step 1, and no likelier one is left.
        #[test]
        fn what_is_given_is_never_less_likely_than_step_1(
            sums in prop::collection::vec(prop_oneof![-9.0..0.0f64, Just(-4.0), Just(f64::NEG_INFINITY)], 1..16),
            among in any::<u16>(),
        ) {
            let sums: Vec<f64> = sums.into_iter().enumerate().map(|(i, sum)| if i == 0 { sum.max(-9.0) } else { sum }).collect();
            let is_among = |step: usize| step == 1 || among & (1 << (step - 1)) != 0;
            let given = of(&sums).likeliest(is_among).unwrap();
            prop_assert!(is_among(given) && sums[given - 1] >= sums[0], "step {given} of {sums:?}");
            for step in (1..=sums.len()).filter(|step| is_among(*step)) {
                prop_assert!(sums[step - 1] < sums[given - 1] || (step >= given && sums[step - 1] == sums[given - 1]));
            }
        }
    }
}
