//! {{name}}: the cache goes a part of the way to what a further pass proposes, `C_t = C_{t-1} + rate * (P_t - C_{t-1})`.
//! Replace it by your rule.

use ft_plugin::{Description, Error, MetaOptimizer, Options, Proposal, Selected, Step, Update};

struct {{Name}}Rule {
    rate: f64,
}

impl MetaOptimizer for {{Name}}Rule {
    fn describe() -> Description {
        let summary = "a part of the way to what a further pass proposes";
        Description::new("{{name}}", env!("CARGO_PKG_VERSION"), summary)
            .number("rate", 0.1, 0.0..=1.0, "how far to go in each step")
    }

    fn new(options: &Options) -> Result<Self, Error> {
        Ok(Self { rate: options.number("rate")? })
    }

    /// Tensors stay on the host's device; every operation makes a new one.
    fn step(&mut self, step: &Step) -> Result<Update, Error> {
        let cache = step.proposal()?.into_iter().map(|Proposal { previous, proposed, .. }| {
            let gradient = proposed.add_scaled(&previous, -1.0);
            previous.add_scaled(&gradient, self.rate)
        });
        Ok(Update::new(cache.collect()))
    }
}

// `Selected` adds the options `update`, `skip_first` and `layers` to any rule.
ft_plugin::export_optimizer!(Selected<{{Name}}Rule>);

#[cfg(test)]
mod tests {
    use ft_plugin::Value;
    use ft_plugin::testing::steps;

    use super::*;

    #[test]
    fn a_step_by_hand() {
        let options = Options::defaults(&{{Name}}Rule::describe()).with("rate", Value::Number(0.5));
        let mut rule = {{Name}}Rule::new(&options).unwrap();
        let (cache, proposed) = ([[0.0, 8.0], [1.0, 1.0]], [[4.0, 8.0], [1.0, 3.0]]);
        assert_eq!(steps(&mut rule, cache, &[proposed]).unwrap(), [[[2.0, 8.0], [1.0, 2.0]]]);
    }
}
