//! The meta-optimizer of "Iterative Forward Tuning Boosts In-Context Learning in Language Models" (arXiv 2305.13016) on those
//! numbers of the cache alone where its direction agrees with the gradient of the demonstrations' leave-one-out likelihood. It is
//! of this project; masks by the sign of a gradient are those of cautious optimizers (Liang et al., arXiv 2411.16085).
//!
//! `d_t = P_t - C_{t-1}` is a direction of ascent and is added; `g_t` is the gradient of a loss, which falls against it.

use ft_plugin::{
    Description, Dropout, Dtype, Error, MetaOptimizer, Objective, Options, Proposal, Selected, Step, Tensor, Update,
};

struct Agreement {
    step_size: f64,
    momentum: f64,
    objective: Objective,
    /// `m` of the last step, one for each slot; empty before the first.
    moments: Vec<Tensor>,
}

impl MetaOptimizer for Agreement {
    fn describe() -> Description {
        let summary = "gradient descent with momentum along what a further pass proposes, where the gradient of the \
            demonstrations' leave-one-out likelihood agrees (of this project; arXiv 2305.13016, arXiv 2411.16085)";
        let objective = "of what the gradient is: the tokens of the answer, or the right choice among the choices";
        Description::new("agreement", env!("CARGO_PKG_VERSION"), summary)
            .number("step_size", 0.05, 0.0.., "how far to go along the momentum in each step")
            .number("momentum", 0.9, 0.0..=1.0, "how much of the last step's momentum stays")
            .choice("objective", "answer", &["answer", "choice"], objective)
    }

    fn new(options: &Options) -> Result<Self, Error> {
        let objective = if options.text("objective")? == "choice" { Objective::Choice } else { Objective::Answer };
        let (step_size, momentum) = (options.number("step_size")?, options.number("momentum")?);
        Ok(Self { step_size, momentum, objective, moments: Vec::new() })
    }

    /// `a_t` is `d_t` where `sign(d_t) = -sign(g_t)` and 0 elsewhere; `m_2 = a_2`, `m_t = a_t + momentum * m_{t-1}`,
    /// `C_t = C_{t-1} + step_size * m_t`.
    fn step(&mut self, step: &Step) -> Result<Update, Error> {
        let cache = step.cache();
        if cache.first().is_some_and(|matrix| matrix.dtype() == Dtype::Fp16) {
            return Err(Error::unsupported("half precision does not hold small gradients; f32 and bf16 do"));
        }
        let examples = step.unseen_demonstrations();
        let gradient = step.gradient(&cache, examples, self.objective, Dropout::default())?;
        let mut last = std::mem::take(&mut self.moments).into_iter();
        let mut moved = Vec::with_capacity(cache.len());
        for (Proposal { previous, proposed, .. }, slope) in step.proposal()?.into_iter().zip(&gradient.slots) {
            let direction = proposed.add_scaled(&previous, -1.0);
            let agreeing = where_opposite(&direction, slope).mul(&direction);
            let moment = match last.next() {
                Some(last) => agreeing.add_scaled(&last, self.momentum),
                None => agreeing,
            };
            moved.push(previous.add_scaled(&moment, self.step_size));
            self.moments.push(moment);
        }
        Ok(Update::new(moved).with_loss(gradient.loss))
    }
}

/// 1 where two matrices have opposite signs, and 0 where they have the same one or one of them is 0.
fn where_opposite(left: &Tensor, right: &Tensor) -> Tensor {
    // `s * (s - 1) / 2` is 1, 0 and 0 at the products -1, 0 and 1.
    let product = left.sign().mul(&right.sign());
    product.shift(-1.0).mul(&product).scale(0.5)
}

ft_plugin::export_optimizer!(Selected<Agreement>);

#[cfg(test)]
mod tests {
    use ft_plugin::testing::{Model, Question, cache, numbers};
    use ft_plugin::{ErrorKind, Examples, Pass, Value};

    use super::*;

    fn rule(step_size: f64, momentum: f64) -> Agreement {
        let options = Options::defaults(&Agreement::describe())
            .with("step_size", Value::Number(step_size))
            .with("momentum", Value::Number(momentum));
        Agreement::new(&options).unwrap()
    }

    /// Two demonstrations whose mean is (4, 4), (4, 0), with proposals that do not know of it.
    fn model() -> Model {
        Model::quadratic(&[[[3.0, 4.0], [4.0, 0.0]], [[5.0, 4.0], [4.0, 0.0]]])
            .with_proposals(|_, _| vec![vec![2.0, -2.0], vec![8.0, 6.0]])
    }

    #[test]
    fn steps_by_hand() {
        let model = model().with_limit(3);
        let updates = model.steps(&mut rule(0.5, 0.5), cache([[0.0, 0.0], [0.0, 0.0]]), 3).unwrap();
        // d = (2, -2), (8, 6) and g = (-4, -4), (-4, 0): the first of each slot agree, a = (2, 0), (8, 0) = m.
        assert_eq!(numbers(&updates[0].cache), [[1.0, 0.0], [4.0, 0.0]]);
        // d = (1, -2), (4, 6) and g = (-3, -4), (0, 0): a = (1, 0), (0, 0), m = (2, 0), (4, 0): what has momentum goes on.
        assert_eq!(numbers(&updates[1].cache), [[2.0, 0.0], [6.0, 0.0]]);
        // d = (0, -2), (2, 6) and g = (-2, -4), (2, 0): nothing agrees, m = (1, 0), (2, 0).
        assert_eq!(numbers(&updates[2].cache), [[2.5, 0.0], [7.0, 0.0]]);
        // The losses before the steps, with 1/2 for the distance of the targets from their mean.
        let losses: Vec<_> = updates.iter().map(|update| (update.loss, update.accepted)).collect();
        assert_eq!(losses, [24.5, 13.0, 12.5].map(|loss| (Some(loss), None)));
        let gradient = Question::Gradient(Examples::LeaveOneOut, Objective::Answer, Dropout::default());
        assert_eq!(model.questions(), vec![[gradient, Question::Propose(Pass::default())]; 3].concat());
    }

    #[test]
    fn signs_are_opposite_where_one_is_above_and_one_below_zero() {
        let [left, right] =
            cache([[2.0, 2.0, 2.0, 0.0, 0.0, 0.0, -2.0, -2.0, -2.0], [3.0, 0.0, -3.0, 3.0, 0.0, -3.0, 3.0, 0.0, -3.0]])
                .try_into()
                .unwrap();
        let expected = [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0];
        assert_eq!(where_opposite(&left, &right).read_with_copy(), expected);
    }

    #[test]
    fn where_all_agree_it_is_the_momentum_optimizer() {
        // The proposal is the mean of the targets: m = 4, C = 2, m = 2 + 1, C = 3.5.
        let model = Model::quadratic(&[[[3.0]], [[5.0]]]);
        let updates = model.steps(&mut rule(0.5, 0.25), cache([[0.0]]), 2).unwrap();
        assert_eq!(updates.iter().map(|update| numbers(&update.cache)[0][0]).collect::<Vec<_>>(), [2.0, 3.5]);
    }

    #[test]
    fn the_objective_is_what_is_asked_about() {
        let options = Options::defaults(&Agreement::describe()).with("objective", Value::Text("choice".into()));
        let model = model();
        model.steps(&mut Agreement::new(&options).unwrap(), cache([[0.0, 0.0]; 2]), 1).unwrap();
        let asked = Question::Gradient(Examples::LeaveOneOut, Objective::Choice, Dropout::default());
        assert_eq!(model.questions()[0], asked);
    }

    #[test]
    fn a_single_demonstration_is_predicted_behind_the_whole_cache() {
        let model = Model::quadratic(&[[[3.0]]]);
        let update = model.steps(&mut rule(0.5, 0.9), cache([[0.0]]), 1).unwrap().remove(0);
        assert_eq!((numbers(&update.cache), update.loss), (vec![vec![1.5]], Some(4.5)));
        let asked = Question::Gradient(Examples::Demonstrations, Objective::Answer, Dropout::default());
        assert_eq!(model.questions()[0], asked);
    }

    #[test]
    fn demonstrations_that_are_not_known_one_by_one_are_an_error() {
        let error = Model::proposing([[1.0]]).steps(&mut rule(0.5, 0.9), cache([[0.0]]), 1).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unsupported);
    }

    #[test]
    fn half_precision_is_refused_before_anything_is_asked() {
        let (model, half) = (Model::quadratic(&[[[2.0]]; 2]), Tensor::from_values(&[1, 1, 1], Dtype::Fp16, &[1.0]));
        let error = model.steps(&mut rule(0.5, 0.9), vec![half], 1).unwrap_err();
        assert_eq!((error.kind, model.passes()), (ErrorKind::Unsupported, 0));
    }
}
