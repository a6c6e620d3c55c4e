//! The numbers of one seed's step, from its sample records and from nothing else.

use serde::{Deserialize, Serialize};

use super::samples::SampleRecord;
use ft_engine::metrics::accuracy::{CorrectCount, Z_95};
use ft_engine::metrics::confusion::Confusion;
use ft_engine::metrics::paired::Paired;

/// The part of all resamples between the ends of an interval of a difference.
pub(crate) const LEVEL: f64 = 0.95;

/// The scores of one seed's step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepScores {
    /// The seed that chose the demonstrations.
    pub seed: u64,
    /// 0 is zero-shot, 1 in-context learning.
    pub step: u32,
    /// The number of scored examples.
    pub n: usize,
    /// The number of right predictions by log-likelihood.
    pub correct: usize,
    /// The share of right predictions by log-likelihood, from 0 to 1.
    pub accuracy: f64,
    /// The standard error of the accuracy.
    pub standard_error: f64,
    /// The 95 % Wilson interval of the accuracy.
    pub interval: [f64; 2],
    /// Share of right predictions by log-likelihood per token.
    pub accuracy_tokens: f64,
    /// Share of right predictions by log-likelihood per character.
    pub accuracy_norm: f64,
    /// The mean of the classes' F1, where every example has the same classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub macro_f1: Option<f64>,
    /// The comparison with the same seed's step 1; null for step 1 itself and if that is not whole.
    pub versus_icl: Option<PairedScores>,
}

/// Two accuracies on the same examples, compared example by example.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairedScores {
    /// The first accuracy less the second, from -1 to 1.
    pub difference: f64,
    /// The p-value of McNemar's exact test, two-sided.
    pub p_value: f64,
    /// The 95 % percentile bootstrap interval of the difference, over all resamples of the examples.
    pub interval: [f64; 2],
    /// Examples that only the first got right.
    pub wins: usize,
    /// Examples that only the second got right.
    pub losses: usize,
}

impl StepScores {
    /// The scores of one seed's step from all of its records, with `icl` the same seed's records of step 1, in the same
    /// order of examples, or none where there are not as many. `classes` is the number of the task's labels, 0 without.
    /// `None` where there are no records.
    pub(crate) fn of(records: &[&SampleRecord], icl: &[&SampleRecord], classes: usize) -> Option<Self> {
        let first = records.first()?;
        let mut accuracy = CorrectCount::default();
        let (mut by_tokens, mut by_characters) = (CorrectCount::default(), CorrectCount::default());
        for record in records {
            accuracy.add(record.is_correct());
            by_tokens.add(record.is_correct_per_token());
            by_characters.add(record.is_correct_per_character());
        }
        let interval = accuracy.wilson(Z_95);
        let paired = || PairedScores::of(records.iter().copied().zip(icl.iter().copied()));
        Some(Self {
            seed: first.seed,
            step: first.step,
            n: accuracy.n,
            correct: accuracy.correct,
            accuracy: accuracy.accuracy()?,
            standard_error: accuracy.standard_error()?,
            interval: [interval.low, interval.high],
            accuracy_tokens: by_tokens.accuracy()?,
            accuracy_norm: by_characters.accuracy()?,
            macro_f1: confusion(records.iter().copied(), classes).and_then(|confusion| confusion.macro_f1()),
            versus_icl: if first.step != 1 && icl.len() == records.len() { paired() } else { None },
        })
    }
}

impl PairedScores {
    /// Compares pairs of records of one example each; `None` for no pairs.
    pub(crate) fn of<'a>(pairs: impl IntoIterator<Item = (&'a SampleRecord, &'a SampleRecord)>) -> Option<Self> {
        let mut paired = Paired::default();
        for (first, second) in pairs {
            paired.add(first.is_correct(), second.is_correct());
        }
        let interval = paired.bootstrap(LEVEL)?;
        Some(Self {
            difference: paired.difference()?,
            p_value: paired.p_value(),
            interval: [interval.low, interval.high],
            wins: paired.wins,
            losses: paired.losses,
        })
    }
}

/// Which class was taken for which; `None` without classes, or where an example has more or fewer choices than that.
pub(crate) fn confusion<'a>(records: impl IntoIterator<Item = &'a SampleRecord>, classes: usize) -> Option<Confusion> {
    let mut confusion = Confusion::new(classes);
    for record in records {
        if record.loglik.len() != classes {
            return None;
        }
        confusion.add(record.answer, record.prediction);
    }
    (classes > 0).then_some(confusion)
}
