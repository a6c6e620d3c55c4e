//! A step behind a selection: what does not move is cut off whatever comes, and put back to whatever is asked or answered.

use std::borrow::Cow;
use std::ops::Range;

use super::Selection;
use crate::step::Context;
use crate::{Demonstration, Dropout, Error, Examples, Gradient, Objective, Pass, Proposal, Slot, Tensor};

/// The part of a step's cache that moves.
pub(super) struct MovingPart<'a> {
    whole: &'a dyn Context,
    /// How many positions at the start of each slot stay, and how many behind them move.
    stay: u32,
    rest: u32,
    /// One for each slot of the whole cache.
    slots: Vec<Part>,
}

/// What of a slot of the whole cache does not move.
enum Part {
    /// All of it: this matrix.
    Kept(Tensor),
    /// Nothing.
    Moves,
    /// These first positions.
    MovesBehind(Tensor),
}

impl<'a> MovingPart<'a> {
    /// # Errors
    /// If the selection does not fit the cache.
    pub(super) fn new(whole: &'a dyn Context, selection: &Selection) -> Result<Self, Error> {
        let slots = whole.slots();
        let (stay, rest) = (selection.skip_first, selection.moving_positions(&slots)?);
        let part = |slot: Slot| match selection.takes(&slot) {
            false => Part::Kept(slot.matrix),
            true if stay == 0 => Part::Moves,
            true => Part::MovesBehind(slot.matrix.narrow(1, 0, stay)),
        };
        Ok(Self { whole, stay, rest, slots: slots.into_iter().map(part).collect() })
    }

    /// What an optimizer gave for the part that moves, with what does not.
    ///
    /// # Errors
    /// If it gave another number of matrices than there are slots that move.
    pub(super) fn into_whole(self, cache: Vec<Tensor>) -> Result<Vec<Tensor>, Error> {
        self.check_count(cache.len())?;
        let mut moved = cache.into_iter();
        let whole = self.slots.into_iter().filter_map(|part| match part {
            Part::Kept(matrix) => Some(matrix),
            Part::Moves => moved.next(),
            Part::MovesBehind(first) => moved.next().map(|rest| Tensor::concat(&[&first, &rest], 1)),
        });
        Ok(whole.collect())
    }

    /// The cache that an optimizer asks about, with what does not move.
    fn complete<'t>(&'t self, cache: &[&'t Tensor]) -> Result<Vec<Cow<'t, Tensor>>, Error> {
        self.check_count(cache.len())?;
        let mut moved = cache.iter().copied();
        let whole = self.slots.iter().filter_map(|part| match part {
            Part::Kept(matrix) => Some(Cow::Borrowed(matrix)),
            Part::Moves => moved.next().map(Cow::Borrowed),
            Part::MovesBehind(first) => moved.next().map(|rest| Cow::Owned(Tensor::concat(&[first, rest], 1))),
        });
        Ok(whole.collect())
    }

    fn check_count(&self, found: usize) -> Result<(), Error> {
        let expected = self.slots.iter().filter(|part| !matches!(part, Part::Kept(_))).count();
        if found == expected {
            return Ok(());
        }
        Err(Error::failed(format!("expected {expected} matrices, one for each slot that moves, got {found}")))
    }

    /// What moves of one thing for each slot of the whole cache.
    fn cut<T>(&self, whole: Vec<T>, rest: impl Fn(T) -> T) -> Vec<T> {
        let pairs = self.slots.iter().zip(whole);
        let cut = pairs.filter_map(|(part, one)| match part {
            Part::Kept(_) => None,
            Part::Moves => Some(one),
            Part::MovesBehind(_) => Some(rest(one)),
        });
        cut.collect()
    }

    fn behind(&self, matrix: &Tensor) -> Tensor {
        matrix.narrow(1, self.stay, self.rest)
    }
}

impl Context for MovingPart<'_> {
    fn number(&self) -> u32 {
        self.whole.number()
    }

    fn seed(&self) -> u64 {
        self.whole.seed()
    }

    fn slots(&self) -> Vec<Slot> {
        self.cut(self.whole.slots(), |slot| Slot { matrix: self.behind(&slot.matrix), ..slot })
    }

    /// What of a demonstration stands in positions that stay is not there.
    fn demonstrations(&self) -> Vec<Demonstration> {
        let back = |span: Range<u32>| span.start.saturating_sub(self.stay)..span.end.saturating_sub(self.stay);
        let demonstrations = self.whole.demonstrations().into_iter();
        demonstrations.map(|one| Demonstration { tokens: back(one.tokens), answer: back(one.answer) }).collect()
    }

    fn held_out_rows(&self) -> u32 {
        self.whole.held_out_rows()
    }

    fn passes_left(&self) -> u32 {
        self.whole.passes_left()
    }

    fn proposal(&self) -> Result<Vec<Proposal>, Error> {
        Ok(self.cut(self.whole.proposal()?, |slot| Proposal {
            previous: self.behind(&slot.previous),
            proposed: self.behind(&slot.proposed),
            ..slot
        }))
    }

    /// A demonstration of which nothing moves has no positions to hide.
    fn propose(&self, cache: &[&Tensor], pass: &Pass) -> Result<Vec<Tensor>, Error> {
        let hidden = pass.hidden.iter().filter(|span| !span.is_empty());
        let forth = |span: &Range<u32>| span.start.saturating_add(self.stay)..span.end.saturating_add(self.stay);
        let pass = Pass { hidden: hidden.map(forth).collect(), ..pass.clone() };
        let whole = self.complete(cache)?;
        let proposed = self.whole.propose(&references(&whole), &pass)?;
        Ok(self.cut(proposed, |matrix| self.behind(&matrix)))
    }

    fn likelihood(&self, cache: &[&Tensor], examples: Examples, objective: Objective) -> Result<Vec<f64>, Error> {
        let whole = self.complete(cache)?;
        self.whole.likelihood(&references(&whole), examples, objective)
    }

    fn gradient(
        &self,
        cache: &[&Tensor],
        examples: Examples,
        objective: Objective,
        dropout: Dropout,
    ) -> Result<Gradient, Error> {
        let whole = self.complete(cache)?;
        let gradient = self.whole.gradient(&references(&whole), examples, objective, dropout)?;
        Ok(Gradient { slots: self.cut(gradient.slots, |matrix| self.behind(&matrix)), ..gradient })
    }
}

fn references<'t>(cache: &'t [Cow<'_, Tensor>]) -> Vec<&'t Tensor> {
    cache.iter().map(Cow::as_ref).collect()
}
