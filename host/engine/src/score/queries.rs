//! Queries as token ids.

use crate::model::decoder::TokenTree;
use crate::model::{ModelError, Tokenizer};
use crate::task::example::RenderedChoice;
use crate::text::Untrusted;

/// A choice whose full text has no token beyond its context.
#[derive(Debug, thiserror::Error)]
#[error(
    "choice {choice} leaves nothing to score: its full text has {full} tokens and its context {context}; the prompt has to put the choice after the context"
)]
pub struct EmptyContinuation {
    /// Index of the choice.
    pub choice: usize,
    /// Tokens of the context.
    pub context: usize,
    /// Tokens of the full text.
    pub full: usize,
}

/// One choice: the tokens of its full text, and where the scored ones start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChoiceTokens {
    /// The tokens of the full text, without special tokens.
    pub ids: Vec<u32>,
    /// The number of the context's tokens; less than the number of ids.
    pub span_start: usize,
}

/// The choices of one query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryTokens {
    /// The choices, in the example's order.
    pub choices: Vec<ChoiceTokens>,
}

impl QueryTokens {
    /// Tokenizes the choices of one query. The scored span is what `tokens(full)` has beyond the number of `tokens(context)`.
    ///
    /// # Errors
    /// The tokenizer's, or [`EmptyContinuation`] within the result.
    pub fn encode(
        tokenizer: &Tokenizer,
        choices: &[RenderedChoice],
    ) -> Result<Result<Self, EmptyContinuation>, ModelError> {
        let mut encoded = Vec::with_capacity(choices.len());
        // The choices of a query mostly have one context between them.
        let mut context: Option<(&Untrusted, usize)> = None;
        for (index, choice) in choices.iter().enumerate() {
            let span_start = match context {
                Some((text, length)) if *text == choice.context => length,
                _ => tokenizer.encode(choice.context.raw())?.len(),
            };
            context = Some((&choice.context, span_start));
            let ids = tokenizer.encode(choice.full.raw())?;
            if span_start >= ids.len() {
                return Ok(Err(EmptyContinuation { choice: index, context: span_start, full: ids.len() }));
            }
            encoded.push(ChoiceTokens { ids, span_start });
        }
        Ok(Ok(Self { choices: encoded }))
    }

    /// The same query with a token before every choice.
    pub fn after(&self, token: u32) -> Self {
        let choices = self.choices.iter().map(|choice| ChoiceTokens {
            ids: std::iter::once(token).chain(choice.ids.iter().copied()).collect(),
            span_start: choice.span_start + 1,
        });
        Self { choices: choices.collect() }
    }

    /// The same query without the first tokens of every choice.
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
    use super::*;

    #[test]
    fn one_token_labels_cost_the_context_once() {
        let choice = |label| ChoiceTokens { ids: vec![1, 2, 3, label], span_start: 3 };
        let query = QueryTokens { choices: vec![choice(7), choice(8)] };
        let (tree, paths) = query.tree();
        assert_eq!(tree.tokens(), [1, 2, 3]);
        assert_eq!(paths, [[0, 1, 2], [0, 1, 2]]);
    }
}
