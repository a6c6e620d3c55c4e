//! A model for tests: its scores stand in a table, and its optimizer does what it is told.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

use super::scoring_model::ScoringModel;
use super::tuned_model::TunedModel;
use crate::run::error::RunError;
use ft_engine::model::decoder::{Origin, Provenance};
use ft_engine::model::{Context, KvCache, ModelError};
use ft_engine::score::{ChoiceScore, ChoiceTokens, QueryTokens};
use ft_engine::tune::{Demonstrations, LayerNorms, State, StepReport, Verdict};

/// The log-likelihood of a query's first choice: behind the demonstrations that begin with this token id, 0 for none, after
/// this step, for the query of this row. The second choice always has -1. Tokens that are read in one pass have [`REPEATED`]
/// added to the first of them for each time that it comes again.
pub type Table = fn(demonstrations: u32, step: usize, row: u32) -> f64;

/// What tells repeated demonstrations from others.
pub const REPEATED: u32 = 1000;

/// The token that every query begins with.
const START: u32 = 9;

/// The token behind which a text stands by itself.
pub const TEXT_START: u32 = 2000;

/// Added to the row of choices that stand alone, where the table is asked for them at step 0.
pub const ALONE: u32 = 300;

/// A model whose scores stand in a table.
pub struct FakeModel<'a> {
    /// The log-likelihood of each query's first choice.
    pub table: Table,
    /// The pseudo-gradient's norm of each step.
    pub norm: fn(step: usize) -> f64,
    /// What the optimizer says of each step.
    pub report: fn(step: usize) -> StepReport,
    /// Tokens that stand before every zero-shot query, and before no other.
    pub description: &'a [u32],
    /// Passes that the optimizer asks for in each step.
    pub passes: usize,
    /// The step at which the optimizer says that it has converged.
    pub converges_at: usize,
    /// The call, from 1, in which the user asks to stop; 0 for none.
    pub stops_in: usize,
    /// The user's wish.
    pub stop: &'a AtomicBool,
    /// Calls so far, of every kind.
    pub calls: Cell<usize>,
    /// Queries scored with no demonstrations before them.
    pub zero_shot: Cell<usize>,
}

impl<'a> FakeModel<'a> {
    /// A model that never converges and is never stopped.
    pub fn new(table: Table, stop: &'a AtomicBool) -> Self {
        Self {
            table,
            norm: |_| 1.0,
            report: |_| StepReport::default(),
            description: &[],
            passes: 0,
            converges_at: 0,
            stops_in: 0,
            stop,
            calls: Cell::new(0),
            zero_shot: Cell::new(0),
        }
    }

    /// What queries behind a context have before them.
    fn before(&self, context: &Context) -> &'a [u32] {
        if context.step() == 0 { self.description } else { &[] }
    }

    fn count(&self) {
        self.calls.set(self.calls.get() + 1);
        if self.calls.get() == self.stops_in {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// The query of a row with its two choices, one token each.
pub fn query(row: u32) -> QueryTokens {
    let choice = |choice| ChoiceTokens { ids: vec![START, row, choice], span_start: 2 };
    QueryTokens { choices: vec![choice(0), choice(1)] }
}

/// The two choices of a row's query by themselves. The first has two tokens, so that rows differ.
pub fn alone(row: u32) -> QueryTokens {
    let choice = |ids: &[u32]| ChoiceTokens { ids: ids.into(), span_start: 0 };
    QueryTokens { choices: vec![choice(&[ALONE + row, 0]), choice(&[1])] }
}

impl TunedModel for FakeModel<'_> {
    fn step(&mut self, demonstrations: &Demonstrations, state: Option<&State>) -> Result<State, RunError> {
        self.count();
        let step = state.map_or(0, State::step) + 1;
        let context = Context {
            cache: KvCache::default(),
            last_hidden: None,
            next_position: demonstrations.ids[0] as usize,
            provenance: Provenance { origin: Origin::Demonstrations { step }, shared_start: 0 },
        };
        let norm = (self.norm)(step);
        let norms = LayerNorms { pseudo_gradient: [norm, 0.0], update: [0.5, 0.25], cache: [2.0, 3.0] };
        Ok(State {
            context,
            verdict: if step == self.converges_at { Verdict::Converged } else { Verdict::Continue },
            norms: if step == 1 { Vec::new() } else { vec![norms] },
            report: if step == 1 { StepReport::default() } else { (self.report)(step) },
            passes: if step == 1 { 0 } else { self.passes },
        })
    }

    fn read(&self, tokens: &[u32]) -> Result<Context, RunError> {
        self.count();
        let again = tokens.iter().filter(|token| **token == tokens[0]).count() - 1;
        Ok(Context {
            cache: KvCache::default(),
            last_hidden: None,
            next_position: tokens[0] as usize + again * REPEATED as usize,
            provenance: Provenance { origin: Origin::Demonstrations { step: 1 }, shared_start: 0 },
        })
    }
}

impl ScoringModel for FakeModel<'_> {
    fn extend(&self, context: &Context, tokens: &[u32]) -> Result<Context, RunError> {
        self.count();
        let before = self.before(context);
        // A single query has a start of its own.
        let starts = [&[TEXT_START][..], before, &[before, &[START]].concat()];
        assert!(!tokens.is_empty() && starts.contains(&tokens), "{tokens:?}");
        let provenance = Provenance { shared_start: tokens.len(), ..context.provenance };
        Ok(Context { provenance, ..context.clone() })
    }

    fn score(&self, context: &Context, queries: &[QueryTokens]) -> Result<Vec<Vec<ChoiceScore>>, RunError> {
        self.count();
        if context.step() == 0 {
            self.zero_shot.set(self.zero_shot.get() + queries.len());
        }
        let score = |loglik| ChoiceScore { loglik, tokens: 1 };
        let of_query = |query: &QueryTokens| {
            let ids = &query.choices[0].ids;
            if let [row, 0] = ids[..]
                && row >= ALONE
            {
                assert_eq!(
                    (context.step(), context.provenance.shared_start),
                    (0, 1),
                    "behind the start of a text alone"
                );
                return vec![score((self.table)(0, 0, row)), score(-1.0)];
            }
            let all = self.before(context).len() + 3;
            assert_eq!(ids.len(), all - context.provenance.shared_start, "the shared start is read once");
            let first = (self.table)(context.next_position as u32, context.step(), ids[ids.len() - 2]);
            vec![score(first), score(-1.0)]
        };
        Ok(queries.iter().map(of_query).collect())
    }

    fn fault(&self, _query: &QueryTokens) -> RunError {
        ModelError::NotFinitePass { layer: Some(0) }.into()
    }

    fn optimizer(&self) -> String {
        "table 1.0 (table.wasm)".to_owned()
    }
}
