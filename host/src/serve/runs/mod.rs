//! Runs that requests start: they wait for each other, one thread carries them out, and each keeps all that it has in a folder of
//! its own.

mod folder;
mod journal;
mod observer;
mod recall;
mod run;
mod worker;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use serde_json::{Map, Value, json};

use super::asked::{Asked, Kind};
use super::catalogue::{Catalogue, ComingCatalogue};
use super::config::{NAME, ServeConfig, ServeError, Surroundings, is_name};
use super::contexts::{ContextSummary, Contexts, OF_RUNS};
use super::error::{ApiError, whole};
use super::metrics::Metrics;
use super::scoring::Scoring;
use crate::run::{Observer, RunError};
pub(super) use folder::remove_unfinished;
use ft_sandbox::Stop;
use ft_store::fs::error::FileError;
pub(super) use journal::EventJournal;
use journal::State;
pub(super) use run::Run;
use tokio::sync::watch;

/// Runs that may wait at a time.
const MOST_WAITING: usize = 100;

/// All runs, and the thread that carries them out.
pub(super) struct Runs {
    folder: PathBuf,
    known: Mutex<Vec<Arc<Run>>>,
    waiting: Mutex<Option<Sender<Arc<Run>>>>,
    /// One run is added at a time, and one context saved: two may want the same name.
    adding: Mutex<()>,
    saving: Mutex<()>,
    contexts: Arc<Contexts>,
    metrics: Arc<Metrics>,
}

/// That a context has the name already.
fn taken(name: &str) -> ApiError {
    ApiError::conflict(format!("expected a name that no context has, got `{name}`"))
}

impl Runs {
    /// Finds the runs of earlier processes in a folder, and starts the thread, which first of all reads the catalogue.
    ///
    /// # Errors
    /// A folder that cannot be made or listed, a thread that cannot be started.
    pub fn start(
        config: &ServeConfig,
        surroundings: &Surroundings,
        contexts: &Arc<Contexts>,
        metrics: &Arc<Metrics>,
        observer: Arc<dyn Observer>,
    ) -> Result<(Arc<Self>, ComingCatalogue, JoinHandle<()>), ServeError> {
        let folder = config.folder.join("runs");
        let known = recall::recalled(&folder, contexts).map_err(RunError::from)?;
        let (waiting, received) = mpsc::channel();
        let runs = Arc::new(Self {
            folder,
            known: Mutex::new(known),
            adding: Mutex::new(()),
            saving: Mutex::new(()),
            waiting: Mutex::new(Some(waiting)),
            contexts: contexts.clone(),
            metrics: metrics.clone(),
        });
        let (catalogue, read) = watch::channel(None);
        let (config, surroundings) = (config.clone(), surroundings.clone());
        let (contexts, metrics) = (contexts.clone(), metrics.clone());
        let works = move || {
            match Catalogue::read(&config, &surroundings, &observer) {
                Ok(found) => drop(catalogue.send(Some(Arc::new(found)))),
                // Without it no run can be asked for.
                Err(error) => return observer.event(crate::run::Event::Note(&whole(&error))),
            }
            for run in received {
                worker::carry_out(&run, &surroundings, &contexts);
                metrics.active_runs.dec();
            }
        };
        let thread = std::thread::Builder::new().name("runs".into()).spawn(works).map_err(ServeError::Start)?;
        Ok((runs, read, thread))
    }

    fn known(&self) -> MutexGuard<'_, Vec<Arc<Run>>> {
        // A run is put in whole or not at all.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All runs, the newest last.
    pub fn list(&self) -> Vec<Arc<Run>> {
        self.known().clone()
    }

    /// A run by its name.
    ///
    /// # Errors
    /// A name of none.
    pub fn get(&self, id: &str) -> Result<Arc<Run>, ApiError> {
        let found = self.known().iter().find(|run| run.id == id).cloned();
        found.ok_or_else(|| ApiError::not_found(format!("expected a run of /v1/runs, got `{id}`")))
    }

    /// Has a run carried out as soon as those before it are.
    ///
    /// # Errors
    /// Too many that wait, a full disk, a server that is being stopped.
    pub fn add(&self, kind: Kind, options: Map<String, Value>, asked: Asked) -> Result<Arc<Run>, ApiError> {
        let _one = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let active = self.known().iter().filter(|run| !run.journal.state().is_end()).count();
        if active >= MOST_WAITING {
            let message = format!("expected at most {MOST_WAITING} runs that wait, got one more");
            return Err(ApiError::full(message, 60));
        }
        let command = asked.command(kind);
        let refused = |error: FileError| ApiError::failed(whole(&error));
        let (id, folder, journal) = folder::create(&self.folder, kind, &options, &command).map_err(refused)?;
        let run = Run {
            id,
            kind,
            options,
            command,
            asked: Some(asked),
            folder,
            journal: Arc::new(journal),
            stop: Stop::default(),
        };
        let run = Arc::new(run);
        run.journal.enter(State::Queued);
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = waiting.as_ref().map(|waiting| waiting.send(run.clone()));
        self.known().push(run.clone());
        match sent {
            Some(Ok(())) => {
                self.metrics.active_runs.inc();
                Ok(run)
            }
            _ => {
                run.journal.end(State::Stopped, None);
                Err(ApiError::stopping())
            }
        }
    }

    /// Asks an active run to stop; one that waits has ended with that.
    pub fn stop(&self, run: &Run) {
        run.stop.ask();
        run.journal.end_queued();
    }

    /// Removes a run that has ended, with its folder.
    ///
    /// # Errors
    /// A folder that cannot be removed.
    pub fn remove(&self, run: &Run, scoring: &Scoring) -> Result<(), ApiError> {
        run.folder.remove().map_err(|error| ApiError::failed(whole(&error)))?;
        self.known().retain(|known| known.id != run.id);
        let contexts = format!("{OF_RUNS}{}/", run.id);
        self.contexts.forget(&contexts);
        scoring.forget(contexts);
        Ok(())
    }

    /// Saves a context of a run in a folder of contexts, under a name: that of the seed's result, or of a step.
    ///
    /// # Errors
    /// A name that none can have or that is taken, a seed or step that there is no context of, a full disk.
    pub fn save(
        &self,
        run: &Run,
        (seed, step): (Option<u64>, Option<u32>),
        contexts: &Path,
        name: &str,
    ) -> Result<ContextSummary, ApiError> {
        if !is_name(name) {
            return Err(ApiError::invalid(format!("`name`: expected {NAME}, got another")));
        }
        let _one = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        if self.contexts.get(name).is_some() {
            return Err(taken(name));
        }
        let summary = run.journal.summary();
        let seeds = summary.get("seeds").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_u64);
        let seeds: Vec<u64> = seeds.collect();
        let seed = seed.or(seeds.first().copied()).unwrap_or(0);
        let source = run.folder.context((seeds.len() > 1).then_some(seed), step);
        let none = || {
            let of = step.map_or_else(|| "of its result".to_owned(), |step| format!("of step {step}"));
            ApiError::conflict(format!("expected a run with a context {of} for seed {seed}, got none so far"))
        };
        if !seeds.contains(&seed) || !source.is_dir() {
            return Err(none());
        }
        match folder::copy_context(&source, contexts, name) {
            Ok(true) => {}
            Ok(false) => return Err(taken(name)),
            Err(error) => return Err(ApiError::failed(whole(&error))),
        }
        let summary = self.contexts.add(name, &contexts.join(name)).map_err(|error| ApiError::of(&error))?;
        run.journal.add("saved", json!({ "name": name }));
        Ok(summary)
    }

    /// Takes no further runs, and asks the one that goes on to stop.
    pub fn close(&self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.known().iter().for_each(|run| self.stop(run));
    }
}
