//! Records of what a run scores besides its queries at its steps, to hold the steps against: queries behind baselines, one line
//! of `baselines.jsonl` each, and content-free queries, one line of `content-free.jsonl` each.

use std::fmt;
use std::io;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::lines::{self, LineError, Lines};
use super::samples::{Place, SampleError, SampleRecord};
use super::unconditional::UnconditionalRecord;
use ft_engine::text::Untrusted;

/// What queries are scored behind instead of a tuned cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Baseline {
    /// The demonstrations so many times in a row, twice at least, in one plain pass.
    Repeat(u32),
}

impl Baseline {
    /// Repetitions at most: more than any model has positions for.
    pub const MOST_REPEATS: u32 = 1000;

    /// The word before the number of repetitions.
    pub const REPEAT: &'static str = "repeat";

    /// So many repetitions; `None` for fewer than two, which are in-context learning, or too many.
    pub fn repeat(times: u32) -> Option<Self> {
        (2..=Self::MOST_REPEATS).contains(&times).then_some(Self::Repeat(times))
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Repeat(times) = self;
        write!(f, "{}={times}", Self::REPEAT)
    }
}

/// A text that names no baseline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a baseline like repeat=2, with a number from 2 to {}, got {:?}", Baseline::MOST_REPEATS, .0.harmless())]
pub struct NoBaseline(Untrusted);

impl FromStr for Baseline {
    type Err = NoBaseline;

    fn from_str(text: &str) -> Result<Self, NoBaseline> {
        let times =
            text.split_once('=').filter(|(word, _)| *word == Self::REPEAT).and_then(|(_, times)| times.parse().ok());
        times.and_then(Self::repeat).ok_or_else(|| NoBaseline(text.into()))
    }
}

impl TryFrom<String> for Baseline {
    type Error = NoBaseline;

    fn try_from(text: String) -> Result<Self, NoBaseline> {
        text.parse()
    }
}

impl From<Baseline> for String {
    fn from(baseline: Baseline) -> Self {
        baseline.to_string()
    }
}

/// One line of `baselines.jsonl` or `content-free.jsonl`: a sample record, and the baseline that it was scored behind. Written
/// and read back, every number is the same.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlRecord {
    /// The baseline; `None` for the step of the sample record.
    pub baseline: Option<Baseline>,
    /// What was predicted. Behind a baseline its step is 1, since that is one plain pass, as step 1 is.
    pub sample: SampleRecord,
}

/// Where in a run a control record belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlPlace {
    /// The baseline; `None` for the step of the place.
    pub baseline: Option<Baseline>,
    /// Seed, step, and the row of the example or the place of the content-free query.
    pub place: Place,
}

impl fmt::Display for ControlPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { baseline, place } = self;
        baseline.map_or(Ok(()), |baseline| write!(f, "{baseline}, "))?;
        place.fmt(f)
    }
}

/// The keys of a line, in this order.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    baseline: Option<Baseline>,
    seed: u64,
    step: u32,
    index: usize,
    id: Untrusted,
    answer: usize,
    prediction: usize,
    loglik: Vec<f64>,
    tokens: Vec<usize>,
    characters: Vec<usize>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    bytes: Vec<usize>,
}

/// Why a line is no control record.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The line is not a control record in JSON.
    #[error("expected a control record in JSON")]
    NotARecord(#[from] serde_json::Error),
    /// What was predicted does not hold.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// A record behind a baseline that claims to be of another step than 1.
    #[error("expected step 1 behind baseline {baseline}, got {step}")]
    Step {
        /// The baseline of the record.
        baseline: Baseline,
        /// The step of the record.
        step: u32,
    },
}

impl ControlRecord {
    /// Reads one line.
    ///
    /// # Errors
    /// If the line is not a record, or its prediction does not follow from its log-likelihoods.
    pub fn parse(line: &str) -> Result<Self, ControlError> {
        let Keys { baseline, seed, step, index, id, answer, prediction, loglik, tokens, characters, bytes } =
            serde_json::from_str(line)?;
        if let Some(baseline) = baseline.filter(|_| step != 1) {
            return Err(ControlError::Step { baseline, step });
        }
        let sample = SampleRecord { seed, step, index, id, answer, prediction, loglik, tokens, characters, bytes };
        Ok(Self { baseline, sample: sample.checked()? })
    }

    /// The record as one line, without a line feed.
    ///
    /// # Errors
    /// If serialization fails.
    pub fn line(&self) -> Result<String, serde_json::Error> {
        let SampleRecord { seed, step, index, id, answer, prediction, loglik, tokens, characters, bytes } =
            self.sample.clone();
        let baseline = self.baseline;
        serde_json::to_string(&Keys {
            baseline,
            seed,
            step,
            index,
            id,
            answer,
            prediction,
            loglik,
            tokens,
            characters,
            bytes,
        })
    }

    /// The record's place in its run.
    pub fn place(&self) -> ControlPlace {
        ControlPlace { baseline: self.baseline, place: self.sample.place() }
    }
}

/// Reads all records of a `baselines.jsonl` or `content-free.jsonl`.
///
/// # Errors
/// If a line is no record, unless it is a half-written last one; the error names the first.
pub fn parse_all(text: impl io::BufRead) -> Result<Lines<ControlRecord>, LineError> {
    lines::read(text, ControlRecord::parse)
}

/// What a run scored besides its queries at its steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Controls {
    /// The records of `baselines.jsonl`, in its order.
    pub baselines: Vec<ControlRecord>,
    /// The records of `content-free.jsonl`, in its order.
    pub content_free: Vec<ControlRecord>,
    /// The records of `unconditional.jsonl`, in its order.
    pub unconditional: Vec<UnconditionalRecord>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::samples::Choice;
    use ft_engine::task::example::TextLength;

    fn record(baseline: Option<Baseline>) -> ControlRecord {
        let choice = |loglik| Choice { loglik, tokens: 1, length: TextLength { characters: 4, bytes: 5 } };
        let place = Place { seed: 7, step: 1, index: 5 };
        let sample = SampleRecord::new(place, "row-5", 1, &[choice(-1.5), choice(-0.25)]).unwrap();
        ControlRecord { baseline, sample }
    }

    #[test]
    fn a_line_begins_with_its_baseline_and_reads_back_as_it_was() {
        let sample = r#""seed":7,"step":1,"index":5,"id":"row-5","answer":1,"prediction":1,"loglik":[-1.5,-0.25],"tokens":[1,1],"characters":[4,4],"bytes":[5,5]}"#;
        for (baseline, before) in [(Baseline::repeat(4), r#""baseline":"repeat=4","#), (None, "")] {
            let record = record(baseline);
            let line = record.line().unwrap();
            assert_eq!(line, format!("{{{before}{sample}"));
            assert_eq!(ControlRecord::parse(&line).unwrap(), record);
            let before = baseline.map_or("", |_| "repeat=4, ");
            assert_eq!(record.place().to_string(), format!("{before}seed 7, step 1, example 5"));
        }
        // But for the baseline it is a line of `samples.jsonl`.
        assert_eq!(SampleRecord::parse(&record(None).line().unwrap()).unwrap(), record(None).sample);
        assert!(SampleRecord::parse(&record(Baseline::repeat(4)).line().unwrap()).is_err());
    }

    #[test]
    fn what_does_not_hold_is_refused() {
        let good = record(Baseline::repeat(2)).line().unwrap();
        let refused = |from: &str, to: &str| ControlRecord::parse(&good.replace(from, to)).unwrap_err().to_string();
        for (from, to) in
            [("repeat=2", "repeat=1"), ("repeat=2", "twice"), ("\"seed\"", "\"sead\""), ("7,", "7,\"x\":1,")]
        {
            assert_eq!(refused(from, to), "expected a control record in JSON", "{to}");
        }
        assert_eq!(refused("\"step\":1", "\"step\":2"), "expected step 1 behind baseline repeat=2, got 2");
        let prediction = "expected the prediction 1 by the log-likelihoods, got 0";
        assert_eq!(refused("\"prediction\":1", "\"prediction\":0"), prediction);
    }

    #[test]
    fn a_baseline_is_a_word_and_a_number() {
        assert_eq!("repeat=2".parse(), Ok(Baseline::Repeat(2)));
        assert_eq!(Baseline::Repeat(1000).to_string().parse(), Ok(Baseline::Repeat(1000)));
        for text in
            ["", "repeat", "repeat=", "repeat=0", "repeat=1", "repeat=1001", "repeat=-2", "again=2", "repeat=2,4"]
        {
            assert!(text.parse::<Baseline>().is_err(), "{text:?}");
        }
    }
}
