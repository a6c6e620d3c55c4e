//! The best steps by the evaluation's own answers, which are shown for comparison and are never a result.

use serde::Serialize;

use super::spread::SeedsScores;
use crate::files::scores::StepScores;

/// The step from 1 on with a seed's best accuracy: chosen with the test labels, not a result.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OracleStep {
    /// The seed that drew the demonstrations.
    pub seed: u64,
    /// The step, the first of equal ones.
    pub step: u32,
    /// The accuracy at this step, from 0 to 1.
    pub accuracy: f64,
}

/// The step from 1 on with the best mean accuracy over seeds: chosen with the test labels, not a result.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OracleMean {
    /// The step, the first of equal ones.
    pub step: u32,
    /// The mean of the seeds' accuracies at this step, from 0 to 1.
    pub mean: f64,
}

/// The first of equal best values, if there are several values.
fn best<T>(candidates: impl Iterator<Item = T>, value: impl Fn(&T) -> f64) -> Option<T> {
    let candidates: Vec<T> = candidates.collect();
    if candidates.len() < 2 {
        return None;
    }
    candidates.into_iter().reduce(|best, next| if value(&next) > value(&best) { next } else { best })
}

/// The best of one seed's steps.
pub(super) fn oracle(steps: &[StepScores]) -> Option<OracleStep> {
    let best = best(steps.iter().filter(|scores| scores.step > 0), |scores| scores.accuracy)?;
    Some(OracleStep { seed: best.seed, step: best.step, accuracy: best.accuracy })
}

pub(super) fn oracle_of_means(over_seeds: &[SeedsScores], seeds: usize) -> Option<OracleMean> {
    let all_came_to = over_seeds.iter().filter(|scores| scores.step > 0 && scores.accuracy.seeds == seeds);
    let best = best(all_came_to, |scores| scores.accuracy.mean)?;
    Some(OracleMean { step: best.step, mean: best.accuracy.mean })
}
