//! What a run tells becomes entries of its journal.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;

use super::super::contexts::{Contexts, OF_RUNS};
use super::journal::EventJournal;
use crate::run::{Event, Observer};
use ft_record::files::samples::SampleRecord;
use ft_record::files::schema::StepRecord;
use ft_store::progress::Progress;

/// How far apart entries about progress are at least.
const APART: Duration = Duration::from_millis(300);

/// Writes a run's journal.
pub(super) struct RunObserver {
    id: String,
    journal: Arc<EventJournal>,
    contexts: Arc<Contexts>,
    /// The folder of the contexts of all steps.
    steps: PathBuf,
    now: Mutex<Now>,
}

/// Where the run is.
struct Now {
    seed: u64,
    scored: usize,
    told: Instant,
}

/// A scored step with what is no part of its record.
#[derive(Serialize)]
struct Scores<'a> {
    #[serde(flatten)]
    record: &'a StepRecord,
    /// The mean over the rows of the right choice's journal-likelihood less the largest of the others, in nats.
    margin: Option<f64>,
}

impl RunObserver {
    pub fn new(id: &str, journal: Arc<EventJournal>, contexts: Arc<Contexts>, steps: PathBuf) -> Self {
        let now = Mutex::new(Now { seed: 0, scored: 0, told: Instant::now() });
        Self { id: id.to_owned(), journal, contexts, steps, now }
    }

    /// The seed that a run of one seed never tells.
    pub fn begin_with(&self, seed: u64) {
        self.now().seed = seed;
    }

    fn now(&self) -> std::sync::MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, text: &str) {
        self.journal.add("note", json!({ "text": text }));
    }

    /// Something that goes on until the next step.
    fn doing(&self, text: &str) {
        self.journal.add("doing", json!({ "text": text }));
    }

    fn scored(&self, more: usize) {
        let mut now = self.now();
        now.scored += more;
        if now.told.elapsed() >= APART {
            now.told = Instant::now();
            self.journal.add("progress", json!({ "scored": now.scored }));
        }
    }

    /// The name of a step's context: that of the run, and where the context is among the run's.
    fn name_of(&self, folder: &Path) -> String {
        let below = folder.strip_prefix(&self.steps).unwrap_or(folder);
        format!("{OF_RUNS}{}/{}", self.id, below.to_string_lossy())
    }
}

/// `None` where a row has one choice, or a number is none.
fn margin(samples: &[SampleRecord]) -> Option<f64> {
    let of_row = |sample: &SampleRecord| {
        let right = sample.loglik.get(sample.answer)?;
        let others = sample.loglik.iter().enumerate().filter(|(choice, _)| *choice != sample.answer);
        let best = others.map(|(_, loglik)| *loglik).max_by(f64::total_cmp)?;
        Some(right - best)
    };
    let sum: f64 = samples.iter().map(of_row).sum::<Option<f64>>()?;
    Some(sum / samples.len() as f64).filter(|mean| mean.is_finite())
}

impl Observer for RunObserver {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Note(text) => self.note(text),
            Event::Log(record) => {
                let (plugin, level, message) = (&record.plugin, record.level.to_string(), &record.message);
                self.journal.add("log", json!({ "plugin": plugin, "level": level, "message": message }));
            }
            Event::Started { queries, last_step } => {
                self.journal.add("started", json!({ "queries": queries, "last_step": last_step }));
            }
            Event::LoadingWeights => self.doing("reading the weights"),
            Event::Choosing => self.doing("choosing the step by held-out examples"),
            Event::Seed(seed) => self.now().seed = seed,
            Event::Step(step) => {
                let seed = self.now().seed;
                self.journal.add("step", json!({ "seed": seed, "step": step }));
            }
            Event::Scored(more) => self.scored(more),
            Event::Traced(record) => self.journal.add("trace", json!(record)),
            Event::StepScored { record, samples } => {
                let scored = self.now().scored;
                self.journal.add("progress", json!({ "scored": scored }));
                self.journal.add("scores", json!(Scores { record, margin: margin(samples) }));
            }
            Event::Selected(selected) => self.journal.add("selected", json!(selected)),
            Event::StepSaved { folder, .. } => {
                let name = self.name_of(folder);
                self.contexts.add_step(name.clone(), folder.to_owned());
                self.journal.add("context", json!({ "name": name }));
            }
            Event::Subtask { .. }
            | Event::Pass { .. }
            | Event::Unconditional
            | Event::Baseline(_)
            | Event::BaselineScored(_) => {}
        }
    }
}

impl Progress for RunObserver {
    fn start(&self, what: &str, _total: Option<u64>) {
        self.doing(what);
    }

    fn advance(&self, _bytes: u64) {}

    fn note(&self, message: &str) {
        self.note(message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ft_engine::task::example::TextLength;
    use ft_record::files::samples::{Choice, Place};

    #[test]
    fn a_margin_is_to_the_best_of_the_others() {
        let length = TextLength { characters: 1, bytes: 1 };
        let sample = |answer: usize, logliks: &[f64]| {
            let choices: Vec<Choice> = logliks.iter().map(|&loglik| Choice { loglik, tokens: 1, length }).collect();
            SampleRecord::new(Place { seed: 0, step: 1, index: 0 }, "x".to_owned(), answer, &choices).unwrap()
        };
        // -1 - (-3) = 2 and -4 - (-1) = -3.
        let samples = [sample(0, &[-1.0, -3.0, -5.0]), sample(1, &[-2.0, -4.0, -1.0])];
        assert_eq!(margin(&samples), Some(-0.5));
        assert_eq!(margin(&[sample(0, &[-1.0])]), None);
    }
}
