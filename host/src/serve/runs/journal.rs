//! What happened in a run, event by event, and what it comes to.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use ft_store::fs::error::FileError;

/// Messages of plugins and words about what goes on that are kept; a run that says more has said it already.
const MOST_MESSAGES: usize = 1000;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::serve) struct Entry {
    pub event: String,
    /// What is said of it, as JSON.
    pub data: String,
}

/// An entry as a line of the file has it.
#[derive(Serialize, Deserialize)]
struct Line {
    event: String,
    data: Value,
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
    /// None where the run has ended and nobody looks: the file has them.
    entries: Option<Vec<Arc<Entry>>>,
    /// How many entries there are.
    count: usize,
    state: State,
    /// What the entries come to, but for lists that grow with the run.
    summary: Map<String, Value>,
    messages: usize,
    /// Where entries are written as they come; none once the run has ended.
    file: Option<File>,
}

/// The journal of a run.
pub(in crate::serve) struct EventJournal {
    path: PathBuf,
    known: Mutex<Known>,
    /// Told how many entries there are.
    count: watch::Sender<usize>,
}

impl EventJournal {
    /// An empty journal that is written to a file.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let journal = File::create_new(path).map_err(|source| FileError::io("create", path, source))?;
        Ok(Self::of(path, Some(journal)))
    }

    /// The journal that an earlier process left in a file, as far as it came. A run that had not ended then was stopped.
    pub fn recalled(path: &Path) -> Self {
        let journal = Self::of(path, None);
        let mut known = journal.known();
        lines(path, |line| {
            known.take(&line);
        });
        known.entries = None;
        if !known.state.is_end() {
            let error = "the server ended in the middle of this run";
            let line = Line { event: "end".to_owned(), data: json!({ "state": State::Stopped, "error": error }) };
            // So that the file says the same from now on. Behind a line that was cut.
            if let Ok(mut journal) = File::options().append(true).open(path) {
                let _ = journal.write_all(b"\n");
                write(&mut journal, &line);
            }
            known.take(&line);
        }
        journal.count.send_replace(known.count);
        drop(known);
        journal
    }

    fn of(path: &Path, file: Option<File>) -> Self {
        let known = Known {
            entries: Some(Vec::new()),
            count: 0,
            state: State::Queued,
            summary: Map::from_iter([("selected".to_owned(), json!([])), ("scored_queries".to_owned(), json!(0))]),
            messages: 0,
            file,
        };
        Self { path: path.to_owned(), known: Mutex::new(known), count: watch::Sender::new(0) }
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
        self.push(&mut self.known(), event, data);
    }

    /// Adds that the run has another state; `false` where it has ended by now.
    pub fn enter(&self, state: State) -> bool {
        let mut known = self.known();
        let goes_on = !known.state.is_end();
        if goes_on {
            self.push(&mut known, "state", json!({ "state": state, "error": null }));
        }
        goes_on
    }

    /// Adds that nothing will happen any more, but that its contexts are saved; the first end of a run is its end.
    pub fn end(&self, state: State, error: Option<&str>) {
        let mut known = self.known();
        if !known.state.is_end() {
            self.push(&mut known, "end", json!({ "state": state, "error": error }));
            known.file = None;
        }
    }

    /// Ends a run that waits: it was stopped before it began.
    pub fn end_queued(&self) {
        let mut known = self.known();
        if known.state == State::Queued {
            self.push(&mut known, "end", json!({ "state": State::Stopped, "error": null }));
            known.file = None;
        }
    }

    fn push(&self, known: &mut Known, event: &str, data: Value) {
        if matches!(event, "log" | "doing") {
            known.messages += 1;
            if known.messages > MOST_MESSAGES {
                return;
            }
        }
        let line = Line { event: event.to_owned(), data };
        // On a full disk the run itself fails; what is told of it goes on.
        match &mut known.file {
            Some(journal) => write(journal, &line),
            None => {
                if let Ok(mut journal) = File::options().append(true).open(&self.path) {
                    write(&mut journal, &line);
                }
            }
        }
        let count = known.take(&line);
        self.count.send_replace(count);
    }

    /// The entry of a number, and whether there may be one if there is none yet.
    pub fn entry(&self, number: usize) -> (Option<Arc<Entry>>, bool) {
        let mut known = self.known();
        if known.entries.is_none() {
            let mut entries = Vec::with_capacity(known.count);
            lines(&self.path, |line| entries.push(Arc::new(line.entry())));
            known.entries = Some(entries);
        }
        let entry = known.entries.as_ref().and_then(|entries| entries.get(number).cloned());
        (entry, !known.state.is_end())
    }

    /// Lets go of what the file has, where the run has ended and nobody looks.
    pub fn settle(&self) {
        let mut known = self.known();
        if known.state.is_end() && self.count.receiver_count() == 0 {
            known.entries = None;
        }
    }

    /// Told whenever there are more entries.
    pub fn watch(&self) -> watch::Receiver<usize> {
        self.count.subscribe()
    }

    /// What the entries come to, but for the lists that grow with the run.
    pub fn summary(&self) -> Map<String, Value> {
        let known = self.known();
        let mut summary = known.summary.clone();
        summary.insert("state".to_owned(), json!(known.state));
        summary
    }

    /// What the entries come to.
    pub fn sum(&self) -> Map<String, Value> {
        let mut sum = Map::new();
        for list in ["notes", "scores", "trace", "selected", "contexts", "saved"] {
            sum.insert(list.to_owned(), Value::Array(Vec::new()));
        }
        sum.insert("error".to_owned(), Value::Null);
        sum.insert("scored_queries".to_owned(), Value::from(0));
        // Read without the lock: the run goes on meanwhile.
        let (entries, state) = {
            let known = self.known();
            (known.entries.clone(), known.state)
        };
        match entries {
            Some(entries) => entries.iter().filter_map(|entry| entry.line()).for_each(|line| add_to(&mut sum, &line)),
            None => lines(&self.path, |line| add_to(&mut sum, &line)),
        }
        sum.insert("state".to_owned(), json!(state));
        sum
    }
}

impl Known {
    /// Takes an entry, and gives how many there are.
    fn take(&mut self, line: &Line) -> usize {
        self.state = state_of(line).unwrap_or(self.state);
        add_to_summary(&mut self.summary, line);
        if let Some(entries) = &mut self.entries {
            entries.push(Arc::new(line.entry()));
        }
        self.count += 1;
        self.count
    }
}

impl Line {
    fn entry(&self) -> Entry {
        Entry { event: self.event.clone(), data: self.data.to_string() }
    }
}

impl Entry {
    fn line(&self) -> Option<Line> {
        Some(Line { event: self.event.clone(), data: serde_json::from_str(&self.data).ok()? })
    }
}

fn write(journal: &mut File, line: &Line) {
    if let Ok(mut text) = serde_json::to_vec(line) {
        text.push(b'\n');
        let _ = journal.write_all(&text);
    }
}

/// Every whole entry of a file, one by one.
fn lines(path: &Path, mut take: impl FnMut(Line)) {
    let Ok(file) = File::open(path) else { return };
    for line in BufReader::new(file).split(b'\n').map_while(Result::ok) {
        // The last line of a process that was killed may be cut.
        if let Ok(line) = serde_json::from_slice(&line) {
            take(line);
        }
    }
}

fn state_of(line: &Line) -> Option<State> {
    match line.event.as_str() {
        "state" | "end" => serde_json::from_value(line.data.get("state")?.clone()).ok(),
        _ => None,
    }
}

/// Adds what an entry says to a summary, which does not grow with the run.
fn add_to_summary(summary: &mut Map<String, Value>, line: &Line) {
    match line.event.as_str() {
        "scores" | "trace" | "note" | "context" | "saved" => {}
        "plan" => {
            let of_plan = |name: &&str| Some(((*name).to_owned(), line.data.get(*name)?.clone()));
            summary.extend(["task", "model", "steps", "seeds"].iter().filter_map(of_plan));
        }
        _ => add_to(summary, line),
    }
}

/// Adds what an entry says to what all before it came to.
fn add_to(sum: &mut Map<String, Value>, Line { event, data }: &Line) {
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
        "plan" => {
            let mut plan = data.as_object().cloned().unwrap_or_default();
            let Some(Value::Array(told)) = plan.remove("notes") else { return sum.extend(plan) };
            told.into_iter().for_each(|note| push("notes", note));
            sum.extend(plan);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
