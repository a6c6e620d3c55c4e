//! The thread that scores: what waits is packed into passes.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::super::config::{Bounds, Surroundings};
use super::super::contexts::NamedContext;
use super::super::error::ApiError;
use super::super::metrics::Metrics;
use super::models::{Models, Places};
use super::packing::{next_rows, shares};
use super::{Command, Input, Job, Room};
use crate::diagnosis::{Diagnosis, Fault};
use crate::run::{Observer, Predictor, PreparedQuery, PreparedRow, RowPrediction, RunError};

/// A request whose rows are queries by now.
struct Waiting {
    places: Places,
    rows: Vec<Row>,
    /// Rows at the front that are done.
    done: usize,
    answer: oneshot::Sender<Result<Vec<RowPrediction>, ApiError>>,
    _room: Room,
}

/// A row of a request.
enum Row {
    Query {
        query: PreparedQuery,
        /// For each context the log-likelihoods of the choices; none before it was scored.
        logliks: Vec<Vec<f64>>,
    },
    Not(RowPrediction),
}

pub(super) struct Worker {
    bounds: Bounds,
    models: Models,
    waiting: Vec<Waiting>,
    metrics: Arc<Metrics>,
    busy: Arc<Mutex<Duration>>,
}

impl Worker {
    pub fn new(
        bounds: Bounds,
        surroundings: Surroundings,
        metrics: Arc<Metrics>,
        busy: Arc<Mutex<Duration>>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self { bounds, models: Models::new(surroundings, observer), waiting: Vec::new(), metrics, busy }
    }

    /// Opens contexts before anybody asks.
    ///
    /// # Errors
    /// A context that is damaged or whose task or model is not there.
    pub fn open(&mut self, contexts: &[NamedContext]) -> Result<(), RunError> {
        self.models.open_all(contexts)
    }

    /// Answers requests until nobody can send any more, and all that were sent are answered.
    pub fn work(&mut self, commands: &Receiver<Command>) {
        loop {
            if self.waiting.is_empty() {
                let Ok(command) = commands.recv() else { return };
                self.take(command);
                self.gather(commands);
            } else {
                commands.try_iter().for_each(|command| self.take(command));
            }
            self.pass();
        }
    }

    /// Waits a moment for requests that come together with the first: a pass over many rows takes little more than one over few.
    fn gather(&mut self, commands: &Receiver<Command>) {
        let until = Instant::now() + self.bounds.pack_wait;
        while self.rows_left() > 0 && self.rows_left() < self.bounds.pack_rows {
            match commands.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(command) => self.take(command),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
    }

    fn rows_left(&self) -> usize {
        self.waiting.iter().map(|waiting| waiting.rows.len() - waiting.done).sum()
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Forget(prefix) => self.models.forget(&prefix),
            Command::Score(job) => {
                let Job { contexts, input, answer, room } = job;
                if answer.is_closed() {
                    return;
                }
                match self.prepared(&contexts, input) {
                    Ok((places, rows)) => {
                        self.waiting.push(Waiting { places, rows, done: 0, answer, _room: room });
                        self.answer_done();
                    }
                    // Whoever asked may have gone away.
                    Err(error) => drop(answer.send(Err(error))),
                }
            }
        }
    }

    /// A request's rows as queries, and where its contexts are.
    fn prepared(&mut self, contexts: &[NamedContext], input: Input) -> Result<(Places, Vec<Row>), ApiError> {
        let in_use: Vec<u64> = self.waiting.iter().flat_map(|waiting| waiting.places.contexts.clone()).collect();
        let places = self.models.places(contexts, &in_use)?;
        let gone = || ApiError::failed("expected an open context, got one that was let go of");
        let (predictor, of_contexts) = self.models.scorer(&places).ok_or_else(gone)?;
        let positions = of_contexts.iter().map(|context| predictor.positions_behind(*context)).max().unwrap_or(0);
        let predictor = self.models.predictor_of(places.model).ok_or_else(gone)?;
        let prepared = match input {
            Input::Texts(texts) => texts.iter().map(|text| predictor.prepare_text(text, positions)).collect(),
            Input::Rows(rows) => prepare_rows(predictor, &rows, positions),
        };
        match prepared {
            Ok(rows) => Ok((places, rows.into_iter().map(Row::new).collect())),
            Err(error) => {
                // What a plugin that failed does next is anybody's guess: it is opened anew when it is asked for again.
                if error.fault() != Fault::Input {
                    self.give_up(places.model, &error);
                }
                Err(ApiError::of(&error))
            }
        }
    }

    /// Lets go of a model, and tells all that wait for it.
    fn give_up(&mut self, model: u64, error: &RunError) {
        let (lost, rest) =
            std::mem::take(&mut self.waiting).into_iter().partition(|waiting| waiting.places.model == model);
        self.waiting = rest;
        let lost: Vec<Waiting> = lost;
        lost.into_iter().for_each(|waiting| drop(waiting.answer.send(Err(ApiError::of(error)))));
        self.models.drop_model(model);
    }

    /// Scores a pass of rows that wait, behind the contexts of one model, and answers the requests that it completes.
    fn pass(&mut self) {
        self.waiting.retain(|waiting| !waiting.answer.is_closed());
        let Some(model) = self.waiting.first().map(|waiting| waiting.places.model) else { return };
        let of_model: Vec<usize> =
            (0..self.waiting.len()).filter(|&request| self.waiting[request].places.model == model).collect();
        let left: Vec<usize> =
            of_model.iter().map(|&request| self.waiting[request].rows.len() - self.waiting[request].done).collect();
        let shares = shares(&left, self.bounds.pack_rows);
        let picked: Vec<(usize, usize)> = of_model.into_iter().zip(shares).filter(|(_, share)| *share > 0).collect();
        let started = Instant::now();
        if let Err(error) = self.score(&picked) {
            // A failure of the model is nobody's row: all that wait for it would fail as well.
            self.give_up(model, &error);
            return;
        }
        *self.busy.lock().unwrap_or_else(PoisonError::into_inner) += started.elapsed();
        self.metrics.passes.inc();
        for (request, share) in picked {
            let waiting = &mut self.waiting[request];
            self.metrics.scored_rows.inc_by((share * waiting.places.contexts.len()) as u64);
            waiting.done += share;
        }
        self.answer_done();
    }

    /// Scores the next rows of some requests, each with its share, behind all of their contexts.
    fn score(&mut self, picked: &[(usize, usize)]) -> Result<(), RunError> {
        let mut contexts: Vec<u64> =
            picked.iter().flat_map(|(request, _)| self.waiting[*request].places.contexts.clone()).collect();
        contexts.sort_unstable();
        contexts.dedup();
        for context in contexts {
            let asks = |request: usize| self.waiting[request].places.contexts.contains(&context);
            let mut places = Vec::new();
            let mut queries = Vec::new();
            for &(request, share) in picked.iter().filter(|(request, _)| asks(*request)) {
                let waiting = &self.waiting[request];
                for row in next_rows(waiting.done, share) {
                    if let Row::Query { query, .. } = &waiting.rows[row] {
                        places.push((request, row));
                        queries.push(query);
                    }
                }
            }
            let Some(&(request, _)) = places.first() else { continue };
            let of_context = Places { model: self.waiting[request].places.model, contexts: vec![context] };
            let Some((predictor, place)) = self.models.scorer(&of_context) else { continue };
            let scored = predictor.score(place[0], &queries)?;
            for ((request, row), of_row) in places.into_iter().zip(scored) {
                let waiting = &mut self.waiting[request];
                let in_request = waiting.places.contexts.iter().position(|asked| *asked == context);
                if let (Row::Query { logliks, .. }, Some(place)) = (&mut waiting.rows[row], in_request) {
                    logliks.resize(waiting.places.contexts.len(), Vec::new());
                    logliks[place] = of_row;
                }
            }
        }
        Ok(())
    }

    /// Answers the requests all of whose rows are done, or are no queries.
    fn answer_done(&mut self) {
        let is_done = |waiting: &Waiting| waiting.rows[waiting.done..].iter().all(|row| matches!(row, Row::Not(_)));
        for waiting in self.waiting.extract_if(.., |waiting| is_done(waiting)) {
            let rows = waiting.rows.into_iter().map(Row::answer).collect();
            // Whoever asked may have gone away.
            let _ = waiting.answer.send(Ok(rows));
        }
    }
}

impl Row {
    fn new(prepared: PreparedRow) -> Self {
        match prepared {
            PreparedRow::Query(query) => Self::Query { query, logliks: Vec::new() },
            PreparedRow::Not(row) => Self::Not(row),
        }
    }

    fn answer(self) -> RowPrediction {
        match self {
            Self::Query { query, logliks } => query.answer(logliks),
            Self::Not(row) => row,
        }
    }
}

/// Rows of one table, whose columns are all that any row has.
fn prepare_rows(
    predictor: &mut Predictor,
    rows: &[Map<String, Value>],
    positions: usize,
) -> Result<Vec<PreparedRow>, RunError> {
    let mut seen = HashSet::new();
    let columns = rows.iter().flat_map(Map::keys).filter(|name| seen.insert(name.as_str()));
    predictor.begin(columns.cloned().collect())?;
    predictor.prepare_rows(rows.iter().map(|row| Value::Object(row.clone()).to_string()).collect(), positions)
}
