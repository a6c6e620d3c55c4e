//! Layer-wise trust ratios with momentum, after LARS (You, Gitman & Ginsburg, "Large batch training of convolutional
//! networks", arXiv 1708.03888, algorithm 1), without weight decay: a cache has no reason to shrink.
//!
//! A layer of the source is a layer of the model here: its keys and values, or those of them that move, have one ratio.
//! `g_t = P_t - C_{t-1}` is a direction of ascent: it is added.

use ft_plugin::{Description, Error, MetaOptimizer, Options, Selected, Step, Tensor, Update};

struct TrustRatio {
    step_size: f64,
    momentum: f64,
    /// `m` of the last step, one for each slot; empty before the first.
    moments: Vec<Tensor>,
}

impl MetaOptimizer for TrustRatio {
    fn describe() -> Description {
        let summary = "momentum with steps as long for each layer as a share of the layer's own norm, after LARS \
            (You et al., arXiv 1708.03888)";
        let step_size = "how far each layer is pushed in a step, as a share of the norm of its keys and values; \
            momentum comes on top";
        Description::new("trust-ratio", env!("CARGO_PKG_VERSION"), summary)
            .number("step_size", 0.001, .., step_size)
            .number("momentum", 0.9, 0.0..=1.0, "how much of the last step's momentum stays")
    }

    fn new(options: &Options) -> Result<Self, Error> {
        let (step_size, momentum) = (options.number("step_size")?, options.number("momentum")?);
        Ok(Self { step_size, momentum, moments: Vec::new() })
    }

    /// For each layer `l`, with norms over its keys and values: `ratio = |C_{t-1}| / |g_t|`, and 0 where `g_t = 0`;
    /// `m_1 = 0`, `m_t = momentum * m_{t-1} + step_size * ratio * g_t`, `C_t = C_{t-1} + m_t`.
    fn step(&mut self, step: &Step) -> Result<Update, Error> {
        let slots = step.proposal()?;
        let gradients: Vec<Tensor> = slots.iter().map(|slot| slot.proposed.add_scaled(&slot.previous, -1.0)).collect();
        let mut last = std::mem::take(&mut self.moments).into_iter();
        let mut cache = Vec::with_capacity(slots.len());
        let mut rest = gradients.as_slice();
        for layer in slots.chunk_by(|left, right| left.layer == right.layer) {
            let (gradients, others) = rest.split_at(layer.len());
            rest = others;
            let (size, push) = (joint_norm(layer.iter().map(|slot| &slot.previous)), joint_norm(gradients));
            let factor = if push > 0.0 { self.step_size * size / push } else { 0.0 };
            for (slot, gradient) in layer.iter().zip(gradients) {
                let scaled = gradient.scale(factor);
                let moment = match last.next() {
                    Some(last) => scaled.add_scaled(&last, self.momentum),
                    None => scaled,
                };
                cache.push(slot.previous.add_scaled(&moment, 1.0));
                self.moments.push(moment);
            }
        }
        Ok(Update::new(cache))
    }
}

/// The Euclidean norm over all numbers of some matrices.
fn joint_norm<'a>(matrices: impl IntoIterator<Item = &'a Tensor>) -> f64 {
    matrices.into_iter().map(|matrix| matrix.norm().powi(2)).sum::<f64>().sqrt()
}

ft_plugin::export_optimizer!(Selected<TrustRatio>);

#[cfg(test)]
mod tests {
    use ft_plugin::Value;
    use ft_plugin::testing::steps;

    use super::*;

    fn rule(step_size: f64) -> TrustRatio {
        let options = Options::defaults(&TrustRatio::describe())
            .with("step_size", Value::Number(step_size))
            .with("momentum", Value::Number(0.5));
        TrustRatio::new(&options).unwrap()
    }

    #[test]
    fn steps_by_hand() {
        // Keys and values of layer 0, with norm 5; of layer 1, with norm 10 in its keys.
        let cache = [[3.0, 0.0], [0.0, 4.0], [6.0, 8.0], [0.0, 0.0]];
        let proposals = [
            // g_2 of layer 0 has norm 10, of layer 1 norm 2.5: factors 0.5 * 5 / 10 and 0.5 * 10 / 2.5.
            [[3.0, 8.0], [6.0, 4.0], [6.0, 8.0], [2.0, 1.5]],
            // g_3 of layer 0 is zero: half of m_2 remains. C of layer 1 has norm sqrt(100 + 16 + 9), g_3 sqrt(125).
            [[3.0, 2.0], [1.5, 4.0], [12.0, 16.0], [4.0, -2.0]],
        ];
        let expected =
            [[[3.0, 2.0], [1.5, 4.0], [6.0, 8.0], [4.0, 3.0]], [[3.0, 3.0], [2.25, 4.0], [9.0, 12.0], [6.0, 2.0]]];
        let after = steps(&mut rule(0.5), cache, &proposals).unwrap();
        for (found, expected) in after.iter().flatten().flatten().zip(expected.as_flattened().as_flattened()) {
            assert!((found - expected).abs() < 1e-6, "{after:?}");
        }
    }

    #[test]
    fn a_step_of_size_zero_changes_nothing() {
        let (cache, proposed) = ([[1.5, -2.0]], [[9.0, 9.0]]);
        assert_eq!(steps(&mut rule(0.0), cache, &[proposed; 3]).unwrap(), [cache; 3]);
    }

    #[test]
    fn without_a_gradient_nothing_moves() {
        let cache = [[1.5, -2.0], [0.0, 0.0]];
        assert_eq!(steps(&mut rule(0.5), cache, &[cache; 2]).unwrap(), [cache; 2]);
    }
}
