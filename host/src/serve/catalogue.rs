//! What runs may name: tasks, optimizers, models, places of data. Names stand for files; requests say no paths.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::watch;

use super::config::{NamedFolder, ServeConfig, Surroundings};
use super::error::whole;
use crate::plugin_dev::{OptionCard, PluginCard, inventory, validate};
use crate::run::{Observer, PluginSpec, Plugins, RunError, find_task};
use ft_sandbox::{Limits, PluginKind, Stop};
use ft_store::fs::cache_paths::CachePaths;

/// The names of the task's own data set and of the bundled sample.
const OWN_DATA: &str = "hub";
const SAMPLE: &str = "sample";

/// Places of data that every server has.
pub(super) const OWN_PLACES: [&str; 2] = [OWN_DATA, SAMPLE];

/// What runs may name.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    tasks: Vec<Entry>,
    optimizers: Vec<Entry>,
    models: Vec<NamedModel>,
    data: Vec<NamedFolder>,
}

/// The catalogue, as soon as it is known.
pub(super) type ComingCatalogue = watch::Receiver<Option<Arc<Catalogue>>>;

/// A plugin.
#[derive(Clone, Debug, Serialize)]
struct Entry {
    name: String,
    /// What a command line calls it.
    #[serde(skip)]
    file: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    options: Vec<OptionCard>,
    /// Why it cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Clone, Debug)]
struct NamedModel {
    name: String,
    /// As a command line names it.
    asked: String,
}

/// What a catalogue has, by names alone.
#[derive(Serialize)]
pub(super) struct Listing<'a> {
    tasks: &'a [Entry],
    optimizers: &'a [Entry],
    models: Vec<&'a str>,
    data: Vec<&'a str>,
}

impl Catalogue {
    /// Asks every plugin what it is.
    ///
    /// # Errors
    /// An engine that cannot be made, a folder of the plugin path that cannot be listed.
    pub fn read(
        config: &ServeConfig,
        surroundings: &Surroundings,
        observer: &Arc<dyn Observer>,
    ) -> Result<Self, RunError> {
        let limits = surroundings.limits.over(&Limits::default());
        let engine = surroundings.engine_with(&Stop::default());
        let plugins = Plugins::new(&CachePaths::new(&surroundings.environment), observer, &engine)?.silent();
        let (mut tasks, mut optimizers) = (Vec::new(), Vec::new());
        for listed in inventory(&plugins, &surroundings.plugin_path, &limits)? {
            // The name stands for another file.
            if listed.hidden_by.is_some() {
                continue;
            }
            let entry = Entry::new(listed.name.clone(), listed.name.into(), listed.plugin.as_ref(), listed.refused);
            match listed.plugin.as_ref().map(|card| card.kind == PluginKind::Optimizer.to_string()) {
                Some(true) => optimizers.push(entry),
                Some(false) => tasks.push(entry),
                // Nobody knows which of the two it is not.
                None => {}
            }
        }
        for task in &config.tasks {
            tasks.push(Entry::of_task(task, &plugins, surroundings, &limits));
        }
        let models = config.models.iter().map(|asked| NamedModel { name: model_name(asked), asked: asked.clone() });
        Ok(Self { tasks, optimizers, models: models.collect(), data: config.data.clone() })
    }

    /// All of it.
    pub fn listing(&self) -> Listing<'_> {
        let own = OWN_PLACES.into_iter();
        Listing {
            tasks: &self.tasks,
            optimizers: &self.optimizers,
            models: self.models.iter().map(|model| model.name.as_str()).collect(),
            data: own.chain(self.data.iter().map(|data| data.name.as_str())).collect(),
        }
    }

    /// The file of a task; the last of a name is meant, so that one that was given stands before the plugin path's.
    pub fn task(&self, name: &str) -> Option<&Path> {
        self.tasks.iter().rev().find(|entry| entry.name == name).map(|entry| entry.file.as_path())
    }

    /// The file of an optimizer.
    pub fn optimizer(&self, name: &str) -> Option<&Path> {
        self.optimizers.iter().find(|entry| entry.name == name).map(|entry| entry.file.as_path())
    }

    /// A model as a command line names it.
    pub fn model(&self, name: &str) -> Option<&str> {
        self.models.iter().find(|model| model.name == name).map(|model| model.asked.as_str())
    }

    /// The model that is meant where none is named.
    pub fn first_model(&self) -> Option<&str> {
        self.models.first().map(|model| model.asked.as_str())
    }

    /// What `--data` says of a place of data; nothing of the task's own.
    pub fn data(&self, name: &str) -> Option<Option<String>> {
        match name {
            OWN_DATA => Some(None),
            SAMPLE => Some(Some(SAMPLE.to_owned())),
            name => {
                let found = self.data.iter().find(|data| data.name == name)?;
                // Not the name of the sample, whatever the folder is called.
                let folder = std::path::absolute(&found.folder).unwrap_or_else(|_| found.folder.clone());
                Some(Some(folder.to_string_lossy().into_owned()))
            }
        }
    }
}

impl Entry {
    fn new(name: String, file: PathBuf, card: Option<&PluginCard>, error: Option<String>) -> Self {
        Self {
            name,
            file,
            version: card.map(|card| card.version.clone()),
            summary: card.map(|card| card.summary.clone()),
            options: card.map(|card| card.options.clone()).unwrap_or_default(),
            error,
        }
    }

    /// A component or a definition, called as its file is. What options a definition has, its author says in it.
    fn of_task(task: &Path, plugins: &Plugins, surroundings: &Surroundings, limits: &Limits) -> Self {
        let name = task.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let card = find_task(&surroundings.plugin_path, task).and_then(|file| {
            let definition = file.definition.as_ref();
            let spec = PluginSpec { file: &file.plugin, options: &[], limits, definition };
            let mut card = validate(plugins, spec)?.card;
            if definition.is_some() {
                card.options.clear();
            }
            Ok(card)
        });
        let (card, error) = match card {
            Ok(card) => (Some(card), None),
            Err(error) => (None, Some(whole(&error))),
        };
        Self::new(name, task.to_owned(), card.as_ref(), error)
    }
}

/// What requests call a model: a path's last part, any other name whole.
pub(super) fn model_name(asked: &str) -> String {
    let path = Path::new(asked);
    match path.exists() || asked.starts_with(['.', '/']) {
        true => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        false => asked.to_owned(),
    }
}
