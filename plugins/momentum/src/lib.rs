//! The meta-optimizer of "Iterative Forward Tuning Boosts In-Context Learning in Language Models" (arXiv 2305.13016).
//!
//! `g_t = P_t - C_{t-1}` is a direction of ascent: it is added.

use ft_plugin::{Description, Error, MetaOptimizer, Options, Proposal, Selected, Step, Tensor, Update};

struct Momentum {
    step_size: f64,
    momentum: f64,
    /// `m` of the last step, one for each slot; empty before the first.
    moments: Vec<Tensor>,
}

impl MetaOptimizer for Momentum {
    fn describe() -> Description {
        let summary = "gradient descent with momentum along what a further pass proposes (arXiv 2305.13016)";
        Description::new("momentum", env!("CARGO_PKG_VERSION"), summary)
            .number("step_size", 0.01, .., "how far to go along the momentum in each step")
            .number("momentum", 0.9, 0.0..=1.0, "how much of the last step's momentum stays")
    }

    fn new(options: &Options) -> Result<Self, Error> {
        let (step_size, momentum) = (options.number("step_size")?, options.number("momentum")?);
        Ok(Self { step_size, momentum, moments: Vec::new() })
    }

    /// `g_t = P_t - C_{t-1}`, `m_2 = g_2`, `m_t = g_t + momentum * m_{t-1}`, `C_t = C_{t-1} + step_size * m_t`.
    fn step(&mut self, step: &Step) -> Result<Update, Error> {
        let slots = step.proposal()?;
        let mut last = std::mem::take(&mut self.moments).into_iter();
        let mut cache = Vec::with_capacity(slots.len());
        for Proposal { previous, proposed, .. } in slots {
            let gradient = proposed.add_scaled(&previous, -1.0);
            let moment = match last.next() {
                Some(last) => gradient.add_scaled(&last, self.momentum),
                None => gradient,
            };
            cache.push(previous.add_scaled(&moment, self.step_size));
            self.moments.push(moment);
        }
        Ok(Update::new(cache))
    }
}

ft_plugin::export_optimizer!(Selected<Momentum>);

#[cfg(test)]
mod tests {
    use ft_plugin::Value;
    use ft_plugin::testing::steps;

    use super::*;

    fn rule(step_size: f64, momentum: f64) -> Momentum {
        let options = Options::defaults(&Momentum::describe())
            .with("step_size", Value::Number(step_size))
            .with("momentum", Value::Number(momentum));
        Momentum::new(&options).unwrap()
    }

    #[test]
    fn steps_by_hand() {
        // Two slots, so that a moment that lands in the wrong one shows.
        let cache = [[0.0, 8.0], [1.0, 1.0]];
        let proposals = [[[4.0, 8.0], [1.0, 3.0]], [[2.0, 8.0], [1.0, 2.0]]];
        // m_2 = (4, 0), (0, 2); m_3 = (0, 0) + m_2 / 4 = (1, 0), (0, 0.5).
        let expected = [[[2.0, 8.0], [1.0, 2.0]], [[2.5, 8.0], [1.0, 2.25]]];
        assert_eq!(steps(&mut rule(0.5, 0.25), cache, &proposals).unwrap(), expected);
    }

    #[test]
    fn a_step_of_size_zero_changes_nothing() {
        let (cache, proposed) = ([[1.5, -2.0]], [[9.0, 9.0]]);
        assert_eq!(steps(&mut rule(0.0, 0.9), cache, &[proposed; 3]).unwrap(), [cache; 3]);
    }
}
