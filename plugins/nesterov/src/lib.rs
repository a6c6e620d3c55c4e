//! Nesterov's momentum (Nesterov, "A method of solving a convex programming problem with convergence rate O(1/k^2)", 1983),
//! in the form that needs the gradient at the current point alone (Bengio et al., "Advances in optimizing recurrent
//! networks", arXiv 1212.0901, section 3.5).
//!
//! `g_t = P_t - C_{t-1}` is a direction of ascent: it is added.

use ft_plugin::{Description, Error, MetaOptimizer, Options, Proposal, Selected, Step, Tensor, Update};

struct Nesterov {
    step_size: f64,
    momentum: f64,
    /// `m` of the last step, one for each slot; empty before the first.
    moments: Vec<Tensor>,
}

impl MetaOptimizer for Nesterov {
    fn describe() -> Description {
        let summary = "momentum that looks a step ahead (Nesterov 1983; Bengio et al., arXiv 1212.0901)";
        Description::new("nesterov", env!("CARGO_PKG_VERSION"), summary)
            .number(
                "step_size",
                0.01,
                ..,
                "how far to go in each step; the default is the paper's of its momentum rule",
            )
            .number("momentum", 0.9, 0.0..=1.0, "how much of the last step's momentum stays")
    }

    fn new(options: &Options) -> Result<Self, Error> {
        let (step_size, momentum) = (options.number("step_size")?, options.number("momentum")?);
        Ok(Self { step_size, momentum, moments: Vec::new() })
    }

    /// `m_1 = 0`, `m_t = g_t + momentum * m_{t-1}`, `C_t = C_{t-1} + step_size * (g_t + momentum * m_t)`.
    fn step(&mut self, step: &Step) -> Result<Update, Error> {
        let slots = step.proposal()?;
        let mut last = std::mem::take(&mut self.moments).into_iter();
        let mut cache = Vec::with_capacity(slots.len());
        for Proposal { previous, proposed, .. } in slots {
            let gradient = proposed.add_scaled(&previous, -1.0);
            let moment = match last.next() {
                Some(last) => gradient.add_scaled(&last, self.momentum),
                None => gradient.clone(),
            };
            let ahead = gradient.add_scaled(&moment, self.momentum);
            cache.push(previous.add_scaled(&ahead, self.step_size));
            self.moments.push(moment);
        }
        Ok(Update::new(cache))
    }
}

ft_plugin::export_optimizer!(Selected<Nesterov>);

#[cfg(test)]
mod tests {
    use ft_plugin::Value;
    use ft_plugin::testing::steps;

    use super::*;

    fn rule(step_size: f64, momentum: f64) -> Nesterov {
        let options = Options::defaults(&Nesterov::describe())
            .with("step_size", Value::Number(step_size))
            .with("momentum", Value::Number(momentum));
        Nesterov::new(&options).unwrap()
    }

    #[test]
    fn steps_by_hand() {
        let cache = [[0.0, 8.0], [1.0, 1.0]];
        let proposals = [[[4.0, 8.0], [1.0, 5.0]], [[3.0, 8.0], [1.0, 3.5]], [[4.0, 0.0], [1.0, 3.5]]];
        // g_2 = m_2 = (4, 0), (0, 4), and half of 1.5 times that is added. g_3 = (0, 0), (0, -0.5), m_3 = (2, 0), (0, 1.5),
        // and half of (1, 0), (0, 0.25) is added. g_4 = (0.5, -8), (0, -0.625), m_4 = (1.5, -8), (0, 0.125).
        let expected = [[[3.0, 8.0], [1.0, 4.0]], [[3.5, 8.0], [1.0, 4.125]], [[4.125, 2.0], [1.0, 3.84375]]];
        assert_eq!(steps(&mut rule(0.5, 0.5), cache, &proposals).unwrap(), expected);
    }

    #[test]
    fn a_step_of_size_zero_changes_nothing() {
        let (cache, proposed) = ([[1.5, -2.0]], [[9.0, 9.0]]);
        assert_eq!(steps(&mut rule(0.0, 0.9), cache, &[proposed; 3]).unwrap(), [cache; 3]);
    }
}
