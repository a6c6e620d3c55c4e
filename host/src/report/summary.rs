//! Accuracies, recomputed from sample records and from nothing else.

use std::collections::BTreeMap;

use super::samples::SampleRecord;
use crate::metrics::accuracy::Count;

/// What the records of one step come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepSummary {
    /// The Deep-Thinking step: 0 is zero-shot, 1 plain in-context learning.
    pub step: u32,
    /// Right predictions by log-likelihood.
    pub accuracy: Count,
    /// Right predictions by log-likelihood per token.
    pub accuracy_tokens: Count,
}

/// One summary for each step that occurs, in the order of the steps.
pub fn summarize<'a>(records: impl IntoIterator<Item = &'a SampleRecord>) -> Vec<StepSummary> {
    let mut steps: BTreeMap<u32, StepSummary> = BTreeMap::new();
    for record in records {
        let step = record.step;
        let nothing = StepSummary { step, accuracy: Count::default(), accuracy_tokens: Count::default() };
        let summary = steps.entry(step).or_insert(nothing);
        summary.accuracy.add(record.is_correct());
        summary.accuracy_tokens.add(record.is_correct_per_token());
    }
    steps.into_values().collect()
}

/// The step from 1 on with the most right predictions, the first of equal ones, if there are several such steps:
/// the best that could have been chosen by looking at the answers, so not a result.
pub fn oracle(summaries: &[StepSummary]) -> Option<&StepSummary> {
    let tuned = || summaries.iter().filter(|summary| summary.step > 0);
    let best = tuned().reduce(|best, next| if next.accuracy.correct > best.accuracy.correct { next } else { best });
    best.filter(|_| tuned().count() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::accuracy::Z_95;
    use crate::report::samples::{Choice, Place, parse_all};

    fn record(step: u32, answer: usize, [first, second]: [f64; 2]) -> SampleRecord {
        let choices =
            [(first, 1), (second, 3)].map(|(loglik, tokens)| Choice { loglik, tokens, characters: 4 * tokens });
        SampleRecord::new(Place { seed: 0, step, index: 0 }, String::new(), answer, &choices).unwrap()
    }

    /// Per token the second choice of the third and the fifth record wins: -3 / 3 and -6 / 3.
    fn records() -> Vec<SampleRecord> {
        vec![
            record(1, 0, [-1.0, -9.0]),
            record(1, 1, [-9.0, -1.0]),
            record(1, 1, [-2.0, -3.0]),
            record(0, 0, [-9.0, -1.0]),
            record(2, 0, [-3.0, -6.0]),
        ]
    }

    #[test]
    fn every_step_is_counted_by_sum_and_by_token() {
        let count = |correct, n| Count { correct, n };
        let expected = [(0, count(0, 1), count(0, 1)), (1, count(2, 3), count(3, 3)), (2, count(1, 1), count(0, 1))];
        let expected =
            expected.map(|(step, accuracy, accuracy_tokens)| StepSummary { step, accuracy, accuracy_tokens });
        assert_eq!(summarize(&records()), expected);
        assert!(summarize(&[]).is_empty());
    }

    /// DESIGN, invariant 5: what was on disk is enough.
    #[test]
    fn a_summary_of_the_written_lines_is_the_summary() {
        let records = records();
        let mut bytes = Vec::new();
        records.iter().for_each(|record| record.write(&mut bytes).unwrap());
        let read = parse_all(std::str::from_utf8(&bytes).unwrap()).unwrap();
        let (before, after) = (summarize(&records), summarize(&read));
        assert_eq!(before, after);
        assert_eq!(before[1].accuracy.wilson(Z_95), after[1].accuracy.wilson(Z_95));
    }

    #[test]
    fn the_oracle_is_the_first_best_of_several_steps() {
        let summary = |step, correct| StepSummary {
            step,
            accuracy: Count { correct, n: 10 },
            accuracy_tokens: Count { correct: 0, n: 10 },
        };
        let check = |steps: &[(u32, usize)], expected: Option<u32>| {
            let summaries: Vec<_> = steps.iter().map(|&(step, correct)| summary(step, correct)).collect();
            assert_eq!(oracle(&summaries).map(|best| best.step), expected, "{steps:?}");
        };
        check(&[(0, 9), (1, 5), (2, 7), (3, 7)], Some(2));
        check(&[(0, 9), (3, 5)], None);
        check(&[], None);
    }
}
