//! Lion (Chen et al., "Symbolic discovery of optimization algorithms", arXiv 2302.06675, algorithm 2), without weight
//! decay: a cache has no reason to shrink.
//!
//! `g_t = P_t - C_{t-1}` is a direction of ascent: it is added.

use ft_plugin::{Description, Error, MetaOptimizer, Options, Proposal, Selected, Step, Tensor, Update};

struct Lion {
    step_size: f64,
    beta1: f64,
    beta2: f64,
    /// `m / (1 - beta2)` of the last step, one for each slot; empty before the first. Without the factor it is one
    /// operation to update, and a sign does not see the rest of it.
    moments: Vec<Tensor>,
}

impl MetaOptimizer for Lion {
    fn describe() -> Description {
        let summary = "steps of exactly one size, by the sign of gradient and momentum (Chen et al., arXiv 2302.06675)";
        let step_size = "how far each number of the cache goes in a step, in its own unit, however small its gradient";
        Description::new("lion", env!("CARGO_PKG_VERSION"), summary)
            .number("step_size", 0.003, .., step_size)
            .number("beta1", 0.9, 0.0..=0.9999, "how much of the direction is momentum; the rest is the gradient")
            .number("beta2", 0.99, 0.0..=0.9999, "how much of the momentum stays")
    }

    fn new(options: &Options) -> Result<Self, Error> {
        let (beta1, beta2) = (options.number("beta1")?, options.number("beta2")?);
        Ok(Self { step_size: options.number("step_size")?, beta1, beta2, moments: Vec::new() })
    }

    /// `m_1 = 0`, `C_t = C_{t-1} + step_size * sign(beta1 * m_{t-1} + (1 - beta1) * g_t)`,
    /// `m_t = beta2 * m_{t-1} + (1 - beta2) * g_t`.
    fn step(&mut self, step: &Step) -> Result<Update, Error> {
        let slots = step.proposal()?;
        let share = self.beta1 * (1.0 - self.beta2) / (1.0 - self.beta1);
        let mut last = std::mem::take(&mut self.moments).into_iter();
        let mut cache = Vec::with_capacity(slots.len());
        for Proposal { previous, proposed, .. } in slots {
            let gradient = proposed.add_scaled(&previous, -1.0);
            let (direction, moment) = match last.next() {
                Some(last) => (gradient.add_scaled(&last, share).sign(), gradient.add_scaled(&last, self.beta2)),
                None => (gradient.sign(), gradient),
            };
            cache.push(previous.add_scaled(&direction, self.step_size));
            self.moments.push(moment);
        }
        Ok(Update::new(cache))
    }
}

ft_plugin::export_optimizer!(Selected<Lion>);

#[cfg(test)]
mod tests {
    use ft_plugin::Value;
    use ft_plugin::testing::steps;

    use super::*;

    fn rule(step_size: f64) -> Lion {
        let options = Options::defaults(&Lion::describe())
            .with("step_size", Value::Number(step_size))
            .with("beta1", Value::Number(0.5))
            .with("beta2", Value::Number(0.75));
        Lion::new(&options).unwrap()
    }

    #[test]
    fn steps_by_hand() {
        let cache = [[0.0, 8.0], [1.0, 1.0]];
        let proposals = [[[4.0, 8.0], [1.0, -3.0]], [[0.0, 9.0], [1.0, 1.5]], [[0.125, 9.0], [1.0, -0.5]]];
        // g_2 = (4, 0), (0, -4): m_2 = (1, 0), (0, -1).
        // g_3 = (-0.5, 1), (0, 1): m_2 + g_3 = (0.5, 1), (0, 0), m_3 = (0.625, 0.25), (0, -0.5).
        // g_4 = (-0.875, 0.5), (0, -1): m_3 + g_4 = (-0.25, 0.75), (0, -1.5).
        let expected = [[[0.5, 8.0], [1.0, 0.5]], [[1.0, 8.5], [1.0, 0.5]], [[0.5, 9.0], [1.0, 0.0]]];
        assert_eq!(steps(&mut rule(0.5), cache, &proposals).unwrap(), expected);
    }

    #[test]
    fn a_step_of_size_zero_changes_nothing() {
        let (cache, proposed) = ([[1.5, -2.0]], [[9.0, 9.0]]);
        assert_eq!(steps(&mut rule(0.0), cache, &[proposed; 3]).unwrap(), [cache; 3]);
    }
}
