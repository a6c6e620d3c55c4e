//! The tokens that all queries of a task start with run once and become part of the context.

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
