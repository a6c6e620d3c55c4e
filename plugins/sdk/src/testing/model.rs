//! What stands in for the model in a plugin's native tests.

use std::cell::{Cell, OnceCell, RefCell};

use super::numbers;
use crate::step::Context;
use crate::{
    Demonstration, Dropout, Error, Examples, Gradient, MetaOptimizer, Objective, Pass, Slot, SlotKind, Step, Tensor,
    Update,
};

/// The numbers of each slot of a cache, in row-major order.
type Numbers = Vec<Vec<f32>>;

/// What gives the proposals: of the cache that is asked about, and the pass.
type Propose = dyn Fn(&[Vec<f32>], &Pass) -> Numbers;

/// A model whose answers can be computed by hand: every example has a *target*, a cache behind which it is most likely, and the
/// likelihood falls off with the squared distance from it.
///
/// For a cache `C` and the target `T_i` of an example, summed over all numbers of all slots, the likelihood is `-|C - T_i|^2 / 2`.
/// So the gradient over the examples is the mean of `C - T_i`, and the loss is least at the mean of the targets, which
/// is what a pass proposes unless [`Model::with_proposals`] says otherwise. Leaving out, dropout and the objective change nothing
/// in the numbers; [`Model::questions`] has them, to compare.
///
/// The demonstrations share the positions of the cache evenly, and the last position of each is its answer. The step's seed is its
/// number.
///
/// ```
/// use ft_plugin::testing::{Model, cache, numbers};
/// use ft_plugin::{Dropout, Examples, Objective};
///
/// // Two demonstrations with a cache of one slot with two positions each.
/// let model = Model::quadratic(&[[[2.0, 0.0]], [[4.0, 2.0]]]);
/// let gradient = model.step(2, &cache([[0.0, 0.0]]), |step| {
///     step.gradient(&step.cache(), Examples::LeaveOneOut, Objective::Answer, Dropout::default())
/// })?;
/// assert_eq!(gradient.likelihoods, [-2.0, -10.0]);
/// assert_eq!((gradient.loss, numbers(&gradient.slots)), (6.0, vec![vec![-3.0, -1.0]]));
/// assert_eq!(model.passes(), 2);
/// # Ok::<(), ft_plugin::Error>(())
/// ```
pub struct Model {
    /// The target of each demonstration.
    demonstrations: Vec<Numbers>,
    /// The target of each held-out row.
    held_out: Vec<Numbers>,
    propose: Option<Box<Propose>>,
    /// How many passes a step may ask for.
    limit: u32,
    questions: RefCell<Vec<Question>>,
}

/// What was asked of a [`Model`].
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// Keys and values of a pass; the plain one behind the current cache is asked for once in a step at most.
    Propose(Pass),
    /// Likelihoods.
    Likelihood(Examples, Objective),
    /// A gradient.
    Gradient(Examples, Objective, Dropout),
}

impl Question {
    /// How many passes the answer takes.
    fn passes(&self) -> u32 {
        match self {
            Self::Propose(_) | Self::Likelihood(..) => 1,
            Self::Gradient(..) => 2,
        }
    }
}

impl Model {
    /// A model with demonstrations, by the target of each: `S` slots with a number for each of `N` positions.
    pub fn quadratic<const S: usize, const N: usize>(targets: &[[[f32; N]; S]]) -> Self {
        let (questions, demonstrations) = (RefCell::default(), owned(targets));
        Self { demonstrations, held_out: Vec::new(), propose: None, limit: u32::MAX, questions }
    }

    /// A model that proposes the same cache always and has no demonstrations, so that it is asked nothing else.
    pub fn proposing<const S: usize, const N: usize>(proposed: [[f32; N]; S]) -> Self {
        let proposed: Numbers = proposed.iter().map(|values| values.to_vec()).collect();
        Self::quadratic::<S, N>(&[]).with_proposals(move |_, _| proposed.clone())
    }

    /// The same model with rows set aside, by the target of each.
    pub fn with_held_out<const S: usize, const N: usize>(self, targets: &[[[f32; N]; S]]) -> Self {
        Self { held_out: owned(targets), ..self }
    }

    /// The same model with other proposals: the numbers of each slot, given those of the cache that is asked about, and the pass.
    pub fn with_proposals(self, propose: impl Fn(&[Vec<f32>], &Pass) -> Vec<Vec<f32>> + 'static) -> Self {
        Self { propose: Some(Box::new(propose)), ..self }
    }

    /// The same model with a limit on the passes of a step, which it panics beyond.
    pub fn with_limit(self, passes: u32) -> Self {
        Self { limit: passes, ..self }
    }

    /// Has a step asked about, from a cache: `|step| rule.step(step)`, or a question alone.
    pub fn step<T>(&self, number: u32, cache: &[Tensor], ask: impl FnOnce(&Step) -> T) -> T {
        let passes_left = Cell::new(self.limit);
        ask(&Step::new(&StandIn { model: self, number, cache, passes_left, proposal: OnceCell::new() }))
    }

    /// Takes an optimizer from a cache through so many steps, counted from 2 as the host does, and gives what it makes of each.
    ///
    /// # Errors
    /// The optimizer's.
    pub fn steps<R: MetaOptimizer>(
        &self,
        rule: &mut R,
        mut cache: Vec<Tensor>,
        count: u32,
    ) -> Result<Vec<Update>, Error> {
        let step = |number| {
            let update = self.step(number, &cache, |step| rule.step(step))?;
            cache.clone_from(&update.cache);
            Ok(update)
        };
        (2..2 + count).map(step).collect()
    }

    /// Everything that has been asked, in order, over all steps.
    pub fn questions(&self) -> Vec<Question> {
        self.questions.borrow().clone()
    }

    /// How many passes have been asked for, over all steps.
    pub fn passes(&self) -> u32 {
        self.questions.borrow().iter().map(Question::passes).sum()
    }
}

fn owned<const S: usize, const N: usize>(targets: &[[[f32; N]; S]]) -> Vec<Numbers> {
    targets.iter().map(|target| target.iter().map(|values| values.to_vec()).collect()).collect()
}

/// The model in one step.
struct StandIn<'a> {
    model: &'a Model,
    number: u32,
    cache: &'a [Tensor],
    passes_left: Cell<u32>,
    /// The plain proposal behind the current cache.
    proposal: OnceCell<Vec<Tensor>>,
}

impl StandIn<'_> {
    fn ask(&self, question: Question) {
        let left = self.passes_left.get().checked_sub(question.passes());
        self.passes_left.set(left.unwrap_or_else(|| panic!("expected {} passes at most in a step", self.model.limit)));
        self.model.questions.borrow_mut().push(question);
    }

    /// The numbers of a cache, once it is known to have the slots' shapes and dtypes.
    fn numbers(&self, cache: &[&Tensor]) -> Numbers {
        let form = |tensor: &Tensor| (tensor.shape(), tensor.dtype());
        let expected: Vec<_> = self.cache.iter().map(form).collect();
        assert_eq!(cache.iter().copied().map(form).collect::<Vec<_>>(), expected, "the shapes and dtypes of a cache");
        cache.iter().map(|tensor| tensor.read_with_copy()).collect()
    }

    /// Tensors of the slots' shapes and dtypes.
    fn tensors(&self, numbers: &[Vec<f32>]) -> Vec<Tensor> {
        let pairs = self.cache.iter().zip(numbers);
        pairs.map(|(slot, values)| Tensor::from_values(&slot.shape(), slot.dtype(), values)).collect()
    }

    fn positions(&self) -> u32 {
        self.cache.first().map_or(0, |matrix| matrix.shape()[1])
    }

    fn check_pass(&self, pass: &Pass) {
        let (positions, demonstrations) = (self.positions(), self.model.demonstrations.len() as u32);
        let hidden = pass.hidden.iter().all(|span| span.start < span.end && span.end <= positions);
        assert!(hidden, "expected spans within the {positions} positions of the cache, got {:?}", pass.hidden);
        let mut order = pass.order.clone();
        order.sort_unstable();
        let each_once = order.is_empty() || order.iter().copied().eq(0..demonstrations);
        assert!(each_once, "expected each of {demonstrations} demonstrations once, got {:?}", pass.order);
    }

    fn targets(&self, examples: Examples) -> Result<&[Numbers], Error> {
        let Model { demonstrations, held_out, .. } = self.model;
        match examples {
            Examples::HeldOut if held_out.is_empty() => {
                Err(Error::unsupported("this run sets no rows aside to select the step by"))
            }
            Examples::HeldOut => Ok(held_out),
            Examples::LeaveOneOut if demonstrations.len() < 2 => {
                let count = demonstrations.len();
                Err(Error::unsupported(format!("leave-one-out needs two demonstrations or more, got {count}")))
            }
            Examples::Demonstrations if demonstrations.is_empty() => {
                Err(Error::unsupported("the demonstrations of this run are not known one by one"))
            }
            Examples::LeaveOneOut | Examples::Demonstrations => Ok(demonstrations),
        }
    }
}

impl Context for StandIn<'_> {
    fn number(&self) -> u32 {
        self.number
    }

    fn seed(&self) -> u64 {
        self.number.into()
    }

    fn slots(&self) -> Vec<Slot> {
        let kinds = [SlotKind::Key, SlotKind::Value].into_iter().cycle();
        let slots = (0..).zip(kinds).zip(self.cache);
        slots.map(|((index, kind), matrix)| Slot { layer: index / 2, kind, matrix: matrix.clone() }).collect()
    }

    fn demonstrations(&self) -> Vec<Demonstration> {
        let (positions, count) = (self.positions(), self.model.demonstrations.len() as u32);
        let demonstration = |index| {
            let (start, end) = (positions * index / count, positions * (index + 1) / count);
            Demonstration { tokens: start..end, answer: end.saturating_sub(1).max(start)..end }
        };
        (0..count).map(demonstration).collect()
    }

    fn held_out_rows(&self) -> u32 {
        self.model.held_out.len() as u32
    }

    fn passes_left(&self) -> u32 {
        self.passes_left.get()
    }

    fn propose(&self, cache: &[&Tensor], pass: &Pass) -> Result<Vec<Tensor>, Error> {
        self.check_pass(pass);
        let asked = self.numbers(cache);
        let propose = || {
            self.ask(Question::Propose(pass.clone()));
            let proposed = match &self.model.propose {
                Some(propose) => propose(&asked, pass),
                None => mean(&self.model.demonstrations),
            };
            self.tensors(&proposed)
        };
        if *pass == Pass::default() && asked == numbers(self.cache) {
            return Ok(self.proposal.get_or_init(propose).clone());
        }
        Ok(propose())
    }

    fn likelihood(&self, cache: &[&Tensor], examples: Examples, objective: Objective) -> Result<Vec<f64>, Error> {
        let (targets, cache) = (self.targets(examples)?, self.numbers(cache));
        self.ask(Question::Likelihood(examples, objective));
        Ok(targets.iter().map(|target| likelihood(&cache, target)).collect())
    }

    fn gradient(
        &self,
        cache: &[&Tensor],
        examples: Examples,
        objective: Objective,
        dropout: Dropout,
    ) -> Result<Gradient, Error> {
        assert!((0.0..1.0).contains(&dropout.rate), "expected a dropout rate from 0 to below 1, got {}", dropout.rate);
        let (targets, cache) = (self.targets(examples)?, self.numbers(cache));
        self.ask(Question::Gradient(examples, objective, dropout));
        let likelihoods: Vec<f64> = targets.iter().map(|target| likelihood(&cache, target)).collect();
        let loss = -likelihoods.iter().sum::<f64>() / likelihoods.len() as f64;
        let target = mean(targets);
        let slots = cache.iter().zip(&target).map(|(slot, target)| {
            let differences = slot.iter().zip(target).map(|(value, target)| value - target);
            differences.collect()
        });
        Ok(Gradient { loss, likelihoods, slots: self.tensors(&slots.collect::<Numbers>()) })
    }
}

/// `-|C - T|^2 / 2`.
fn likelihood(cache: &[Vec<f32>], target: &[Vec<f32>]) -> f64 {
    let pairs = cache.iter().flatten().zip(target.iter().flatten());
    -0.5 * pairs.map(|(&value, &target)| f64::from(value - target).powi(2)).sum::<f64>()
}

fn mean(caches: &[Numbers]) -> Numbers {
    let Some((first, others)) = caches.split_first() else { return Numbers::new() };
    let mut sum = first.clone();
    for other in others {
        for (sum, value) in sum.iter_mut().flatten().zip(other.iter().flatten()) {
            *sum += value;
        }
    }
    for value in sum.iter_mut().flatten() {
        *value /= caches.len() as f32;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::super::cache;
    use super::*;
    use crate::ErrorKind;

    const ANSWER: Objective = Objective::Answer;

    #[test]
    fn answers_by_hand() {
        let model = Model::quadratic(&[[[2.0, 0.0, 1.0]], [[4.0, 2.0, 1.0]]]).with_held_out(&[[[1.0, 1.0, 1.0]]]);
        model.step(7, &cache([[0.0, 0.0, 1.0]]), |step| {
            assert_eq!((step.number(), step.seed(), step.held_out_rows()), (7, 7, 1));
            // One position for the first demonstration, two for the second.
            let spans: Vec<_> = step.demonstrations().into_iter().map(|one| (one.tokens, one.answer)).collect();
            assert_eq!(spans, [(0..1, 0..1), (1..3, 2..3)]);
            assert_eq!(step.likelihood(&step.cache(), Examples::HeldOut, Objective::Choice), Ok(vec![-1.0]));
            let proposal = step.proposal().unwrap();
            assert_eq!((proposal[0].layer, proposal[0].kind), (0, SlotKind::Key));
            assert_eq!(proposal[0].proposed.read_with_copy(), [3.0, 1.0, 1.0]);
        });
        let questions =
            [Question::Likelihood(Examples::HeldOut, Objective::Choice), Question::Propose(Pass::default())];
        assert_eq!(model.questions(), questions);
    }

    #[test]
    fn only_the_plain_proposal_behind_the_current_cache_is_free_again() {
        let model = Model::quadratic(&[[[1.0]], [[2.0]]]);
        let restart = Pass { positions: crate::Positions::Restart, ..Pass::default() };
        model.step(2, &cache([[0.0]]), |step| {
            for (asked, pass) in [([[0.0]], &Pass::default()), ([[5.0]], &Pass::default()), ([[0.0]], &restart)] {
                for _ in 0..2 {
                    step.propose(&cache(asked), pass).unwrap();
                }
            }
        });
        assert_eq!(model.passes(), 1 + 2 + 2);
    }

    #[test]
    fn examples_that_are_not_there_are_unsupported() {
        let ask = |model: Model, examples| {
            model.step(2, &cache([[0.0]]), |step| step.likelihood(&step.cache(), examples, ANSWER))
        };
        let missing = [
            (Model::quadratic(&[[[1.0]]]), Examples::HeldOut),
            (Model::quadratic(&[[[1.0]]]), Examples::LeaveOneOut),
            (Model::proposing([[1.0]]), Examples::Demonstrations),
        ];
        for (model, examples) in missing {
            assert_eq!(ask(model, examples).unwrap_err().kind, ErrorKind::Unsupported, "{examples:?}");
        }
    }

    /// Asks of a model with two demonstrations and three passes in a step.
    fn ask(ask: impl FnOnce(&Step)) {
        Model::quadratic(&[[[1.0, 1.0]]; 2]).with_limit(3).step(2, &cache([[0.0, 0.0]]), ask);
    }

    #[test]
    #[should_panic(expected = "expected 3 passes at most in a step")]
    fn more_passes_than_the_limit_end_the_step() {
        ask(|step| {
            for left in [1, 0] {
                step.gradient(&step.cache(), Examples::LeaveOneOut, ANSWER, Dropout::default()).unwrap();
                assert_eq!(step.passes_left(), left);
            }
        });
    }

    #[test]
    #[should_panic(expected = "the shapes and dtypes of a cache")]
    fn a_cache_of_another_shape_ends_the_step() {
        ask(|step| drop(step.likelihood(&cache([[0.0]]), Examples::LeaveOneOut, ANSWER)));
    }

    #[test]
    #[should_panic(expected = "expected each of 2 demonstrations once, got [1, 1]")]
    fn an_order_without_a_demonstration_ends_the_step() {
        ask(|step| drop(step.propose(&step.cache(), &Pass { order: vec![1, 1], ..Pass::default() })));
    }

    #[test]
    #[should_panic(expected = "expected spans within the 2 positions of the cache, got [0..1, 1..3]")]
    fn positions_beyond_the_cache_end_the_step() {
        ask(|step| drop(step.propose(&step.cache(), &Pass { hidden: vec![0..1, 1..3], ..Pass::default() })));
    }

    #[test]
    #[should_panic(expected = "expected a dropout rate from 0 to below 1, got 1")]
    fn to_leave_out_everything_ends_the_step() {
        let dropout = Dropout { rate: 1.0, seed: 0 };
        ask(|step| drop(step.gradient(&step.cache(), Examples::LeaveOneOut, ANSWER, dropout)));
    }
}
