//! Mean and spread of a run's numbers over its seeds.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::files::scores::StepScores;
use ft_engine::metrics::spread::Spread;

/// The scores of one step over several seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeedsScores {
    /// 0 is zero-shot, 1 in-context learning.
    pub step: u32,
    /// The spread of the accuracies by log-likelihood.
    pub accuracy: SpreadRecord,
    /// The spread of the accuracies by log-likelihood per token.
    pub accuracy_tokens: SpreadRecord,
    /// The spread of the accuracies by log-likelihood per character.
    pub accuracy_norm: SpreadRecord,
    /// The spread of macro-F1; `None` for tasks without classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub macro_f1: Option<SpreadRecord>,
    /// The differences to each seed's in-context learning; null for step 1 itself.
    pub difference: Option<SpreadRecord>,
}

/// Mean and spread of a number over seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SpreadRecord {
    /// The number of seeds.
    pub seeds: usize,
    /// The arithmetic mean over the seeds.
    pub mean: f64,
    /// The sample standard deviation, with `seeds - 1` below the fraction line; null for a single seed.
    pub sd: Option<f64>,
    /// The smallest value of a seed.
    pub min: f64,
    /// The largest value of a seed.
    pub max: f64,
}

impl SpreadRecord {
    /// The mean and spread of one value for each seed; `None` for no values.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let Spread { count, mean, sd, min, max } = Spread::of(values)?;
        Some(Self { seeds: count, mean, sd, min, max })
    }
}

pub(super) fn over_seeds(steps: &[StepScores]) -> Vec<SeedsScores> {
    let mut by_step: BTreeMap<u32, Vec<&StepScores>> = BTreeMap::new();
    for scores in steps {
        by_step.entry(scores.step).or_default().push(scores);
    }
    let over = |(step, all): (u32, Vec<&StepScores>)| {
        let of = |value: &dyn Fn(&StepScores) -> Option<f64>| {
            SpreadRecord::of(&all.iter().filter_map(|scores| value(scores)).collect::<Vec<f64>>())
        };
        Some(SeedsScores {
            step,
            accuracy: of(&|scores| Some(scores.accuracy))?,
            accuracy_tokens: of(&|scores| Some(scores.accuracy_tokens))?,
            accuracy_norm: of(&|scores| Some(scores.accuracy_norm))?,
            macro_f1: of(&|scores| scores.macro_f1),
            difference: of(&|scores| scores.versus_icl.map(|versus| versus.difference)),
        })
    };
    by_step.into_iter().filter_map(over).collect()
}
