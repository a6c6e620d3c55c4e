//! Mean and spread of a run's numbers over its seeds.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::files::controls::Baseline;
use crate::files::scores::StepScores;
use crate::files::spread::SpreadRecord;

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
    /// The spread of the accuracies by log-likelihood per byte; `None` where no seed has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy_bytes: Option<SpreadRecord>,
    /// The spread of the accuracies by mutual information; `None` without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy_mutual_information: Option<SpreadRecord>,
    /// The spread of the mean Brier scores; `None` where they are no numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brier_score: Option<SpreadRecord>,
    /// The spread of the expected calibration errors; `None` where they are no numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration_error: Option<SpreadRecord>,
    /// The spread of macro-F1; `None` for tasks without classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub macro_f1: Option<SpreadRecord>,
    /// The spread of accuracies by contextual calibration; `None` without content-free queries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contextual: Option<SpreadRecord>,
    /// The spread of accuracies by prior matching; `None` for tasks without classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prior_matched: Option<SpreadRecord>,
    /// The differences to each seed's in-context learning; null for step 1 itself.
    pub difference: Option<SpreadRecord>,
    /// The spread of the mean log-likelihoods of the right choices, in nats; `None` where they are no numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right_loglik: Option<SpreadRecord>,
    /// The differences of those to each seed's in-context learning; `None` for step 1 itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right_loglik_difference: Option<SpreadRecord>,
}

/// The scores of one seed behind a baseline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BaselineScores {
    /// What the queries were scored behind.
    pub baseline: Baseline,
    /// The numbers, with step 1: a baseline is one plain pass.
    #[serde(flatten)]
    pub scores: StepScores,
}

/// The scores of one baseline over several seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BaselineSeeds {
    /// What the queries were scored behind.
    pub baseline: Baseline,
    /// The numbers, with step 1: a baseline is one plain pass.
    #[serde(flatten)]
    pub scores: SeedsScores,
}

pub(super) fn over_seeds(steps: &[StepScores]) -> Vec<SeedsScores> {
    let mut by_step: BTreeMap<u32, Vec<&StepScores>> = BTreeMap::new();
    for scores in steps {
        by_step.entry(scores.step).or_default().push(scores);
    }
    by_step.values().filter_map(|all| SeedsScores::of(all)).collect()
}

pub(super) fn baselines_over_seeds(baselines: &[BaselineScores]) -> Vec<BaselineSeeds> {
    let mut by_baseline: BTreeMap<Baseline, Vec<&StepScores>> = BTreeMap::new();
    for BaselineScores { baseline, scores } in baselines {
        by_baseline.entry(*baseline).or_default().push(scores);
    }
    let over = by_baseline.into_iter();
    over.filter_map(|(baseline, all)| Some(BaselineSeeds { baseline, scores: SeedsScores::of(&all)? })).collect()
}

impl SeedsScores {
    /// Over the scores of one step or baseline; `None` for none.
    pub(crate) fn of(all: &[&StepScores]) -> Option<Self> {
        let of = |value: &dyn Fn(&StepScores) -> Option<f64>| {
            SpreadRecord::of(&all.iter().filter_map(|scores| value(scores)).collect::<Vec<f64>>())
        };
        Some(Self {
            step: all.first()?.step,
            accuracy: of(&|scores| Some(scores.accuracy))?,
            accuracy_tokens: of(&|scores| Some(scores.accuracy_tokens))?,
            accuracy_norm: of(&|scores| Some(scores.accuracy_norm))?,
            accuracy_bytes: of(&|scores| scores.accuracy_bytes),
            accuracy_mutual_information: of(&|scores| scores.accuracy_mutual_information),
            brier_score: of(&|scores| scores.brier_score),
            calibration_error: of(&|scores| scores.calibration_error),
            macro_f1: of(&|scores| scores.macro_f1),
            contextual: of(&|scores| scores.calibrated?.contextual),
            prior_matched: of(&|scores| scores.calibrated?.prior_matched),
            difference: of(&|scores| Some(scores.versus_icl?.difference)),
            right_loglik: of(&|scores| scores.right_loglik),
            right_loglik_difference: of(&|scores| Some(scores.right_loglik_versus_icl?.difference)),
        })
    }

    /// Over seeds that each stand at its result; `None` for none. A seed whose result is in-context learning differs from it
    /// by nothing.
    pub(crate) fn at_results(results: &[&StepScores]) -> Option<Self> {
        let of = |value: &dyn Fn(&StepScores) -> Option<f64>| {
            SpreadRecord::of(&results.iter().filter_map(|scores| value(scores)).collect::<Vec<f64>>())
        };
        let difference = |scores: &StepScores| match scores.step {
            1 => Some(0.0),
            _ => scores.versus_icl.map(|versus| versus.difference),
        };
        let right_loglik_difference = |scores: &StepScores| match scores.step {
            1 => scores.right_loglik.map(|_| 0.0),
            _ => scores.right_loglik_versus_icl.map(|versus| versus.difference),
        };
        Some(Self {
            difference: of(&difference),
            right_loglik_difference: of(&right_loglik_difference),
            ..Self::of(results)?
        })
    }
}
