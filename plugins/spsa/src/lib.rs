//! Steps along random directions, by how much the demonstrations' likelihood differs at their two ends (Spall, "Multivariate
//! stochastic approximation using a simultaneous perturbation gradient approximation", 1992), with normal directions that are
//! made again from their seeds instead of being kept (MeZO, Malladi et al., arXiv 2305.17333, algorithm 1).
//!
//! The defaults follow from scales. A cache has numbers of order 1: with an epsilon of 0.01 the two ends differ from it by a
//! hundredth, far above what single precision rounds off and below where a likelihood bends much. SmolLM2-135M's cache of eight
//! demonstrations with 160 tokens in all has 2 * 30 layers * 3 heads * 160 * 64 = 1.8 million numbers, so a direction is about
//! 1360 long. Its slope `s` is as large as the gradient's norm, assumed to be about 0.1. So each number goes by about
//! `step_size * 0.1 / sqrt(directions)` in a step, mostly at random: 0.0035 with the defaults, which is what `context-tuning`
//! goes, while the likelihood rises by `step_size * 0.1^2` on average.

use ft_plugin::{Description, Error, MetaOptimizer, Objective, Options, Selected, Step, Tensor, Update, mixed};

struct Spsa {
    step_size: f64,
    epsilon: f64,
    directions: i64,
    objective: Objective,
}

impl MetaOptimizer for Spsa {
    fn describe() -> Description {
        let summary = "steps along random directions by the demonstrations' leave-one-out likelihood at both of their ends \
            (Spall 1992; MeZO, arXiv 2305.17333)";
        let epsilon = "how far from the cache the likelihood is taken on both sides, for about each number of it";
        let objective = "what becomes likelier: the tokens of the answer, or the right choice among the choices";
        Description::new("spsa", env!("CARGO_PKG_VERSION"), summary)
            .number("step_size", 0.1, 0.0.., "how far to go along a direction with a slope of 1")
            .number("epsilon", 0.01, 1e-6.., epsilon)
            .integer(
                "directions",
                8,
                1..=48,
                "how many directions a step is the mean of, each at the cost of two passes",
            )
            .choice("objective", "answer", &["answer", "choice"], objective)
    }

    fn new(options: &Options) -> Result<Self, Error> {
        let objective = if options.text("objective")? == "choice" { Objective::Choice } else { Objective::Answer };
        let (step_size, epsilon) = (options.number("step_size")?, options.number("epsilon")?);
        Ok(Self { step_size, epsilon, directions: options.integer("directions")?, objective })
    }

    /// For each direction `z_j`, `s_j = (L(C_{t-1} + epsilon * z_j) - L(C_{t-1} - epsilon * z_j)) / (2 * epsilon)`, where `L` is
    /// the mean of the likelihoods; `C_t = C_{t-1} + step_size * (mean over j of s_j * z_j)`.
    fn step(&mut self, step: &Step) -> Result<Update, Error> {
        let examples = step.unseen_demonstrations();
        let cache = step.cache();
        let mut moved = cache.clone();
        for direction in 0..self.directions {
            let seed = mixed(step.seed().wrapping_add_signed(direction));
            let mean_at = |scale| {
                let likelihoods = step.likelihood(&along(&cache, seed, scale), examples, self.objective)?;
                Ok(likelihoods.iter().sum::<f64>() / likelihoods.len() as f64)
            };
            let slope = (mean_at(self.epsilon)? - mean_at(-self.epsilon)?) / (2.0 * self.epsilon);
            moved = along(&moved, seed, self.step_size * slope / self.directions as f64);
        }
        Ok(Update::new(moved))
    }
}

/// A cache and so many times the direction of a seed, which has numbers of its own in each slot.
fn along(cache: &[Tensor], seed: u64, scale: f64) -> Vec<Tensor> {
    let slots = cache.iter().zip(0..);
    slots.map(|(matrix, slot)| matrix.perturbed(mixed(seed.wrapping_add(slot)), scale)).collect()
}

ft_plugin::export_optimizer!(Selected<Spsa>);

#[cfg(test)]
mod tests {
    use ft_plugin::testing::{Model, Question, cache, numbers};
    use ft_plugin::{ErrorKind, Examples, Value};

    use super::*;

    const TOLERANCE: f64 = 1e-4;

    fn rule(step_size: f64, epsilon: f64, directions: i64) -> Spsa {
        let options = Options::defaults(&Spsa::describe())
            .with("step_size", Value::Number(step_size))
            .with("epsilon", Value::Number(epsilon))
            .with("directions", Value::Integer(directions));
        Spsa::new(&options).unwrap()
    }

    /// Two demonstrations whose mean is (1, -1), (2, 0).
    fn model() -> Model {
        Model::quadratic(&[[[0.0, -1.0], [2.0, 4.0]], [[2.0, -1.0], [2.0, -4.0]]])
    }

    const START: [[f32; 2]; 2] = [[0.0, 0.0], [0.0, 8.0]];

    /// A direction, by its step and its number: `z` of each slot in turn.
    fn direction(step: u64, number: u64) -> Vec<f64> {
        let drawn = numbers(&along(&cache([[0.0; 2]; 2]), mixed(step + number), 1.0));
        drawn.concat().into_iter().map(f64::from).collect()
    }

    #[test]
    fn steps_by_hand() {
        // The likelihood is quadratic, so the slope is `(mean of the targets - C) * z` for each epsilon.
        let to_mean = [1.0, -1.0, 2.0, -8.0];
        let mut expected = [0.0, 0.0, 0.0, 8.0];
        for z in [direction(2, 0), direction(2, 1), direction(2, 2)] {
            let slope: f64 = z.iter().zip(to_mean).map(|(z, to)| z * to).sum();
            expected.iter_mut().zip(&z).for_each(|(number, z)| *number += 0.3 * slope * z / 3.0);
        }
        for epsilon in [0.1, 1.0] {
            let model = model();
            let update = model.steps(&mut rule(0.3, epsilon, 3), cache(START), 1).unwrap().remove(0);
            for (found, expected) in numbers(&update.cache).concat().into_iter().zip(expected) {
                assert!((f64::from(found) - expected).abs() <= TOLERANCE, "{epsilon}: {found} is not {expected}");
            }
            assert_eq!((update.loss, update.accepted), (None, None));
            assert_eq!(model.questions(), vec![Question::Likelihood(Examples::LeaveOneOut, Objective::Answer); 6]);
        }
    }

    #[test]
    fn directions_differ_between_slots_directions_and_steps() {
        let drawn = [direction(2, 0), direction(2, 1), direction(5, 0)].concat();
        for (index, z) in drawn.iter().enumerate() {
            assert!(!drawn[..index].contains(z), "{z} at {index}");
        }
    }

    #[test]
    fn many_directions_lead_to_where_the_likelihood_is_greatest() {
        let model = model();
        let updates = model.steps(&mut rule(0.1, 0.1, 48), cache(START), 40).unwrap();
        let end = numbers(&updates[39].cache).concat();
        for (found, expected) in end.iter().zip([1.0_f32, -1.0, 2.0, 0.0]) {
            assert!((found - expected).abs() < 0.3, "{end:?}");
        }
        assert_eq!(model.passes(), 40 * 96);
    }

    #[test]
    fn a_step_of_size_zero_changes_nothing() {
        let updates = model().steps(&mut rule(0.0, 0.1, 2), cache(START), 2).unwrap();
        assert_eq!(numbers(&updates[1].cache), START);
    }

    #[test]
    fn the_objective_is_what_is_asked_about() {
        let options = Options::defaults(&Spsa::describe()).with("objective", Value::Text("choice".into()));
        let model = model().with_limit(16);
        model.steps(&mut Spsa::new(&options).unwrap(), cache(START), 1).unwrap();
        assert_eq!(model.questions(), vec![Question::Likelihood(Examples::LeaveOneOut, Objective::Choice); 16]);
    }

    #[test]
    fn a_single_demonstration_is_predicted_behind_the_whole_cache() {
        let model = Model::quadratic(&[[[3.0]]]);
        model.steps(&mut rule(0.1, 0.1, 1), cache([[0.0]]), 1).unwrap();
        assert_eq!(model.questions(), vec![Question::Likelihood(Examples::Demonstrations, Objective::Answer); 2]);
    }

    #[test]
    fn demonstrations_that_are_not_known_one_by_one_are_an_error() {
        let error = Model::proposing([[1.0]]).steps(&mut rule(0.1, 0.1, 1), cache([[0.0]]), 1).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unsupported);
    }
}
