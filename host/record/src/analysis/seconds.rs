//! How long the steps of a run took: the only numbers that are taken from `results.json`.

use std::collections::BTreeMap;

use crate::files::schema::StepRecord;

/// Seconds by seed and step.
pub type Seconds = BTreeMap<(u64, u32), f64>;

/// Seconds of each step, for its pass and its scoring together; none where the record has a number that is no time.
pub fn seconds(steps: &[StepRecord]) -> Seconds {
    let of = |step: &StepRecord| ((step.scores.seed, step.scores.step), step.step_seconds + step.score_seconds);
    steps.iter().map(of).filter(|(_, seconds)| seconds.is_finite() && *seconds >= 0.0).collect()
}
