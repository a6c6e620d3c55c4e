//! Saved contexts by their names: those that are served, and those of runs' steps.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::context::{ContextError, ContextFolder};
use ft_engine::text::Untrusted;
use ft_record::files::context::ContextRecord;

/// What begins the names of the contexts of runs, which no other name can begin with.
pub(super) const OF_RUNS: &str = "runs/";

/// A context as a list shows it. Its texts are whatever the one who tuned it wrote.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ContextSummary {
    name: String,
    task: Untrusted,
    optimizer: Untrusted,
    model: Untrusted,
    seed: u64,
    step: u32,
    /// The classes; none where rows have choices of their own.
    labels: Vec<Untrusted>,
    /// Positions that were read.
    tokens: usize,
    /// Bytes of the tensors' file.
    bytes: u64,
    /// The share of right predictions behind it, if any were made, of so many.
    accuracy: Option<f64>,
    n: Option<usize>,
}

impl ContextSummary {
    fn of(name: &str, record: &ContextRecord) -> Self {
        let plan = &record.plan;
        Self {
            name: name.to_owned(),
            task: plan.task.name.clone(),
            optimizer: plan.optimizer.name.clone(),
            model: plan.model.asked.clone(),
            seed: record.selected.seed,
            step: record.selected.step,
            labels: plan.labels.clone(),
            tokens: record.tensors.positions,
            bytes: record.tensors.file.bytes,
            accuracy: record.scores.as_ref().map(|scores| scores.accuracy),
            n: record.scores.as_ref().map(|scores| scores.n),
        }
    }
}

/// A context that requests may name.
#[derive(Clone, Debug)]
pub(super) struct NamedContext {
    pub name: String,
    pub folder: PathBuf,
    /// The digest of the tensors that the name stands for; none of a run's step, whose name stands for one context for ever.
    pub sha256: Option<Untrusted>,
}

struct Known {
    folder: PathBuf,
    /// None of a run's step.
    sha256: Option<Untrusted>,
    /// None of a run's step: it is no part of the list.
    summary: Option<ContextSummary>,
}

/// All contexts that requests may name.
#[derive(Default)]
pub(super) struct Contexts(Mutex<BTreeMap<String, Known>>);

impl Contexts {
    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        // An entry is put in whole or not at all.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a context under a name, which stands for it from now on.
    ///
    /// # Errors
    /// A folder with no whole context in it.
    pub fn add(&self, name: &str, folder: &Path) -> Result<ContextSummary, ContextError> {
        let opened = ContextFolder::open(folder)?;
        let summary = ContextSummary::of(name, opened.record());
        let sha256 = Some(opened.record().tensors.file.sha256.clone());
        let known = Known { folder: folder.to_owned(), sha256, summary: Some(summary.clone()) };
        self.known().insert(name.to_owned(), known);
        Ok(summary)
    }

    /// Adds the context of a run's step, which this process wrote.
    pub fn add_step(&self, name: String, folder: PathBuf) {
        self.known().insert(name, Known { folder, sha256: None, summary: None });
    }

    /// Forgets the contexts whose names begin so.
    pub fn forget(&self, prefix: &str) {
        self.known().retain(|name, _| !name.starts_with(prefix));
    }

    /// The context of a name.
    pub fn get(&self, name: &str) -> Option<NamedContext> {
        let known = self.known();
        let Known { folder, sha256, .. } = known.get(name)?;
        Some(NamedContext { name: name.to_owned(), folder: folder.clone(), sha256: sha256.clone() })
    }

    /// The name of the context that is served, if it is one alone.
    pub fn only(&self) -> Option<String> {
        let known = self.known();
        let mut served = known.iter().filter(|(_, known)| known.summary.is_some());
        match (served.next(), served.next()) {
            (Some((name, _)), None) => Some(name.clone()),
            _ => None,
        }
    }

    /// What is served, by name; no steps of runs.
    pub fn list(&self) -> Vec<ContextSummary> {
        self.known().values().filter_map(|known| known.summary.clone()).collect()
    }
}
