//! Gradient steps without any memory: stochastic approximation with a constant step (Robbins & Monro, "A stochastic
//! approximation method", 1951).
//!
//! `g_t = P_t - C_{t-1}` is a direction of ascent: it is added.

use ft_plugin::{Description, Error, MetaOptimizer, Options, Proposal, Selected, Step, Update};

struct Sgd {
    step_size: f64,
}

impl MetaOptimizer for Sgd {
    fn describe() -> Description {
        let summary = "steps along what a further pass proposes, without momentum (Robbins & Monro 1951)";
        let step_size = "how far to go towards the proposed cache in each step, as a share of the way; \
            0.1 is what the paper's 0.01 with momentum 0.9 comes to in the long run";
        Description::new("sgd", env!("CARGO_PKG_VERSION"), summary).number("step_size", 0.1, .., step_size)
    }

    fn new(options: &Options) -> Result<Self, Error> {
        Ok(Self { step_size: options.number("step_size")? })
    }

    /// `C_t = C_{t-1} + step_size * (P_t - C_{t-1})`.
    fn step(&mut self, step: &Step) -> Result<Update, Error> {
        let moved = |Proposal { previous, proposed, .. }: Proposal| {
            let gradient = proposed.add_scaled(&previous, -1.0);
            previous.add_scaled(&gradient, self.step_size)
        };
        Ok(Update::new(step.proposal()?.into_iter().map(moved).collect()))
    }
}

ft_plugin::export_optimizer!(Selected<Sgd>);

#[cfg(test)]
mod tests {
    use ft_plugin::Value;
    use ft_plugin::testing::steps;

    use super::*;

    fn rule(step_size: f64) -> Sgd {
        Sgd::new(&Options::defaults(&Sgd::describe()).with("step_size", Value::Number(step_size))).unwrap()
    }

    #[test]
    fn steps_by_hand() {
        let cache = [[0.0, 8.0], [1.0, 1.0]];
        let proposals = [[[4.0, 8.0], [1.0, 3.0]], [[0.0, 4.0], [5.0, 2.0]]];
        let expected = [[[2.0, 8.0], [1.0, 2.0]], [[1.0, 6.0], [3.0, 2.0]]];
        assert_eq!(steps(&mut rule(0.5), cache, &proposals).unwrap(), expected);
    }

    #[test]
    fn a_step_of_size_zero_changes_nothing() {
        let (cache, proposed) = ([[1.5, -2.0]], [[9.0, 9.0]]);
        assert_eq!(steps(&mut rule(0.0), cache, &[proposed; 3]).unwrap(), [cache; 3]);
    }
}
