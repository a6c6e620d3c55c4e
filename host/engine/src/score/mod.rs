//! Log-likelihoods of continuations over a shared cache.
//!
//! The choices of a query become one token tree, so that what they share is computed once, and what all queries start
//! with is computed once for all; queries are packed, not padded; the output head runs only where a scored token needs it; and a choice's last token is never run, since
//! nothing reads what follows it.

mod log_probs;
mod queries;
mod start;

use candle_core::Tensor;

pub use queries::{ChoiceTokens, EmptyContinuation, QueryTokens};
pub use start::{Extended, shared_start};

use crate::model::decoder::{Batch, TokenTree};
use crate::model::{Decoder, KvCache, ModelError};
use log_probs::log_probs;

pub use log_probs::ROWS as LOGIT_ROWS;

/// What stands before every query.
#[derive(Clone, Copy)]
pub struct Prefix<'a> {
    /// Keys and values of the demonstrations; `None` for zero-shot.
    pub past: Option<&'a KvCache>,
    /// The final state of the token before the queries, `[1, width]`: it predicts a span that starts at a query's first token.
    pub last: Option<&'a Tensor>,
    /// The position id of a query's first token.
    pub first_position: usize,
}

impl Prefix<'_> {
    /// Nothing before the queries.
    pub const ZERO_SHOT: Prefix<'static> = Prefix { past: None, last: None, first_position: 0 };
}

/// The log-likelihood of one choice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChoiceScore {
    /// The sum of the scored tokens' natural log-probabilities.
    pub loglik: f64,
    /// How many tokens were scored; one less than the span where nothing stands before its first token.
    pub tokens: usize,
}

/// One batch's queries as trees, with what is read off them.
struct Packed {
    trees: Vec<TokenTree>,
    /// Packed indices of the tokens whose predictions are read, in ascending order.
    wanted: Vec<usize>,
    /// What is read: for each scored token its choice, the row of its predictor and its id.
    reads: Vec<Read>,
}

struct Read {
    query: usize,
    choice: usize,
    /// `None`: the token before the queries.
    row: Option<usize>,
    token: u32,
}

/// Cuts queries into consecutive runs whose trees have at most `budget` tokens together, one query at least.
pub fn batches(queries: &[QueryTokens], budget: usize) -> Vec<std::ops::Range<usize>> {
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    let mut used = 0;
    for (index, query) in queries.iter().enumerate() {
        let size = query.tree().0.len();
        match runs.last_mut() {
            Some(run) if used + size <= budget => {
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

/// Scores every choice of every query in one pass.
///
/// # Errors
/// The model's, with positions out of its range foremost.
pub fn score(
    decoder: &Decoder,
    prefix: Prefix<'_>,
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
    if let Some(last) = prefix.last {
        let pairs: Vec<_> = at_start.iter().map(|read| (0, read.token)).collect();
        for (read, log_prob) in at_start.iter().zip(log_probs(decoder, last, &pairs)?) {
            add(read, log_prob);
        }
    }
    if !inside.is_empty() {
        let output = decoder.forward(Batch {
            trees: &packed.trees,
            first_position: prefix.first_position,
            past: prefix.past,
            wanted: &packed.wanted,
        })?;
        let pairs: Vec<_> = inside.iter().filter_map(|read| read.row.map(|row| (row, read.token))).collect();
        for (read, log_prob) in inside.iter().zip(log_probs(decoder, &output.states, &pairs)?) {
            add(read, log_prob);
        }
    }
    Ok(scores)
}

fn pack(queries: &[QueryTokens]) -> Packed {
    let mut trees = Vec::with_capacity(queries.len());
    let mut found = Vec::new();
    let mut first = 0;
    for (index, query) in queries.iter().enumerate() {
        let (tree, paths) = query.tree();
        for (choice, (tokens, path)) in query.choices.iter().zip(&paths).enumerate() {
            for place in tokens.span_start..tokens.ids.len() {
                let predictor = place.checked_sub(1).map(|before| first + path[before]);
                found.push((index, choice, predictor, tokens.ids[place]));
            }
        }
        first += tree.len();
        trees.push(tree);
    }
    let mut wanted: Vec<usize> = found.iter().filter_map(|(_, _, predictor, _)| *predictor).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let reads = found
        .into_iter()
        .map(|(query, choice, predictor, token)| Read {
            query,
            choice,
            row: predictor.and_then(|predictor| wanted.binary_search(&predictor).ok()),
            token,
        })
        .collect();
    // A tree without tokens has no rows to run; its reads all come from the token before the queries.
    Packed { trees: trees.into_iter().filter(|tree| !tree.is_empty()).collect(), wanted, reads }
}
