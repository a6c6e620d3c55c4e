//! The gate of the later version of "Iterative Forward Tuning Boosts In-Context Learning in Language Models"
//! (arXiv 2305.13016v3): each step mixes the cache with what a further pass proposes.

use ft_plugin::{Description, Error, MetaOptimizer, Options, Proposal, Selected, Step, Update};

struct Gate {
    eta: f64,
}

impl MetaOptimizer for Gate {
    fn describe() -> Description {
        let summary =
            "the cache mixed with what a further pass proposes, C = eta * P + (1 - eta) * C (arXiv 2305.13016v3)";
        let eta = "how much of the proposed cache comes in at each step; with 0.1 the first cache has a share of 0.23 \
            after 15 steps";
        Description::new("gate", env!("CARGO_PKG_VERSION"), summary).number("eta", 0.1, 0.0..=1.0, eta)
    }

    fn new(options: &Options) -> Result<Self, Error> {
        Ok(Self { eta: options.number("eta")? })
    }

    /// `C_t = eta * P_t + (1 - eta) * C_{t-1}`.
    fn step(&mut self, step: &Step) -> Result<Update, Error> {
        let mix = |slot: Proposal| slot.previous.scale(1.0 - self.eta).add_scaled(&slot.proposed, self.eta);
        Ok(Update::new(step.proposal()?.into_iter().map(mix).collect()))
    }
}

ft_plugin::export_optimizer!(Selected<Gate>);

#[cfg(test)]
mod tests {
    use ft_plugin::Value;
    use ft_plugin::testing::steps;

    use super::*;

    fn rule(eta: f64) -> Gate {
        Gate::new(&Options::defaults(&Gate::describe()).with("eta", Value::Number(eta))).unwrap()
    }

    #[test]
    fn steps_by_hand() {
        let cache = [[4.0, -8.0], [0.0, 1.0]];
        let proposals = [[[8.0, 0.0], [4.0, 1.0]], [[1.0, 2.0], [1.0, -3.0]]];
        let expected = [[[5.0, -6.0], [1.0, 1.0]], [[4.0, -4.0], [1.0, 0.0]]];
        assert_eq!(steps(&mut rule(0.25), cache, &proposals).unwrap(), expected);
    }

    #[test]
    fn a_shut_gate_keeps_the_cache_and_an_open_one_takes_the_proposal() {
        let (cache, proposed) = ([[1.5, -2.0]], [[9.0, 7.0]]);
        assert_eq!(steps(&mut rule(0.0), cache, &[proposed; 3]).unwrap(), [cache; 3]);
        assert_eq!(steps(&mut rule(1.0), cache, &[proposed; 3]).unwrap(), [proposed; 3]);
    }
}
