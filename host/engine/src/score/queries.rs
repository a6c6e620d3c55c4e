//! Queries as token ids.

use crate::model::decoder::TokenTree;
use crate::model::{Context, ModelError, Tokenizer};
use crate::task::example::RenderedChoice;
use crate::text::Untrusted;

/// A choice whose full text has no token beyond its query text.
#[derive(Debug, thiserror::Error)]
#[error(
    "choice {choice} leaves nothing to score: expected more tokens than the {query_text} of its query text, got {full}"
)]
pub struct EmptyContinuation {
    /// Index of the choice.
    pub choice: usize,
    /// Tokens of the query text.
    pub query_text: usize,
    /// Tokens of the full text.
    pub full: usize,
}

/// One choice: the tokens of its full text, and where the scored ones start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChoiceTokens {
    /// The tokens of the full text, without special tokens.
    pub ids: Vec<u32>,
    /// The number of the query text's tokens; less than the number of ids. It may be 0.
    pub span_start: usize,
}

/// The choices of one query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryTokens {
    /// The choices, in the example's order.
    pub choices: Vec<ChoiceTokens>,
}

impl QueryTokens {
    /// Tokenizes the choices of one query. The scored span is what the tokens of a choice's full text have beyond the number
    /// of its query text's (`RenderedChoice::context`).
    ///
    /// # Errors
    /// A text that the tokenizer cannot encode; [`EmptyContinuation`] within the result.
    pub fn encode(
        tokenizer: &Tokenizer,
        choices: &[RenderedChoice],
    ) -> Result<Result<Self, EmptyContinuation>, ModelError> {
        let mut encoded = Vec::with_capacity(choices.len());
        // The choices of a query mostly share their query text, and it is tokenized once.
        let mut query_text: Option<(&Untrusted, usize)> = None;
        for (index, choice) in choices.iter().enumerate() {
            let span_start = match query_text {
                Some((text, length)) if *text == choice.context => length,
                _ => tokenizer.encode(choice.context.raw())?.len(),
            };
            query_text = Some((&choice.context, span_start));
            let ids = tokenizer.encode(choice.full.raw())?;
            if span_start >= ids.len() {
                return Ok(Err(EmptyContinuation { choice: index, query_text: span_start, full: ids.len() }));
            }
            encoded.push(ChoiceTokens { ids, span_start });
        }
        Ok(Ok(Self { choices: encoded }))
    }

    /// The query as it runs behind a context: with the model's beginning of a text before every choice where one is scored
    /// from its first token on and the context has nothing that predicts it.
    pub fn behind(&self, context: &Context) -> Self {
        match context.bos().filter(|_| self.starts_with_span()) {
            Some(bos) => self.preceded_by(&[bos]),
            None => self.clone(),
        }
    }

    /// The query with these tokens, which are not scored, before every choice.
    pub fn preceded_by(&self, before: &[u32]) -> Self {
        let choices = self.choices.iter().map(|choice| ChoiceTokens {
            ids: before.iter().chain(&choice.ids).copied().collect(),
            span_start: choice.span_start + before.len(),
        });
        Self { choices: choices.collect() }
    }

    /// Whether every choice starts with these tokens, and none of them is scored.
    pub fn starts_with(&self, start: &[u32]) -> bool {
        self.choices.iter().all(|choice| choice.ids[..choice.span_start.min(choice.ids.len())].starts_with(start))
    }

    /// The query without the first `count` tokens of every choice.
    ///
    /// # Panics
    /// If a choice has a scored token among them.
    pub fn without_start(&self, count: usize) -> Self {
        let choices = self.choices.iter().map(|choice| {
            assert!(count <= choice.span_start, "token {} is scored", choice.span_start);
            ChoiceTokens { ids: choice.ids[count..].to_vec(), span_start: choice.span_start - count }
        });
        Self { choices: choices.collect() }
    }

    /// Whether a choice is scored from its very first token on.
    pub fn starts_with_span(&self) -> bool {
        self.choices.iter().any(|choice| choice.span_start == 0)
    }

    /// The number of positions that the longest choice takes; its last token takes one only in a plain scorer.
    pub fn longest(&self) -> usize {
        self.choices.iter().map(|choice| choice.ids.len()).max().unwrap_or(0)
    }

    /// Tokens that run for it; what its choices share counts once.
    pub fn tree_tokens(&self) -> usize {
        self.tree().0.len()
    }

    /// The choices as one tree without their last tokens, and for each choice the nodes of its tokens.
    pub(super) fn tree(&self) -> (TokenTree, Vec<Vec<usize>>) {
        let mut tree = TokenTree::default();
        let paths = self.choices.iter().map(|choice| {
            let run = &choice.ids[..choice.ids.len().saturating_sub(1)];
            let mut parent = None;
            run.iter()
                .map(|token| {
                    let node = tree.insert(*token, parent);
                    parent = Some(node);
                    node
                })
                .collect()
        });
        let paths = paths.collect();
        (tree, paths)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};

    use super::*;

    #[test]
    fn one_token_labels_cost_the_query_text_once() {
        let choice = |label| ChoiceTokens { ids: vec![1, 2, 3, label], span_start: 3 };
        let query = QueryTokens { choices: vec![choice(7), choice(8)] };
        let (tree, paths) = query.tree();
        assert_eq!(tree.tokens(), [1, 2, 3]);
        assert_eq!(paths, [[0, 1, 2], [0, 1, 2]]);
    }

    #[test]
    fn a_query_has_the_beginning_of_a_text_only_where_nothing_else_predicts_its_first_token() {
        let query =
            |ids: &[u32], span_start| QueryTokens { choices: vec![ChoiceTokens { ids: ids.into(), span_start }] };
        let (scored, unscored) = (query(&[3, 4], 0), query(&[3, 4], 1));
        assert_eq!(scored.behind(&Context::zero_shot(Some(9))), query(&[9, 3, 4], 1));
        assert_eq!(unscored.behind(&Context::zero_shot(Some(9))), unscored);
        assert_eq!(scored.behind(&Context::zero_shot(None)), scored);
        let hidden = Tensor::zeros((1, 2), DType::F32, &Device::Cpu).unwrap();
        // Behind other tokens there is no beginning to put.
        let described = scored.preceded_by(&[9, 8]);
        assert_eq!(
            (&described, described.behind(&Context::zero_shot(Some(9)))),
            (&query(&[9, 8, 3, 4], 2), described.clone())
        );
        assert_eq!(unscored.preceded_by(&[]), unscored);
        let extended = Context { last_hidden: Some(hidden), ..Context::zero_shot(Some(9)) };
        assert_eq!(scored.behind(&extended), scored);
    }
}
