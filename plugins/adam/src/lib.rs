//! Adam with bias correction (Kingma & Ba, "Adam: a method for stochastic optimization", arXiv 1412.6980, algorithm 1).
//!
//! `g_t = P_t - C_{t-1}` is a direction of ascent: it is added.

use ft_plugin::{Description, Dtype, Error, MetaOptimizer, Options, Proposal, Selected, Step, Tensor, Update};

struct Adam {
    step_size: f64,
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    /// `m / (1 - beta1)` and `v / (1 - beta2)` of the last step, for each slot; empty before the first. Without these
    /// factors each is one operation to update, and the factors go into the numbers of the step.
    moments: Vec<(Tensor, Tensor)>,
}

impl MetaOptimizer for Adam {
    fn describe() -> Description {
        let summary = "steps of about one size for every number of the cache, by running means of gradient and square \
            (Kingma & Ba, arXiv 1412.6980)";
        let step_size =
            "how far about each number of the cache goes in a step, in its own unit, however small its gradient";
        Description::new("adam", env!("CARGO_PKG_VERSION"), summary)
            .number("step_size", 0.01, .., step_size)
            .number("beta1", 0.9, 0.0..=0.9999, "how much of the running mean of gradients stays")
            .number("beta2", 0.999, 0.0..=0.9999, "how much of the running mean of squared gradients stays")
            .number("epsilon", 1e-8, 1e-12.., "gradients that are small against this move little")
    }

    fn new(options: &Options) -> Result<Self, Error> {
        Ok(Self {
            step_size: options.number("step_size")?,
            beta1: options.number("beta1")?,
            beta2: options.number("beta2")?,
            epsilon: options.number("epsilon")?,
            moments: Vec::new(),
        })
    }

    /// `m_t = beta1 * m_{t-1} + (1 - beta1) * g_t`, `v_t = beta2 * v_{t-1} + (1 - beta2) * g_t^2`, both from zero; with
    /// `k = t - 1` steps so far, `M = m_t / (1 - beta1^k)` and `V = v_t / (1 - beta2^k)`,
    /// `C_t = C_{t-1} + step_size * M / (sqrt(V) + epsilon)`.
    fn step(&mut self, step: &Step) -> Result<Update, Error> {
        let slots = step.proposal()?;
        if slots.first().is_some_and(|slot| slot.previous.dtype() == Dtype::Fp16) {
            return Err(Error::unsupported(
                "half precision does not hold the squares of small gradients; f32 and bf16 do",
            ));
        }
        let count = f64::from(step.number() - 1);
        let mean = (1.0 - self.beta1) / (1.0 - self.beta1.powf(count));
        let root = ((1.0 - self.beta2) / (1.0 - self.beta2.powf(count))).sqrt();
        let mut last = std::mem::take(&mut self.moments).into_iter();
        let mut cache = Vec::with_capacity(slots.len());
        for Proposal { previous, proposed, .. } in slots {
            let gradient = proposed.add_scaled(&previous, -1.0);
            let square = gradient.mul(&gradient);
            let (first, second) = match last.next() {
                Some((first, second)) => {
                    (gradient.add_scaled(&first, self.beta1), square.add_scaled(&second, self.beta2))
                }
                None => (gradient, square),
            };
            let direction = first.div(&second.sqrt().shift(self.epsilon / root));
            cache.push(previous.add_scaled(&direction, self.step_size * mean / root));
            self.moments.push((first, second));
        }
        Ok(Update::new(cache))
    }
}

ft_plugin::export_optimizer!(Selected<Adam>);

#[cfg(test)]
mod tests {
    use ft_plugin::testing::{Model, steps};
    use ft_plugin::{ErrorKind, Value};

    use super::*;

    fn rule(step_size: f64, epsilon: f64) -> Adam {
        let options = Options::defaults(&Adam::describe())
            .with("step_size", Value::Number(step_size))
            .with("beta1", Value::Number(0.5))
            .with("beta2", Value::Number(0.75))
            .with("epsilon", Value::Number(epsilon));
        Adam::new(&options).unwrap()
    }

    #[test]
    fn steps_by_hand() {
        let cache = [[0.0, 0.0], [8.0, 0.0]];
        let proposals = [[[4.0, 0.0], [4.0, 4.0]], [[3.0, 0.0], [7.0, 1.0]]];
        let after = steps(&mut rule(1.0, 1e-12), cache, &proposals).unwrap();
        // In the first step M = g and V = g^2, so each number goes one step size, and one without a gradient nowhere.
        assert_eq!(after[0], [[1.0, 0.0], [7.0, 1.0]]);
        // g_3 = (2, 0), (0, 0). Where g_2 = 4: m = 1 + 1 and 1 + 0, v = 3 + 1 and 3 + 0; M = m / 0.75, V = v / 0.4375.
        let (both, first) = (7_f32.sqrt() / 3.0, (7_f32 / 27.0).sqrt());
        let expected = [[1.0 + both, 0.0], [7.0 - first, 1.0 + first]];
        for (found, expected) in after[1].iter().flatten().zip(expected.as_flattened()) {
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        }
    }

    #[test]
    fn epsilon_holds_small_gradients_back() {
        // 1 / (1 + 1), and 3 / (3 + 1).
        let after = steps(&mut rule(1.0, 1.0), [[0.0, 0.0]], &[[[1.0, -3.0]]]).unwrap();
        assert_eq!(after, [[[0.5, -0.75]]]);
    }

    #[test]
    fn a_step_of_size_zero_changes_nothing() {
        let (cache, proposed) = ([[1.5, -2.0]], [[9.0, -2.0]]);
        assert_eq!(steps(&mut rule(0.0, 1e-8), cache, &[proposed; 3]).unwrap(), [cache; 3]);
    }

    #[test]
    fn half_precision_is_refused() {
        let half = Tensor::from_values(&[1, 1, 1], Dtype::Fp16, &[1.0]);
        let error = Model::proposing([[2.0]]).step(2, &[half], |step| rule(1.0, 1e-8).step(step)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unsupported);
    }
}
