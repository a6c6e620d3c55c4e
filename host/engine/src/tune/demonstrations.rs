//! The demonstrations as tuning sees them: tokens, and where each of them stands.

use super::question::DemonstrationSpan;
use crate::score::QueryTokens;

/// An example as a query, with its right choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnsweredQuery {
    /// The tokens of its choices.
    pub tokens: QueryTokens,
    /// The index of the right choice.
    pub answer: usize,
}

/// What is tuned on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demonstrations {
    /// The token ids of all demonstrations as one text, with those that the model expects around it; one or more.
    pub ids: Vec<u32>,
    /// Where each stands, side by side and in order, up to the last token: what the model expects at the beginning of a text
    /// stands before the first. Empty where they are not known one by one.
    pub spans: Vec<DemonstrationSpan>,
    /// Each demonstration as a query, as those of the evaluation are; as many as spans.
    pub queries: Vec<AnsweredQuery>,
    /// Rows that were set aside to select the step by, which an optimizer may ask about.
    pub held_out: Vec<AnsweredQuery>,
    /// What all that is random in a step follows from, with the step's number.
    pub seed: u64,
}

impl Demonstrations {
    /// Demonstrations of which nothing is known but their tokens: an optimizer can ask for proposals, and for no likelihood.
    pub fn of_tokens(ids: impl Into<Vec<u32>>) -> Self {
        Self { ids: ids.into(), ..Self::default() }
    }
}
