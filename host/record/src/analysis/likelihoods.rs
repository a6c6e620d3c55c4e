//! Mean log-likelihoods of right choices over the steps of a seed: of held-out examples, and of the evaluation.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::files::samples::{Place, SampleError, SampleRecord};

/// How likely the right choices of some examples are at one step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StepLikelihood {
    /// The seed that drew the demonstrations.
    pub seed: u64,
    /// The number of the step, from 1 for held-out examples: 1 is in-context learning.
    pub step: u32,
    /// The number of examples.
    pub n: usize,
    /// The mean over the examples of the right choice's log-likelihood, in nats.
    pub mean: f64,
}

/// The log-likelihood of an example's right choice, in nats.
pub(crate) struct RightChoice {
    place: Place,
    loglik: f64,
}

impl RightChoice {
    /// Reads a line of `held-out.jsonl`.
    ///
    /// # Errors
    /// If the line is no sample record.
    pub(crate) fn parse(line: &str) -> Result<Self, SampleError> {
        Ok(Self::of(&SampleRecord::parse(line)?))
    }

    /// Of a record; its answer is one of its choices.
    pub(crate) fn of(record: &SampleRecord) -> Self {
        Self { place: record.place(), loglik: record.loglik.get(record.answer).copied().unwrap_or(f64::NAN) }
    }
}

/// The right choices of one seed, by step and example.
type OfSeed = BTreeMap<(u32, usize), f64>;

/// The means of every seed that `is_whole`, seed by seed. Examples behind a cache that has converged stay as they are where
/// `converging` is set: their records end with that step. A step that lacks an example has no mean, nor has one whose sum is
/// beyond all numbers.
pub(crate) fn means(
    right: impl IntoIterator<Item = RightChoice>,
    is_whole: impl Fn(u64) -> bool,
    converging: bool,
) -> Vec<StepLikelihood> {
    let mut seeds: BTreeMap<u64, OfSeed> = BTreeMap::new();
    for RightChoice { place, loglik } in right {
        if is_whole(place.seed) {
            seeds.entry(place.seed).or_default().insert((place.step, place.index), loglik);
        }
    }
    seeds.into_iter().flat_map(|(seed, examples)| means_of_seed(seed, &examples, converging)).collect()
}

/// The means of one seed. The time is that of its records, whichever steps and examples there are.
fn means_of_seed(seed: u64, examples: &OfSeed, converging: bool) -> Vec<StepLikelihood> {
    let last: HashMap<usize, u32> = examples.keys().map(|(step, example)| (*example, *step)).collect();
    let mut steps: BTreeMap<u32, Vec<(usize, f64)>> = BTreeMap::new();
    for ((step, example), loglik) in examples {
        steps.entry(*step).or_default().push((*example, *loglik));
    }
    let n = last.len();
    let (mut ended, mut sum_of_ended) = (0, 0.0);
    let mut means = Vec::with_capacity(steps.len());
    for (step, here) in steps {
        let sum = here.iter().map(|(_, loglik)| loglik).sum::<f64>() + sum_of_ended;
        if here.len() + ended == n && (converging || ended == 0) && sum.is_finite() {
            means.push(StepLikelihood { seed, step, n, mean: sum / n as f64 });
        }
        for (example, loglik) in here {
            if last.get(&example) == Some(&step) {
                ended += 1;
                sum_of_ended += loglik;
            }
        }
    }
    means
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(right: &[(u64, u32, usize, f64)], converging: bool) -> Vec<(u64, u32, usize, f64)> {
        let right =
            right.iter().map(|&(seed, step, index, loglik)| RightChoice { place: Place { seed, step, index }, loglik });
        means(right, |seed| seed != 9, converging).iter().map(|of| (of.seed, of.step, of.n, of.mean)).collect()
    }

    #[test]
    fn a_step_has_the_mean_of_its_examples() {
        let of = [(3, 1, 5, -1.0), (3, 2, 5, -0.5), (3, 1, 6, -3.0), (3, 2, 6, -2.0), (1, 1, 0, -4.0), (9, 1, 0, -1.0)];
        assert_eq!(found(&of, true), [(1, 1, 1, -4.0), (3, 1, 2, -2.0), (3, 2, 2, -1.25)]);
        assert_eq!(found(&of, false), found(&of, true));
        assert_eq!(found(&[], true), []);
    }

    /// One fold converged at step 2, the other went on to step 4; so does the sum by which the step is selected.
    #[test]
    fn examples_behind_a_cache_that_has_converged_stay_as_they_are() {
        let of = [(0, 1, 0, -4.0), (0, 2, 0, -2.0), (0, 1, 1, -8.0), (0, 2, 1, -6.0), (0, 3, 1, -1.0), (0, 4, 1, -3.0)];
        assert_eq!(found(&of, true), [(0, 1, 2, -6.0), (0, 2, 2, -4.0), (0, 3, 2, -1.5), (0, 4, 2, -2.5)]);
        // Where scores may be missing since they are not finite, nobody knows which of the two it is.
        assert_eq!(found(&of, false), [(0, 1, 2, -6.0), (0, 2, 2, -4.0)]);
    }

    #[test]
    fn a_step_that_lacks_an_example_has_no_mean() {
        let of = [(0, 1, 0, -4.0), (0, 1, 1, -2.0), (0, 2, 0, -1.0), (0, 3, 0, -2.0), (0, 3, 1, -4.0)];
        assert_eq!(found(&of, true), [(0, 1, 2, -3.0), (0, 3, 2, -3.0)]);
    }

    #[test]
    fn records_of_as_many_steps_as_examples_take_no_longer_than_their_lines() {
        let lines = 200_000;
        let of: Vec<(u64, u32, usize, f64)> = (0..lines).map(|i| (0, i as u32, i, -1.0)).collect();
        assert_eq!(found(&of, true), [(0, lines as u32 - 1, lines, -1.0)]);
    }
}
