//! The demonstrations as tuning sees them: tokens, and where each of them stands.

use std::sync::Arc;

use super::question::{DemonstrationSpan, Examples, Objective, Unanswerable};
use crate::score::QueryTokens;

/// An example as a query, with its right choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnsweredQuery {
    /// The tokens of its choices; demonstrations are in many folds, and their tokens are there once.
    pub tokens: Arc<QueryTokens>,
    /// The index of the right choice.
    pub answer: usize,
}

impl AnsweredQuery {
    /// What an objective reads of it: all choices, or the right one alone, and the index of the right one among them.
    pub(super) fn read_by(&self, objective: Objective) -> (QueryTokens, usize) {
        match objective {
            Objective::Choice => (QueryTokens::clone(&self.tokens), self.answer),
            Objective::Answer => {
                let right = self.tokens.choices.get(self.answer).cloned();
                (QueryTokens { choices: right.into_iter().collect() }, 0)
            }
        }
    }
}

/// What is tuned on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demonstrations {
    /// The token ids of all demonstrations as one text, with those that the model expects around it; one or more.
    pub ids: Vec<u32>,
    /// Where each stands, side by side and in order, up to the last token: what the model expects at the beginning of a text,
    /// and a description of the task, stand before the first. Empty where they are not known one by one.
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

    /// The examples that a question is about.
    ///
    /// # Errors
    /// Examples that there are none of.
    pub fn examples(&self, examples: Examples) -> Result<&[AnsweredQuery], Unanswerable> {
        match examples {
            Examples::HeldOut if self.held_out.is_empty() => Err(Unanswerable::NothingHeldOut),
            Examples::HeldOut => Ok(&self.held_out),
            _ if self.queries.is_empty() => Err(Unanswerable::NotApart),
            Examples::LeaveOneOut if self.queries.len() < 2 => {
                Err(Unanswerable::NothingToLeaveOut { demonstrations: self.queries.len() })
            }
            Examples::LeaveOneOut | Examples::Demonstrations => Ok(&self.queries),
        }
    }

    /// What all that is random in a step follows from.
    pub(super) fn seed_of(&self, step: usize) -> u64 {
        mixed(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(step as u64))
    }
}

/// A number of which no two neighbours are neighbours (the output function of SplitMix64; Steele et al. 2014, section 5): an
/// optimizer may count up from one step's seed and does not come upon the next one's.
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::ChoiceTokens;

    fn query(answer: usize) -> AnsweredQuery {
        let choice = |id| ChoiceTokens { ids: vec![1, id], span_start: 1 };
        AnsweredQuery { tokens: QueryTokens { choices: vec![choice(2), choice(3)] }.into(), answer }
    }

    #[test]
    fn an_objective_reads_all_choices_or_the_right_one() {
        let (all, answer) = query(1).read_by(Objective::Choice);
        assert_eq!((all.choices.len(), answer), (2, 1));
        let (right, answer) = query(1).read_by(Objective::Answer);
        assert_eq!((right.choices.len(), answer), (1, 0));
        assert_eq!(right.choices[0].ids, [1, 3]);
    }

    #[test]
    fn examples_are_those_that_there_are() {
        let with = |queries: usize, held_out: usize| Demonstrations {
            queries: vec![query(0); queries],
            held_out: vec![query(1); held_out],
            ..Demonstrations::of_tokens([1, 2])
        };
        let count = |of: &Demonstrations, examples| of.examples(examples).map(<[_]>::len);
        let three = with(3, 2);
        assert_eq!(count(&three, Examples::LeaveOneOut), Ok(3));
        assert_eq!(count(&three, Examples::Demonstrations), Ok(3));
        assert_eq!(count(&three, Examples::HeldOut), Ok(2));
        let one = with(1, 0);
        let alone = Unanswerable::NothingToLeaveOut { demonstrations: 1 };
        assert_eq!(count(&one, Examples::LeaveOneOut), Err(alone));
        assert_eq!(count(&one, Examples::Demonstrations), Ok(1));
        assert_eq!(count(&one, Examples::HeldOut), Err(Unanswerable::NothingHeldOut));
        assert_eq!(count(&with(0, 2), Examples::LeaveOneOut), Err(Unanswerable::NotApart));
        assert_eq!(count(&with(0, 2), Examples::HeldOut), Ok(2));
    }
}
