//! The thread that scores: what waits is packed into passes.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::super::config::{ServeError, ServeLimits, Surroundings};
use super::super::contexts::NamedContext;
use super::super::error::ApiError;
use super::super::metrics::Metrics;
use super::job::{Command, Input, Job, Room};
use super::models::{Models, Places};
use super::packing::shares;
use crate::diagnosis::{Diagnosis, Fault};
use crate::run::{Observer, PredictError, Predictor, PreparedQuery, PreparedRow, RowPrediction, RunError};

/// Rows that a task is given at a time.
const ROWS_OF_CALL: usize = 64;

/// A request whose rows are queries by now.
struct Waiting {
    places: Places,
    rows: Vec<Row>,
    /// Rows at the front that are done.
    done: usize,
    answer: oneshot::Sender<Result<Vec<RowPrediction>, ApiError>>,
    room: Room,
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
    limits: ServeLimits,
    models: Models,
    waiting: Vec<Waiting>,
    /// Whether the server ends.
    ends: bool,
    /// Requests that had rows in the last pass.
    flock: usize,
    metrics: Arc<Metrics>,
    busy: Arc<Mutex<Duration>>,
}

impl Worker {
    pub fn new(
        limits: ServeLimits,
        surroundings: Surroundings,
        metrics: Arc<Metrics>,
        busy: Arc<Mutex<Duration>>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self {
            limits,
            models: Models::new(surroundings, observer),
            waiting: Vec::new(),
            ends: false,
            flock: 1,
            metrics,
            busy,
        }
    }

    /// Opens contexts before anybody asks.
    ///
    /// # Errors
    /// A context that is damaged or whose task or model is not there.
    pub fn open(&mut self, contexts: &[NamedContext]) -> Result<(), ServeError> {
        self.models.open_all(contexts)
    }

    /// Answers requests until the server ends, and all that were sent are answered. A fault of this program costs those that wait
    /// their answers, and no more.
    pub fn work_on(&mut self, commands: &Receiver<Command>) {
        while catch_unwind(AssertUnwindSafe(|| self.work(commands))).is_err() {
            // Nobody knows in what state they are.
            self.models.clear();
            let failed = || ApiError::failed("the program failed; stderr has more");
            self.waiting.drain(..).for_each(|waiting| drop(waiting.answer.send(Err(failed()))));
        }
    }

    fn work(&mut self, commands: &Receiver<Command>) {
        loop {
            if self.waiting.is_empty() {
                if self.ends {
                    return;
                }
                let Ok(command) = commands.recv() else { return };
                self.take(command);
                // What came meanwhile is not waited for.
                commands.try_iter().for_each(|command| self.take(command));
                self.gather(commands);
            } else {
                commands.try_iter().for_each(|command| self.take(command));
            }
            self.pass();
        }
    }

    /// Waits a moment for requests that come together with the first: a pass over many rows takes little more than one over few.
    /// As many are waited for as came together the last time: clients that ask again when they are answered come in flocks, and
    /// nobody is worth a wait for one who asks alone.
    fn gather(&mut self, commands: &Receiver<Command>) {
        let until = Instant::now() + self.limits.pack_wait;
        while !self.waiting.is_empty() && self.waiting.len() < self.flock && self.rows_left() < self.limits.pack_rows {
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
            Command::Forget(prefix) => self.models.forget(&prefix, &self.in_use()),
            Command::End => self.ends = true,
            Command::Score(job) => {
                let Job { contexts, input, answer, room } = job;
                if answer.is_closed() {
                    return;
                }
                match self.prepared(&contexts, input, || !answer.is_closed()) {
                    Ok((places, rows)) => {
                        self.waiting.push(Waiting { places, rows, done: 0, answer, room });
                        self.answer_done();
                    }
                    // Whoever asked may have gone away.
                    Err(error) => {
                        drop(room);
                        let _ = answer.send(Err(error));
                    }
                }
            }
        }
    }

    /// A request's rows as queries, and where its contexts are.
    fn prepared(
        &mut self,
        contexts: &[NamedContext],
        input: Input,
        wanted: impl Fn() -> bool,
    ) -> Result<(Places, Vec<Row>), ApiError> {
        let places = self.models.places(contexts, &self.in_use(), wanted)?;
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
                // What a plugin that failed does next is anybody's guess. Rows that wait are queries already, and need it no more.
                if error.fault() != Fault::Input
                    && let Err(error) = self.models.reopen_task(places.model)
                {
                    self.give_up(places.model, &error);
                }
                Err(match &error {
                    // Its hint is the command line's.
                    RunError::Predict(PredictError::NotOfText { .. }) => {
                        ApiError::refused(format!("{error}; send `rows` in the task's columns"))
                    }
                    _ => ApiError::of(&error),
                })
            }
        }
    }

    /// The contexts that requests wait for.
    fn in_use(&self) -> Vec<u64> {
        self.waiting.iter().flat_map(|waiting| waiting.places.contexts.clone()).collect()
    }

    /// Lets go of a model, and tells all that wait for it.
    fn give_up(&mut self, model: u64, error: &RunError) {
        self.fail(model, &ApiError::of(error));
    }

    fn fail(&mut self, model: u64, refusal: &ApiError) {
        let (lost, rest) =
            std::mem::take(&mut self.waiting).into_iter().partition(|waiting| waiting.places.model == model);
        self.waiting = rest;
        let lost: Vec<Waiting> = lost;
        for Waiting { answer, room, .. } in lost {
            drop(room);
            let _ = answer.send(Err(refusal.clone()));
        }
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
        let shares = shares(&left, self.limits.pack_rows);
        let picked: Vec<(usize, usize)> = of_model.into_iter().zip(shares).filter(|(_, share)| *share > 0).collect();
        self.flock = picked.len();
        let started = Instant::now();
        match self.score(&picked) {
            Ok(true) => {}
            // What requests wait for stays open: it is a fault of this program.
            Ok(false) => return self.fail(model, &gone()),
            // A failure of the model is nobody's row: all that wait for it would fail as well.
            Err(error) => return self.give_up(model, &error),
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

    /// Scores the next rows of some requests, each with its share, behind all of their contexts; `false` where one of these is not
    /// open.
    fn score(&mut self, picked: &[(usize, usize)]) -> Result<bool, RunError> {
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
                for row in waiting.done..waiting.done + share {
                    if let Row::Query { query, .. } = &waiting.rows[row] {
                        places.push((request, row));
                        queries.push(query);
                    }
                }
            }
            let Some(&(request, _)) = places.first() else { continue };
            let of_context = Places { model: self.waiting[request].places.model, contexts: vec![context] };
            let Some((predictor, place)) = self.models.scorer(&of_context) else { return Ok(false) };
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
        Ok(true)
    }

    /// Answers the requests all of whose rows are done, or are no queries.
    fn answer_done(&mut self) {
        let is_done = |waiting: &Waiting| waiting.rows[waiting.done..].iter().all(|row| matches!(row, Row::Not(_)));
        for waiting in self.waiting.extract_if(.., |waiting| is_done(waiting)) {
            let Waiting { rows, answer, room, .. } = waiting;
            // Before the answer: whoever gets it finds the room.
            drop(room);
            // Whoever asked may have gone away.
            let _ = answer.send(Ok(rows.into_iter().map(Row::answer).collect()));
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

/// Where a context that a request waits for is not open.
fn gone() -> ApiError {
    ApiError::failed("expected an open context, got one that was let go of")
}

/// Rows of one table, whose columns are all that any row has. The task gets few at a time: what a call may use is bounded.
fn prepare_rows(
    predictor: &mut Predictor,
    rows: &[Map<String, Value>],
    positions: usize,
) -> Result<Vec<PreparedRow>, RunError> {
    let mut seen = HashSet::new();
    let columns = rows.iter().flat_map(Map::keys).filter(|name| seen.insert(name.as_str()));
    predictor.begin(columns.cloned().collect())?;
    let mut prepared = Vec::with_capacity(rows.len());
    for some in rows.chunks(ROWS_OF_CALL) {
        let rows = some.iter().map(|row| Value::Object(row.clone()).to_string()).collect();
        prepared.extend(predictor.prepare_rows(rows, positions)?);
    }
    Ok(prepared)
}
