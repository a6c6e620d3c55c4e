//! Anderson acceleration of the fixed-point iteration `C = F(C)`, where `F` is a further pass over the demonstrations
//! (Anderson, "Iterative procedures for nonlinear integral equations", 1965; Walker & Ni, "Anderson acceleration for
//! fixed-point iterations", 2011).
//!
//! The whole cache, all that moves of it, is one vector: its residuals `r_t = P_t - C_{t-1}` (a direction of ascent: it is
//! added) meet in dot products on the host, and the small least-squares problem over these numbers is solved here.

mod least_squares;

use std::collections::VecDeque;

use ft_plugin::{Description, Error, MetaOptimizer, Options, Proposal, Selected, Step, Tensor, Update};

struct Anderson {
    window: usize,
    mixing: f64,
    regularization: f64,
    /// The last steps, oldest first, at most `window` of them between steps.
    history: VecDeque<Iterate>,
}

/// What is kept of a step: a tensor for each slot.
struct Iterate {
    /// `r_t = P_t - C_{t-1}`.
    residual: Vec<Tensor>,
    /// `y_t = C_{t-1} + mixing * r_t`, where the step goes without acceleration.
    mixed: Vec<Tensor>,
    /// The dot products of this residual with those before it in the history, oldest first, and with itself.
    products: VecDeque<f64>,
}

impl MetaOptimizer for Anderson {
    fn describe() -> Description {
        let summary = "Anderson acceleration of the fixed-point iteration C = F(C) of further passes \
            (Anderson 1965; Walker & Ni 2011)";
        let window = "how many earlier steps are taken into account; each costs two caches of memory, and 0 is the \
            plain mixing";
        let mixing = "how far to go towards the proposed cache from the point that the earlier steps make best; 1 is \
            the source's";
        let regularization = "how much large weights of earlier steps cost, as a share of their mean squared \
            differences; the larger, the nearer to the plain mixing";
        Description::new("anderson", env!("CARGO_PKG_VERSION"), summary)
            .integer("window", 2, 0..=16, window)
            .number("mixing", 0.1, 0.0..=1.0, mixing)
            .number("regularization", 1e-6, 1e-12..=1e6, regularization)
    }

    fn new(options: &Options) -> Result<Self, Error> {
        let window = options.integer("window")?;
        let window = usize::try_from(window)
            .map_err(|_| Error::invalid_option(format!("`window` is a count, and {window} is none")))?;
        let (mixing, regularization) = (options.number("mixing")?, options.number("regularization")?);
        Ok(Self { window, mixing, regularization, history: VecDeque::new() })
    }

    /// With the residuals `r_i` and mixed points `y_i` of the last `window` steps: the weights `w_i` make
    /// `|r_t - sum of w_i * (r_t - r_i)|^2 + penalty * |w|^2` least, and `C_t = y_t - sum of w_i * (y_t - y_i)`.
    fn step(&mut self, step: &Step) -> Result<Update, Error> {
        let newest = self.iterate(step.proposal()?);
        self.history.push_back(newest);
        let weights = least_squares::weights(&self.products(), self.regularization);
        let cache = self.combine(&weights);
        if self.history.len() > self.window {
            self.history.pop_front();
            for iterate in &mut self.history {
                iterate.products.pop_front();
            }
        }
        Ok(Update::new(cache))
    }
}

impl Anderson {
    fn iterate(&self, slots: Vec<Proposal>) -> Iterate {
        let (mut residual, mut mixed) = (Vec::with_capacity(slots.len()), Vec::with_capacity(slots.len()));
        for Proposal { previous, proposed, .. } in slots {
            let difference = proposed.add_scaled(&previous, -1.0);
            mixed.push(previous.add_scaled(&difference, self.mixing));
            residual.push(difference);
        }
        // With nothing to look back at there is nothing to solve.
        let others = self.history.iter().map(|other| dot(&residual, &other.residual));
        let mut products: VecDeque<f64> = others.collect();
        if self.window > 0 {
            // Cheaper on the host than the dot product with itself.
            products.push_back(residual.iter().map(|matrix| matrix.norm().powi(2)).sum());
        }
        Iterate { residual, mixed, products }
    }

    /// The dot products of all residuals, row by row up to the diagonal.
    fn products(&self) -> Vec<Vec<f64>> {
        self.history.iter().map(|iterate| iterate.products.iter().copied().collect()).collect()
    }

    /// `(1 - sum of weights) * y_t + sum of weights_i * y_i`, slot by slot.
    fn combine(&self, weights: &[f64]) -> Vec<Tensor> {
        let Some(newest) = self.history.back() else { return Vec::new() };
        let own = 1.0 - weights.iter().sum::<f64>();
        let combined = newest.mixed.iter().enumerate().map(|(slot, mixed)| {
            let others = self.history.iter().zip(weights);
            others.fold(mixed.scale(own), |sum, (other, weight)| sum.add_scaled(&other.mixed[slot], *weight))
        });
        combined.collect()
    }
}

/// The dot product of two vectors that lie in slots.
fn dot(left: &[Tensor], right: &[Tensor]) -> f64 {
    left.iter().zip(right).map(|(left, right)| left.dot(right)).sum()
}

ft_plugin::export_optimizer!(Selected<Anderson>);

#[cfg(test)]
mod tests {
    use ft_plugin::Value;
    use ft_plugin::testing::{Model, cache, numbers, steps};

    use super::*;

    fn rule(window: i64, mixing: f64, regularization: f64) -> Anderson {
        let options = Options::defaults(&Anderson::describe())
            .with("window", Value::Integer(window))
            .with("mixing", Value::Number(mixing))
            .with("regularization", Value::Number(regularization));
        Anderson::new(&options).unwrap()
    }

    fn assert_close(found: &[Vec<f32>], expected: &[[f32; 2]]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().flatten().zip(expected.as_flattened()) {
            assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
        }
    }

    #[test]
    fn steps_by_hand() {
        let cache = [[0.0, 0.0], [0.0, 0.0]];
        let proposals = [[[2.0, 0.0], [0.0, 2.0]], [[2.0, 0.0], [0.0, 4.0]]];
        let after = steps(&mut rule(1, 0.5, 1e-12), cache, &proposals).unwrap();
        // r_2 = (2, 0), (0, 2), and half of it is added.
        assert_close(&after[0], &[[1.0, 0.0], [0.0, 1.0]]);
        // r_3 = (1, 0), (0, 3), y_3 = (1.5, 0), (0, 2.5); r_3 - r_2 = (-1, 0), (0, 1), whose product with r_3 is 2 and with
        // itself 2, so the weight is 1: C_3 = y_2.
        assert_close(&after[1], &[[1.0, 0.0], [0.0, 1.0]]);
        // A penalty as large as the mean square halves the weight: C_3 = (y_2 + y_3) / 2.
        let after = steps(&mut rule(1, 0.5, 1.0), cache, &proposals).unwrap();
        assert_close(&after[1], &[[1.25, 0.0], [0.0, 1.75]]);
    }

    /// `F(C) = A * C + b` with `A = ((0.5, 0.25), (0, 0.75))`, `b = (1, 1)`; its fixed point is (4, 4).
    fn pass(cache: &[f32]) -> [f32; 2] {
        [0.5 * cache[0] + 0.25 * cache[1] + 1.0, 0.75 * cache[1] + 1.0]
    }

    #[test]
    fn a_linear_map_of_two_numbers_is_solved_in_three_steps() {
        // Two earlier steps span the plane, so the third residual can be combined away (Walker & Ni, theorem 2.2).
        let mut rule = rule(2, 1.0, 1e-12);
        let model = Model::proposing([[0.0; 2]]).with_proposals(|cache, _| vec![pass(&cache[0]).into()]);
        let mut cache = cache([[0.0, 0.0]]);
        for number in 2..12 {
            cache = model.step(number, &cache, |step| rule.step(step)).unwrap().cache;
            if number == 4 {
                assert_close(&numbers(&cache), &[[4.0, 4.0]]);
            }
            assert_eq!(rule.history.len(), if number == 2 { 1 } else { 2 });
        }
        // And it stays there, where the differences of the residuals are next to nothing.
        assert!((numbers(&cache)[0][0] - 4.0).abs() < 1e-4);
    }

    #[test]
    fn without_a_window_it_is_the_plain_mixing() {
        let (cache, proposals) = ([[0.0, 8.0]], [[[4.0, 8.0]], [[0.0, 4.0]]]);
        let after = steps(&mut rule(0, 0.5, 1e-6), cache, &proposals).unwrap();
        assert_eq!(after, [[[2.0, 8.0]], [[1.0, 6.0]]]);
    }

    #[test]
    fn without_mixing_nothing_changes() {
        let (cache, proposed) = ([[1.5, -2.0]], [[9.0, 9.0]]);
        let after = steps(&mut rule(2, 0.0, 1e-6), cache, &[proposed, [[3.0, 4.0]], [[-1.0, 0.5]], proposed]).unwrap();
        after.iter().for_each(|after| assert_close(after, &cache));
        assert_eq!(after[0], cache);
    }

    #[test]
    fn a_residual_that_does_not_change_makes_a_plain_step() {
        let after = steps(&mut rule(2, 0.5, 1e-6), [[0.0, 0.0]], &[[[2.0, 2.0]], [[3.0, 3.0]], [[4.0, 4.0]]]).unwrap();
        assert_eq!(after, [[[1.0, 1.0]], [[2.0, 2.0]], [[3.0, 3.0]]]);
    }
}
