//! What the thread that scores is asked.

use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::super::contexts::NamedContext;
use super::super::error::ApiError;
use super::super::metrics::Metrics;
use crate::run::RowPrediction;

/// What is to be predicted.
pub(in crate::serve) enum Input {
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
pub(super) struct Job {
    pub contexts: Vec<NamedContext>,
    pub input: Input,
    pub answer: oneshot::Sender<Result<Vec<RowPrediction>, ApiError>>,
    /// Its room in the queue.
    pub room: Room,
}

/// Room for a request's rows in the queue; given back when the request is answered or given up.
pub(super) struct Room {
    metrics: Arc<Metrics>,
    rows: usize,
    _permit: OwnedSemaphorePermit,
}

impl Room {
    /// Of so many rows.
    pub fn new(metrics: Arc<Metrics>, rows: usize, permit: OwnedSemaphorePermit) -> Self {
        metrics.queue_rows.inc_by(rows as i64);
        Self { metrics, rows, _permit: permit }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.metrics.queue_rows.dec_by(self.rows as i64);
    }
}

/// What the thread that scores is told.
pub(super) enum Command {
    Score(Job),
    /// Let go of the contexts whose names begin so.
    Forget(String),
    /// End when all that wait are answered.
    End,
}
