//! The paper's optimizer, natively: the component of the same name is held to it.

use candle_core::Tensor;

use super::{MetaOptimizer, OptimizerError, StepContext, StepReport, Update, Verdict};
use crate::model::arithmetic::add_scaled;

/// Gradient descent with momentum on pseudo-gradients (arXiv 2305.13016, section 3.2):
/// `g_t = P_t - C_{t-1}; m_2 = g_2; m_t = g_t + momentum * m_{t-1}; C_t = C_{t-1} + step_size * m_t`.
pub struct Momentum {
    step_size: f64,
    momentum: f64,
    velocity: Option<Vec<Tensor>>,
}

impl Momentum {
    /// An optimizer that has seen no step.
    pub fn new(step_size: f64, momentum: f64) -> Self {
        Self { step_size, momentum, velocity: None }
    }
}

impl MetaOptimizer for Momentum {
    fn step(&mut self, context: &mut dyn StepContext) -> Result<Update, OptimizerError> {
        let slots = context.slots()?;
        let mut cache = Vec::with_capacity(slots.len());
        let mut velocity = Vec::with_capacity(slots.len());
        for (index, slot) in slots.iter().enumerate() {
            let gradient = add_scaled(&slot.proposed, &slot.previous, -1.0)?;
            let moved = match &self.velocity {
                Some(before) => add_scaled(&gradient, &before[index], self.momentum)?,
                None => gradient,
            };
            cache.push(add_scaled(&slot.previous, &moved, self.step_size)?);
            velocity.push(moved);
        }
        self.velocity = Some(velocity);
        Ok(Update { cache, verdict: Verdict::Continue, report: StepReport::default() })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::model::KvCache;
    use crate::model::decoder::LayerCache;
    use crate::tune::QuestionError;

    /// A step that knows a cache and a proposal.
    struct Given(KvCache, KvCache);

    impl StepContext for Given {
        fn step(&self) -> usize {
            2
        }

        fn cache(&self) -> &KvCache {
            &self.0
        }

        fn propose(&mut self) -> Result<KvCache, QuestionError> {
            Ok(self.1.clone())
        }
    }

    /// Two steps on one number, worked out by hand: C1 = 1, P2 = 3, P3 = 0, step size 0.5, momentum 0.5.
    #[test]
    fn two_steps_by_hand() {
        let mut momentum = Momentum::new(0.5, 0.5);
        let tensor = |x: f32| Tensor::new(&[[[x]]], &Device::Cpu).unwrap();
        let cache = |x: f32| KvCache::new(vec![LayerCache { keys: tensor(x), values: tensor(x) }]).unwrap();
        let mut step = |previous: f32, proposed: f32| {
            let update = momentum.step(&mut Given(cache(previous), cache(proposed))).unwrap();
            update.cache[0].flatten_all().unwrap().to_vec1::<f32>().unwrap()[0]
        };
        // m2 = 2, C2 = 1 + 0.5 * 2; m3 = (0 - 2) + 0.5 * 2 = -1, C3 = 2 - 0.5.
        assert_eq!(step(1.0, 3.0), 2.0);
        assert_eq!(step(2.0, 0.0), 1.5);
    }
}
