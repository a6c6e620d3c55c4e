//! A run, and what is told of it.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::super::asked::{Asked, Kind};
use super::folder::RunFolder;
use super::journal::EventJournal;
use ft_sandbox::Stop;

/// A run.
pub(in crate::serve) struct Run {
    pub id: String,
    pub(super) kind: Kind,
    /// The options as the request had them.
    pub(super) options: Map<String, Value>,
    pub(super) command: String,
    /// What it does; none of an earlier process's.
    pub(super) asked: Option<Asked>,
    pub(super) folder: RunFolder,
    pub journal: Arc<EventJournal>,
    pub(super) stop: Stop,
}

impl Run {
    /// All that is known of it.
    pub fn whole(&self) -> Value {
        let mut whole = self.journal.sum();
        whole.extend(self.head());
        Value::Object(whole)
    }

    /// What a list shows of it.
    pub fn summary(&self) -> Value {
        self.journal.settle();
        let sum = self.journal.summary();
        let mut summary = self.head();
        for name in ["state", "error", "task", "model", "steps", "selected", "total_queries", "scored_queries"] {
            summary.insert(name.to_owned(), sum.get(name).cloned().unwrap_or_default());
        }
        Value::Object(summary)
    }

    fn head(&self) -> Map<String, Value> {
        let head = [
            ("id", json!(self.id)),
            ("kind", json!(self.kind)),
            ("options", json!(self.options)),
            ("command", json!(self.command)),
        ];
        head.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
    }
}
