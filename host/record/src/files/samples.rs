//! Sample records: what was predicted for one example at one step, one line of `samples.jsonl` each.

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

use super::lines::{self, LineError, Lines};
use ft_engine::metrics::calibration::{log_softmax, weighted_prediction};
use ft_engine::metrics::choice::{argmax, mutual_information, per_byte, per_character, per_token};
use ft_engine::task::example::TextLength;
use ft_engine::text::Untrusted;

/// One line of `samples.jsonl`. The fields are the keys, in this order; written and read back, every number is the
/// same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleRecord {
    /// The seed that chose the demonstrations.
    pub seed: u64,
    /// The Deep-Thinking step: 0 is zero-shot, 1 plain in-context learning.
    pub step: u32,
    /// The example's row in its split, from 0.
    pub index: usize,
    /// The example's name in the data set, which the task gives.
    pub id: Untrusted,
    /// The index of the right choice.
    pub answer: usize,
    /// The choice with the largest log-likelihood, the lowest index of equal ones.
    pub prediction: usize,
    /// Each choice's log-likelihood: the sum over its scored tokens, in nats.
    pub loglik: Vec<f64>,
    /// How many tokens were scored for each choice.
    pub tokens: Vec<usize>,
    /// How many characters each choice's scored text has, without blanks before it.
    pub characters: Vec<usize>,
    /// How many bytes in UTF-8 each choice's scored text has, without blanks before it; empty, and absent from the line, in
    /// files of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bytes: Vec<usize>,
}

/// The place of a sample record in a run: its seed, step and example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The seed that chose the demonstrations.
    pub seed: u64,
    /// The Deep-Thinking step: 0 is zero-shot, 1 plain in-context learning.
    pub step: u32,
    /// The example's row in its split, from 0.
    pub index: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, step, index } = self;
        write!(f, "seed {seed}, step {step}, example {index}")
    }
}

/// The numbers of one scored choice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// The log-likelihood: the sum over the scored tokens, in nats.
    pub loglik: f64,
    /// The number of tokens that were scored.
    pub tokens: usize,
    /// The length of the scored text, without blanks before it.
    pub length: TextLength,
}

/// Why a line or value is no sample record.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The line is not a sample record in JSON.
    #[error("expected a sample record in JSON")]
    NotARecord(#[from] serde_json::Error),
    /// `loglik`, `tokens` and `characters` differ in length, or `bytes` is there and differs.
    #[error(
        "expected as many token, character and byte counts as log-likelihoods, got {tokens}, {characters}, {bytes} and {loglik}"
    )]
    Lengths {
        /// The number of log-likelihoods in the record.
        loglik: usize,
        /// The number of token counts in the record.
        tokens: usize,
        /// The number of character counts in the record.
        characters: usize,
        /// The number of byte counts in the record.
        bytes: usize,
    },
    /// A log-likelihood is NaN or infinite: JSON has no such number, and no prediction follows from it.
    #[error("expected a finite log-likelihood for choice {choice}, got {value}")]
    NotFinite {
        /// The index of the choice.
        choice: usize,
        /// The log-likelihood that is not finite.
        value: f64,
    },
    /// The answer is none of the choices.
    #[error("expected an answer among {choices} choices, got {answer}")]
    Answer {
        /// The index given as the answer.
        answer: usize,
        /// The number of choices.
        choices: usize,
    },
    /// The prediction does not follow from the log-likelihoods.
    #[error("expected the prediction {expected} by the log-likelihoods, got {prediction}")]
    Prediction {
        /// The prediction in the record.
        prediction: usize,
        /// The prediction that follows from the log-likelihoods.
        expected: usize,
    },
}

impl SampleRecord {
    /// A record with the prediction that follows from the choices' log-likelihoods.
    ///
    /// # Errors
    /// If a log-likelihood is not finite, or `answer` is no index of a choice.
    pub fn new(place: Place, id: impl Into<Untrusted>, answer: usize, choices: &[Choice]) -> Result<Self, SampleError> {
        let id = id.into();
        let Place { seed, step, index } = place;
        let loglik = choices.iter().map(|choice| choice.loglik).collect();
        let tokens = choices.iter().map(|choice| choice.tokens).collect();
        let characters = choices.iter().map(|choice| choice.length.characters).collect();
        let bytes = choices.iter().map(|choice| choice.length.bytes).collect();
        let mut record = Self { seed, step, index, id, answer, prediction: 0, loglik, tokens, characters, bytes };
        record.prediction = record.expected_prediction()?;
        Ok(record)
    }

    /// Reads one line of `samples.jsonl`.
    ///
    /// # Errors
    /// If the line is not a record, or one that [`SampleRecord::new`] would not make.
    pub fn parse(line: &str) -> Result<Self, SampleError> {
        serde_json::from_str::<Self>(line)?.checked()
    }

    /// The record, if it is one that [`SampleRecord::new`] would make.
    pub(super) fn checked(self) -> Result<Self, SampleError> {
        let expected = self.expected_prediction()?;
        if self.prediction != expected {
            return Err(SampleError::Prediction { prediction: self.prediction, expected });
        }
        Ok(self)
    }

    /// The record as one line, without a line feed. [`SampleRecord::new`] has seen to it that all numbers are finite; one
    /// put in later that is not would be written as `null`, which [`SampleRecord::parse`] refuses.
    ///
    /// # Errors
    /// If serialization fails.
    pub fn line(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// The record's place in its run.
    pub fn place(&self) -> Place {
        Place { seed: self.seed, step: self.step, index: self.index }
    }

    /// Whether the prediction is the answer.
    pub(crate) fn is_correct(&self) -> bool {
        self.prediction == self.answer
    }

    /// Whether the choice with the largest log-likelihood per token is the answer.
    pub(crate) fn is_correct_per_token(&self) -> bool {
        let means: Vec<f64> = self.loglik.iter().zip(&self.tokens).map(|(&sum, &n)| per_token(sum, n)).collect();
        argmax(&means) == Some(self.answer)
    }

    /// Whether the choice with the largest log-likelihood per character is the answer.
    pub(crate) fn is_correct_per_character(&self) -> bool {
        let of = |(&sum, &n): (&f64, &usize)| per_character(sum, n);
        let means: Vec<f64> = self.loglik.iter().zip(&self.characters).map(of).collect();
        argmax(&means) == Some(self.answer)
    }

    /// Whether the choice with the largest log-likelihood per byte is the answer; `None` where the record has no bytes.
    pub(crate) fn is_correct_per_byte(&self) -> Option<bool> {
        let of = |(&sum, &n): (&f64, &usize)| per_byte(sum, n);
        let means: Vec<f64> = self.loglik.iter().zip(&self.bytes).map(of).collect();
        (!means.is_empty()).then(|| argmax(&means) == Some(self.answer))
    }

    /// Whether the choice whose log-likelihood exceeds its unconditional one by most is the answer; `None` for another number of
    /// those than of choices.
    pub(crate) fn is_correct_by_mutual_information(&self, unconditional: &[f64]) -> Option<bool> {
        if unconditional.len() != self.loglik.len() {
            return None;
        }
        Some(argmax(&mutual_information(&self.loglik, unconditional)) == Some(self.answer))
    }

    /// The log-probability of the answer among the choices, in nats: its log-likelihood less the logarithm of the sum of all
    /// choices' likelihoods.
    pub(crate) fn right_loglik(&self) -> f64 {
        log_softmax(&self.loglik).get(self.answer).copied().unwrap_or(f64::NAN)
    }

    /// Whether the choice with the largest sum of log-likelihood and weight is the answer.
    pub(crate) fn is_correct_weighted(&self, weights: &[f64]) -> bool {
        weighted_prediction(&self.loglik, weights) == Some(self.answer)
    }

    fn expected_prediction(&self) -> Result<usize, SampleError> {
        let choices = self.loglik.len();
        let (tokens, characters, bytes) = (self.tokens.len(), self.characters.len(), self.bytes.len());
        if (tokens, characters) != (choices, choices) || !(bytes == 0 || bytes == choices) {
            return Err(SampleError::Lengths { loglik: choices, tokens, characters, bytes });
        }
        if let Some((choice, &value)) = self.loglik.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            return Err(SampleError::NotFinite { choice, value });
        }
        match argmax(&self.loglik) {
            Some(prediction) if self.answer < choices => Ok(prediction),
            _ => Err(SampleError::Answer { answer: self.answer, choices }),
        }
    }
}

/// Reads all records of a `samples.jsonl`.
///
/// # Errors
/// If a line is no record, unless it is a half-written last one; the error names the first.
pub fn parse_all(text: impl io::BufRead) -> Result<Lines<SampleRecord>, LineError> {
    lines::read(text, SampleRecord::parse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(answer: usize, loglik: &[f64], tokens: &[usize]) -> Result<SampleRecord, SampleError> {
        let choices: Vec<Choice> = (loglik.iter().zip(tokens))
            .map(|(&loglik, &tokens)| Choice {
                loglik,
                tokens,
                length: TextLength { characters: 4 * tokens, bytes: 5 * tokens },
            })
            .collect();
        SampleRecord::new(Place { seed: 7, step: 2, index: 5 }, "validation-5", answer, &choices)
    }

    fn line(record: &SampleRecord) -> String {
        record.line().unwrap()
    }

    #[test]
    fn a_line_has_these_keys_in_this_order() {
        let line = line(&record(1, &[-1.228, -0.57116], &[1, 2]).unwrap());
        let expected = r#"{"seed":7,"step":2,"index":5,"id":"validation-5","answer":1,"prediction":1,"loglik":[-1.228,-0.57116],"tokens":[1,2],"characters":[4,8],"bytes":[5,10]}"#;
        assert_eq!(line, expected);
    }

    #[test]
    fn the_answer_may_win_by_one_measure_alone() {
        let choice =
            |loglik, tokens, characters, bytes| Choice { loglik, tokens, length: TextLength { characters, bytes } };
        let measures = |choices: [Choice; 2]| {
            let record = SampleRecord::new(Place { seed: 0, step: 0, index: 0 }, "", 1, &choices).unwrap();
            let by_bytes = record.is_correct_per_byte().unwrap();
            (record.is_correct(), record.is_correct_per_token(), record.is_correct_per_character(), by_bytes)
        };
        assert_eq!(measures([choice(-2.0, 2, 8, 8), choice(-1.0, 1, 2, 2)]), (true, false, false, false));
        assert_eq!(measures([choice(-2.0, 1, 9, 9), choice(-3.0, 2, 10, 10)]), (false, true, false, false));
        assert_eq!(measures([choice(-2.0, 1, 2, 4), choice(-3.0, 1, 10, 5)]), (false, false, true, false));
        assert_eq!(measures([choice(-2.0, 1, 9, 9), choice(-3.0, 1, 10, 20)]), (false, false, false, true));
    }

    #[test]
    fn a_line_of_an_earlier_version_has_no_bytes_and_stays_as_it_is() {
        let new = record(1, &[-1.0, -2.0], &[1, 2]).unwrap();
        let old = line(&new).replace(r#","bytes":[5,10]"#, "");
        let read = SampleRecord::parse(&old).unwrap();
        assert_eq!((line(&read), read.is_correct_per_byte()), (old, None));
        assert_eq!(SampleRecord { bytes: vec![5, 10], ..read }, new);
    }

    #[test]
    fn a_name_with_a_line_feed_stays_on_one_line() {
        let mut record = record(0, &[-1.0], &[1]).unwrap();
        record.id = "a\nb\u{2028}\"".into();
        let line = line(&record);
        assert_eq!(line.matches('\n').count(), 0);
        assert_eq!(SampleRecord::parse(&line).unwrap(), record);
    }

    proptest! {
        #[test]
        fn every_number_reads_back_as_it_was(values in prop::collection::vec(any::<u64>().prop_map(f64::from_bits), 1..9)) {
            let finite: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
            prop_assume!(!finite.is_empty());
            let record = record(0, &finite, &vec![1; finite.len()]).unwrap();
            let read = SampleRecord::parse(&line(&record)).unwrap();
            let bits = |record: &SampleRecord| record.loglik.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&read), bits(&record));
            prop_assert_eq!(read, record);
        }

        #[test]
        fn log_likelihoods_read_back_as_they_were(value in -500.0..0.0f64) {
            let record = record(0, &[value, value / 3.0], &[1, 3]).unwrap();
            prop_assert_eq!(SampleRecord::parse(&line(&record)).unwrap(), record);
        }
    }

    #[test]
    fn what_does_not_hold_is_refused_by_name() {
        let check = |result: Result<SampleRecord, SampleError>, message: &str| {
            assert_eq!(result.expect_err(message).to_string(), message);
        };
        check(record(0, &[-1.0, f64::NAN], &[1, 1]), "expected a finite log-likelihood for choice 1, got NaN");
        check(record(0, &[f64::NEG_INFINITY], &[1]), "expected a finite log-likelihood for choice 0, got -inf");
        check(record(2, &[-1.0, -2.0], &[1, 1]), "expected an answer among 2 choices, got 2");
        check(record(0, &[], &[]), "expected an answer among 0 choices, got 0");
        let good = line(&record(0, &[-1.0], &[1]).unwrap());
        let lengths = "expected as many token, character and byte counts as log-likelihoods, got";
        check(SampleRecord::parse(&good.replace("[1]", "[]")), &format!("{lengths} 0, 1, 1 and 1"));
        check(SampleRecord::parse(&good.replace("[5]", "[5,5]")), &format!("{lengths} 1, 1, 2 and 1"));
        let wrong = line(&record(1, &[-1.0, -2.0], &[1, 1]).unwrap()).replace(r#""prediction":0"#, r#""prediction":1"#);
        check(SampleRecord::parse(&wrong), "expected the prediction 0 by the log-likelihoods, got 1");
        for bad in ["", "{", "[]", r#"{"step":1}"#, r#"{"step":1,"loglik":[null]}"#, &wrong.replace("step", "steq")] {
            check(SampleRecord::parse(bad), "expected a sample record in JSON");
        }
    }

    #[test]
    fn a_bad_line_is_named() {
        let good = line(&record(0, &[-1.0], &[1]).unwrap()) + "\n";
        let half = &good[..good.len() / 2];
        let read = |text: String| parse_all(text.as_bytes());
        assert_eq!(read(format!("{good}{good}")).unwrap().records.len(), 2);
        let cut = read(format!("{good}{good}{half}")).unwrap();
        assert_eq!((cut.records.len(), cut.cut), (2, true));
        assert_eq!(read(format!("{good}{good}{half}\n")).unwrap_err().line, 3);
        assert!(read(String::new()).unwrap().records.is_empty());
    }
}
