//! What all queries of a task start with is computed once and stands before them like the demonstrations.

use candle_core::Tensor;

use super::{Prefix, QueryTokens};
use crate::model::decoder::{Batch, TokenTree};
use crate::model::{Decoder, KvCache, ModelError};

/// A prefix with further tokens behind it.
pub struct Extended {
    past: KvCache,
    last: Tensor,
    first_position: usize,
}

impl Extended {
    /// Runs tokens after a prefix. Scores of queries that stood behind the prefix and started with them are those of the
    /// [rest](QueryTokens::without_start) behind this one.
    ///
    /// # Errors
    /// The model's.
    pub fn new(decoder: &Decoder, prefix: Prefix<'_>, ids: &[u32]) -> Result<Self, ModelError> {
        let trees = [TokenTree::chain(ids)];
        let Prefix { past, first_position, .. } = prefix;
        let output = decoder.forward(Batch { trees: &trees, first_position, past, wanted: &[ids.len() - 1] })?;
        let past = match past {
            Some(past) => past.followed_by(&output.cache)?,
            None => output.cache,
        };
        Ok(Self { past, last: output.states, first_position: first_position + ids.len() })
    }

    /// What stands before the rest of every query.
    pub fn prefix(&self) -> Prefix<'_> {
        Prefix { past: Some(&self.past), last: Some(&self.last), first_position: self.first_position }
    }
}

/// The tokens that all choices of all queries start with, up to the first that is scored. None of a single query: its tree
/// has them once already.
pub fn shared_start(queries: &[QueryTokens]) -> &[u32] {
    let [first, _, ..] = queries else { return &[] };
    let Some(model) = first.choices.first() else { return &[] };
    let choices = || queries.iter().flat_map(|query| &query.choices);
    let common = choices().fold(model.span_start, |length, choice| {
        let same = choice.ids.iter().zip(&model.ids).take_while(|(a, b)| a == b).count();
        length.min(same).min(choice.span_start)
    });
    &model.ids[..common]
}

#[cfg(test)]
mod tests {
    use super::super::ChoiceTokens;
    use super::*;

    #[test]
    fn scored_tokens_are_not_part_of_the_start() {
        let query = |choices: &[(&[u32], usize)]| QueryTokens {
            choices: choices
                .iter()
                .map(|(ids, span_start)| ChoiceTokens { ids: ids.to_vec(), span_start: *span_start })
                .collect(),
        };
        let a = query(&[(&[1, 2, 3, 4], 3), (&[1, 2, 3, 5], 3)]);
        let b = query(&[(&[1, 2, 9, 4], 3)]);
        assert_eq!(shared_start(&[a.clone(), b.clone()]), [1, 2]);
        assert_eq!(shared_start(&[a.clone(), a.clone()]), [1, 2, 3]);
        assert_eq!(shared_start(&[a.clone(), query(&[(&[1, 2], 1)])]), [1]);
        assert_eq!(shared_start(&[a.clone(), query(&[(&[7, 2], 1)])]), [0u32; 0]);
        assert_eq!(shared_start(&[a]), [0u32; 0], "one query's tree has them once already");
        assert_eq!(b.without_start(2), query(&[(&[9, 4], 1)]));
    }
}
