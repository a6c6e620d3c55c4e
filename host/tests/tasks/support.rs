//! The ten tasks as components, and rows for them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use ft_engine::task::example::{Example, Source, Split};
use ft_sandbox::{EngineOptions, Limits, PluginBinary, PluginEngine, RowSource, RowSourceError, TaskPlugin, options};
use ft_store::datasets::location::{Access, DataLocation};
use ft_store::machine::environment::Environment;
use ft_store::progress::Silent;

pub const TASKS: [&str; 10] =
    ["agnews", "copa", "hellaswag", "mr", "obqa", "qasc", "sst2", "sst5", "trec", "winogrande"];

/// One engine for all; compiled components are kept in the target folder.
static ENGINE: LazyLock<PluginEngine> = LazyLock::new(|| {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("components");
    PluginEngine::new(EngineOptions { cache: Some(cache), ..EngineOptions::default() }).expect("wasmtime runs here")
});

/// The repository's root.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package has a parent").to_owned()
}

/// A task from `plugins/<name>.wasm`, configured.
pub fn load(name: &str, given: &[(&str, &str)]) -> TaskPlugin {
    load_within(name, given, Limits::default())
}

/// A task from `plugins/<name>.wasm`, configured, each call of which has these limits.
pub fn load_within(name: &str, given: &[(&str, &str)], limits: Limits) -> TaskPlugin {
    let path = repository().join("plugins").join(format!("{name}.wasm"));
    let bytes = std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; build them with `cargo xtask plugins`", path.display()));
    let binary = PluginBinary::new(format!("{name}.wasm"), bytes);
    let mut task = TaskPlugin::load(&ENGINE, binary, limits, Arc::new(|_| ())).expect("a good task");
    let given: Vec<(String, String)> = given.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    task.configure(&options::resolve(&task.description().options, &given).expect("good options")).expect("configures");
    task
}

/// The bundled samples.
pub fn sample() -> DataLocation {
    DataLocation::parse(&["sample"]).expect("it is one")
}

/// A folder of data sets.
pub fn folder(path: &Path) -> DataLocation {
    DataLocation::parse(&[path.to_str().expect("a path in UTF-8")]).expect("it is one")
}

/// What a task loads for a split.
pub fn source(task: &mut TaskPlugin, split: Split) -> Source {
    let sources = task.sources().expect("good sources");
    sources.into_iter().find(|source| source.split == split).expect("one source for each split")
}

/// All examples of a split, of which no row is rejected.
pub fn examples(task: &mut TaskPlugin, data: &DataLocation, split: Split) -> Vec<Example> {
    let source = source(task, split);
    let environment = Environment { offline: true, ..Environment::from_process() };
    let access = Access { environment: &environment, progress: &Silent };
    let mut table = data.open(&source, access).unwrap_or_else(|error| panic!("{}: {error}", source.folder));
    let rows = Rows(move |max| Ok(table.next_rows(max)?));
    let outcome = task.read_all(split, Box::new(rows)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(outcome.rejected, [], "{}/{}", source.folder, source.name);
    outcome.examples
}

/// Rows from a function that gives the next so many of them.
pub struct Rows<F>(pub F);

impl<F: FnMut(usize) -> Result<Vec<String>, RowSourceError> + 'static> RowSource for Rows<F> {
    fn columns(&mut self) -> Result<Vec<String>, RowSourceError> {
        Err("no task asks for the columns".into())
    }

    fn next_rows(&mut self, max: usize) -> Result<Vec<String>, RowSourceError> {
        (self.0)(max)
    }

    fn read(&mut self, _: usize) -> Result<Vec<u8>, RowSourceError> {
        Err("no task asks for bytes".into())
    }
}
