//! Definitions through the component `template`.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use ft_engine::task::example::{Example, Split};
use ft_sandbox::{EngineOptions, Limits, PluginBinary, PluginEngine, RowSource, RowSourceError, TaskPlugin, options};

use crate::render::Rendered;
use crate::repository;

/// One engine for all; the compiled component is kept in the target folder.
static ENGINE: LazyLock<PluginEngine> = LazyLock::new(|| {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("components");
    PluginEngine::new(EngineOptions { cache: Some(cache), ..EngineOptions::default() }).expect("wasmtime runs here")
});

/// The definition of a task in `tasks/`.
pub fn read(name: &str) -> String {
    let file = repository().join(format!("tasks/{name}/{name}.toml"));
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The component with a definition.
pub struct Definition {
    task: TaskPlugin,
    description: String,
    separator: String,
}

impl Definition {
    /// Configures the component with a definition and values of its options.
    pub fn new(text: &str, parameters: &[(&str, &str)]) -> Definition {
        let path = repository().join("plugins/template.wasm");
        let bytes = std::fs::read(&path)
            .unwrap_or_else(|error| panic!("{}: {error}; build it with `cargo xtask plugins`", path.display()));
        let binary = PluginBinary::new("template.wasm", bytes);
        let mut task = TaskPlugin::load(&ENGINE, binary, Limits::default(), Arc::new(|_| ())).expect("a good task");
        let values: serde_json::Map<String, serde_json::Value> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        let given = [
            ("definition".to_owned(), text.to_owned()),
            ("parameters".to_owned(), serde_json::Value::from(values).to_string()),
        ];
        let resolved = options::resolve(&task.description().options, &given).expect("good options");
        task.configure(&resolved).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let separator = task.separator().expect("a separator").into_raw();
        let description = task.prompt_description().expect("a text").into_raw();
        Definition { description, separator, task }
    }

    /// The data set's configuration for both splits.
    pub fn configs(&mut self) -> Vec<String> {
        let sources = self.task.sources().expect("good sources");
        sources.into_iter().map(|source| source.config.expect("a configuration")).collect()
    }

    fn examples(&mut self, split: Split, file: &Path) -> Vec<Example> {
        let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let rows = Rows(text.lines().map(str::to_owned).collect());
        let outcome = self.task.read_all(split, Box::new(rows)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(outcome.rejected, [], "{}", file.display());
        outcome.examples
    }

    /// Contexts and scored texts of an example.
    fn choices(&mut self, example: &Example) -> Vec<(String, String)> {
        let choices = self.task.render_query(example).expect("a good example");
        let pair = |context: &str, full: &str| {
            let scored = full.strip_prefix(context).expect("the context comes first");
            (context.to_owned(), scored.to_owned())
        };
        choices.iter().map(|choice| pair(choice.context.raw(), choice.full.raw())).collect()
    }

    /// The contexts behind demonstrations: one, if all choices have the same.
    fn behind(&mut self, demonstrations: &[Example], example: &Example) -> Vec<String> {
        let mut before = self.description.clone();
        for demonstration in demonstrations {
            before += self.task.render_demonstration(demonstration).expect("a good example").raw();
            before += &self.separator;
        }
        let mut contexts: Vec<String> =
            self.choices(example).into_iter().map(|(context, _)| before.clone() + &context).collect();
        contexts.dedup();
        contexts
    }

    /// All that is compared, for rows that stand for both splits.
    pub fn rendered(mut self, rows: &Path) -> Rendered {
        let examples = self.examples(Split::Evaluation, rows);
        let written = self.task.written().expect("good examples");
        let demonstrations = if written.is_empty() { self.examples(Split::Demonstrations, rows) } else { written };
        let mut rendered =
            Rendered { right: examples.iter().map(|example| example.answer).collect(), ..Rendered::default() };
        for demonstration in &demonstrations {
            rendered.behind_one.push(self.behind(std::slice::from_ref(demonstration), &examples[0]));
        }
        for example in &examples {
            rendered.behind_two.push(self.behind(&demonstrations[..2], example));
            let choices = self.choices(example);
            let described = choices.into_iter().map(|(context, scored)| (self.description.clone() + &context, scored));
            rendered.queries.push(described.collect());
        }
        rendered
    }

    /// Every row of the sample becomes an example with a text of its own for each choice, and with a good demonstration.
    pub fn check_sample(mut self, name: &str) {
        let sources = self.task.sources().expect("good sources");
        let mut seen = HashSet::new();
        for source in sources {
            let file = repository().join(format!("tasks/{name}/sample/{}.jsonl", source.name));
            let examples = self.examples(source.split, &file);
            let least = if source.split == Split::Evaluation { 10 } else { 3 };
            assert!(examples.len() >= least, "{name}: {} rows for {}", examples.len(), source.split);
            let most = examples.iter().map(|example| example.choices.len()).max().unwrap_or(0);
            let mut answers = HashSet::new();
            for example in &examples {
                let choices = self.choices(example);
                let texts: HashSet<&String> = choices.iter().map(|(_, scored)| scored).collect();
                assert_eq!(texts.len(), example.choices.len(), "{name}, {}", example.id);
                let (context, scored) = &choices[example.answer];
                let demonstration = self.task.render_demonstration(example).expect("a good example");
                assert_eq!(*demonstration.raw(), format!("{context}{scored}"), "{name}, {}", example.id);
                assert!(seen.insert((source.split, context.clone())), "{name}: twice {context}");
                answers.insert(example.answer);
            }
            assert!(answers.len() >= 2.min(most), "{name}: one answer for all rows of {}", source.split);
        }
    }
}

/// Lines of a file as rows.
struct Rows(std::collections::VecDeque<String>);

impl RowSource for Rows {
    fn columns(&mut self) -> Result<Vec<String>, RowSourceError> {
        Err("no definition asks for the columns".into())
    }

    fn next_rows(&mut self, max: usize) -> Result<Vec<String>, RowSourceError> {
        let count = max.min(self.0.len());
        Ok(self.0.drain(..count).collect())
    }

    fn read(&mut self, _: usize) -> Result<Vec<u8>, RowSourceError> {
        Err("no definition asks for bytes".into())
    }
}
