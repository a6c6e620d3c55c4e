//! The direction of "Iterative Forward Tuning Boosts In-Context Learning in Language Models" (arXiv 2305.13016), as far as it
//! does not make the demonstrations less likely: a backtracking line search (Armijo, "Minimization of functions having
//! Lipschitz continuous first partial derivatives", 1966), without his demand of a least rise, since `P - C` is no gradient.
//!
//! `d_t = P_t - C_{t-1}` is a direction of ascent: it is added.

use ft_plugin::{Description, Error, MetaOptimizer, Objective, Options, Selected, Step, Tensor, Update};

struct LineSearch {
    step_size: f64,
    halvings: i64,
    objective: Objective,
    /// The mean likelihood behind the cache that the last step left, in nats; none before the first.
    likelihood: Option<f64>,
}

impl MetaOptimizer for LineSearch {
    fn describe() -> Description {
        let summary = "the step towards what a further pass proposes, halved until the demonstrations' leave-one-out \
            likelihood does not fall (arXiv 2305.13016; Armijo 1966)";
        let objective =
            "what must not become less likely: the tokens of the answer, or the right choice among the choices";
        Description::new("line-search", env!("CARGO_PKG_VERSION"), summary)
            .number(
                "step_size",
                1.0,
                0.0..,
                "how far to go towards the proposed cache in the first try; 1 is all the way",
            )
            .integer("halvings", 6, 0..=32, "how often the step is halved before the cache stays as it is")
            .choice("objective", "answer", &["answer", "choice"], objective)
    }

    fn new(options: &Options) -> Result<Self, Error> {
        let objective = if options.text("objective")? == "choice" { Objective::Choice } else { Objective::Answer };
        let (step_size, halvings) = (options.number("step_size")?, options.integer("halvings")?);
        Ok(Self { step_size, halvings, objective, likelihood: None })
    }

    /// `C_t = C_{t-1} + step_size / 2^i * d_t` with the least `i` of `0..=halvings` for which `L(C_t) >= L(C_{t-1})`, where
    /// `L` is the mean of the likelihoods; `C_t = C_{t-1}` if there is none.
    fn step(&mut self, step: &Step) -> Result<Update, Error> {
        let examples = step.unseen_demonstrations();
        let mean = |cache: &[Tensor]| {
            let likelihoods = step.likelihood(cache, examples, self.objective)?;
            Ok(likelihoods.iter().sum::<f64>() / likelihoods.len() as f64)
        };
        let cache = step.cache();
        let before = self.likelihood.map_or_else(|| mean(&cache), Ok)?;
        let slots = step.proposal()?.into_iter();
        let direction: Vec<_> = slots.map(|slot| slot.proposed.add_scaled(&slot.previous, -1.0)).collect();
        let mut size = self.step_size;
        for _ in 0..=self.halvings {
            let pairs = cache.iter().zip(&direction);
            let tried: Vec<_> = pairs.map(|(matrix, direction)| matrix.add_scaled(direction, size)).collect();
            let likelihood = mean(&tried)?;
            if likelihood >= before {
                self.likelihood = Some(likelihood);
                return Ok(Update::new(tried).with_loss(-before).with_accepted(true));
            }
            size /= 2.0;
        }
        self.likelihood = Some(before);
        Ok(Update::converged(cache).with_loss(-before).with_accepted(false))
    }
}

ft_plugin::export_optimizer!(Selected<LineSearch>);

#[cfg(test)]
mod tests {
    use ft_plugin::testing::{Model, Question, cache, numbers};
    use ft_plugin::{ErrorKind, Examples, Pass, Value, Verdict};

    use super::*;

    fn rule(step_size: f64, halvings: i64) -> LineSearch {
        let options = Options::defaults(&LineSearch::describe())
            .with("step_size", Value::Number(step_size))
            .with("halvings", Value::Integer(halvings));
        LineSearch::new(&options).unwrap()
    }

    /// Two demonstrations, so that `L(c) = -((c - 3)^2 + 1) / 2`, with a proposal of 10 behind 0, and of 1 behind 5.
    fn model() -> Model {
        let propose = |cache: &[Vec<f32>], _: &Pass| vec![vec![if cache[0][0] == 0.0 { 10.0 } else { 1.0 }]];
        Model::quadratic(&[[[2.0]], [[4.0]]]).with_proposals(propose)
    }

    const LIKELIHOOD: Question = Question::Likelihood(Examples::LeaveOneOut, Objective::Answer);

    #[test]
    fn steps_by_hand() {
        let model = model();
        let updates = model.steps(&mut rule(1.0, 6), cache([[0.0]]), 3).unwrap();
        // L(0) = -5, L(10) = -25, L(5) = -2.5. From there the whole way to 1, which is as likely as 5. From 1 nowhere.
        assert_eq!(updates.iter().map(|update| numbers(&update.cache)[0][0]).collect::<Vec<_>>(), [5.0, 1.0, 1.0]);
        assert_eq!(updates.iter().map(|update| update.loss).collect::<Vec<_>>(), [Some(5.0), Some(2.5), Some(2.5)]);
        assert!(updates.iter().all(|update| (update.verdict, update.accepted) == (Verdict::Continue, Some(true))));
        // The likelihood behind the current cache is asked for once.
        let propose = Question::Propose(Pass::default());
        let steps = [
            &[LIKELIHOOD, propose.clone(), LIKELIHOOD, LIKELIHOOD][..],
            &[propose.clone(), LIKELIHOOD],
            &[propose, LIKELIHOOD],
        ];
        assert_eq!(model.questions(), steps.concat());
    }

    #[test]
    fn what_hurts_is_not_accepted() {
        // 8, 4, 2 and 1 away from 3, where the likelihood is greatest.
        let model = Model::quadratic(&[[[2.0]], [[4.0]]]).with_proposals(|_, _| vec![vec![11.0]]).with_limit(6);
        let mut rule = rule(1.0, 3);
        let updates = model.steps(&mut rule, cache([[3.0]]), 2).unwrap();
        for update in updates {
            assert_eq!((update.verdict, update.loss, update.accepted), (Verdict::Converged, Some(0.5), Some(false)));
            assert_eq!(numbers(&update.cache), [[3.0]]);
        }
        // A likelihood, a proposal and four tries; then the same without the first.
        assert_eq!(model.passes(), 6 + 5);
    }

    #[test]
    fn the_step_size_is_the_first_try() {
        // 0.3 of the way to 10 is 3, and there is no other try.
        let updates = model().with_limit(3).steps(&mut rule(0.3, 0), cache([[0.0]]), 1).unwrap();
        assert!((numbers(&updates[0].cache)[0][0] - 3.0).abs() < 1e-6);
    }

    #[test]
    fn the_objective_is_what_is_asked_about() {
        let options = Options::defaults(&LineSearch::describe()).with("objective", Value::Text("choice".into()));
        let model = model();
        model.steps(&mut LineSearch::new(&options).unwrap(), cache([[5.0]]), 1).unwrap();
        assert_eq!(model.questions()[0], Question::Likelihood(Examples::LeaveOneOut, Objective::Choice));
    }

    #[test]
    fn a_single_demonstration_is_predicted_behind_the_whole_cache() {
        let model = Model::quadratic(&[[[3.0]]]);
        let updates = model.steps(&mut rule(1.0, 6), cache([[0.0]]), 1).unwrap();
        assert_eq!((numbers(&updates[0].cache), updates[0].loss), (vec![vec![3.0]], Some(4.5)));
        assert_eq!(model.questions()[0], Question::Likelihood(Examples::Demonstrations, Objective::Answer));
    }

    #[test]
    fn demonstrations_that_are_not_known_one_by_one_are_an_error() {
        let error = Model::proposing([[1.0]]).steps(&mut rule(1.0, 6), cache([[0.0]]), 1).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unsupported);
    }
}
