//! A seed gives the rows, and a row the text, that they give in the authors' Python code.
//!
//! On the committed samples the expected rows and texts come from `data/sampling/make.py`, which uses CPython's `random`
//! and a rendering of its own. Where `FT_DATA_DIR` and `FT_DEMONSTRATIONS` name the real data sets and the texts of the authors'
//! own code on them, these are checked as well, byte for byte.

use std::collections::BTreeMap;
use std::path::Path;

use ft_engine::task::example::{Example, RenderedChoice, Split};
use ft_engine::task::prompt::demonstration_text;
use ft_engine::task::sampling::{Request, Sampling, Selection, select};
use ft_sandbox::TaskPlugin;
use ft_store::datasets::location::DataLocation;
use ft_store::fs::digest::Hasher;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::support::{self, TASKS, examples, load, repository, source};
use crate::support_data::{data_sets, demonstrations};

/// A task with both of its splits.
struct Loaded {
    task: TaskPlugin,
    demonstrations: Vec<Example>,
    evaluation: Vec<Example>,
}

impl Loaded {
    fn new(name: &str, options: &[(&str, &str)], data: &DataLocation) -> Self {
        let mut task = load(name, options);
        let demonstrations = examples(&mut task, data, Split::Demonstrations);
        let evaluation = examples(&mut task, data, Split::Evaluation);
        Self { task, demonstrations, evaluation }
    }

    fn select(
        &mut self,
        seed: u64,
        sampling: Sampling,
        shots: usize,
        evaluation_sample: impl FnOnce(Option<usize>) -> Option<usize>,
    ) -> Selection {
        let answers: Vec<usize> = self.demonstrations.iter().map(|example| example.answer).collect();
        let request = Request {
            seed,
            sampling,
            shots,
            answers: &answers,
            classes: self.task.labels().expect("good labels").len(),
            written: 0,
            evaluation_rows: self.evaluation.len(),
            evaluation_sample: evaluation_sample(source(&mut self.task, Split::Evaluation).sample),
        };
        select(&request).expect("the splits are large enough")
    }

    /// The text of demonstrations, as a run makes it.
    fn text(&mut self, rows: &[usize]) -> String {
        let task = &mut self.task;
        let rendered: Vec<String> = rows
            .iter()
            .map(|&row| task.render_demonstration(&self.demonstrations[row]).expect("a good example").into_raw())
            .collect();
        demonstration_text(&rendered, task.separator().expect("a separator").raw())
    }

    fn split(&self, split: Split) -> &[Example] {
        match split {
            Split::Demonstrations => &self.demonstrations,
            Split::Evaluation => &self.evaluation,
        }
    }
}

/// Choices as `[context, full text]`.
fn pairs(choices: Vec<RenderedChoice>) -> Vec<[String; 2]> {
    choices.into_iter().map(|choice| [choice.context.into_raw(), choice.full.into_raw()]).collect()
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What `make.py` wrote.
#[derive(Deserialize)]
struct Expected {
    draws: Vec<Draw>,
    prompts: Vec<Prompts>,
}

#[derive(Deserialize)]
struct Draw {
    task: String,
    seed: u64,
    sampling: String,
    shots: usize,
    evaluation_sample: Option<usize>,
    /// The first twenty.
    evaluation: Vec<usize>,
    demonstrations: Vec<usize>,
    /// Seven rows drawn behind them.
    held_out: Vec<usize>,
    /// The demonstrations' text, where they are few.
    text: Option<String>,
}

#[derive(Deserialize)]
struct Prompts {
    task: String,
    options: BTreeMap<String, String>,
    split: String,
    rows: usize,
    /// Those of the first two rows.
    first: Vec<Vec<[String; 2]>>,
    /// Of all rows.
    answers: Vec<usize>,
    /// Of all contexts and full texts, each with a line's end behind it.
    sha256: String,
}

fn expected() -> Expected {
    read(&repository().join("host/tests/data/sampling/tasks.json"))
}

#[test]
fn the_samples_give_what_cpython_gives() {
    let draws = expected().draws;
    for name in TASKS {
        let mut loaded = Loaded::new(name, &[], &support::sample());
        let draws: Vec<&Draw> = draws.iter().filter(|draw| draw.task == name).collect();
        assert!(draws.len() >= 15 && draws.iter().filter(|draw| draw.text.is_some()).count() >= 8, "{name}");
        for draw in draws {
            let sampling = draw.sampling.parse().expect("a way to sample");
            let found = loaded.select(draw.seed, sampling, draw.shots, |_| draw.evaluation_sample);
            let what = format!("{name}, seed {}, {sampling}, {} shots", draw.seed, draw.shots);
            let shown = found.evaluation.len().min(20);
            let all = draw.evaluation_sample.unwrap_or(loaded.evaluation.len());
            assert_eq!((found.evaluation.len(), &found.evaluation[..shown]), (all, &draw.evaluation[..]), "{what}");
            assert_eq!(found.demonstrations.rows(), draw.demonstrations, "{what}");
            assert_eq!(found.held_out(draw.held_out.len()).as_ref(), Ok(&draw.held_out), "{what}");
            if let Some(text) = &draw.text {
                assert_eq!(loaded.text(found.demonstrations.rows()), *text, "{what}");
            }
        }
    }
}

#[test]
fn the_samples_prompts_are_those_of_another_rendering() {
    let expected = expected().prompts;
    assert_eq!(expected.len(), 2 * (TASKS.len() + 1), "WinoGrande has two prompts");
    for prompts in expected {
        let options: Vec<(&str, &str)> = prompts.options.iter().map(|(name, value)| (&**name, &**value)).collect();
        let mut loaded = Loaded::new(&prompts.task, &options, &support::sample());
        let split = if prompts.split == "train" { Split::Demonstrations } else { Split::Evaluation };
        let what = format!("{} {}", prompts.task, prompts.split);
        assert_eq!(source(&mut loaded.task, split).name, prompts.split);
        let examples = loaded.split(split).to_vec();
        assert_eq!(examples.len(), prompts.rows, "{what}");
        assert_eq!(examples.iter().map(|example| example.answer).collect::<Vec<_>>(), prompts.answers, "{what}");
        let mut hasher = Hasher::default();
        for (index, example) in examples.iter().enumerate() {
            let choices = pairs(loaded.task.render_query(example).expect("a good example"));
            if let Some(first) = prompts.first.get(index) {
                assert_eq!(choices, *first, "{what}");
            }
            choices.iter().flatten().for_each(|text| hasher.update(format!("{text}\n").as_bytes()));
        }
        assert_eq!(hasher.finish().as_str(), prompts.sha256, "{what}");
    }
}

#[test]
fn all_ten_tasks_give_the_authors_texts() {
    #[derive(Deserialize)]
    struct Golden {
        demonstrations: String,
        n_eval: usize,
        #[serde(default)]
        queries: Vec<Query>,
    }
    #[derive(Deserialize)]
    struct Query {
        row: usize,
        query: Value,
        choices: Vec<String>,
        answer_idx: usize,
        prompts: Vec<[String; 2]>,
    }
    let skipped = "the authors' texts (the samples' rows are checked in `the_samples_give_what_cpython_gives`)";
    let (Some(data), Some(golden)) = (data_sets(skipped), demonstrations(skipped)) else { return };
    let golden: BTreeMap<String, BTreeMap<String, Golden>> = read(&golden);
    assert_eq!(golden.keys().map(String::as_str).collect::<Vec<_>>(), TASKS);
    let data = support::folder(&data);
    for (name, entries) in golden {
        let mut loaded = Loaded::new(&name, &[], &data);
        assert!(!entries.is_empty());
        for (key, entry) in entries {
            let what = format!("{name} {key}");
            let (seed, shots) = key.trim_start_matches("seed").split_once("_k").expect("seed{S}_k{K}");
            let (seed, shots) = (seed.parse().expect("a seed"), shots.parse().expect("shots"));
            let found = loaded.select(seed, Sampling::Stratified, shots, |of_the_task| of_the_task);
            assert_eq!(loaded.text(found.demonstrations.rows()), entry.demonstrations, "{what}");
            assert_eq!(found.evaluation.len(), entry.n_eval, "{what}");
            for expected in entry.queries {
                let example = loaded.evaluation[found.evaluation[expected.row]].clone();
                // COPA's query is the premise and what is asked of it.
                let query = match example.fields.iter().find(|(name, _)| name == "question") {
                    Some((_, question)) => vec![example.query.raw().as_str(), question.raw()].into(),
                    None => Value::from(example.query.raw().as_str()),
                };
                assert_eq!(query, expected.query, "{what}");
                assert_eq!(example.choices, expected.choices, "{what}");
                assert_eq!(example.answer, expected.answer_idx, "{what}");
                let choices = loaded.task.render_query(&example).expect("a good example");
                assert_eq!(pairs(choices), expected.prompts, "{what}");
            }
        }
    }
}
