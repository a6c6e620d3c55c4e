//! Which part of the cache a rule moves: three options that any rule can have, and the wrapper that applies them.

use std::ops::Range;

use crate::{Description, Error, MetaOptimizer, Options, Slot, SlotKind, Tensor, Update};

const UPDATE: &str = "update";
const SKIP_FIRST: &str = "skip_first";
const LAYERS: &str = "layers";

/// A rule that moves the part of the cache that the user selects, all of it by default.
///
/// The rule `R` is written as if it moved the whole cache. It is handed only the slots that are to move, without the
/// positions that are to stay, in the usual order and the same ones in every step. What it is not handed stays as it was
/// bit by bit. Around it, its options are joined by
///
/// - `update`: `both`, `keys` or `values`;
/// - `skip_first`: how many positions at the start stay as they are;
/// - `layers`: `FROM..TO`, counted from 0 and without `TO`; `all` or nothing for all of them.
///
/// ```
/// use ft_plugin::{Description, Error, MetaOptimizer, Options, Selected, Slot, Update};
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
///     fn step(&mut self, _: u32, slots: Vec<Slot>) -> Result<Update, Error> {
///         let half = |slot: Slot| slot.previous.scale(0.5).add_scaled(&slot.proposed, 0.5);
///         Ok(Update::new(slots.into_iter().map(half).collect()))
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
    fn step(&mut self, step: u32, slots: Vec<Slot>) -> Result<Update, Error> {
        let skip = self.selection.skip_first;
        let length = self.selection.moving_positions(&slots)?;
        let mut parts = Vec::with_capacity(slots.len());
        let mut moving = Vec::with_capacity(slots.len());
        for slot in slots {
            if !self.selection.takes(&slot) {
                parts.push(Part::Kept(slot.previous));
            } else if skip == 0 {
                parts.push(Part::Moved);
                moving.push(slot);
            } else {
                let rest = |matrix: &Tensor| matrix.narrow(1, skip, length);
                moving.push(Slot { previous: rest(&slot.previous), proposed: rest(&slot.proposed), ..slot });
                parts.push(Part::MovedBehind(slot.previous));
            }
        }
        let expected = moving.len();
        let Update { cache, verdict } = self.rule.step(step, moving)?;
        if cache.len() != expected {
            return Err(Error::failed(format!("the rule gave {} matrices for {expected} slots", cache.len())));
        }
        let mut moved = cache.into_iter();
        let whole = parts.into_iter().filter_map(|part| match part {
            Part::Kept(matrix) => Some(matrix),
            Part::Moved => moved.next(),
            Part::MovedBehind(previous) => {
                moved.next().map(|rest| Tensor::concat(&[&previous.narrow(1, 0, skip), &rest], 1))
            }
        });
        Ok(Update { cache: whole.collect(), verdict })
    }
}

/// What becomes of one slot.
enum Part {
    /// It stays: this matrix.
    Kept(Tensor),
    /// All of it moves.
    Moved,
    /// All but the first positions moves; they are in this matrix.
    MovedBehind(Tensor),
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
        let positions = first.previous.shape()[1];
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
    use crate::testing::steps;
    use crate::{Value, Verdict};

    /// Takes what is proposed, and keeps what it was handed.
    struct Taker(Vec<(u32, SlotKind, Vec<f32>)>);

    impl MetaOptimizer for Taker {
        fn describe() -> Description {
            Description::new("taker", "0.1.0", "C = P")
        }

        fn new(_: &Options) -> Result<Self, Error> {
            Ok(Self(Vec::new()))
        }

        fn step(&mut self, _: u32, slots: Vec<Slot>) -> Result<Update, Error> {
            self.0 = slots.iter().map(|slot| (slot.layer, slot.kind, slot.previous.read_with_copy())).collect();
            Ok(Update::converged(slots.into_iter().map(|slot| slot.proposed).collect()))
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
    fn the_rule_sees_what_moves_and_its_verdict_passes_through() {
        let settings = [("skip_first", Value::Integer(2)), ("update", text("keys"))];
        let mut rule = rule(&settings).unwrap();
        let slots = crate::testing::slots(CACHE.map(|values| crate::testing::matrix(&values)).into(), PROPOSED);
        assert_eq!(rule.step(2, slots).unwrap().verdict, Verdict::Converged);
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

        fn step(&mut self, _: u32, _: Vec<Slot>) -> Result<Update, Error> {
            Ok(Update::new(Vec::new()))
        }
    }

    #[test]
    fn a_rule_that_gives_back_another_number_of_matrices_is_told() {
        let mut rule = Selected::<Thief>::new(&Options::defaults(&Selected::<Thief>::describe())).unwrap();
        let error = steps(&mut rule, CACHE, &[PROPOSED]).unwrap_err();
        assert_eq!(error.message, "the rule gave 0 matrices for 4 slots");
    }
}
