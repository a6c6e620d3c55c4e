//! What happened in a run, event by event, and what it comes to.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use ft_store::fs::error::FileError;

/// Notes and messages of plugins that are kept; a run that says more has said it already.
const MOST_MESSAGES: usize = 1000;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::serve) struct Entry {
    pub event: String,
    pub data: Value,
}

/// The state of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::serve) enum State {
    /// It waits for those before it.
    Queued,
    /// It runs.
    Running,
    /// It came to its end.
    Done,
    /// It could not go on.
    Failed,
    /// It was stopped; what it had found is kept.
    Stopped,
}

impl State {
    /// Whether nothing will happen any more.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Stopped)
    }
}

/// All that is known of a run.
struct Known {
    entries: Vec<Arc<Entry>>,
    state: State,
    messages: usize,
    /// Where entries are written as they come; none where they are only read.
    journal: Option<File>,
}

/// The log of a run.
pub(in crate::serve) struct Log {
    known: Mutex<Known>,
    /// How many entries there are.
    count: watch::Sender<usize>,
}

impl Log {
    /// An empty log that is written to a file.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let journal = File::create_new(path).map_err(|source| FileError::io("create", path, source))?;
        Ok(Self::of(Vec::new(), Some(journal)))
    }

    /// The log of an earlier process, as far as it came.
    pub fn recalled(text: &str) -> Self {
        let entries: Vec<Arc<Entry>> =
            text.lines().map_while(|line| serde_json::from_str(line).ok()).map(Arc::new).collect();
        let log = Self::of(entries, None);
        if !log.state().is_end() {
            log.end(State::Stopped, Some("the server ended in the middle of this run"));
        }
        log
    }

    fn of(entries: Vec<Arc<Entry>>, journal: Option<File>) -> Self {
        let state = entries.iter().filter_map(|entry| state_of(entry)).next_back().unwrap_or(State::Queued);
        let count = watch::Sender::new(entries.len());
        Self { known: Mutex::new(Known { entries, state, messages: 0, journal }), count }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // What is in it is whole at any time.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The run's state.
    pub fn state(&self) -> State {
        self.known().state
    }

    /// Adds what happened.
    pub fn add(&self, event: &str, data: Value) {
        let entry = Entry { event: event.to_owned(), data };
        let mut known = self.known();
        if matches!(event, "note" | "log") {
            known.messages += 1;
            if known.messages > MOST_MESSAGES {
                return;
            }
        }
        known.state = state_of(&entry).unwrap_or(known.state);
        if let (Some(journal), Ok(mut line)) = (&mut known.journal, serde_json::to_vec(&entry)) {
            line.push(b'\n');
            // On a full disk the run itself fails; what is told of it goes on.
            if journal.write_all(&line).is_err() {
                known.journal = None;
            }
        }
        known.entries.push(Arc::new(entry));
        self.count.send_replace(known.entries.len());
    }

    /// Adds that the run has another state.
    pub fn enter(&self, state: State) {
        self.add("state", json!({ "state": state, "error": null }));
    }

    /// Adds that nothing will happen any more.
    pub fn end(&self, state: State, error: Option<&str>) {
        self.add("end", json!({ "state": state, "error": error }));
    }

    /// The entry of a number, and whether there will be one if there is none yet.
    pub fn entry(&self, number: usize) -> (Option<Arc<Entry>>, bool) {
        let known = self.known();
        (known.entries.get(number).cloned(), !known.state.is_end())
    }

    /// Told whenever there are more entries.
    pub fn watch(&self) -> watch::Receiver<usize> {
        self.count.subscribe()
    }

    /// What the entries come to.
    pub fn sum(&self) -> Map<String, Value> {
        let known = self.known();
        let mut sum = Map::new();
        for list in ["notes", "scores", "trace", "selected", "contexts", "saved"] {
            sum.insert(list.to_owned(), Value::Array(Vec::new()));
        }
        sum.insert("error".to_owned(), Value::Null);
        sum.insert("scored_queries".to_owned(), Value::from(0));
        known.entries.iter().for_each(|entry| add_to(&mut sum, entry));
        sum.insert("state".to_owned(), json!(known.state));
        sum
    }
}

fn state_of(entry: &Entry) -> Option<State> {
    match entry.event.as_str() {
        "state" | "end" => serde_json::from_value(entry.data.get("state")?.clone()).ok(),
        _ => None,
    }
}

/// Adds what an entry says to what all before it came to.
fn add_to(sum: &mut Map<String, Value>, Entry { event, data }: &Entry) {
    let mut push = |list: &str, value: Value| {
        if let Some(Value::Array(list)) = sum.get_mut(list) {
            list.push(value);
        }
    };
    let field = |name: &str| data.get(name).cloned().unwrap_or_default();
    match event.as_str() {
        "scores" => push("scores", data.clone()),
        "trace" => push("trace", data.clone()),
        "selected" => push("selected", data.clone()),
        "note" => push("notes", field("text")),
        "context" => push("contexts", field("name")),
        "saved" => push("saved", field("name")),
        "started" => drop(sum.insert("total_queries".to_owned(), field("queries"))),
        "progress" => drop(sum.insert("scored_queries".to_owned(), field("scored"))),
        "state" | "end" => drop(sum.insert("error".to_owned(), field("error"))),
        "plan" => sum.extend(data.as_object().cloned().unwrap_or_default()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(log: &Log) {
        log.enter(State::Running);
        log.add("plan", json!({ "task": "sst2", "steps": 2 }));
        log.add("started", json!({ "queries": 9, "last_step": 2 }));
        log.add("progress", json!({ "scored": 4 }));
        log.add("scores", json!({ "step": 1, "accuracy": 0.5 }));
        log.add("context", json!({ "name": "runs/r1/1" }));
        log.add("note", json!({ "text": "said" }));
    }

    #[test]
    fn a_log_comes_to_what_its_entries_say() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let log = Log::create(&path).unwrap();
        told(&log);
        let sum = log.sum();
        assert_eq!((sum["state"].clone(), sum["error"].clone()), (json!("running"), Value::Null));
        assert_eq!(
            (sum["task"].clone(), sum["total_queries"].clone(), sum["scored_queries"].clone()),
            (json!("sst2"), json!(9), json!(4))
        );
        assert_eq!(sum["scores"], json!([{ "step": 1, "accuracy": 0.5 }]));
        assert_eq!((sum["contexts"].clone(), sum["notes"].clone()), (json!(["runs/r1/1"]), json!(["said"])));
        let count = *log.watch().borrow();
        assert!(log.entry(count - 1).0.is_some());
        assert_eq!(log.entry(count), (None, true));
        log.end(State::Failed, Some("why"));
        assert_eq!((log.sum()["state"].clone(), log.sum()["error"].clone()), (json!("failed"), json!("why")));
        assert_eq!(log.entry(count + 1), (None, false));
        // Read back it is the same.
        let recalled = Log::recalled(&std::fs::read_to_string(&path).unwrap());
        assert_eq!(recalled.sum(), log.sum());
    }

    #[test]
    fn what_a_killed_process_left_is_a_run_that_was_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        told(&Log::create(&path).unwrap());
        let text = std::fs::read_to_string(&path).unwrap();
        for cut in [0, 1, text.len() / 2, text.len() - 1, text.len()] {
            let recalled = Log::recalled(&text[..cut]);
            assert_eq!(recalled.state(), State::Stopped, "{cut}");
            assert_eq!(recalled.sum()["error"], json!("the server ended in the middle of this run"));
        }
    }

    #[test]
    fn messages_without_end_are_not_kept() {
        let log = Log::recalled("");
        let before = *log.watch().borrow();
        (0..2 * MOST_MESSAGES).for_each(|_| log.add("log", json!({ "message": "again" })));
        log.add("scores", json!({}));
        assert_eq!(*log.watch().borrow(), before + MOST_MESSAGES + 1);
    }
}
