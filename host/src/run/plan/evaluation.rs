//! The rows of the evaluation split that seeds score, and those that they leave out.

use std::collections::HashMap;
use std::mem;

use super::fit;
use super::held_out::Candidates;
use super::render::{Query, Renderer};
use super::shown::{Role, Shown};
use super::usable::{Unusable, UnusableRows};
use crate::run::error::RunError;
use crate::run::inputs::config::RunConfig;
use ft_engine::task::example::{Example, Split};
use ft_engine::task::overlap::{Found, KnownExamples};

/// What a seed scores.
#[derive(Default)]
pub struct Scored {
    /// Places among the queries, in the order in which they are scored.
    pub places: Vec<usize>,
    /// Rows that are demonstrations too.
    pub overlapping: Vec<usize>,
    /// Rows that cannot be used.
    pub unusable: Vec<usize>,
    /// Whether `--limit` ended the rows before the last of them.
    pub limited: bool,
    /// Scored rows that ask what a demonstration asks, and have another answer.
    pub other_answers: usize,
}

/// The rows of the evaluation split, each rendered when the first seed comes to it.
pub struct EvaluationRows<'a> {
    /// What renders them.
    pub renderer: Renderer<'a>,
    config: &'a RunConfig,
    examples: &'a [Example],
    known: KnownExamples<Role>,
    /// The tokens before each row.
    before: Vec<usize>,
    prepared: HashMap<usize, Prepared>,
    /// All that is scored, once each.
    pub queries: Vec<Query>,
    /// The choices of each of the queries without it, in the queries' order; none where they are not asked for.
    pub unconditional: Vec<Query>,
    /// Rows that no seed scores since they cannot be used.
    pub unusable: UnusableRows,
}

struct Prepared {
    /// Which demonstrations and held-out rows are the same example.
    found: Found<Role>,
    state: State,
}

enum State {
    /// No seed scores it so far. With its choices alone, where they are asked for.
    Ready(Query, Option<Query>),
    /// It has this place among the queries.
    Scored(usize),
    /// It cannot be scored.
    Unusable(Unusable),
    /// It cannot be scored, and is counted already.
    Counted,
}

/// The tokens before each of so many rows: the demonstrations' of the seeds that draw it, or the `zero_shot` ones before a query
/// without demonstrations, the most of them.
pub fn tokens_before<'s>(rows: usize, zero_shot: usize, shown: impl Iterator<Item = &'s Shown<'s>>) -> Vec<usize> {
    let mut before = vec![zero_shot; rows];
    for of_seed in shown {
        for row in &of_seed.selection.evaluation {
            before[*row] = before[*row].max(of_seed.ids.len());
        }
    }
    before
}

impl<'a> EvaluationRows<'a> {
    /// Over the examples of the split, with those that are `known`: what is shown, and what is held out. `before` has for each row how
    /// many tokens stand before it, the most of them.
    pub fn new(
        renderer: Renderer<'a>,
        (config, examples): (&'a RunConfig, &'a [Example]),
        known: KnownExamples<Role>,
        before: Vec<usize>,
    ) -> Self {
        let unusable = UnusableRows::of(Split::Evaluation);
        Self {
            renderer,
            config,
            examples,
            known,
            before,
            prepared: HashMap::new(),
            queries: Vec::new(),
            unconditional: Vec::new(),
            unusable,
        }
    }

    /// What the `seed`th seed scores of the rows that it drew.
    ///
    /// # Errors
    /// A failure of the plugin or the tokenizer that is not about a single row.
    pub fn score(&mut self, seed: usize, drawn: &[usize], held_out: &mut Candidates) -> Result<Scored, RunError> {
        let config = self.config;
        let is_shown = |role: &Role| matches!(role, Role::Demonstration { seed: of, .. } if *of == seed);
        let mut scored = Scored::default();
        for &row in drawn {
            if config.limit.is_some_and(|limit| scored.places.len() >= limit) {
                scored.limited = true;
                break;
            }
            let mut prepared = match self.prepared.remove(&row) {
                Some(prepared) => prepared,
                None => self.prepare(row)?,
            };
            let overlaps = prepared.found.same.iter().any(is_shown);
            if overlaps {
                scored.overlapping.push(row);
            }
            if !overlaps || config.allow_overlap {
                match self.place(row, &mut prepared.state) {
                    Some(place) => {
                        let asks_the_same = prepared.found.other_answer.iter().any(is_shown);
                        scored.other_answers += usize::from(!overlaps && asks_the_same);
                        prepared.found.same.iter().for_each(|role| held_out.is_scored(seed, *role));
                        scored.places.push(place);
                    }
                    None => scored.unusable.push(row),
                }
            }
            self.prepared.insert(row, prepared);
        }
        Ok(scored)
    }

    fn prepare(&mut self, row: usize) -> Result<Prepared, RunError> {
        let example = &self.examples[row];
        let (query, choices) = self.renderer.query(row, example)?;
        let found = self.known.find(example, &choices);
        let too_long = |query: &Query| fit::query(self.renderer.room.limit, self.before[row], query.tokens.longest());
        let state = match query.and_then(|query| too_long(&query).map_or(Ok(query), Err)) {
            Ok(query) if self.config.mutual_information => match self.renderer.unconditional(row, example, &choices)? {
                Ok(alone) => State::Ready(query, Some(alone)),
                Err(reason) => State::Unusable(reason),
            },
            Ok(query) => State::Ready(query, None),
            Err(reason) => State::Unusable(reason),
        };
        Ok(Prepared { found, state })
    }

    /// The place of a row among the queries; none where it cannot be scored, which is counted once.
    fn place(&mut self, row: usize, state: &mut State) -> Option<usize> {
        let place = match mem::replace(state, State::Counted) {
            State::Scored(place) => place,
            State::Ready(query, alone) => {
                self.queries.push(query);
                self.unconditional.extend(alone);
                self.queries.len() - 1
            }
            State::Unusable(reason) => {
                self.unusable.add(self.examples[row].id.clone(), reason);
                return None;
            }
            State::Counted => return None,
        };
        *state = State::Scored(place);
        Some(place)
    }
}
