//! Scoring requests: they wait in a queue of bounded length, and one thread scores what waits, many requests in one pass.

mod models;
mod packing;
mod worker;

use std::path::PathBuf;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::config::{Bounds, ServeError, Surroundings};
use super::contexts::NamedContext;
use super::error::ApiError;
use super::metrics::Metrics;
use crate::run::{Observer, RowPrediction};
use worker::Worker;

/// What is to be predicted.
pub(super) enum Input {
    /// Texts by themselves.
    Texts(Vec<String>),
    /// Rows in the task's columns.
    Rows(Vec<Map<String, Value>>),
}

impl Input {
    pub fn len(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len(),
            Self::Rows(rows) => rows.len(),
        }
    }
}

/// A request that waits for its answer.
struct Job {
    contexts: Vec<NamedContext>,
    input: Input,
    answer: oneshot::Sender<Result<Vec<RowPrediction>, ApiError>>,
    /// Its room in the queue.
    room: Room,
}

/// Room for a request's rows in the queue; given back when the request is answered or given up.
struct Room {
    metrics: Arc<Metrics>,
    rows: usize,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.metrics.queue_rows.dec_by(self.rows as i64);
    }
}

enum Command {
    Score(Job),
    /// Let go of the contexts whose names begin so.
    Forget(String),
}

/// What requests are scored by.
pub(super) struct Scoring {
    commands: Sender<Command>,
    queue: Arc<Semaphore>,
    bounds: Bounds,
    metrics: Arc<Metrics>,
    /// When it began, to know how fast rows are scored.
    began: Instant,
    /// How long scoring took, all passes together.
    busy: Arc<Mutex<Duration>>,
}

impl Scoring {
    /// Starts the thread that scores, which opens the contexts that are given first.
    ///
    /// # Errors
    /// A thread that cannot be started; within the result what is wrong with a context.
    pub fn start(
        bounds: Bounds,
        surroundings: Surroundings,
        first: Vec<NamedContext>,
        metrics: Arc<Metrics>,
        observer: Arc<dyn Observer>,
    ) -> Result<(Self, Opening, JoinHandle<()>), ServeError> {
        let (commands, received) = mpsc::channel();
        let (opened, opening) = mpsc::channel();
        let busy = Arc::new(Mutex::new(Duration::ZERO));
        let scoring = Self {
            commands,
            queue: Arc::new(Semaphore::new(bounds.queue_rows)),
            bounds,
            metrics: metrics.clone(),
            began: Instant::now(),
            busy: busy.clone(),
        };
        let scores = move || {
            let mut worker = Worker::new(bounds, surroundings, metrics, busy, observer);
            let outcome = worker.open(&first);
            let is_open = outcome.is_ok();
            // Where nobody waits for it any more, the server has ended.
            if opened.send(outcome).is_ok() && is_open {
                worker.work(&received);
            }
        };
        let thread = std::thread::Builder::new().name("scoring".into()).spawn(scores).map_err(ServeError::Start)?;
        Ok((scoring, Opening(opening), thread))
    }

    /// Predicts behind contexts.
    ///
    /// # Errors
    /// More rows than there is room for, now or ever; contexts that do not go together, texts that the task makes no queries of, a
    /// failure of the model.
    pub async fn predict(&self, contexts: Vec<NamedContext>, input: Input) -> Result<Vec<RowPrediction>, ApiError> {
        let rows = input.len() * contexts.len();
        if rows > self.bounds.queue_rows {
            let most = self.bounds.queue_rows / contexts.len().max(1);
            let message = format!("expected at most {most} rows for so many contexts, got {}", input.len());
            return Err(ApiError::too_large(message));
        }
        let wanted = u32::try_from(rows).unwrap_or(u32::MAX);
        let Ok(permit) = self.queue.clone().try_acquire_many_owned(wanted) else {
            self.metrics.refused.inc();
            let message = format!("expected room for {rows} rows in the queue, got a queue that is full");
            return Err(ApiError::full(message, self.seconds_of_queue()));
        };
        self.metrics.queue_rows.inc_by(rows as i64);
        let room = Room { metrics: self.metrics.clone(), rows, _permit: permit };
        let (answer, answered) = oneshot::channel();
        let ended = || ApiError::failed(ServeError::Ended("scores").to_string());
        self.commands.send(Command::Score(Job { contexts, input, answer, room })).map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }

    /// Lets go of contexts.
    pub fn forget(&self, prefix: String) {
        // Without the thread there is nothing to let go of.
        let _ = self.commands.send(Command::Forget(prefix));
    }

    /// About how long it takes until what waits is scored, in whole seconds.
    fn seconds_of_queue(&self) -> u64 {
        let scored = self.metrics.scored_rows.get();
        let busy = *self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = self.metrics.queue_rows.get().max(0) as f64;
        let of_row = match scored {
            0 => self.began.elapsed().as_secs_f64().min(1.0) / 10.0,
            scored => busy.as_secs_f64() / scored as f64,
        };
        (waiting * of_row).ceil().clamp(1.0, 600.0) as u64
    }
}

/// Whether the contexts that were given first are open.
pub(super) struct Opening(mpsc::Receiver<Result<(), crate::run::RunError>>);

impl Opening {
    /// Waits until they are.
    ///
    /// # Errors
    /// What is wrong with them; within the result a thread that has ended.
    pub fn wait(self) -> Result<Result<(), crate::run::RunError>, ServeError> {
        self.0.recv().map_err(|_| ServeError::Ended("scores"))
    }
}

/// The folders of contexts.
fn folders(contexts: &[NamedContext]) -> Vec<PathBuf> {
    contexts.iter().map(|context| context.folder.clone()).collect()
}
