//! Adam on the cache, down the gradient of the loss of demonstrations that do not see themselves (Lu et al., "Context Tuning
//! for In-Context Optimization", arXiv 2507.04221: leave-one-out masking and token dropout on keys and values).
//!
//! `g` is the gradient of a loss: it is subtracted, as by `torch.optim.Adam` (Kingma & Ba, arXiv 1412.6980, algorithm 1).

use ft_plugin::{
    Description, Dropout, Dtype, Error, Examples, Gradient, MetaOptimizer, Objective, Options, Selected, Step, Tensor,
    Update,
};

struct ContextTuning {
    /// The step size, beta1, beta2 and epsilon.
    adam: [f64; 4],
    dropout: f64,
    stop_below: f64,
    patience: i64,
    updates: i64,
    objective: Objective,
    /// `m / (1 - beta1)` and `v / (1 - beta2)` of the last update, for each slot; empty before the first.
    moments: Vec<(Tensor, Tensor)>,
    updates_made: i32,
    /// With patience: the best cache, its mean likelihood, and how many steps ago that was.
    best: (Vec<Tensor>, f64, i64),
}

impl MetaOptimizer for ContextTuning {
    fn describe() -> Description {
        let summary = "Adam on the gradient of the demonstrations' leave-one-out likelihood (arXiv 2507.04221)";
        let stop_below = "converged, with the cache as it is, when the loss in nats is first below this; 0 for never";
        let patience = "converged, with the best cache, after so many steps in a row without a better likelihood (of held-out \
            rows if the run has them, else leave-one-out); 0 for never";
        let objective = "what becomes likelier: the tokens of the answer, or the right choice among the choices";
        Description::new("context-tuning", env!("CARGO_PKG_VERSION"), summary)
            .number("step_size", 0.003, 0.0.., "how far about each number of the cache goes in an update")
            .number("beta1", 0.9, 0.0..=0.9999, "how much of the running mean of gradients stays")
            .number("beta2", 0.999, 0.0..=0.9999, "how much of the running mean of squared gradients stays")
            .number("epsilon", 1e-8, 1e-12.., "gradients that are small against this move little")
            .number(
                "dropout",
                0.05,
                0.0..=0.95,
                "the share of positions, drawn anew, that a demonstration does not see",
            )
            .number("stop_below", 0.25, 0.0.., stop_below)
            .integer("patience", 0, 0.., patience)
            .integer("updates", 1, 1..=32, "how many updates a step has, of two passes each")
            .choice("objective", "answer", &["answer", "choice"], objective)
    }

    fn new(options: &Options) -> Result<Self, Error> {
        let number = |name| options.number(name);
        Ok(Self {
            adam: [number("step_size")?, number("beta1")?, number("beta2")?, number("epsilon")?],
            dropout: number("dropout")?,
            stop_below: number("stop_below")?,
            patience: options.integer("patience")?,
            updates: options.integer("updates")?,
            objective: if options.text("objective")? == "choice" { Objective::Choice } else { Objective::Answer },
            moments: Vec::new(),
            updates_made: 0,
            best: (Vec::new(), f64::NEG_INFINITY, 0),
        })
    }

    /// `m_k = beta1 * m_{k-1} + (1 - beta1) * g_k`, `v_k = beta2 * v_{k-1} + (1 - beta2) * g_k^2`, both from zero;
    /// `M = m_k / (1 - beta1^k)`, `V = v_k / (1 - beta2^k)`, `C_k = C_{k-1} - step_size * M / (sqrt(V) + epsilon)`.
    fn step(&mut self, step: &Step) -> Result<Update, Error> {
        let mut cache = step.cache();
        if cache.first().is_some_and(|matrix| matrix.dtype() == Dtype::Fp16) {
            let message = "half precision does not hold the squares of small gradients; use f32";
            return Err(Error::unsupported(message));
        }
        let (examples, mut before) = (step.unseen_demonstrations(), None);
        for update in 0..self.updates {
            let dropout = Dropout { rate: self.dropout, seed: step.seed().wrapping_add_signed(update) };
            let Gradient { loss, slots, .. } = step.gradient(&cache, examples, self.objective, dropout)?;
            let before = *before.get_or_insert(loss);
            if loss < self.stop_below {
                return Ok(Update::converged(cache).with_loss(before).with_accepted(update > 0));
            }
            if update == 0 && self.patience > 0 && self.is_past_best(step, &cache, loss)? {
                return Ok(Update::converged(self.best.0.clone()).with_loss(before).with_accepted(false));
            }
            self.updates_made += 1;
            let [step_size, beta1, beta2, epsilon] = self.adam;
            let [mean, square] = [beta1, beta2].map(|beta| (1.0 - beta) / (1.0 - beta.powi(self.updates_made)));
            if self.moments.is_empty() {
                self.moments = slots.iter().map(|slot| (slot.zeros_like(), slot.zeros_like())).collect();
            }
            for ((matrix, gradient), (first, second)) in cache.iter_mut().zip(slots).zip(&mut self.moments) {
                *first = gradient.add_scaled(first, beta1);
                *second = gradient.mul(&gradient).add_scaled(second, beta2);
                let direction = first.div(&second.sqrt().shift(epsilon / square.sqrt()));
                *matrix = matrix.add_scaled(&direction, -step_size * mean / square.sqrt());
            }
        }
        Ok(Update { loss: before, ..Update::new(cache).with_accepted(true) })
    }
}

impl ContextTuning {
    /// Whether the best cache is as many steps ago as the patience, once the current one is compared with it.
    fn is_past_best(&mut self, step: &Step, cache: &[Tensor], loss: f64) -> Result<bool, Error> {
        let held_out = step.held_out_rows() > 0;
        let rows = if held_out { step.likelihood(cache, Examples::HeldOut, self.objective)? } else { vec![-loss] };
        let likelihood = rows.iter().sum::<f64>() / rows.len() as f64;
        self.best.2 += 1;
        // A rise of less than 1e-4 nats is none.
        if likelihood >= self.best.1 + 1e-4 || self.best.0.is_empty() {
            self.best = (cache.to_vec(), likelihood, 0);
        }
        Ok(self.best.2 >= self.patience)
    }
}

ft_plugin::export_optimizer!(Selected<ContextTuning>);

#[cfg(test)]
mod tests;
