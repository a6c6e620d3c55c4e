//! The meta-optimizer of "Iterative Forward Tuning Boosts In-Context Learning in Language Models" (arXiv 2305.13016).

use ft_plugin::{Description, Error, MetaOptimizer, Options, Slot, Tensor, Update};

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
    fn step(&mut self, _: u32, slots: Vec<Slot>) -> Result<Update, Error> {
        let mut last = std::mem::take(&mut self.moments).into_iter();
        let mut cache = Vec::with_capacity(slots.len());
        for Slot { previous, proposed, .. } in slots {
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

ft_plugin::export_optimizer!(Momentum);

#[cfg(test)]
mod tests {
    use ft_plugin::{Dtype, SlotKind, Value, Verdict};

    use super::*;

    fn tensor(values: [f32; 2]) -> Tensor {
        Tensor::from_values(&[1, 1, 2], Dtype::Fp32, &values)
    }

    #[test]
    fn three_steps_by_hand() {
        let options = Options::defaults(&Momentum::describe())
            .with("step_size", Value::Number(0.5))
            .with("momentum", Value::Number(0.25));
        let mut rule = Momentum::new(&options).unwrap();
        // Two slots, so that a moment that lands in the wrong one shows.
        let mut cache = vec![tensor([0.0, 8.0]), tensor([1.0, 1.0])];
        let proposals = [[[4.0, 8.0], [1.0, 3.0]], [[2.0, 8.0], [1.0, 2.0]]];
        let expected = [[[2.0, 8.0], [1.0, 2.0]], [[2.5, 8.0], [1.0, 2.25]]];
        for (step, (proposal, expected)) in (2..).zip(proposals.into_iter().zip(expected)) {
            let slots = (0..).zip(cache.into_iter().zip(proposal)).map(|(layer, (previous, proposed))| Slot {
                layer,
                kind: SlotKind::Key,
                previous,
                proposed: tensor(proposed),
            });
            let update = rule.step(step, slots.collect()).unwrap();
            assert_eq!(update.verdict, Verdict::Continue);
            cache = update.cache;
            let values: Vec<_> = cache.iter().map(Tensor::read_with_copy).collect();
            assert_eq!(values, expected, "step {step}");
        }
    }

    #[test]
    fn a_step_of_size_zero_changes_nothing() {
        let options = Options::defaults(&Momentum::describe()).with("step_size", Value::Number(0.0));
        let slot =
            Slot { layer: 0, kind: SlotKind::Value, previous: tensor([1.5, -2.0]), proposed: tensor([9.0, 9.0]) };
        let update = Momentum::new(&options).unwrap().step(2, vec![slot]).unwrap();
        assert_eq!(update.cache[0].read_with_copy(), [1.5, -2.0]);
    }
}
