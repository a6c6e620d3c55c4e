//! The numbers of one seed's step, from its sample records and from nothing else.

use serde::{Deserialize, Serialize};

use super::samples::SampleRecord;
use super::unconditional::Unconditional;
use ft_engine::metrics::accuracy::{CorrectCount, Z_95};
use ft_engine::metrics::calibration::{contextual_weights, prior_matching_weights};
use ft_engine::metrics::confusion::Confusion;
use ft_engine::metrics::mean::MeanDifference;
use ft_engine::metrics::paired::Paired;
use ft_engine::metrics::probability::{CalibrationError, brier};
use ft_engine::metrics::spread::Spread;

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
    /// Share of right predictions by log-likelihood per byte of the scored text in UTF-8; absent where a record has no bytes, as
    /// in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy_bytes: Option<f64>,
    /// Share of right predictions by the mutual information of choice and query, log-likelihood less unconditional log-likelihood;
    /// absent without `--mutual-information`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy_mutual_information: Option<f64>,
    /// The mean over the examples of the Brier score of the choices' probabilities, from 0 to 2; absent in files of earlier
    /// versions, and where it is no number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brier_score: Option<f64>,
    /// The expected calibration error of the predicted choices' probabilities over 15 bins, from 0 to 1; absent in files of
    /// earlier versions, and where it is no number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration_error: Option<f64>,
    /// The mean of the classes' F1, where every example has the same classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub macro_f1: Option<f64>,
    /// Accuracies of predictions corrected for a leaning to one class; absent unless every example has the same
    /// classes, [`MOST_CALIBRATED_CLASSES`] at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibrated: Option<CalibratedScores>,
    /// The mean over the examples of the right choice's log-probability among the choices, in nats; absent in files of earlier
    /// versions, and where it is no number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right_loglik: Option<f64>,
    /// The comparison with the same seed's step 1; null for step 1 itself and if that is not whole.
    pub versus_icl: Option<PairedScores>,
    /// `right_loglik` less that of the same seed's step 1, example by example; absent where `versus_icl` is null and in files of
    /// earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right_loglik_versus_icl: Option<LoglikDifference>,
}

/// Classes at most whose predictions are calibrated: prior matching takes up to 1000 times the classes times the examples.
pub const MOST_CALIBRATED_CLASSES: usize = 100;

/// Shares of right predictions by log-likelihoods to which each class's weight is added.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibratedScores {
    /// With the weights of contextual calibration, by the content-free queries behind the same context; absent without them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contextual: Option<f64>,
    /// With weights that make the mean probability of every class the same over the scored examples, all of which they depend
    /// on, but not on their answers; absent where no such weights are found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior_matched: Option<f64>,
}

/// The mean of differences between two log-likelihoods of the right choices of the same examples, in nats.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoglikDifference {
    /// The mean of the first less the second.
    pub difference: f64,
    /// Student's 95 % interval of the mean; null for a single example.
    pub interval: Option<[f64; 2]>,
}

/// What the scores of a step are made of besides its own records.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Beside<'a> {
    /// The same seed's records of step 1, in the same order of examples; none for step 1 itself, or where there are not as many.
    pub icl: &'a [&'a SampleRecord],
    /// The records of all content-free queries behind the same context; none without.
    pub content_free: &'a [&'a SampleRecord],
    /// The number of the task's labels, 0 without.
    pub classes: usize,
    /// The unconditional log-likelihoods of the examples' choices; `None` without.
    pub unconditional: Option<&'a Unconditional>,
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
    /// The scores of one seed's step, or behind one of its baselines, from all of its records. `None` where there are no records.
    pub(crate) fn of(records: &[&SampleRecord], beside: Beside<'_>) -> Option<Self> {
        let Beside { icl, classes, .. } = beside;
        let first = records.first()?;
        let mut accuracy = CorrectCount::default();
        let (mut by_tokens, mut by_characters) = (CorrectCount::default(), CorrectCount::default());
        let mut calibration_error = CalibrationError::default();
        for record in records {
            accuracy.add(record.is_correct());
            by_tokens.add(record.is_correct_per_token());
            by_characters.add(record.is_correct_per_character());
            calibration_error.add(&record.loglik, record.answer);
        }
        let finite_mean = |values: &[f64]| Spread::of(values).map(|spread| spread.mean).filter(|mean| mean.is_finite());
        let briers: Option<Vec<f64>> = records.iter().map(|record| brier(&record.loglik, record.answer)).collect();
        let interval = accuracy.wilson(Z_95);
        let is_comparable = icl.len() == records.len();
        let pairs = || records.iter().copied().zip(icl.iter().copied());
        let right: Vec<f64> = records.iter().map(|record| record.right_loglik()).collect();
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
            accuracy_bytes: accuracy_where(records, SampleRecord::is_correct_per_byte),
            accuracy_mutual_information: beside.unconditional.and_then(|of_row| {
                accuracy_where(records, |record| record.is_correct_by_mutual_information(of_row.get(&record.index)?))
            }),
            brier_score: briers.and_then(|briers| finite_mean(&briers)),
            calibration_error: calibration_error.value().filter(|error| error.is_finite()),
            macro_f1: confusion(records.iter().copied(), classes).and_then(|confusion| confusion.macro_f1()),
            calibrated: CalibratedScores::of(records, beside),
            right_loglik: finite_mean(&right),
            versus_icl: if is_comparable { PairedScores::of(pairs()) } else { None },
            right_loglik_versus_icl: if is_comparable { LoglikDifference::of(pairs()) } else { None },
        })
    }
}

impl CalibratedScores {
    /// `None` without classes, with too many, where an example has more or fewer choices than that, or no weights are found.
    fn of(records: &[&SampleRecord], Beside { content_free, classes, .. }: Beside<'_>) -> Option<Self> {
        let of_classes = |records: &[&SampleRecord]| records.iter().all(|record| record.loglik.len() == classes);
        if !(1..=MOST_CALIBRATED_CLASSES).contains(&classes) || !of_classes(records) {
            return None;
        }
        let accuracy = |weights: &[f64]| {
            let mut count = CorrectCount::default();
            records.iter().for_each(|record| count.add(record.is_correct_weighted(weights)));
            count.accuracy()
        };
        let contextual = if of_classes(content_free) { contextual_weights(&logliks(content_free)) } else { None };
        let prior_matched = prior_matching_weights(&logliks(records));
        let [contextual, prior_matched] = [contextual, prior_matched].map(|weights| accuracy(&weights?));
        contextual.or(prior_matched).map(|_| Self { contextual, prior_matched })
    }
}

/// The share of the records that `is_correct` holds for; `None` for no records, or where it is unknown for one of them: a share
/// of some would be taken for one of all.
fn accuracy_where(records: &[&SampleRecord], is_correct: impl Fn(&SampleRecord) -> Option<bool>) -> Option<f64> {
    let mut count = CorrectCount::default();
    for record in records {
        count.add(is_correct(record)?);
    }
    count.accuracy()
}

fn logliks<'a>(records: &[&'a SampleRecord]) -> Vec<&'a [f64]> {
    records.iter().map(|record| record.loglik.as_slice()).collect()
}

impl LoglikDifference {
    /// Compares pairs of records of one example each; `None` for no pairs, or where the mean is no number.
    fn of<'a>(pairs: impl IntoIterator<Item = (&'a SampleRecord, &'a SampleRecord)>) -> Option<Self> {
        let differences: Vec<f64> =
            pairs.into_iter().map(|(first, second)| first.right_loglik() - second.right_loglik()).collect();
        let MeanDifference { mean, interval } = MeanDifference::of(&differences)?;
        let interval = interval.filter(|interval| interval.iter().all(|end| end.is_finite()));
        mean.is_finite().then_some(Self { difference: mean, interval })
    }
}

impl PairedScores {
    /// Compares pairs of records of one example each; `None` for no pairs.
    pub(crate) fn of<'a>(pairs: impl IntoIterator<Item = (&'a SampleRecord, &'a SampleRecord)>) -> Option<Self> {
        let mut paired = Paired::default();
        for (first, second) in pairs {
            paired.add(first.is_correct(), second.is_correct());
        }
        Self::of_counts(paired)
    }

    /// The comparison that follows from counts alone; `None` where nothing was counted.
    pub(crate) fn of_counts(paired: Paired) -> Option<Self> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::samples::{Choice, Place};
    use ft_engine::task::example::TextLength;

    const TOLERANCE: f64 = 1e-12;
    const ONE: TextLength = TextLength { characters: 1, bytes: 1 };

    /// A record with these probabilities of its choices.
    fn record(step: u32, index: usize, answer: usize, probabilities: &[f64]) -> SampleRecord {
        let choices: Vec<Choice> =
            probabilities.iter().map(|p| Choice { loglik: (0.1 * p).ln(), tokens: 1, length: ONE }).collect();
        SampleRecord::new(Place { seed: 0, step, index }, index.to_string(), answer, &choices).unwrap()
    }

    fn all(records: &[SampleRecord]) -> Vec<&SampleRecord> {
        records.iter().collect()
    }

    #[test]
    fn the_right_choice_has_a_log_probability_among_the_choices() {
        let icl = [record(1, 0, 0, &[0.5, 0.5]), record(1, 1, 1, &[0.8, 0.2])];
        let later = [record(2, 0, 0, &[0.6, 0.4]), record(2, 1, 1, &[0.6, 0.4])];
        let (icl, later) = (all(&icl), all(&later));
        let scores = StepScores::of(&later, Beside { icl: &icl, ..Beside::default() }).unwrap();
        let mean = (0.6f64.ln() + 0.4f64.ln()) / 2.0;
        assert!((scores.right_loglik.unwrap() - mean).abs() < TOLERANCE);
        let versus = scores.right_loglik_versus_icl.unwrap();
        // The differences are ln 1.2 and ln 2; with two pairs t is tan(0.475 pi), and s / sqrt(2) half their distance.
        let half = (0.475 * std::f64::consts::PI).tan() * (2f64 / 1.2).ln() / 2.0;
        let [low, high] = versus.interval.unwrap();
        assert!((versus.difference - 2.4f64.ln() / 2.0).abs() < TOLERANCE, "{versus:?}");
        assert!((high - versus.difference - half).abs() < 1e-9 && (versus.difference - low - half).abs() < 1e-9);
        let alone = StepScores::of(&icl, Beside::default()).unwrap();
        assert_eq!((alone.versus_icl, alone.right_loglik_versus_icl, alone.calibrated), (None, None, None));
        assert_eq!(StepScores::of(&[], Beside::default()), None);
    }

    /// Brier scores 2 * 0.1^2, 2 * 0.7^2 and, with three choices, 0.4^2 + 0.2^2 + 0.2^2. Each is alone in its bin: |1 - 0.9|, |0 - 0.7|
    /// and |1 - 0.6|, by 3.
    #[test]
    fn probabilities_are_scored_whatever_the_number_of_choices() {
        let records = [record(1, 0, 0, &[0.9, 0.1]), record(1, 1, 1, &[0.7, 0.3]), record(1, 2, 2, &[0.2, 0.2, 0.6])];
        let scores = StepScores::of(&all(&records), Beside::default()).unwrap();
        let close = |found: Option<f64>, expected: f64| (found.unwrap() - expected).abs() < TOLERANCE;
        assert!(close(scores.brier_score, (0.02 + 0.98 + 0.24) / 3.0), "{scores:?}");
        assert!(close(scores.calibration_error, (0.1 + 0.7 + 0.4) / 3.0), "{scores:?}");
    }

    /// Alone the first choice is 8 times as likely as the second, behind the query 4 and 16 times.
    #[test]
    fn mutual_information_takes_out_what_is_likely_alone() {
        let records = [record(1, 3, 1, &[0.8, 0.2]), record(1, 5, 0, &[0.8, 0.05])];
        let alone = || vec![(0.8f64).ln(), (0.1f64).ln()];
        let scores = |unconditional: &Unconditional| {
            let beside = Beside { unconditional: Some(unconditional), ..Beside::default() };
            StepScores::of(&all(&records), beside).unwrap()
        };
        let found = scores(&[(3, alone()), (5, alone())].into());
        assert_eq!((found.accuracy, found.accuracy_mutual_information), (0.5, Some(1.0)));
        // Not without those of every row, or with those of other choices.
        assert_eq!(scores(&[(3, alone())].into()).accuracy_mutual_information, None);
        assert_eq!(scores(&[(3, alone()), (5, vec![-1.0; 3])].into()).accuracy_mutual_information, None);
        assert_eq!(StepScores::of(&all(&records), Beside::default()).unwrap().accuracy_mutual_information, None);
    }

    /// Per byte the second choice wins, -3 / 10 against -1 / 2; both have two characters.
    #[test]
    fn an_accuracy_by_bytes_needs_the_bytes_of_all_records() {
        let choice = |loglik, bytes| Choice { loglik, tokens: 1, length: TextLength { characters: 2, bytes } };
        let at = |index| Place { seed: 0, step: 1, index };
        let of =
            |index, answer| SampleRecord::new(at(index), "", answer, &[choice(-1.0, 2), choice(-3.0, 10)]).unwrap();
        let mut records = [of(0, 1), of(1, 0)];
        let scores = |records: &[SampleRecord]| StepScores::of(&all(records), Beside::default()).unwrap();
        let of_all = scores(&records);
        assert_eq!((of_all.accuracy_bytes, of_all.accuracy_norm), (Some(0.5), 0.5));
        assert_eq!(scores(&records[..1]).accuracy_bytes, Some(1.0));
        assert_eq!(scores(&records[..1]).accuracy_norm, 0.0);
        records[1].bytes.clear();
        assert_eq!(scores(&records).accuracy_bytes, None);
    }

    /// All are taken for class 0. Inputs without content have it with 0.8, and three of four examples have it with less than that.
    #[test]
    fn predictions_are_corrected_for_a_leaning_to_one_class() {
        let records = [
            record(1, 0, 0, &[0.9, 0.1]),
            record(1, 1, 1, &[0.7, 0.3]),
            record(1, 2, 1, &[0.6, 0.4]),
            record(1, 3, 0, &[0.78, 0.22]),
        ];
        let content_free = [record(1, 0, 0, &[0.9, 0.1]), record(1, 1, 0, &[0.7, 0.3])];
        let (records, content_free) = (all(&records), all(&content_free));
        let beside = Beside { content_free: &content_free, classes: 2, ..Beside::default() };
        let scores = StepScores::of(&records, beside).unwrap();
        assert_eq!(scores.accuracy, 0.5);
        // The means are the same where the odds of class 0, 9, 2.33, 1.5 and 3.55, are divided by 3.2: two stay above 1.
        assert_eq!(scores.calibrated, Some(CalibratedScores { contextual: Some(0.75), prior_matched: Some(1.0) }));
        let without = StepScores::of(&records, Beside { classes: 2, ..Beside::default() }).unwrap();
        assert_eq!(without.calibrated, Some(CalibratedScores { contextual: None, prior_matched: Some(1.0) }));
        let many = [record(1, 0, 0, &[0.001; MOST_CALIBRATED_CLASSES + 1])];
        let of_many =
            |classes| StepScores::of(&all(&many), Beside { classes, ..Beside::default() }).unwrap().calibrated;
        assert_eq!(of_many(MOST_CALIBRATED_CLASSES + 1), None);
        for classes in [0, 3] {
            assert_eq!(StepScores::of(&records, Beside { classes, ..beside }).unwrap().calibrated, None);
        }
    }
}
