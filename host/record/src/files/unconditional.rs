//! Unconditional records: how likely the choices of one example are where nothing is asked, one line of `unconditional.jsonl`
//! each. Whatever a run tunes, they are the same at every step, so that each example has one.

use std::collections::HashMap;
use std::io;

use serde::{Deserialize, Serialize};

use super::lines::{self, LineError, Lines};
use super::samples::SampleRecord;
use ft_engine::text::Untrusted;

/// One line of `unconditional.jsonl`. The fields are the keys, in this order; written and read back, every number is the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnconditionalRecord {
    /// The example's row in its split, from 0.
    pub index: usize,
    /// The example's name in the data set, which the task gives.
    pub id: Untrusted,
    /// Each choice's log-likelihood behind the token that a text begins with, and nothing else: the sum over its tokens, in
    /// nats.
    pub loglik: Vec<f64>,
    /// How many tokens each choice has by itself.
    pub tokens: Vec<usize>,
}

/// The log-likelihoods of unconditional records, by the examples' rows.
pub(crate) type Unconditional = HashMap<usize, Vec<f64>>;

/// Why a line is no unconditional record.
#[derive(Debug, thiserror::Error)]
pub enum UnconditionalError {
    /// The line is not an unconditional record in JSON.
    #[error("expected an unconditional record in JSON")]
    NotARecord(#[from] serde_json::Error),
    /// `loglik` is empty, or `tokens` differs from it in length.
    #[error("expected one or more log-likelihoods and as many token counts, got {loglik} and {tokens}")]
    Lengths {
        /// The number of log-likelihoods in the record.
        loglik: usize,
        /// The number of token counts in the record.
        tokens: usize,
    },
}

impl UnconditionalRecord {
    /// Reads one line of `unconditional.jsonl`.
    ///
    /// # Errors
    /// If the line is not a record.
    pub fn parse(line: &str) -> Result<Self, UnconditionalError> {
        let record: Self = serde_json::from_str(line)?;
        let (loglik, tokens) = (record.loglik.len(), record.tokens.len());
        if loglik == 0 || tokens != loglik {
            return Err(UnconditionalError::Lengths { loglik, tokens });
        }
        Ok(record)
    }

    /// The record as one line, without a line feed.
    ///
    /// # Errors
    /// If serialization fails.
    pub fn line(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

impl From<SampleRecord> for UnconditionalRecord {
    /// Of an example that was scored as if its choices were all that there is of it.
    fn from(SampleRecord { index, id, loglik, tokens, .. }: SampleRecord) -> Self {
        Self { index, id, loglik, tokens }
    }
}

/// Reads all records of an `unconditional.jsonl`.
///
/// # Errors
/// If a line is no record, unless it is a half-written last one; the error names the first.
pub fn parse_all(text: impl io::BufRead) -> Result<Lines<UnconditionalRecord>, LineError> {
    lines::read(text, UnconditionalRecord::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_these_keys_in_this_order_and_reads_back_as_it_was() {
        let record = UnconditionalRecord { index: 5, id: "row-5".into(), loglik: vec![-1.1, -7.0], tokens: vec![1, 3] };
        let line = record.line().unwrap();
        assert_eq!(line, r#"{"index":5,"id":"row-5","loglik":[-1.1,-7.0],"tokens":[1,3]}"#);
        assert_eq!(UnconditionalRecord::parse(&line).unwrap(), record);
    }

    #[test]
    fn what_does_not_hold_is_refused() {
        let refused = |line: &str| UnconditionalRecord::parse(line).unwrap_err().to_string();
        let lengths = "expected one or more log-likelihoods and as many token counts, got";
        assert_eq!(refused(r#"{"index":5,"id":"","loglik":[],"tokens":[]}"#), format!("{lengths} 0 and 0"));
        assert_eq!(refused(r#"{"index":5,"id":"","loglik":[-1.0],"tokens":[1,2]}"#), format!("{lengths} 1 and 2"));
        for line in [
            "",
            "{}",
            r#"{"index":5,"id":"","loglik":[null],"tokens":[1]}"#,
            r#"{"index":5,"id":"","loglik":[-1.0],"tokens":[1],"seed":0}"#,
        ] {
            assert_eq!(refused(line), "expected an unconditional record in JSON", "{line}");
        }
    }
}
