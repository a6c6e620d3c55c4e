//! A step's proposal: computed when it is first asked for, and only once.

use candle_core::Tensor;

use super::optimizer::StepContext;
use super::question::QuestionError;
use crate::model::{KvCache, ModelError};

/// What a pass over the demonstrations gives.
pub(super) struct Proposal {
    /// The demonstrations' keys and values.
    pub(super) cache: KvCache,
    /// The final hidden state of their last token, `[1, embedding]`.
    pub(super) last_hidden: Tensor,
}

/// One step as its optimizer sees it; `pass` makes the proposal.
pub(super) struct ProposingStep<'a, F> {
    step: usize,
    cache: &'a KvCache,
    pass: F,
    proposal: Option<Proposal>,
}

impl<'a, F: FnMut() -> Result<Proposal, ModelError>> ProposingStep<'a, F> {
    /// Step `step` from this cache on.
    pub(super) fn new(step: usize, cache: &'a KvCache, pass: F) -> Self {
        Self { step, cache, pass, proposal: None }
    }

    /// The proposal, whether it was asked for or not.
    ///
    /// # Errors
    /// What the pass fails with.
    pub(super) fn into_proposal(mut self) -> Result<Proposal, ModelError> {
        self.proposal.map_or_else(|| (self.pass)(), Ok)
    }
}

impl<F: FnMut() -> Result<Proposal, ModelError>> StepContext for ProposingStep<'_, F> {
    fn step(&self) -> usize {
        self.step
    }

    fn cache(&self) -> &KvCache {
        self.cache
    }

    fn propose(&mut self) -> Result<KvCache, QuestionError> {
        let proposal = self.proposal.take().map_or_else(&mut self.pass, Ok)?;
        Ok(self.proposal.insert(proposal).cache.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use candle_core::{Device, Result};

    use super::*;
    use crate::model::decoder::LayerCache;

    fn cache(keys: f32, values: f32) -> KvCache {
        let tensor = |number: f32| Tensor::new(&[[[number]]], &Device::Cpu);
        let layer = || -> Result<LayerCache> { Ok(LayerCache { keys: tensor(keys)?, values: tensor(values)? }) };
        KvCache::new(vec![layer().unwrap()]).unwrap()
    }

    fn number(tensor: &Tensor) -> f32 {
        tensor.flatten_all().unwrap().to_vec1().unwrap()[0]
    }

    /// Asks so many times, and gives how often the pass ran.
    fn passes(asked: usize) -> usize {
        let count = Cell::new(0);
        let previous = cache(1.0, 2.0);
        let mut step = ProposingStep::new(5, &previous, || {
            count.set(count.get() + 1);
            let last_hidden = Tensor::new(&[[9f32]], &Device::Cpu)?;
            Ok(Proposal { cache: cache(3.0, 10.0 * count.get() as f32), last_hidden })
        });
        assert_eq!(step.step(), 5);
        for _ in 0..asked {
            let slots = step.slots().unwrap();
            let numbers = slots.iter().map(|slot| (number(&slot.previous), number(&slot.proposed)));
            assert_eq!(numbers.collect::<Vec<_>>(), [(1.0, 3.0), (2.0, 10.0)]);
        }
        let proposal = step.into_proposal().unwrap();
        assert_eq!((number(&proposal.cache.layers()[0].values), number(&proposal.last_hidden)), (10.0, 9.0));
        count.get()
    }

    #[test]
    fn the_pass_runs_once_however_often_it_is_asked_for() {
        assert_eq!([0, 1, 2, 3].map(passes), [1; 4]);
    }

    #[test]
    fn a_pass_that_failed_gives_no_proposal() {
        let previous = cache(1.0, 2.0);
        let mut step = ProposingStep::new(2, &previous, || Err(ModelError::NotFinitePass { layer: None }));
        let failed = QuestionError::Model(ModelError::NotFinitePass { layer: None });
        assert_eq!(step.propose().unwrap_err().to_string(), failed.to_string());
        assert!(matches!(step.into_proposal(), Err(ModelError::NotFinitePass { .. })));
    }
}
