//! A step without a model, for those who try an optimizer.

use candle_core::{DType, Tensor};

use super::demonstrations::Demonstrations;
use super::model_step::{check_cache, check_dropout};
use super::optimizer::{Slot, StepContext};
use super::question::{
    CacheGradient, DemonstrationSpan, Dropout, Examples, Objective, ProposalPass, Question, QuestionError,
};
use super::reordered::order_of;
use crate::model::KvCache;
use crate::model::decoder::LayerCache;

/// A step whose questions are answered by a formula in place of a model: every pass proposes the same matrices `P`, and the
/// log-likelihood of every example behind a cache `C` of `n` numbers is `-1 - |C - P|^2 / (2 * n)`, in nats, so that the gradient
/// of the loss is `(C - P) / n`: small, like those of a model. Which examples there are, and which questions have no answer, is as in a run over these demonstrations, but that no
/// example lacks a token that a model would predict; what is hidden and left out changes no answer.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use ft_engine::tune::{Demonstrations, MetaOptimizer, Momentum, Question, Slot, SlotKind, StandInStep};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let matrix = |number: f32| Tensor::new(&[[[number]]], &Device::Cpu);
/// let (previous, proposed) = (matrix(0.0)?, matrix(1.0)?);
/// let slot = |kind| Slot { layer: 0, kind, previous: previous.clone(), proposed: proposed.clone() };
/// let demonstrations = Demonstrations::of_tokens([7]);
/// let slots = [slot(SlotKind::Key), slot(SlotKind::Value)];
/// let mut step = StandInStep::new(2, &slots, &demonstrations).ok_or("no cache")?;
/// let update = Momentum::new(0.5, 0.0).step(&mut step)?;
/// assert_eq!(update.cache[0].to_vec3::<f32>()?, [[[0.5]]]);
/// assert_eq!(step.asked(), [Question::Proposal]);
/// # Ok(())
/// # }
/// ```
pub struct StandInStep<'a> {
    step: usize,
    cache: KvCache,
    proposed: KvCache,
    demonstrations: &'a Demonstrations,
    has_proposed: bool,
    asked: Vec<Question>,
}

impl<'a> StandInStep<'a> {
    /// The step `step`, from 2, over slots of whole layers, keys before values, with the proposal that they have; `None` if they
    /// are no cache.
    pub fn new(step: usize, slots: &[Slot], demonstrations: &'a Demonstrations) -> Option<Self> {
        let cache = |matrix: fn(&Slot) -> &Tensor| {
            let (layers, rest) = slots.as_chunks();
            let layers = layers
                .iter()
                .map(|[keys, values]| LayerCache { keys: matrix(keys).clone(), values: matrix(values).clone() });
            if rest.is_empty() { KvCache::new(layers.collect()).ok() } else { None }
        };
        let (cache, proposed) = (cache(|slot| &slot.previous)?, cache(|slot| &slot.proposed)?);
        Some(Self { step, cache, proposed, demonstrations, has_proposed: false, asked: Vec::new() })
    }

    /// The questions that were answered, in order; the proposal of the step's own pass is among them once.
    pub fn asked(&self) -> &[Question] {
        &self.asked
    }

    /// `C - P` for each slot, in single precision.
    fn differences(&self, cache: &KvCache) -> candle_core::Result<Vec<Tensor>> {
        let single = |matrix: &Tensor| matrix.to_dtype(DType::F32);
        cache.matrices().zip(self.proposed.matrices()).map(|(at, to)| single(at)? - single(to)?).collect()
    }
}

/// How many numbers these matrices have.
fn numbers(matrices: &[Tensor]) -> f64 {
    matrices.iter().map(Tensor::elem_count).sum::<usize>().max(1) as f64
}

/// The log-likelihood of an example, by the differences of all slots.
fn likelihood(differences: &[Tensor]) -> candle_core::Result<f64> {
    let squares = differences.iter().map(|matrix| matrix.sqr()?.sum_all()?.to_scalar::<f32>());
    let squares: f64 = squares.map(|sum| sum.map(f64::from)).sum::<candle_core::Result<f64>>()?;
    Ok(-1.0 - squares / (2.0 * numbers(differences)))
}

impl StepContext for StandInStep<'_> {
    fn step(&self) -> usize {
        self.step
    }

    fn seed(&self) -> u64 {
        self.demonstrations.seed_of(self.step)
    }

    fn cache(&self) -> &KvCache {
        &self.cache
    }

    fn demonstrations(&self) -> &[DemonstrationSpan] {
        &self.demonstrations.spans
    }

    fn held_out(&self) -> usize {
        self.demonstrations.held_out.len()
    }

    fn propose(&mut self) -> Result<KvCache, QuestionError> {
        if !self.has_proposed {
            self.has_proposed = true;
            self.asked.push(Question::Proposal);
        }
        Ok(self.proposed.clone())
    }

    fn propose_behind(&mut self, cache: &KvCache, pass: &ProposalPass) -> Result<KvCache, QuestionError> {
        check_cache(&self.cache, cache)?;
        order_of(cache.positions(), self.demonstrations, pass)?;
        self.asked.push(Question::Proposal);
        Ok(self.proposed.clone())
    }

    fn likelihood(
        &mut self,
        cache: &KvCache,
        examples: Examples,
        objective: Objective,
    ) -> Result<Vec<f64>, QuestionError> {
        check_cache(&self.cache, cache)?;
        let count = self.demonstrations.examples(examples)?.len();
        self.asked.push(Question::Likelihood(examples, objective));
        Ok(vec![likelihood(&self.differences(cache)?)?; count])
    }

    fn gradient(
        &mut self,
        cache: &KvCache,
        examples: Examples,
        objective: Objective,
        dropout: Dropout,
    ) -> Result<CacheGradient, QuestionError> {
        check_dropout(dropout)?;
        check_cache(&self.cache, cache)?;
        let count = self.demonstrations.examples(examples)?.len();
        self.asked.push(Question::Gradient(examples, objective));
        let differences = self.differences(cache)?;
        let likelihood = likelihood(&differences)?;
        let share = 1.0 / numbers(&differences);
        let of_cache = differences.iter().zip(cache.matrices());
        let slots = of_cache.map(|(difference, matrix)| (difference * share)?.to_dtype(matrix.dtype()));
        let slots = slots.collect::<candle_core::Result<Vec<Tensor>>>()?;
        Ok(CacheGradient { loss: -likelihood, likelihoods: vec![likelihood; count], slots })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::score::{ChoiceTokens, QueryTokens};
    use crate::tune::{AnsweredQuery, SlotKind, Unanswerable};

    fn slots(layers: usize, previous: f32, proposed: f32) -> Vec<Slot> {
        let matrix = |number: f32| Tensor::new(&[[[number], [0.0]]], &Device::Cpu).unwrap();
        let slot = |layer, kind| Slot { layer, kind, previous: matrix(previous), proposed: matrix(proposed) };
        (0..layers).flat_map(|layer| [slot(layer, SlotKind::Key), slot(layer, SlotKind::Value)]).collect()
    }

    fn demonstrations(count: usize) -> Demonstrations {
        let choice = ChoiceTokens { ids: vec![1, 2], span_start: 1 };
        let query = AnsweredQuery { tokens: QueryTokens { choices: vec![choice] }.into(), answer: 0 };
        let end = |index| if index + 1 == count { 2 } else { index + 1 };
        let span = |index| DemonstrationSpan { tokens: index..end(index), answer: index..end(index) };
        Demonstrations {
            spans: (0..count).map(span).collect(),
            queries: vec![query; count],
            ..Demonstrations::of_tokens([5, 6])
        }
    }

    #[test]
    fn answers_by_hand() {
        let demonstrations = demonstrations(2);
        let mut step = StandInStep::new(2, &slots(1, 1.0, 3.0), &demonstrations).unwrap();
        let cache = step.cache().clone();
        // One of two numbers of each of two slots differs by 2: -1 - (4 + 4) / (2 * 4).
        let (examples, objective) = (Examples::LeaveOneOut, Objective::Answer);
        assert_eq!(step.likelihood(&cache, examples, objective).unwrap(), [-2.0, -2.0]);
        let dropout = Dropout { rate: 0.5, seed: 1 };
        let gradient = step.gradient(&cache, Examples::Demonstrations, Objective::Choice, dropout).unwrap();
        assert_eq!((gradient.loss, gradient.likelihoods), (2.0, vec![-2.0, -2.0]));
        assert_eq!(gradient.slots[1].to_vec3::<f32>().unwrap(), [[[-0.5], [0.0]]]);
        let proposed = step.propose().unwrap();
        step.propose().unwrap();
        assert_eq!(step.likelihood(&proposed, examples, objective).unwrap(), [-1.0, -1.0]);
        let pass = ProposalPass { order: vec![1, 0], ..ProposalPass::default() };
        step.propose_behind(&proposed, &pass).unwrap();
        let likelihood = Question::Likelihood(examples, objective);
        let gradient = Question::Gradient(Examples::Demonstrations, Objective::Choice);
        assert_eq!(step.asked(), [likelihood, gradient, Question::Proposal, likelihood, Question::Proposal]);
        assert_eq!(step.asked().iter().map(|question| question.passes()).sum::<usize>(), 6);
    }

    #[test]
    fn what_a_run_does_not_answer_has_no_answer_and_is_not_recorded() {
        let (one, other) = (demonstrations(1), slots(2, 0.0, 0.0));
        let mut step = StandInStep::new(2, &slots(1, 0.0, 0.0), &one).unwrap();
        let cache = step.cache().clone();
        let alone = Unanswerable::NothingToLeaveOut { demonstrations: 1 };
        let error = step.likelihood(&cache, Examples::LeaveOneOut, Objective::Answer).unwrap_err();
        assert!(matches!(error, QuestionError::Unanswerable(reason) if reason == alone), "{error}");
        let error = step.likelihood(&cache, Examples::HeldOut, Objective::Answer).unwrap_err();
        assert!(matches!(error, QuestionError::Unanswerable(Unanswerable::NothingHeldOut)), "{error}");
        let dropout = Dropout { rate: 1.0, seed: 1 };
        let error = step.gradient(&cache, Examples::Demonstrations, Objective::Answer, dropout).unwrap_err();
        assert!(matches!(error, QuestionError::Invalid(_)), "{error}");
        let larger = StandInStep::new(2, &other, &one).unwrap().cache().clone();
        let error = step.propose_behind(&larger, &ProposalPass::default()).unwrap_err();
        assert_eq!(error.to_string(), "expected a cache of 1 layers, got 2");
        let pass = ProposalPass { order: vec![1], ..ProposalPass::default() };
        let error = step.propose_behind(&cache, &pass).unwrap_err();
        assert_eq!(error.to_string(), "expected an order of 1 demonstrations, each once, got [1]");
        assert_eq!(step.asked(), []);
        assert!(StandInStep::new(2, &other[..3], &one).is_none());
    }
}
