//! The examples by which the step is chosen: none of them is shown to the model or scored as a result.

use super::error::DrawError;
use super::fit::{self, Room};
use super::one_by_one::{Tuned, answered};
use super::render::{Query, Renderer};
use super::shown::Role;
use super::usable::{Unusable, UnusableRows};
use crate::options::{HELD_OUT_ROWS, HeldOut, Select};
use crate::run::error::RunError;
use crate::run::inputs::config::RunConfig;
use crate::run::inputs::rows::Rows;
use ft_engine::task::example::{Example, RenderedChoice, Split};
use ft_engine::task::overlap::KnownExamples;
use ft_engine::tune::Demonstrations;

/// Examples that are scored over a cache of demonstrations to select the step.
pub struct Fold {
    /// The demonstrations.
    pub demonstrations: Demonstrations,
    /// The examples; none of them is among the demonstrations, unless overlap is allowed.
    pub queries: Vec<Query>,
}

/// What the step of a seed is chosen by; nothing where it is not chosen by examples.
pub struct Chosen {
    /// The rows, in the demonstrations' split.
    pub rows: Vec<usize>,
    /// The examples, each behind the demonstrations that it is scored behind.
    pub folds: Vec<Fold>,
    /// How many of the rows that were drawn are demonstrations or scored rows too: left out, unless overlap is allowed.
    pub overlapping: usize,
    /// Rows that were drawn and cannot be used.
    pub unusable: UnusableRows,
}

/// The examples that a seed holds out, before it is known which rows it scores.
pub struct Candidates {
    candidates: Vec<Candidate>,
    /// The demonstrations of each fold.
    folds: Vec<Demonstrations>,
    /// Whether an optimizer may ask about the examples: those that it is not tuned on in any fold.
    are_set_aside: bool,
}

struct Candidate {
    fold: usize,
    row: usize,
    id: String,
    query: Result<Query, Unusable>,
    overlaps: bool,
}

impl Chosen {
    /// Nothing: the step is not chosen by examples.
    pub fn nothing() -> Self {
        let unusable = UnusableRows::of(Split::Demonstrations);
        Self { rows: Vec::new(), folds: Vec::new(), overlapping: 0, unusable }
    }
}

/// What every seed selects its step by. Where nobody asked for held-out examples and a seed has none that can be used, no seed
/// selects by them; then it is said why.
///
/// # Errors
/// Those of [`Candidates::choose`] where held-out examples were asked for.
pub fn choose_all(
    all: Vec<Candidates>,
    config: &RunConfig,
    room: Room,
) -> Result<(Vec<Chosen>, Option<DrawError>), DrawError> {
    let seeds = all.len();
    match all.into_iter().map(|candidates| candidates.choose(config, room)).collect() {
        Ok(chosen) => Ok((chosen, None)),
        Err(why @ (DrawError::NothingHeldOut { .. } | DrawError::Unusable(_))) if config.select.is_none() => {
            Ok(((0..seeds).map(|_| Chosen::nothing()).collect(), Some(why)))
        }
        Err(error) => Err(error),
    }
}

impl Candidates {
    /// None: the step is not chosen by examples.
    pub fn none() -> Self {
        Self { candidates: Vec::new(), folds: Vec::new(), are_set_aside: false }
    }

    /// What a seed holds out, the `seed`th of the run; rows that are no demonstrations are added to what is `known`.
    ///
    /// # Errors
    /// Too few rows or demonstrations, what does not fit, a failure of the plugin.
    pub fn draw(
        renderer: &mut Renderer<'_>,
        rows: &Rows,
        (tuned, seed): (&Tuned<'_>, usize),
        select: Select,
        known: &mut KnownExamples<Role>,
    ) -> Result<Self, RunError> {
        let Select::HeldOut(held_out) = select else {
            return Ok(Self::none());
        };
        match held_out {
            HeldOut::Rows(count) => Self::rows(renderer, rows, (tuned, seed), count, known),
            HeldOut::Either if tuned.shown.demonstrations.len() < 2 => {
                Self::rows(renderer, rows, (tuned, seed), HELD_OUT_ROWS, known)
            }
            HeldOut::LeaveOneOut | HeldOut::Either => Self::leave_one_out(renderer, (tuned, seed), known),
        }
    }

    /// Rows of the demonstrations' split that are no demonstrations, over all demonstrations.
    fn rows(
        renderer: &mut Renderer<'_>,
        rows: &Rows,
        (tuned, seed): (&Tuned<'_>, usize),
        count: usize,
        known: &mut KnownExamples<Role>,
    ) -> Result<Self, RunError> {
        let drawn = rows.hold_out(&tuned.shown.selection, count)?;
        let mut candidates = Vec::with_capacity(drawn.len());
        for row in drawn {
            let example = &rows.demonstrations.examples[row];
            let (candidate, choices) = candidate(
                renderer,
                (0, row, example),
                known,
                |role| matches!(role, Role::Demonstration { seed: of, .. } if of == seed),
            )?;
            if let Some(right) = choices.get(example.answer) {
                known.add(example, right.full.raw(), Role::HeldOut { seed, place: candidates.len() });
            }
            candidates.push(candidate);
        }
        Ok(Self { candidates, folds: vec![tuned.demonstrations.clone()], are_set_aside: true })
    }

    /// Every demonstration over a cache of the others.
    fn leave_one_out(
        renderer: &mut Renderer<'_>,
        (tuned, seed): (&Tuned<'_>, usize),
        known: &KnownExamples<Role>,
    ) -> Result<Self, RunError> {
        let Tuned { shown, one_by_one, demonstrations } = tuned;
        if shown.rendered.len() < 2 {
            return Err(DrawError::NothingToLeaveOut.into());
        }
        let (mut candidates, mut folds) = (Vec::new(), Vec::new());
        for (left_out, (row, example)) in shown.demonstrations.iter().enumerate() {
            let pairs = shown.demonstrations.iter().zip(&shown.rendered).enumerate();
            let others = pairs.filter(|(place, _)| *place != left_out);
            let others: Vec<(&Example, &str)> =
                others.map(|(_, ((_, example), text))| (*example, text.raw().as_str())).collect();
            let places: Vec<usize> = (0..shown.rendered.len()).filter(|place| *place != left_out).collect();
            let (text, ids) = renderer.demonstrations(&others)?;
            let texts = (&places[..], &shown.rendered[..]);
            folds.push(one_by_one.demonstrations(renderer, texts, (&text, &ids), demonstrations.seed)?);
            let (candidate, _) = candidate(
                renderer,
                (left_out, *row, example),
                known,
                |role| matches!(role, Role::Demonstration { seed: of, place } if of == seed && place != left_out),
            )?;
            candidates.push(candidate);
        }
        Ok(Self { candidates, folds, are_set_aside: false })
    }

    /// Takes note that a row which is the same example as `role` is scored by the `seed`th seed.
    pub fn is_scored(&mut self, seed: usize, role: Role) {
        if let Role::HeldOut { seed: of, place } = role
            && of == seed
            && let Some(candidate) = self.candidates.get_mut(place)
        {
            candidate.overlaps = true;
        }
    }

    /// What is left to select the step by.
    ///
    /// # Errors
    /// A row that cannot be used where such rows are not left out, and none that is left.
    fn choose(self, config: &RunConfig, room: Room) -> Result<Chosen, DrawError> {
        let count = self.candidates.len();
        let folds = self.folds.into_iter().map(|demonstrations| Fold { demonstrations, queries: Vec::new() });
        let (mut folds, mut rows, mut overlapping) = (folds.collect::<Vec<Fold>>(), Vec::new(), 0);
        let mut unusable = UnusableRows::of(Split::Demonstrations);
        for Candidate { fold, row, id, query, overlaps } in self.candidates {
            overlapping += usize::from(overlaps);
            if overlaps && !config.allow_overlap {
                continue;
            }
            let fold = &mut folds[fold];
            let fitting = query.and_then(|query| {
                match fit::query(room.limit, fold.demonstrations.ids.len(), query.tokens.longest()) {
                    None => Ok(query),
                    Some(too_long) => Err(too_long),
                }
            });
            match fitting {
                Ok(query) => {
                    rows.push(row);
                    fold.queries.push(query);
                }
                Err(reason) => unusable.add(id, reason),
            }
        }
        let unusable = unusable.allowed(config.task.skip_bad_rows)?;
        if count > 0 && rows.is_empty() {
            return Err(DrawError::NothingHeldOut { rows: count, overlapping, unusable: unusable.count() });
        }
        folds.retain(|fold| !fold.queries.is_empty());
        if self.are_set_aside {
            folds
                .iter_mut()
                .for_each(|fold| fold.demonstrations.held_out = fold.queries.iter().map(answered).collect());
        }
        Ok(Chosen { rows, folds, overlapping, unusable })
    }
}

/// A row of the demonstrations' split as a candidate; it overlaps where it is the same example as one that `counts`.
fn candidate(
    renderer: &mut Renderer<'_>,
    (fold, row, example): (usize, usize, &Example),
    known: &KnownExamples<Role>,
    counts: impl Fn(Role) -> bool,
) -> Result<(Candidate, Vec<RenderedChoice>), RunError> {
    let (query, choices) = renderer.query(row, example)?;
    let overlaps = known.find(example, &choices).same.into_iter().any(counts);
    Ok((Candidate { fold, row, id: example.id.clone(), query, overlaps }, choices))
}

#[cfg(test)]
mod tests {
    use super::super::select::tests::config;
    use super::*;
    use crate::diagnosis::Diagnosis;

    /// A seed that holds out one row, which it scores too, and one that holds out none.
    fn seeds() -> Vec<Candidates> {
        let reason = Unusable::TooLong { tokens: 60, demonstrations: 10, limit: 64 };
        let candidate = Candidate { fold: 0, row: 3, id: "3".into(), query: Err(reason), overlaps: true };
        let overlapping =
            Candidates { candidates: vec![candidate], folds: vec![Demonstrations::default()], are_set_aside: false };
        vec![overlapping, Candidates::none()]
    }

    #[test]
    fn held_out_examples_that_nobody_asked_for_are_done_without_where_they_cannot_be_used() {
        let room = Room { limit: Some(64), further_passes: None };
        let chosen = |keys: &str, seeds| choose_all(seeds, &config(keys), room);
        let nothing = "nothing is left to select the step by: expected rows to keep, got 1 held-out row to leave out (1 \
                       demonstrations or evaluation rows too)";
        let (all, why) = chosen("", seeds()).unwrap();
        assert!(all.len() == 2 && all.iter().all(|chosen| chosen.folds.is_empty() && chosen.rows.is_empty()));
        assert_eq!(why.map(|why| why.to_string()).as_deref(), Some(nothing));
        let error = chosen("select = 'held-out'", seeds()).map(drop).unwrap_err();
        assert_eq!(error.to_string(), nothing);
        assert!(error.hint().unwrap().contains("`--select last`"));

        let unusable = || {
            let mut seeds = seeds();
            seeds[0].candidates[0].overlaps = false;
            seeds
        };
        assert!(matches!(chosen("", unusable()), Ok((_, Some(DrawError::Unusable(_))))));
        let error = chosen("held-out = 8", unusable()).map(drop).unwrap_err();
        assert!(error.hint().unwrap().contains("`--select last`"), "{error}");
    }
}
