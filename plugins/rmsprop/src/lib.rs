//! RMSProp (Tieleman & Hinton, "Lecture 6.5: divide the gradient by a running average of its recent magnitude", Neural
//! Networks for Machine Learning, 2012).
//!
//! `g_t = P_t - C_{t-1}` is a direction of ascent: it is added.

use ft_plugin::{Description, Dtype, Error, MetaOptimizer, Options, Proposal, Selected, Step, Tensor, Update};

struct RmsProp {
    step_size: f64,
    decay: f64,
    epsilon: f64,
    /// `v / (1 - decay)` of the last step, one for each slot; empty before the first. Without the factor it is one
    /// operation to update, and the factor goes into the numbers of the step.
    squares: Vec<Tensor>,
}

impl MetaOptimizer for RmsProp {
    fn describe() -> Description {
        let summary = "the gradient divided by the root of the running mean of its squares (Tieleman & Hinton 2012)";
        let step_size = "how far about each number of the cache goes in a step, in its own unit; the first steps go up \
            to 1 / sqrt(1 - decay) times as far";
        Description::new("rmsprop", env!("CARGO_PKG_VERSION"), summary)
            .number("step_size", 0.01, .., step_size)
            .number("decay", 0.9, 0.0..=0.9999, "how much of the running mean of squared gradients stays")
            .number("epsilon", 1e-8, 1e-12.., "gradients that are small against this move little")
    }

    fn new(options: &Options) -> Result<Self, Error> {
        let (step_size, decay) = (options.number("step_size")?, options.number("decay")?);
        Ok(Self { step_size, decay, epsilon: options.number("epsilon")?, squares: Vec::new() })
    }

    /// `v_1 = 0`, `v_t = decay * v_{t-1} + (1 - decay) * g_t^2`, `C_t = C_{t-1} + step_size * g_t / (sqrt(v_t) + epsilon)`.
    fn step(&mut self, step: &Step) -> Result<Update, Error> {
        let slots = step.proposal()?;
        if slots.first().is_some_and(|slot| slot.previous.dtype() == Dtype::Fp16) {
            return Err(Error::unsupported(
                "half precision does not hold the squares of small gradients; f32 and bf16 do",
            ));
        }
        let root = (1.0 - self.decay).sqrt();
        let mut last = std::mem::take(&mut self.squares).into_iter();
        let mut cache = Vec::with_capacity(slots.len());
        for Proposal { previous, proposed, .. } in slots {
            let gradient = proposed.add_scaled(&previous, -1.0);
            let square = gradient.mul(&gradient);
            let squares = match last.next() {
                Some(last) => square.add_scaled(&last, self.decay),
                None => square,
            };
            let direction = gradient.div(&squares.sqrt().shift(self.epsilon / root));
            cache.push(previous.add_scaled(&direction, self.step_size / root));
            self.squares.push(squares);
        }
        Ok(Update::new(cache))
    }
}

ft_plugin::export_optimizer!(Selected<RmsProp>);

#[cfg(test)]
mod tests {
    use ft_plugin::testing::{Model, steps};
    use ft_plugin::{ErrorKind, Value};

    use super::*;

    fn rule(step_size: f64, epsilon: f64) -> RmsProp {
        let options = Options::defaults(&RmsProp::describe())
            .with("step_size", Value::Number(step_size))
            .with("decay", Value::Number(0.75))
            .with("epsilon", Value::Number(epsilon));
        RmsProp::new(&options).unwrap()
    }

    #[test]
    fn steps_by_hand() {
        let cache = [[0.0, 0.0], [8.0, 1.0]];
        let proposals = [[[4.0, 0.0], [6.0, 1.0]], [[4.0, 0.0], [7.0, 1.0]]];
        // g_2 = (4, 0), (-2, 0), so v_2 = (4, 0), (1, 0); g_3 = (2, 0), (1, 0), so v_3 = (3 + 1, 0), (0.75 + 0.25, 0).
        let expected = [[[2.0, 0.0], [6.0, 1.0]], [[3.0, 0.0], [7.0, 1.0]]];
        assert_eq!(steps(&mut rule(1.0, 1e-12), cache, &proposals).unwrap(), expected);
    }

    #[test]
    fn epsilon_holds_small_gradients_back() {
        // v = 1 and 9, so 2 / (1 + 1) and 6 / (3 + 1).
        assert_eq!(steps(&mut rule(1.0, 1.0), [[0.0, 0.0]], &[[[2.0, -6.0]]]).unwrap(), [[[1.0, -1.5]]]);
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
