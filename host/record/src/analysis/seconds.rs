//! How long the steps of a run took: the only numbers that are taken from `results.json`.

use std::collections::BTreeMap;

use crate::files::controls::Baseline;
use crate::files::schema::{ResultsRecord, StepRecord};

/// Seconds of each step and baseline, for its pass and its scoring together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seconds {
    /// Seconds by seed and step.
    pub steps: BTreeMap<(u64, u32), f64>,
    /// Seconds by seed and baseline.
    pub baselines: BTreeMap<(u64, Baseline), f64>,
}

impl Seconds {
    /// The seconds that the results of a run have; none where the record has a number that is no time.
    pub fn of(results: &ResultsRecord) -> Self {
        let is_time = |seconds: &f64| seconds.is_finite() && *seconds >= 0.0;
        let seconds = |step: &StepRecord| Some(step.step_seconds + step.score_seconds).filter(is_time);
        let steps = results.steps.iter().map(|step| ((step.scores.seed, step.scores.step), seconds(step)));
        let baselines = results.baselines.iter();
        let baselines = baselines.map(|of| ((of.step.scores.seed, of.baseline), seconds(&of.step)));
        Self {
            steps: steps.filter_map(|(key, seconds)| Some((key, seconds?))).collect(),
            baselines: baselines.filter_map(|(key, seconds)| Some((key, seconds?))).collect(),
        }
    }
}
