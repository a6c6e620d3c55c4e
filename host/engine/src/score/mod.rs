//! Log-likelihoods of continuations behind a shared context.
//!
//! The choices of a query become one token tree, so that what they share is computed once, and what all queries start
//! with is computed once for all; queries are packed, not padded; the output head runs only where a scored token needs it;
//! and a choice's last token is never run, since nothing reads what follows it.

mod gradient;
mod log_probs;
mod memory;
mod queries;
mod shared_start;

pub(crate) use gradient::gradient_logits_bytes;
pub use gradient::{MaskedQueries, Weigh, masked_gradient, masked_scores};
pub use memory::{BatchSize, phases};
pub use queries::{ChoiceTokens, EmptyContinuation, QueryTokens};
pub use shared_start::{Parted, extended, shared_start};

use crate::model::decoder::{Batch, TokenTree};
use crate::model::{Context, Decoder, ModelError};
use log_probs::log_probs;

/// The log-likelihood of one choice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChoiceScore {
    /// The sum of the scored tokens' natural log-probabilities.
    pub loglik: f64,
    /// How many tokens were scored; one less than the span where no context stands before its first token.
    pub tokens: usize,
}

/// One batch's queries as trees, with what is read off them.
struct Packed {
    trees: Vec<TokenTree>,
    /// Packed indices of the tokens whose predictions are read, in ascending order.
    output_rows: Vec<usize>,
    /// Every scored token of every choice.
    reads: Vec<Read>,
}

/// A scored token, and where its log-probability is read.
struct Read {
    query: usize,
    choice: usize,
    /// The index of its predecessor, which predicts it, among `output_rows`; `None`: the context's last token.
    row: Option<usize>,
    token: u32,
}

/// Cuts queries into consecutive batches whose trees have at most `most_tokens` tokens together, one query at least.
pub fn batches(queries: &[QueryTokens], most_tokens: usize) -> Vec<std::ops::Range<usize>> {
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    let mut used = 0;
    for (index, query) in queries.iter().enumerate() {
        let size = query.tree().0.len();
        match runs.last_mut() {
            Some(run) if used + size <= most_tokens => {
                run.end = index + 1;
                used += size;
            }
            _ => {
                runs.push(index..index + 1);
                used = size;
            }
        }
    }
    runs
}

/// Scores every choice of every query in one pass behind the context. Behind an empty one nothing predicts a query's first
/// token, and it is not counted.
///
/// # Errors
/// Positions or tokens out of the model's range; a failed computation.
pub fn score(
    decoder: &Decoder,
    context: &Context,
    queries: &[QueryTokens],
) -> Result<Vec<Vec<ChoiceScore>>, ModelError> {
    let packed = pack(queries);
    let mut scores: Vec<Vec<ChoiceScore>> =
        queries.iter().map(|query| vec![ChoiceScore { loglik: 0.0, tokens: 0 }; query.choices.len()]).collect();
    let mut add = |read: &Read, log_prob: f64| {
        let score = &mut scores[read.query][read.choice];
        score.loglik += log_prob;
        score.tokens += 1;
    };
    let (inside, at_start): (Vec<&Read>, Vec<&Read>) = packed.reads.iter().partition(|read| read.row.is_some());
    if let Some(last_hidden) = &context.last_hidden {
        let pairs: Vec<_> = at_start.iter().map(|read| (0, read.token)).collect();
        for (read, log_prob) in at_start.iter().zip(log_probs(decoder, last_hidden, &pairs)?) {
            add(read, log_prob);
        }
    }
    if !inside.is_empty() {
        let output = decoder.forward(Batch::after(context, &packed.trees, &packed.output_rows))?;
        let pairs: Vec<_> = inside.iter().filter_map(|read| read.row.map(|row| (row, read.token))).collect();
        for (read, log_prob) in inside.iter().zip(log_probs(decoder, &output.hidden_states, &pairs)?) {
            add(read, log_prob);
        }
    }
    Ok(scores)
}

/// A query's trees side by side, and where the predictions of its scored tokens are read.
fn pack(queries: &[QueryTokens]) -> Packed {
    let mut trees = Vec::with_capacity(queries.len());
    // Query, choice, packed index of the predictor, token.
    let mut scored = Vec::new();
    // The packed index of the tree's first token.
    let mut offset = 0;
    for (index, query) in queries.iter().enumerate() {
        let (tree, paths) = query.tree();
        for (choice, (tokens, path)) in query.choices.iter().zip(&paths).enumerate() {
            for place in tokens.span_start..tokens.ids.len() {
                // A path lacks the choice's last token, which predicts nothing that is scored, so every predictor is on it.
                let predictor = place.checked_sub(1).map(|before| offset + path[before]);
                scored.push((index, choice, predictor, tokens.ids[place]));
            }
        }
        offset += tree.len();
        trees.push(tree);
    }
    // Choices share predictors: each goes through the output head once.
    let mut output_rows: Vec<usize> = scored.iter().filter_map(|(_, _, predictor, _)| *predictor).collect();
    output_rows.sort_unstable();
    output_rows.dedup();
    let reads = scored
        .into_iter()
        .map(|(query, choice, predictor, token)| Read {
            query,
            choice,
            row: predictor.and_then(|predictor| output_rows.binary_search(&predictor).ok()),
            token,
        })
        .collect();
    // A tree without tokens has no rows to run; its reads all come from the context's last token.
    Packed { trees: trees.into_iter().filter(|tree| !tree.is_empty()).collect(), output_rows, reads }
}
