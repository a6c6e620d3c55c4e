//! A step's questions, answered by the model.

use std::ops::Range;

use candle_core::Tensor;

use super::demonstrations::Demonstrations;
use super::optimizer::StepContext;
use super::policy::{GRADIENT_TOKENS, LIKELIHOOD_TOKENS, StepPolicy};
use super::proposal::{Memo, Proposal};
use super::question::{
    CacheGradient, DemonstrationSpan, Dropout, Examples, Objective, ProposalPass, Question, QuestionError, Unanswerable,
};
use super::reordered::pass_behind;
use crate::metrics::calibration::log_softmax;
use crate::model::decoder::{Origin, Provenance};
use crate::model::{Context, Decoder, KvCache, ModelError};
use crate::score::{self, ChoiceScore, MaskedQueries, QueryTokens, masked_gradient, masked_scores};
use crate::task::python_random::PythonRandom;

/// One step as its optimizer sees it.
pub(super) struct ModelStep<'a, F> {
    step: usize,
    decoder: &'a Decoder,
    cache: &'a KvCache,
    demonstrations: &'a Demonstrations,
    policy: StepPolicy,
    proposal: Memo<F>,
    passes: usize,
}

/// Examples that a question is about, each with the positions of the cache that it does not see.
struct Asked {
    queries: Vec<QueryTokens>,
    answers: Vec<usize>,
    hidden: Vec<Vec<Range<usize>>>,
}

impl<'a, F: FnMut() -> Result<Proposal, ModelError>> ModelStep<'a, F> {
    /// Step `step` from this cache on; `pass` is the one that proposes.
    pub(super) fn new(
        (step, policy): (usize, StepPolicy),
        decoder: &'a Decoder,
        cache: &'a KvCache,
        demonstrations: &'a Demonstrations,
        pass: F,
    ) -> Self {
        Self { step, decoder, cache, demonstrations, policy, proposal: Memo::new(pass), passes: 0 }
    }

    /// The proposal, whether it was asked for or not, and how many other passes were.
    ///
    /// # Errors
    /// What the pass fails with.
    pub(super) fn into_proposal(self) -> Result<(Proposal, usize), ModelError> {
        Ok((self.proposal.into_value()?, self.passes))
    }

    /// The queries behind a cache go on where the demonstrations end, as those of the evaluation do.
    fn context(&self, cache: &KvCache) -> Context {
        let provenance = Provenance { origin: Origin::Demonstrations { step: self.step }, shared_start: 0 };
        let next_position = self.demonstrations.ids.len();
        Context { cache: cache.clone(), last_hidden: None, next_position, provenance }
    }

    /// The examples of a question.
    fn asked(&self, examples: Examples, objective: Objective) -> Result<Asked, Unanswerable> {
        let of = self.demonstrations.examples(examples)?;
        let hidden = match examples {
            Examples::LeaveOneOut => self.demonstrations.spans.iter().map(|span| vec![span.tokens.clone()]).collect(),
            Examples::Demonstrations | Examples::HeldOut => vec![Vec::new(); of.len()],
        };
        let (queries, answers) = of.iter().map(|query| query.read_by(objective)).unzip();
        Ok(Asked { queries, answers, hidden })
    }
}

/// Refuses a cache that the current one's slots do not fit.
pub(super) fn check_cache(current: &KvCache, cache: &KvCache) -> Result<(), QuestionError> {
    let (expected, found) = (current.layers(), cache.layers());
    if expected.len() != found.len() {
        let problem = format!("expected a cache of {} layers, got {}", expected.len(), found.len());
        return Err(QuestionError::Invalid(problem));
    }
    let shape = |tensor: &Tensor| format!("{:?} {}", tensor.dims(), tensor.dtype().as_str());
    for (layer, (expected, found)) in expected.iter().zip(found).enumerate() {
        for (expected, found) in [(&expected.keys, &found.keys), (&expected.values, &found.values)] {
            if shape(expected) != shape(found) {
                let (expected, found) = (shape(expected), shape(found));
                let problem = format!("expected matrices of {expected} in layer {layer}, got {found}");
                return Err(QuestionError::Invalid(problem));
            }
        }
    }
    Ok(())
}

/// Refuses a dropout that is no probability below 1.
pub(super) fn check_dropout(dropout: Dropout) -> Result<(), QuestionError> {
    if (0.0..1.0).contains(&dropout.rate) {
        return Ok(());
    }
    Err(QuestionError::Invalid(format!("expected a dropout from 0 to below 1, got {}", dropout.rate)))
}

/// The log-likelihood that an objective makes of a query's scores.
fn likelihood(scores: &[ChoiceScore], answer: usize, objective: Objective) -> Result<f64, Unanswerable> {
    if scores.is_empty() || scores.iter().any(|score| score.tokens == 0) {
        return Err(Unanswerable::NothingPredicted);
    }
    let right = scores[answer];
    Ok(match objective {
        Objective::Answer => right.loglik / right.tokens as f64,
        Objective::Choice => log_softmax(&logliks(scores))[answer],
    })
}

fn logliks(scores: &[ChoiceScore]) -> Vec<f64> {
    scores.iter().map(|score| score.loglik).collect()
}

/// The derivatives of a query's negative log-likelihood with respect to its choices' log-likelihoods.
fn weights(scores: &[ChoiceScore], answer: usize, objective: Objective) -> Vec<f64> {
    match objective {
        Objective::Answer => scores.iter().map(|score| -1.0 / score.tokens.max(1) as f64).collect(),
        Objective::Choice => {
            let softmax = log_softmax(&logliks(scores)).into_iter().map(f64::exp).enumerate();
            softmax.map(|(choice, share)| if choice == answer { share - 1.0 } else { share }).collect()
        }
    }
}

/// Hides positions at random; position 0 stays, since many models put much of their attention there whatever it holds.
fn drop_positions(hidden: &mut [Vec<Range<usize>>], positions: usize, Dropout { rate, seed }: Dropout) {
    if rate == 0.0 {
        return;
    }
    let mut random = PythonRandom::new(seed);
    for hidden in hidden {
        for position in 1..positions {
            if random.random() < rate {
                hidden.push(position..position + 1);
            }
        }
    }
}

impl<F: FnMut() -> Result<Proposal, ModelError>> StepContext for ModelStep<'_, F> {
    fn step(&self) -> usize {
        self.step
    }

    fn seed(&self) -> u64 {
        self.demonstrations.seed_of(self.step)
    }

    fn cache(&self) -> &KvCache {
        self.cache
    }

    fn demonstrations(&self) -> &[DemonstrationSpan] {
        &self.demonstrations.spans
    }

    fn held_out(&self) -> usize {
        self.demonstrations.held_out.len()
    }

    fn propose(&mut self) -> Result<KvCache, QuestionError> {
        Ok(self.proposal.value()?.cache.clone())
    }

    fn propose_behind(&mut self, cache: &KvCache, pass: &ProposalPass) -> Result<KvCache, QuestionError> {
        check_cache(self.cache, cache)?;
        self.passes += Question::Proposal.passes();
        pass_behind(self.decoder, &self.context(cache), self.demonstrations, (self.policy.positions, pass))
    }

    fn likelihood(
        &mut self,
        cache: &KvCache,
        examples: Examples,
        objective: Objective,
    ) -> Result<Vec<f64>, QuestionError> {
        check_cache(self.cache, cache)?;
        let Asked { queries, answers, hidden } = self.asked(examples, objective)?;
        self.passes += Question::Likelihood(examples, objective).passes();
        let context = self.context(cache);
        let mut likelihoods = Vec::with_capacity(queries.len());
        for batch in score::batches(&queries, LIKELIHOOD_TOKENS.min(self.policy.batch_tokens)) {
            let masked = MaskedQueries { queries: &queries[batch.clone()], hidden: &hidden[batch.clone()] };
            for (scores, answer) in masked_scores(self.decoder, &context, masked)?.iter().zip(&answers[batch]) {
                likelihoods.push(likelihood(scores, *answer, objective)?);
            }
        }
        Ok(likelihoods)
    }

    fn gradient(
        &mut self,
        cache: &KvCache,
        examples: Examples,
        objective: Objective,
        dropout: Dropout,
    ) -> Result<CacheGradient, QuestionError> {
        check_dropout(dropout)?;
        check_cache(self.cache, cache)?;
        let Asked { queries, answers, mut hidden } = self.asked(examples, objective)?;
        drop_positions(&mut hidden, cache.positions(), dropout);
        self.passes += Question::Gradient(examples, objective).passes();
        let context = self.context(cache);
        let count = queries.len() as f64;
        let mut likelihoods = Vec::with_capacity(queries.len());
        let mut sum: Option<KvCache> = None;
        for batch in score::batches(&queries, GRADIENT_TOKENS.min(self.policy.batch_tokens)) {
            let masked = MaskedQueries { queries: &queries[batch.clone()], hidden: &hidden[batch.clone()] };
            let answers = &answers[batch];
            let mut weigh = |scores: &[Vec<ChoiceScore>]| -> Vec<Vec<f64>> {
                let of_query = scores.iter().zip(answers).map(|(scores, answer)| {
                    weights(scores, *answer, objective).into_iter().map(|weight| weight / count).collect()
                });
                of_query.collect()
            };
            let (scores, gradient) = masked_gradient(self.decoder, &context, masked, &mut weigh)?;
            for (scores, answer) in scores.iter().zip(answers) {
                likelihoods.push(likelihood(scores, *answer, objective)?);
            }
            sum = match (sum, gradient) {
                (Some(sum), Some(gradient)) => Some(plus(&sum, &gradient)?),
                (sum, gradient) => sum.or(gradient),
            };
        }
        let Some(sum) = sum else { return Err(Unanswerable::NothingPredicted.into()) };
        let as_held = sum.matrices().zip(cache.matrices());
        let slots = as_held.map(|(gradient, matrix)| gradient.to_dtype(matrix.dtype()));
        let slots = slots.collect::<candle_core::Result<Vec<Tensor>>>()?;
        Ok(CacheGradient { loss: -likelihoods.iter().sum::<f64>() / count, likelihoods, slots })
    }
}

/// The sum of two caches' matrices.
fn plus(left: &KvCache, right: &KvCache) -> candle_core::Result<KvCache> {
    let sums = left.matrices().zip(right.matrices()).map(|(left, right)| left + right);
    KvCache::of_matrices(sums.collect::<candle_core::Result<Vec<_>>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(logliks: &[(f64, usize)]) -> Vec<ChoiceScore> {
        logliks.iter().map(|(loglik, tokens)| ChoiceScore { loglik: *loglik, tokens: *tokens }).collect()
    }

    #[test]
    fn likelihoods_and_their_derivatives_by_hand() {
        // Likelihoods of 1/4 and 3/4, of one and of two tokens.
        let of_two = scores(&[(0.25_f64.ln(), 1), (0.75_f64.ln(), 2)]);
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        near(likelihood(&of_two, 0, Objective::Choice).unwrap(), 0.25_f64.ln());
        near(likelihood(&of_two[1..], 0, Objective::Answer).unwrap(), 0.75_f64.ln() / 2.0);
        let of_choice = weights(&of_two, 0, Objective::Choice);
        near(of_choice[0], -0.75);
        near(of_choice[1], 0.75);
        assert_eq!(weights(&of_two[1..], 0, Objective::Answer), [-0.5]);
        // The same however unlikely all choices are.
        let far = scores(&[(-2000.0, 1), (-2000.0 + 3_f64.ln(), 2)]);
        near(likelihood(&far, 1, Objective::Choice).unwrap(), 0.75_f64.ln());
        assert_eq!(likelihood(&scores(&[(0.0, 0)]), 0, Objective::Answer), Err(Unanswerable::NothingPredicted));
    }

    #[test]
    fn dropped_positions_follow_from_the_seed_and_spare_the_first() {
        let dropped = |rate, seed| {
            let mut hidden = vec![Vec::new(); 50];
            drop_positions(&mut hidden, 101, Dropout { rate, seed });
            hidden
        };
        assert_eq!(dropped(0.0, 1), vec![Vec::<Range<usize>>::new(); 50]);
        assert_eq!(dropped(0.2, 1), dropped(0.2, 1));
        assert_ne!(dropped(0.2, 1), dropped(0.2, 2));
        let all = dropped(0.2, 1);
        assert_ne!(all[0], all[1], "each example loses others");
        let count = all.iter().flatten().count();
        // 5000 draws: within five standard deviations.
        assert!((860..1140).contains(&count), "{count}");
        assert!(all.iter().flatten().all(|range| range.start > 0 && range.end == range.start + 1));
    }
}
