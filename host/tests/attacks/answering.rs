//! A step that answers every question that a run answers, without a model.

use candle_core::{DType, Tensor};
use ft_engine::model::KvCache;
use ft_engine::model::decoder::LayerCache;
use ft_engine::tune::{
    CacheGradient, DemonstrationSpan, Dropout, Examples, Objective, ProposalPass, QuestionError, StepContext,
    Unanswerable,
};

use crate::support::tensor;

/// Heads, positions, numbers of a head. Some tens of caches exceed what the attacks may hold.
const DIMS: [usize; 3] = [2, 256, 8];

/// A step over two demonstrations, without held-out rows.
pub struct Answering {
    step: usize,
    cache: KvCache,
    demonstrations: Vec<DemonstrationSpan>,
}

impl Answering {
    /// The step `step`, from 2.
    pub fn new(step: usize) -> Self {
        let span = |start, end| DemonstrationSpan { tokens: start..end, answer: end - 1..end };
        Self { step, cache: cache(1), demonstrations: vec![span(0, 100), span(100, 256)] }
    }
}

fn cache(seed: u64) -> KvCache {
    let matrix = |seed| tensor(seed, &DIMS, DType::F32);
    KvCache::new(vec![LayerCache { keys: matrix(seed), values: matrix(seed + 1) }]).expect("a small cache")
}

impl StepContext for Answering {
    fn step(&self) -> usize {
        self.step
    }

    fn cache(&self) -> &KvCache {
        &self.cache
    }

    fn demonstrations(&self) -> &[DemonstrationSpan] {
        &self.demonstrations
    }

    fn propose(&mut self) -> Result<KvCache, QuestionError> {
        Ok(cache(3))
    }

    fn propose_behind(&mut self, _: &KvCache, _: &ProposalPass) -> Result<KvCache, QuestionError> {
        Ok(cache(5))
    }

    fn likelihood(&mut self, _: &KvCache, examples: Examples, _: Objective) -> Result<Vec<f64>, QuestionError> {
        match examples {
            Examples::HeldOut => Err(Unanswerable::NothingHeldOut.into()),
            Examples::LeaveOneOut | Examples::Demonstrations => Ok(vec![-0.5, -1.5]),
        }
    }

    fn gradient(&mut self, _: &KvCache, _: Examples, _: Objective, _: Dropout) -> Result<CacheGradient, QuestionError> {
        let slots: Vec<Tensor> = cache(7).matrices().cloned().collect();
        Ok(CacheGradient { loss: 1.0, likelihoods: vec![-0.5, -1.5], slots })
    }
}
