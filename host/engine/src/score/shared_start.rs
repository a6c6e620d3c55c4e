//! The tokens that all queries of a task start with run once and become part of the context.

use std::ops::Range;

use super::QueryTokens;
use crate::model::decoder::{Batch, Provenance, TokenTree};
use crate::model::{Context, Decoder, ModelError};

/// The context with these tokens read behind it. Queries that start with them and go on behind the context
/// have the scores of their [rest](QueryTokens::without_start) behind this one.
///
/// # Errors
/// Positions or tokens out of the model's range; a failed computation.
///
/// # Panics
/// If there is no token.
pub fn extended(decoder: &Decoder, context: &Context, shared_start: &[u32]) -> Result<Context, ModelError> {
    let trees = [TokenTree::chain(shared_start)];
    let tokens = shared_start.len();
    let output = decoder.forward(Batch::after(context, &trees, &[tokens - 1]))?;
    Ok(Context {
        cache: match context.cache.positions() {
            0 => output.cache,
            _ => context.cache.followed_by(&output.cache)?,
        },
        last_hidden: Some(output.hidden_states),
        next_position: context.next_position + tokens,
        provenance: Provenance { shared_start: context.provenance.shared_start + tokens, ..context.provenance },
    })
}

/// The tokens that all choices of all queries start with, up to the first that is scored. None of a single query: its tree
/// has them once already.
pub fn shared_start<'a>(queries: impl IntoIterator<Item = &'a QueryTokens>) -> &'a [u32] {
    let mut queries = queries.into_iter();
    let (Some(first), Some(second)) = (queries.next(), queries.next()) else { return &[] };
    let Some(model) = first.choices.first() else { return &[] };
    let choices = [first, second].into_iter().chain(queries).flat_map(|query| &query.choices);
    let common = choices.fold(model.span_start, |length, choice| {
        let same = choice.ids.iter().zip(&model.ids).take_while(|(a, b)| a == b).count();
        length.min(same).min(choice.span_start)
    });
    &model.ids[..common]
}

/// Queries as they run behind a context that some of them share a start with: those without it are read whole, behind the context
/// itself.
#[derive(Clone, Debug)]
pub struct Parted {
    /// What is left of each query to run.
    pub rest: Vec<QueryTokens>,
    /// Whether the start was taken from each.
    pub has_start: Vec<bool>,
}

impl Parted {
    /// Takes the start from the queries that have it before anything that is scored. An empty one is taken from none.
    pub fn new(queries: &[QueryTokens], start: &[u32]) -> Self {
        let has_start: Vec<bool> = queries.iter().map(|query| !start.is_empty() && query.starts_with(start)).collect();
        let rest = queries.iter().zip(&has_start);
        let rest = rest.map(|(query, has)| if *has { query.without_start(start.len()) } else { query.clone() });
        Self { rest: rest.collect(), has_start }
    }

    /// Consecutive queries that run together, within `most_tokens` tokens, one query at least: all of a batch have the start, or
    /// none.
    pub fn batches(&self, most_tokens: usize) -> Vec<Range<usize>> {
        let mut first = 0;
        let mut batches = Vec::new();
        for kind in self.has_start.chunk_by(|a, b| a == b) {
            let of_kind = super::batches(&self.rest[first..first + kind.len()], most_tokens);
            batches.extend(of_kind.into_iter().map(|batch| batch.start + first..batch.end + first));
            first += kind.len();
        }
        batches
    }
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

    #[test]
    fn queries_without_the_start_are_read_whole_in_batches_of_their_own() {
        let query =
            |ids: &[u32]| QueryTokens { choices: vec![ChoiceTokens { ids: ids.to_vec(), span_start: ids.len() - 1 }] };
        // The last has the start, but for a token that is scored.
        let queries =
            [query(&[1, 2, 3, 4]), query(&[1, 2, 5, 6]), query(&[1, 3, 3]), query(&[1, 2, 9]), query(&[1, 2])];
        let parted = Parted::new(&queries, &[1, 2]);
        assert_eq!(parted.has_start, [true, true, false, true, false]);
        let rest: Vec<&[u32]> = parted.rest.iter().map(|query| query.choices[0].ids.as_slice()).collect();
        assert_eq!(rest, [&[3, 4][..], &[5, 6], &[1, 3, 3], &[9], &[1, 2]]);
        assert_eq!(parted.batches(100), [0..2, 2..3, 3..4, 4..5]);
        assert_eq!(parted.batches(1), [0..1, 1..2, 2..3, 3..4, 4..5]);
        let whole = Parted::new(&queries, &[]);
        assert!(whole.rest == queries && whole.has_start.iter().all(|has| !has));
        assert_eq!((whole.batches(100).len(), whole.batches(100)[0].clone()), (1, 0..5));
    }
}
