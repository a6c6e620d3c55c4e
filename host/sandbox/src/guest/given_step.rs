//! A step whose proposal is known: nothing is asked of a model.

use candle_core::Tensor;

use ft_engine::model::KvCache;
use ft_engine::model::decoder::LayerCache;
use ft_engine::tune::{QuestionError, Slot, StepContext};

/// A step over given slots.
pub(super) struct GivenStep {
    step: usize,
    cache: KvCache,
    proposed: KvCache,
}

impl GivenStep {
    /// The step `step` over slots of whole layers, keys before values; `None` if they are no cache.
    pub(super) fn new(step: usize, slots: &[Slot]) -> Option<Self> {
        let cache = |matrix: fn(&Slot) -> &Tensor| {
            let (layers, rest) = slots.as_chunks();
            let layers = layers
                .iter()
                .map(|[keys, values]| LayerCache { keys: matrix(keys).clone(), values: matrix(values).clone() });
            if rest.is_empty() { KvCache::new(layers.collect()).ok() } else { None }
        };
        Some(Self { step, cache: cache(|slot| &slot.previous)?, proposed: cache(|slot| &slot.proposed)? })
    }
}

impl StepContext for GivenStep {
    fn step(&self) -> usize {
        self.step
    }

    fn cache(&self) -> &KvCache {
        &self.cache
    }

    fn propose(&mut self) -> Result<KvCache, QuestionError> {
        Ok(self.proposed.clone())
    }
}
