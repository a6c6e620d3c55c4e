//! Scoring requests: they wait in a queue of bounded length, and one thread scores what waits, many requests in one pass.

mod job;
mod models;
mod packing;
mod worker;

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};

use super::config::{ServeError, ServeLimits, Surroundings};
use super::contexts::NamedContext;
use super::error::ApiError;
use super::metrics::Metrics;
use crate::run::{Observer, RowPrediction};
pub(super) use job::Input;
use job::{Command, Job, Room};
use worker::Worker;

/// Seconds that a row may take, before any was scored.
const FIRST_GUESS: f64 = 0.1;

/// What requests are scored by.
pub(super) struct Scoring {
    commands: Sender<Command>,
    queue: Arc<Semaphore>,
    limits: ServeLimits,
    metrics: Arc<Metrics>,
    /// How long scoring took, all passes together.
    busy: Arc<Mutex<Duration>>,
}

impl Scoring {
    /// Starts the thread that scores, which opens the contexts that are given first.
    ///
    /// # Errors
    /// A thread that cannot be started; within the result what is wrong with a context.
    pub fn start(
        limits: ServeLimits,
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
            queue: Arc::new(Semaphore::new(limits.queue_rows)),
            limits,
            metrics: metrics.clone(),
            busy: busy.clone(),
        };
        let scores = move || {
            let mut worker = Worker::new(limits, surroundings, metrics, busy, observer);
            let outcome = worker.open(&first);
            let is_open = outcome.is_ok();
            // Where nobody waits for it any more, the server has ended.
            if opened.send(outcome).is_ok() && is_open {
                worker.work_on(&received);
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
        if rows > self.limits.queue_rows {
            let most = self.limits.queue_rows / contexts.len().max(1);
            let message = format!("expected at most {most} rows for so many contexts, got {}", input.len());
            return Err(ApiError::too_large(message));
        }
        let wanted = u32::try_from(rows).unwrap_or(u32::MAX);
        let Ok(permit) = self.queue.clone().try_acquire_many_owned(wanted) else {
            self.metrics.refused.inc();
            let message = format!("expected room for {rows} rows in the queue, got a queue that is full");
            return Err(ApiError::full(message, self.seconds_of_queue()));
        };
        let room = Room::new(self.metrics.clone(), rows, permit);
        let (answer, answered) = oneshot::channel();
        let ended = || ApiError::failed(ServeError::Ended("scores").to_string());
        self.commands.send(Command::Score(Job { contexts, input, answer, room })).map_err(|_| ended())?;
        // The thread that was to answer says what it can say of a fault of this program.
        answered.await.map_err(|_| ApiError::failed("the program failed; stderr has more"))?
    }

    /// Lets go of contexts.
    pub fn forget(&self, prefix: String) {
        // Without the thread there is nothing to let go of.
        let _ = self.commands.send(Command::Forget(prefix));
    }

    /// Has the thread end when all that wait are answered.
    pub fn end(&self) {
        let _ = self.commands.send(Command::End);
    }

    /// About how long it takes until what waits is scored, in whole seconds.
    fn seconds_of_queue(&self) -> u64 {
        let scored = self.metrics.scored_rows.get();
        let busy = *self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = self.metrics.queue_rows.get().max(0) as f64;
        let of_row = match scored {
            0 => FIRST_GUESS,
            scored => busy.as_secs_f64() / scored as f64,
        };
        (waiting * of_row).ceil().clamp(1.0, 600.0) as u64
    }
}

/// Whether the contexts that were given first are open.
pub(super) struct Opening(mpsc::Receiver<Result<(), ServeError>>);

impl Opening {
    /// Waits until they are.
    ///
    /// # Errors
    /// What is wrong with them; a thread that has ended.
    pub fn wait(self) -> Result<(), ServeError> {
        self.0.recv().map_err(|_| ServeError::Ended("scores"))?
    }
}
