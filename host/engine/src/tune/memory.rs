//! What the steps of the method have in memory besides the weights.

use super::demonstrations::AnsweredQuery;
use super::policy::{GRADIENT_TOKENS, LIKELIHOOD_TOKENS};
use super::question::Objective;
use crate::model::Decoder;
use crate::model::decoder::{DecoderConfig, Placement};
use crate::model::memory::Phase;
use crate::score::{self, BatchSize, gradient_logits_bytes};

/// The examples that a question of an optimizer is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuestionSize {
    /// Tokens of all of them as trees.
    pub tokens: usize,
    /// Tokens of the largest tree.
    pub largest_tree: usize,
    /// Tokens whose predictions are read.
    pub predictions: usize,
}

impl QuestionSize {
    /// Examples as an objective reads them.
    pub fn of(examples: &[AnsweredQuery], objective: Objective) -> Self {
        examples.iter().fold(Self::default(), |size, example| {
            let (query, _) = example.read_by(objective);
            let tree = query.tree_tokens();
            let scored = query.choices.iter().map(|choice| choice.ids.len() - choice.span_start).sum::<usize>();
            Self {
                tokens: size.tokens + tree,
                largest_tree: size.largest_tree.max(tree),
                predictions: size.predictions + scored,
            }
        })
    }
}

/// The moments at which most is alive while an optimizer is answered a likelihood behind so many tokens of demonstrations: a
/// pass over `batch_tokens` of the examples, and the output head. Besides what there is while a batch is scored, the optimizer is taken
/// to have the cache that it asks about.
pub fn likelihood_phases(
    config: &DecoderConfig,
    placement: &Placement,
    demonstrations: usize,
    size: QuestionSize,
    batch_tokens: usize,
) -> [Phase; 2] {
    let QuestionSize { tokens, largest_tree, predictions } = size;
    let tokens = tokens.min(LIKELIHOOD_TOKENS.min(batch_tokens).max(largest_tree));
    let batch = BatchSize { shared_start: 0, tokens, largest_tree, predictions: predictions.min(tokens) };
    // An optimizer asks from step 2 on.
    let scoring = score::phases(config, placement, demonstrations, 2, batch);
    scoring.map(|phase| Phase { cached: phase.cached.saturating_add(demonstrations), ..phase })
}

/// The moment at which most is alive while an optimizer is answered a gradient behind so many tokens of demonstrations, in
/// passes over `batch_tokens` of the examples. The
/// optimizer is taken to keep two matrices for each slot, as Adam does.
pub fn gradient_phase(
    config: &DecoderConfig,
    placement: &Placement,
    demonstrations: usize,
    size: QuestionSize,
    batch_tokens: usize,
) -> Phase {
    let tokens = size.tokens.min(GRADIENT_TOKENS.min(batch_tokens).max(size.largest_tree));
    let tape = Decoder::tape_bytes(config, placement, tokens);
    let logits = gradient_logits_bytes(config, size.predictions.min(tokens));
    // The cache, what the optimizer keeps, and the gradient, which is f32 whatever the cache is.
    let gradient = size_of::<f32>().div_ceil(placement.dtype.size_in_bytes());
    let cached = demonstrations.saturating_mul(3 + gradient);
    let others = tape.saturating_add(logits);
    Phase { tokens, largest_tree: size.largest_tree, past: demonstrations, cached, others }
}

/// The moments at which most is alive in `steps` steps over so many tokens of demonstrations: the pass of a step, and the
/// end of the optimizer's work. The optimizer is taken to have one matrix of state for each slot, as momentum does; a
/// plugin may have more, up to its limit for tensors.
pub fn phases(demonstrations: usize, steps: usize) -> Vec<Phase> {
    let pass = |past: usize, caches: usize| Phase {
        tokens: demonstrations,
        largest_tree: demonstrations,
        past,
        cached: demonstrations.saturating_mul(caches),
        others: 0,
    };
    if steps <= 1 {
        return vec![pass(0, 1)];
    }
    // During the pass: the cache before the step, the optimizer's state, and the pass's own keys and values. After it: the
    // cache before the step, the proposed and the new one, and the state before and after the step.
    vec![pass(demonstrations, 3), Phase { cached: demonstrations.saturating_mul(5), ..Phase::default() }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::{ChoiceTokens, QueryTokens};

    #[test]
    fn sizes_are_of_what_an_objective_reads() {
        // Two choices of two tokens behind three that they share, and a query of two tokens with one choice.
        let choice = |ids: [u32; 5]| ChoiceTokens { ids: ids.to_vec(), span_start: 3 };
        let long = QueryTokens { choices: vec![choice([1, 2, 3, 4, 5]), choice([1, 2, 3, 6, 7])] };
        let short = QueryTokens { choices: vec![ChoiceTokens { ids: vec![1, 2], span_start: 1 }] };
        let examples =
            [AnsweredQuery { tokens: long.into(), answer: 1 }, AnsweredQuery { tokens: short.into(), answer: 0 }];
        // The last token of a choice is not run.
        let choices = QuestionSize { tokens: 5 + 1, largest_tree: 5, predictions: 4 + 1 };
        assert_eq!(QuestionSize::of(&examples, Objective::Choice), choices);
        let answers = QuestionSize { tokens: 4 + 1, largest_tree: 4, predictions: 2 + 1 };
        assert_eq!(QuestionSize::of(&examples, Objective::Answer), answers);
        assert_eq!(QuestionSize::of(&[], Objective::Answer), QuestionSize::default());
    }
}
