//! Which part of the cache a rule moves: three options that any rule can have, and the wrapper that applies them.

mod moving_part;

use std::ops::Range;

use moving_part::MovingPart;

use crate::{Description, Error, MetaOptimizer, Options, Slot, SlotKind, Step, Update};

const UPDATE: &str = "update";
const SKIP_FIRST: &str = "skip_first";
const LAYERS: &str = "layers";

/// A rule that moves the part of the cache that the user selects, all of it by default.
///
/// The optimizer `R` is written as if it moved the whole cache. Its [`Step`] has only the slots that are to move, without the
/// positions that are to stay, in the usual order and the same ones in every step. What it does not see stays as it was
/// bit by bit: it is part of every cache that the optimizer asks about, and no part of a proposal or a gradient. The
/// optimizer's positions count from the first that moves; positions that stay cannot be hidden from a pass. Its options are
/// joined by
///
/// - `update`: `both`, `keys` or `values`;
/// - `skip_first`: how many positions at the start stay as they are;
/// - `layers`: `FROM..TO`, counted from 0 and without `TO`; `all` or nothing for all of them.
///
/// ```
/// use ft_plugin::{Description, Error, MetaOptimizer, Options, Proposal, Selected, Step, Update};
///
/// struct Half;
///
/// impl MetaOptimizer for Half {
///     fn describe() -> Description {
///         Description::new("half", "0.1.0", "halfway to what is proposed")
///     }
///
///     fn new(_: &Options) -> Result<Self, Error> {
///         Ok(Self)
///     }
///
///     fn step(&mut self, step: &Step) -> Result<Update, Error> {
///         let half = |slot: Proposal| slot.previous.scale(0.5).add_scaled(&slot.proposed, 0.5);
///         Ok(Update::new(step.proposal()?.into_iter().map(half).collect()))
///     }
/// }
///
/// ft_plugin::export_optimizer!(Selected<Half>);
///
/// let names: Vec<_> = Selected::<Half>::describe().options.into_iter().map(|option| option.name).collect();
/// assert_eq!(names, ["update", "skip_first", "layers"]);
/// ```
pub struct Selected<R> {
    rule: R,
    selection: Selection,
}

impl<R: MetaOptimizer> MetaOptimizer for Selected<R> {
    fn describe() -> Description {
        R::describe().selection()
    }

    /// # Errors
    /// The rule's, and if `layers` is not of its form or selects nothing.
    fn new(options: &Options) -> Result<Self, Error> {
        Ok(Self { selection: Selection::new(options)?, rule: R::new(options)? })
    }

    /// # Errors
    /// The rule's, and if the selection does not fit the cache: layers that the model has not, or no position left to move.
    fn step(&mut self, step: &Step) -> Result<Update, Error> {
        let part = MovingPart::new(step.context(), &self.selection)?;
        let update = self.rule.step(&Step::new(&part))?;
        Ok(Update { cache: part.into_whole(update.cache)?, ..update })
    }
}

/// The three options as they were set.
struct Selection {
    /// Keys or values alone; none is both.
    kind: Option<SlotKind>,
    skip_first: u32,
    /// None is all of them.
    layers: Option<Range<u32>>,
}

impl Selection {
    fn new(options: &Options) -> Result<Self, Error> {
        let kind = match options.text(UPDATE)? {
            "both" => None,
            "keys" => Some(SlotKind::Key),
            "values" => Some(SlotKind::Value),
            other => return Err(Error::invalid_option(format!("`{UPDATE}` takes no `{other}`"))),
        };
        let skip = options.integer(SKIP_FIRST)?;
        let skip_first = u32::try_from(skip).map_err(|_| {
            Error::invalid_option(format!("`{SKIP_FIRST}` is a count of positions, and {skip} is none"))
        })?;
        Ok(Self { kind, skip_first, layers: layers(options.text(LAYERS)?)? })
    }

    fn takes(&self, slot: &Slot) -> bool {
        self.kind.is_none_or(|kind| kind == slot.kind)
            && self.layers.as_ref().is_none_or(|layers| layers.contains(&slot.layer))
    }

    /// How many positions of a slot move, once the selection is known to fit this cache. Zero stands for all of them.
    fn moving_positions(&self, slots: &[Slot]) -> Result<u32, Error> {
        let (Some(first), Some(last)) = (slots.first(), slots.last()) else { return Ok(0) };
        let count = last.layer.saturating_add(1);
        if let Some(Range { start, end }) = self.layers.clone().filter(|layers| layers.end > count) {
            let message = format!("`{LAYERS}={start}..{end}` goes beyond the model, which has the layers 0..{count}");
            return Err(Error::invalid_option(message));
        }
        if self.skip_first == 0 {
            return Ok(0);
        }
        let positions = first.matrix.shape()[1];
        let rest = positions.checked_sub(self.skip_first).filter(|rest| *rest > 0);
        rest.ok_or_else(|| {
            let skip = self.skip_first;
            let message =
                format!("`{SKIP_FIRST}={skip}` leaves nothing to move, since the cache has {positions} positions");
            Error::invalid_option(message)
        })
    }
}

/// `FROM..TO`, or none for all layers.
fn layers(text: &str) -> Result<Option<Range<u32>>, Error> {
    let text = text.trim();
    if text.is_empty() || text == "all" {
        return Ok(None);
    }
    let bounds =
        text.split_once("..").and_then(|(from, to)| Some((from.trim().parse().ok()?, to.trim().parse().ok()?)));
    match bounds {
        Some((from, to)) if from < to => Ok(Some(from..to)),
        Some(_) => Err(Error::invalid_option(format!("`{LAYERS}={text}` holds no layer: FROM has to be less than TO"))),
        None => {
            let message = format!("`{LAYERS}` takes FROM..TO, like 0..15, or `all`, and `{text}` is neither");
            Err(Error::invalid_option(message))
        }
    }
}

impl Description {
    /// Adds the options of [`Selected`].
    fn selection(self) -> Self {
        self.choice(
            UPDATE,
            "both",
            &["both", "keys", "values"],
            "which matrices of a layer move; the others stay as they are",
        )
        .integer(
            SKIP_FIRST,
            0,
            0..=i64::from(u32::MAX),
            "how many positions at the start of the cache stay as they are",
        )
        .text(
            LAYERS,
            "all",
            "which layers move: FROM..TO, counted from 0 and without TO, like 0..15; `all` for every layer",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Model, Question, cache, numbers, steps};
    use crate::{Dropout, Examples, Objective, Pass, Value, Verdict};

    /// Takes what is proposed, and keeps what it was handed.
    struct Taker(Vec<(u32, SlotKind, Vec<f32>)>);

    impl MetaOptimizer for Taker {
        fn describe() -> Description {
            Description::new("taker", "0.1.0", "C = P")
        }

        fn new(_: &Options) -> Result<Self, Error> {
            Ok(Self(Vec::new()))
        }

        fn step(&mut self, step: &Step) -> Result<Update, Error> {
            let slots = step.proposal()?;
            self.0 = slots.iter().map(|slot| (slot.layer, slot.kind, slot.previous.read_with_copy())).collect();
            Ok(Update::converged(slots.into_iter().map(|slot| slot.proposed).collect())
                .with_loss(0.5)
                .with_accepted(true))
        }
    }

    fn rule(settings: &[(&str, Value)]) -> Result<Selected<Taker>, Error> {
        let defaults = Options::defaults(&Selected::<Taker>::describe());
        let options = settings.iter().fold(defaults, |options, (name, value)| options.with(name, value.clone()));
        Selected::new(&options)
    }

    fn text(value: &str) -> Value {
        Value::Text(value.into())
    }

    /// Two layers: keys and values of the first, keys and values of the second, three positions each.
    const CACHE: [[f32; 3]; 4] = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0], [10.0, 11.0, 12.0]];
    const PROPOSED: [[f32; 3]; 4] = [[-1.0, -2.0, -3.0], [-4.0, -5.0, -6.0], [-7.0, -8.0, -9.0], [-10.0, -11.0, -12.0]];

    #[test]
    fn what_is_not_selected_stays() {
        let (old, new) = (CACHE, PROPOSED);
        let cases = [
            (vec![], new),
            (vec![("layers", text(""))], new),
            (vec![("layers", text("0..2"))], new),
            (vec![("update", text("keys"))], [new[0], old[1], new[2], old[3]]),
            (vec![("update", text("values"))], [old[0], new[1], old[2], new[3]]),
            (vec![("layers", text("1..2"))], [old[0], old[1], new[2], new[3]]),
            (vec![("layers", text(" 0 .. 1 ")), ("update", text("values"))], [old[0], new[1], old[2], old[3]]),
            (
                vec![("skip_first", Value::Integer(2))],
                [[1.0, 2.0, -3.0], [4.0, 5.0, -6.0], [7.0, 8.0, -9.0], [10.0, 11.0, -12.0]],
            ),
            (
                vec![("skip_first", Value::Integer(1)), ("update", text("values")), ("layers", text("1..2"))],
                [old[0], old[1], old[2], [10.0, -11.0, -12.0]],
            ),
        ];
        for (settings, expected) in cases {
            let mut rule = rule(&settings).unwrap();
            assert_eq!(steps(&mut rule, CACHE, &[PROPOSED]).unwrap(), [expected], "{settings:?}");
        }
    }

    #[test]
    fn the_rule_sees_what_moves_and_what_it_says_passes_through() {
        let settings = [("skip_first", Value::Integer(2)), ("update", text("keys"))];
        let mut rule = rule(&settings).unwrap();
        let update = Model::proposing(PROPOSED).step(2, &cache(CACHE), |step| rule.step(step)).unwrap();
        assert_eq!((update.verdict, update.loss, update.accepted), (Verdict::Converged, Some(0.5), Some(true)));
        assert_eq!(rule.rule.0, [(0, SlotKind::Key, vec![3.0]), (1, SlotKind::Key, vec![9.0])]);
    }

    #[test]
    fn a_selection_that_does_not_fit_is_an_error_in_words() {
        let opening = [
            ("2..1", "`layers=2..1` holds no layer: FROM has to be less than TO"),
            ("1..1", "`layers=1..1` holds no layer: FROM has to be less than TO"),
            ("3", "`layers` takes FROM..TO, like 0..15, or `all`, and `3` is neither"),
            ("-1..2", "`layers` takes FROM..TO, like 0..15, or `all`, and `-1..2` is neither"),
            ("0..=2", "`layers` takes FROM..TO, like 0..15, or `all`, and `0..=2` is neither"),
        ];
        for (layers, message) in opening {
            let error = rule(&[("layers", text(layers))]).err().unwrap();
            assert_eq!((error.kind, error.message.as_str()), (crate::ErrorKind::InvalidOption, message));
        }
        let stepping = [
            (("layers", text("1..3")), "`layers=1..3` goes beyond the model, which has the layers 0..2"),
            (
                ("skip_first", Value::Integer(3)),
                "`skip_first=3` leaves nothing to move, since the cache has 3 positions",
            ),
            (
                ("skip_first", Value::Integer(4)),
                "`skip_first=4` leaves nothing to move, since the cache has 3 positions",
            ),
        ];
        for (setting, message) in stepping {
            let error = steps(&mut rule(&[setting]).unwrap(), CACHE, &[PROPOSED]).unwrap_err();
            assert_eq!((error.kind, error.message.as_str()), (crate::ErrorKind::InvalidOption, message));
        }
    }

    /// Gives nothing back.
    struct Thief;

    impl MetaOptimizer for Thief {
        fn describe() -> Description {
            Description::new("thief", "0.1.0", "takes all")
        }

        fn new(_: &Options) -> Result<Self, Error> {
            Ok(Self)
        }

        fn step(&mut self, _: &Step) -> Result<Update, Error> {
            Ok(Update::new(Vec::new()))
        }
    }

    #[test]
    fn another_number_of_matrices_is_an_error() {
        let mut rule = Selected::<Thief>::new(&Options::defaults(&Selected::<Thief>::describe())).unwrap();
        let error = steps(&mut rule, CACHE, &[PROPOSED]).unwrap_err();
        assert_eq!(error.message, "expected 4 matrices, one for each slot that moves, got 0");
    }

    /// A step behind a selection, asked directly.
    fn ask<T>(model: &Model, settings: &[(&str, Value)], ask: impl FnOnce(&Step) -> T) -> T {
        let selection = rule(settings).unwrap().selection;
        model.step(2, &cache(CACHE), |step| {
            let part = MovingPart::new(step.context(), &selection).unwrap();
            ask(&Step::new(&part))
        })
    }

    #[test]
    fn questions_are_about_the_whole_cache_and_gradients_about_what_moves() {
        // Two demonstrations: one wants the cache as it is, the other zeros everywhere.
        let model = Model::quadratic(&[CACHE, [[0.0; 3]; 4]]);
        let (answer, dropout) = (Objective::Answer, Dropout { rate: 0.25, seed: 3 });
        // Moved: values of layer 1 without the first position, (11, 12) to (11, 10).
        let settings = [("skip_first", Value::Integer(1)), ("update", text("values")), ("layers", text("1..2"))];
        let asked = [crate::testing::matrix(&[11.0, 10.0])];
        ask(&model, &settings, |step| {
            assert_eq!(numbers(&step.cache()), [[11.0, 12.0]]);
            // (12 - 10)^2 / 2, and (1 + 4 + ... + 144 - 144 + 100) / 2.
            assert_eq!(step.likelihood(&asked, Examples::LeaveOneOut, answer), Ok(vec![-2.0, -303.0]));
            let gradient = step.gradient(&asked, Examples::LeaveOneOut, answer, dropout).unwrap();
            assert_eq!((gradient.loss, gradient.likelihoods), (152.5, vec![-2.0, -303.0]));
            // Less the mean of the targets, (5.5, 6).
            assert_eq!(numbers(&gradient.slots), [[5.5, 4.0]]);
        });
        let question = Question::Gradient(Examples::LeaveOneOut, answer, dropout);
        assert_eq!(model.questions(), [Question::Likelihood(Examples::LeaveOneOut, answer), question]);
    }

    #[test]
    fn positions_count_from_the_first_that_moves() {
        let model = Model::quadratic(&[CACHE, CACHE, CACHE]).with_proposals(|cache, _| cache.to_vec());
        let settings = [("skip_first", Value::Integer(1)), ("update", text("keys"))];
        let order = vec![2, 0, 1];
        ask(&model, &settings, |step| {
            // Demonstrations at 0..1, 1..2 and 2..3 of the whole cache.
            let spans: Vec<_> = step.demonstrations().into_iter().map(|one| (one.tokens, one.answer)).collect();
            assert_eq!(spans, [(0..0, 0..0), (0..1, 0..1), (1..2, 1..2)]);
            let asked = cache([[-1.0, -2.0], [-3.0, -4.0]]);
            let hidden = spans.into_iter().map(|(tokens, _)| tokens).collect();
            let proposed = step.propose(&asked, &Pass { hidden, order: order.clone(), ..Pass::default() }).unwrap();
            assert_eq!(numbers(&proposed), [[-1.0, -2.0], [-3.0, -4.0]]);
        });
        let pass = Pass { hidden: vec![1..2, 2..3], order, ..Pass::default() };
        assert_eq!(model.questions(), [Question::Propose(pass)]);
    }

    #[test]
    fn the_plain_proposal_behind_a_selection_is_one_pass() {
        let model = Model::proposing(PROPOSED).with_limit(1);
        let settings = [("skip_first", Value::Integer(1)), ("update", text("keys"))];
        ask(&model, &settings, |step| {
            let proposed =
                |_| step.proposal().unwrap().into_iter().map(|slot| slot.proposed.read_with_copy()).collect();
            let twice: Vec<Vec<_>> = (0..2).map(proposed).collect();
            assert_eq!(twice, [[[-2.0, -3.0], [-8.0, -9.0]]; 2]);
            assert_eq!(step.passes_left(), 0);
        });
        assert_eq!(model.passes(), 1);
    }

    #[test]
    fn a_question_about_another_number_of_matrices_is_an_error() {
        let model = Model::quadratic(&[CACHE; 2]);
        let asked = ask(&model, &[("update", text("keys"))], |step| {
            step.likelihood(&cache(CACHE), Examples::Demonstrations, Objective::Choice)
        });
        assert_eq!(asked.unwrap_err().message, "expected 2 matrices, one for each slot that moves, got 4");
        assert!(model.questions().is_empty());
    }
}
