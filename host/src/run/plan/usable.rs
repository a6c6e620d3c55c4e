//! Rows that make an example and still cannot be scored.

use super::text_bound::TooMuchText;
use crate::diagnosis::{Diagnosis, Fault, SKIP_BAD_ROWS};
use ft_engine::model::ModelError;
use ft_engine::score::EmptyContinuation;
use ft_engine::task::example::Split;
use ft_sandbox::{ErrorKind, Failure, PluginError};

/// Why a row cannot be scored.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The query does not fit behind the demonstrations.
    #[error("expected at most {limit} positions, got {} for a query of {tokens} tokens after the demonstrations' {demonstrations}", .tokens + .demonstrations)]
    TooLong {
        /// The tokens of its longest choice.
        tokens: usize,
        /// The demonstrations' tokens; the most of them, where several seeds score the row.
        demonstrations: usize,
        /// Positions of the model.
        limit: usize,
    },
    /// A text that is too long to be made tokens of.
    #[error("{0}")]
    TooMuchText(TooMuchText),
    /// A choice without a token of its own.
    #[error(transparent)]
    NothingToScore(EmptyContinuation),
    /// The prompt does not take it, and says so in the orderly way.
    #[error(transparent)]
    Prompt(PluginError),
    /// A text that the tokenizer's rules do not cover.
    #[error(transparent)]
    Tokens(ModelError),
}

impl Unusable {
    /// What an error of the prompt says of a row; the error itself where it is none of a single row.
    ///
    /// # Errors
    /// A failure after which the plugin cannot be asked about other rows, or one that has nothing to do with the row.
    pub fn of_prompt(error: PluginError) -> Result<Self, PluginError> {
        match error.failure() {
            Failure::Returned { kind: ErrorKind::InvalidData | ErrorKind::Unsupported | ErrorKind::Failed, .. } => {
                Ok(Self::Prompt(error))
            }
            _ => Err(error),
        }
    }

    /// What a tokenizer's error says of a row; the error itself where it is another.
    ///
    /// # Errors
    /// A failure that has nothing to do with the row.
    pub fn of_tokens(error: ModelError) -> Result<Self, ModelError> {
        match error {
            ModelError::Tokenizer(_) => Ok(Self::Tokens(error)),
            error => Err(error),
        }
    }

    /// The reason with the example's name, which a plugin's error has already.
    pub fn of_example(&self, split: Split, id: &str) -> String {
        match self {
            Self::Prompt(error) => error.to_string(),
            reason => format!("{split} example `{id}`: {reason}"),
        }
    }
}

/// A row that cannot be scored and that is not to be left out.
#[derive(Debug, thiserror::Error)]
#[error("{}{}", .reason.of_example(*.split, .id), more_unusable(*.split, *.more))]
pub struct UnusableRow {
    /// The split that it is from.
    pub split: Split,
    /// The id of the example.
    pub id: String,
    /// Why it cannot be scored.
    pub reason: Box<Unusable>,
    /// How many more there are.
    pub more: usize,
}

/// How many rows cannot be used besides the first.
fn more_unusable(split: Split, more: usize) -> String {
    match more {
        0 => String::new(),
        1 => format!(" (1 more {split} example cannot be used either)"),
        more => format!(" ({more} more {split} examples cannot be used either)"),
    }
}

impl Diagnosis for UnusableRow {
    fn fault(&self) -> Fault {
        match &*self.reason {
            Unusable::Prompt(error) => error.fault(),
            _ => Fault::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        let mut hint = SKIP_BAD_ROWS.to_owned();
        if matches!(*self.reason, Unusable::TooLong { .. } | Unusable::TooMuchText(_)) {
            hint.push_str("; fewer `--shots` or a model with a longer context take more of them");
        }
        // Of that split only rows that the step is selected by are scored.
        if self.split == Split::Demonstrations {
            hint.push_str("; `--select last` takes the last step instead");
        }
        Some(hint)
    }
}

/// The rows of one split that cannot be scored.
pub struct UnusableRows {
    split: Split,
    /// Each with its name, in the order in which they were found.
    rows: Vec<(String, Unusable)>,
}

/// Rows that are told one by one; the rest is counted.
const TOLD: usize = 5;

impl UnusableRows {
    /// None so far.
    pub fn of(split: Split) -> Self {
        Self { split, rows: Vec::new() }
    }

    /// Adds an example that cannot be scored, and why.
    pub fn add(&mut self, id: String, reason: Unusable) {
        self.rows.push((id, reason));
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// What is wrong with the first.
    pub fn first(&self) -> Option<String> {
        self.rows.first().map(|(id, reason)| reason.of_example(self.split, id))
    }

    /// What is wrong with the first few.
    pub fn reasons(&self) -> String {
        let told = self.rows.iter().take(TOLD).map(|(id, reason)| reason.of_example(self.split, id));
        told.collect::<Vec<String>>().join("; ")
    }

    /// Goes on only where there are none, or where they are to be left out.
    ///
    /// # Errors
    /// The first, with the number of the others.
    pub fn allowed(self, skip: bool) -> Result<Self, UnusableRow> {
        if skip || self.rows.is_empty() {
            return Ok(self);
        }
        let Self { split, rows } = self;
        let more = rows.len() - 1;
        match rows.into_iter().next() {
            Some((id, reason)) => Err(UnusableRow { split, id, reason: Box::new(reason), more }),
            None => Ok(Self::of(split)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(ids: std::ops::Range<usize>) -> UnusableRows {
        let mut rows = UnusableRows::of(Split::Evaluation);
        ids.for_each(|id| rows.add(id.to_string(), Unusable::TooLong { tokens: 60, demonstrations: 10, limit: 64 }));
        rows
    }

    #[test]
    fn the_first_is_named_and_the_others_are_counted() {
        let message = |count| rows(0..count).allowed(false).err().map(|error| error.to_string());
        let first = "evaluation example `0`: expected at most 64 positions, got 70 for a query of 60 tokens after the demonstrations' \
                     10";
        assert_eq!(message(0), None);
        assert_eq!(message(1).as_deref(), Some(first));
        assert_eq!(message(13), Some(format!("{first} (12 more evaluation examples cannot be used either)")));
        assert_eq!(message(2), Some(format!("{first} (1 more evaluation example cannot be used either)")));
    }

    #[test]
    fn rows_to_leave_out_are_counted_and_the_first_few_told() {
        let rows = rows(0..7).allowed(true).unwrap();
        assert_eq!((rows.count(), rows.reasons().matches("evaluation example `").count()), (7, TOLD));
    }
}
