//! Steps by hand, behind a model whose loss is the mean of half the squared distances from its targets.

use ft_plugin::testing::{Model, Question, cache, numbers};
use ft_plugin::{ErrorKind, Value, Verdict};

use super::*;

const TOLERANCE: f32 = 1e-6;

/// Step size 1, decays that can be computed by hand, and no threshold; then with these settings.
fn rule(settings: &[(&str, Value)]) -> ContextTuning {
    let defaults = Options::defaults(&ContextTuning::describe())
        .with("step_size", Value::Number(1.0))
        .with("beta1", Value::Number(0.5))
        .with("beta2", Value::Number(0.75))
        .with("stop_below", Value::Number(0.0));
    let options = settings.iter().fold(defaults, |options, (name, value)| options.with(name, value.clone()));
    ContextTuning::new(&options).unwrap()
}

/// Two demonstrations whose mean target is (3, 0), (0, 6); the loss at `(a, 0), (0, b)` is
/// `(a - 3)^2 / 2 + (b - 6)^2 / 2 + 1`, since each target is at a distance of `sqrt(2)` from the mean.
fn model() -> Model {
    Model::quadratic(&[[[2.0, 0.0], [0.0, 5.0]], [[4.0, 0.0], [0.0, 7.0]]])
}

fn assert_close(found: &[Vec<f32>], expected: [[f32; 2]; 2]) {
    assert_eq!((found.len(), found[0].len()), (2, 2));
    for (found, expected) in found.iter().flatten().zip(expected.as_flattened()) {
        assert!((found - expected).abs() <= TOLERANCE, "{found} is not {expected}");
    }
}

/// Where two updates from (0, 0), (0, 8) lead: `g = (-3, 2)`, so each number goes by one step size and those without a
/// gradient stay. Then `g = (-2, 1)`: `m = 0.5 * 0.5 * -3 + 0.5 * -2 = -1.75` and `0.5 * 0.5 * 2 + 0.5 = 1`, over
/// `1 - 0.5^2 = 0.75`; `v = 0.75 * 0.25 * 9 + 0.25 * 4 = 2.6875` and `0.75 * 0.25 * 4 + 0.25 = 1`, over `1 - 0.75^2 = 0.4375`.
fn after_two() -> [[f32; 2]; 2] {
    let (first, second) = (1.75 / 0.75 / (2.6875_f32 / 0.4375).sqrt(), 1.0 / 0.75 / (1.0_f32 / 0.4375).sqrt());
    [[1.0 + first, 0.0], [0.0, 7.0 - second]]
}

#[test]
fn steps_by_hand() {
    let model = model();
    let updates = model.steps(&mut rule(&[]), cache([[0.0, 0.0], [0.0, 8.0]]), 2).unwrap();
    assert_close(&numbers(&updates[0].cache), [[1.0, 0.0], [0.0, 7.0]]);
    assert_close(&numbers(&updates[1].cache), after_two());
    // The loss is that before the update: 4.5 + 2 + 1, 2 + 0.5 + 1.
    let said: Vec<_> = updates.iter().map(|update| (update.verdict, update.loss, update.accepted)).collect();
    assert_eq!(said, [7.5, 3.5].map(|loss| (Verdict::Continue, Some(loss), Some(true))));
    // The step's seed is its number.
    let asked = |seed| Question::Gradient(Examples::LeaveOneOut, Objective::Answer, Dropout { rate: 0.05, seed });
    assert_eq!((model.questions(), model.passes()), (vec![asked(2), asked(3)], 4));
}

#[test]
fn updates_of_one_step_are_those_of_several() {
    let settings =
        [("updates", Value::Integer(2)), ("objective", Value::Text("choice".into())), ("dropout", Value::Number(0.5))];
    let model = model().with_limit(4);
    let updates = model.steps(&mut rule(&settings), cache([[0.0, 0.0], [0.0, 8.0]]), 1).unwrap();
    assert_close(&numbers(&updates[0].cache), after_two());
    assert_eq!(updates[0].loss, Some(7.5));
    let asked = |seed| Question::Gradient(Examples::LeaveOneOut, Objective::Choice, Dropout { rate: 0.5, seed });
    assert_eq!(model.questions(), [asked(2), asked(3)]);
}

#[test]
fn epsilon_is_outside_of_the_root() {
    // g = -3 and 2: 3 / (3 + 1) and 2 / (2 + 1). Then g = -2.25 and 4/3, M = (0.25 * -3 + 0.5 * -2.25) / 0.75 = -2.5 and
    // (0.25 * 2 + 0.5 * 4/3) / 0.75 = 14/9, V = (0.1875 * 9 + 0.25 * 2.25^2) / 0.4375 = 6.75 and
    // (0.1875 * 4 + 0.25 * 16/9) / 0.4375 = 172/63.
    let mut rule = rule(&[("epsilon", Value::Number(1.0))]);
    let updates = model().steps(&mut rule, cache([[0.0, 0.0], [0.0, 8.0]]), 2).unwrap();
    assert_close(&numbers(&updates[0].cache), [[0.75, 0.0], [0.0, 22.0 / 3.0]]);
    let (first, second) = (2.5 / (6.75_f32.sqrt() + 1.0), 14.0 / 9.0 / ((172.0_f32 / 63.0).sqrt() + 1.0));
    assert_close(&numbers(&updates[1].cache), [[0.75 + first, 0.0], [0.0, 22.0 / 3.0 - second]]);
}

#[test]
fn it_stops_where_the_loss_is_first_below_the_threshold() {
    // The losses are 7.5 and 3.5.
    for (threshold, steps) in [(7.6, 1), (7.5, 2), (3.6, 2), (3.5, 3)] {
        let mut rule = rule(&[("stop_below", Value::Number(threshold))]);
        let updates = model().steps(&mut rule, cache([[0.0, 0.0], [0.0, 8.0]]), steps).unwrap();
        let (last, others) = updates.split_last().unwrap();
        assert!(others.iter().all(|update| update.verdict == Verdict::Continue), "{threshold}");
        assert_eq!((last.verdict, last.accepted), (Verdict::Converged, Some(false)), "{threshold}");
        let before = others.last().map_or(vec![vec![0.0, 0.0], vec![0.0, 8.0]], |update| numbers(&update.cache));
        assert_eq!(numbers(&last.cache), before, "{threshold}");
    }
    // Within a step, it keeps the updates that it made.
    let settings = [("stop_below", Value::Number(3.6)), ("updates", Value::Integer(9))];
    let update = model().steps(&mut rule(&settings), cache([[0.0, 0.0], [0.0, 8.0]]), 1).unwrap().remove(0);
    assert_eq!((update.verdict, update.loss, update.accepted), (Verdict::Converged, Some(7.5), Some(true)));
    assert_close(&numbers(&update.cache), [[1.0, 0.0], [0.0, 7.0]]);
}

/// The cache before each step, with a momentum of nothing: one number goes up by 1 in each update, from 0 towards 10.
fn patient(model: &Model, patience: i64, steps: u32) -> Vec<Update> {
    let settings = [("beta1", 0.0), ("beta2", 0.0)].map(|(name, value)| (name, Value::Number(value)));
    let mut rule = rule(&[&settings[..], &[("patience", Value::Integer(patience))]].concat());
    model.steps(&mut rule, cache([[0.0]]), steps).unwrap()
}

#[test]
fn patience_goes_by_held_out_rows_and_ends_with_the_best_cache() {
    // At 0, 1, 2, 3, 4 the held-out row is at a distance of 2.2, 1.2, 0.2, 0.8, 1.8.
    let model = Model::quadratic(&[[[10.0]]; 2]).with_held_out(&[[[2.2]]]).with_limit(3);
    let updates = patient(&model, 2, 5);
    let (last, others) = updates.split_last().unwrap();
    assert_eq!(others.iter().map(|update| numbers(&update.cache)[0][0]).collect::<Vec<_>>(), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!((last.verdict, last.accepted, last.loss), (Verdict::Converged, Some(false), Some(18.0)));
    assert_eq!(numbers(&last.cache), [[2.0]]);
    assert_eq!(model.questions()[1], Question::Likelihood(Examples::HeldOut, Objective::Answer));
    // Without patience nothing is asked about them.
    let model = Model::quadratic(&[[[10.0]]; 2]).with_held_out(&[[[2.2]]]);
    assert!(patient(&model, 0, 9).iter().all(|update| update.verdict == Verdict::Continue));
    assert_eq!(model.passes(), 18);
}

#[test]
fn patience_goes_by_the_loss_without_held_out_rows() {
    // At 0, 1, 2, 1, 2 ... the target 1.5 is at a distance of 1.5, 0.5, 0.5: no rise after the second.
    let model = Model::quadratic(&[[[1.5]]; 2]).with_limit(2);
    let updates = patient(&model, 1, 3);
    let verdicts: Vec<_> = updates.iter().map(|update| update.verdict).collect();
    assert_eq!(verdicts, [Verdict::Continue, Verdict::Continue, Verdict::Converged]);
    assert_eq!(numbers(&updates[2].cache), [[1.0]]);
}

#[test]
fn a_rise_below_a_ten_thousandth_is_none() {
    // From 0 to 1 the likelihood rises by `T - 1/2`, once less and once more than 1e-4.
    for (target, verdict) in [(0.50008, Verdict::Converged), (0.50012, Verdict::Continue)] {
        let updates = patient(&Model::quadratic(&[[[target]]; 2]), 1, 2);
        assert_eq!(updates[1].verdict, verdict, "{target}");
    }
}

#[test]
fn a_single_demonstration_is_predicted_behind_the_whole_cache() {
    let model = Model::quadratic(&[[[2.0, 0.0], [0.0, 5.0]]]);
    let updates = model.steps(&mut rule(&[]), cache([[0.0, 0.0], [0.0, 8.0]]), 1).unwrap();
    assert_close(&numbers(&updates[0].cache), [[1.0, 0.0], [0.0, 7.0]]);
    let dropout = Dropout { rate: 0.05, seed: 2 };
    assert_eq!(model.questions(), [Question::Gradient(Examples::Demonstrations, Objective::Answer, dropout)]);
}

#[test]
fn demonstrations_that_are_not_known_one_by_one_are_an_error() {
    let model = Model::proposing([[1.0]]);
    assert_eq!(model.steps(&mut rule(&[]), cache([[0.0]]), 1).unwrap_err().kind, ErrorKind::Unsupported);
}

#[test]
fn half_precision_is_refused_before_anything_is_asked() {
    let (model, half) = (Model::quadratic(&[[[2.0]]; 2]), Tensor::from_values(&[1, 1, 1], Dtype::Fp16, &[1.0]));
    let error = model.steps(&mut rule(&[]), vec![half], 1).unwrap_err();
    assert_eq!((error.kind, model.passes()), (ErrorKind::Unsupported, 0));
}
