//! Whether a saved context is one of the model and the task that are at hand.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::{ContextRecord, SHOWN};
use crate::files::schema::{FileRecord, ModelRecord, PlanRecord, PluginRecord};
use ft_engine::text::{Untrusted, harmless_within};

/// What a context is to be used with.
#[derive(Clone, Copy, Debug)]
pub struct ContextUse<'a> {
    /// The model, its tokenizer among its files.
    pub model: &'a ModelRecord,
    /// The number format of keys and values.
    pub dtype: &'a Untrusted,
    /// How weights are stored in memory.
    pub weights: &'a Untrusted,
    /// The task plugin.
    pub task: &'a PluginRecord,
    /// The values of the task's options.
    pub task_options: &'a BTreeMap<Untrusted, Untrusted<Value>>,
    /// The names of the classes.
    pub labels: &'a [Untrusted],
    /// The text before the first demonstration.
    pub description: &'a Untrusted,
}

/// Why a context is not used with a model and a task: all in which they differ from those that it was tuned with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected the model and the task that the context was tuned with, got others:{}",
    .0.iter().map(|part| format!("\n{part}")).collect::<String>()
)]
pub struct ContextMismatch(pub Vec<Mismatch>);

/// A part in which they differ; its texts are harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The part: a file of the model, the task, an option of it.
    pub what: String,
    /// What the context was tuned with.
    pub expected: String,
    /// What is at hand.
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, got {}", self.what, self.expected, self.found)
    }
}

impl<'a> ContextUse<'a> {
    /// The model and the task of a plan.
    pub fn of_plan(plan: &'a PlanRecord) -> Self {
        Self {
            model: &plan.model,
            dtype: &plan.config.dtype,
            weights: &plan.config.weights,
            task: &plan.task,
            task_options: &plan.options.task,
            labels: &plan.labels,
            description: &plan.description,
        }
    }
}

impl ContextRecord {
    /// Whether the context was tuned with this model and this task. Files count by their digests: where they lie and how they
    /// are called makes no difference, nor do device, threads and `--batch-tokens`.
    ///
    /// # Errors
    /// [`ContextMismatch`] names every difference.
    pub fn fits(&self, now: &ContextUse<'_>) -> Result<(), ContextMismatch> {
        let then = ContextUse::of_plan(&self.plan);
        let mut parts = model_files(&then.model.files, &now.model.files);
        parts.extend(text("number format (`--dtype`)", then.dtype, now.dtype));
        parts.extend(text("weights (`--weights`)", then.weights, now.weights));
        if then.task.name == now.task.name {
            let name = shown(&then.task.name);
            parts.extend(plugin_file(&format!("task `{name}`"), then.task, now.task));
            parts.extend(options(then.task_options, now.task_options));
            parts.extend(text("description (`--description`)", then.description, now.description));
            parts.extend(labels(then.labels, now.labels));
        } else {
            // What belongs to another task differs, whatever it is.
            parts.extend(text("task", &then.task.name, &now.task.name));
        }
        if parts.is_empty() { Ok(()) } else { Err(ContextMismatch(parts)) }
    }
}

fn shown(text: &Untrusted) -> String {
    harmless_within(text.raw(), SHOWN)
}

fn text(what: &str, then: &Untrusted, now: &Untrusted) -> Option<Mismatch> {
    let quoted =
        |text: &Untrusted| if text.raw().is_empty() { "none".to_owned() } else { format!("`{}`", shown(text)) };
    (then != now).then(|| Mismatch { what: what.to_owned(), expected: quoted(then), found: quoted(now) })
}

/// The beginning of a digest, which is enough to tell two apart.
fn digest(sha256: &Untrusted) -> String {
    const DIGITS: usize = 12;
    format!("sha256 {}", harmless_within(sha256.raw(), DIGITS))
}

/// The files of one model that the other does not have, whatever they are called.
fn model_files(then: &[FileRecord], now: &[FileRecord]) -> Vec<Mismatch> {
    let mut others: Vec<&FileRecord> = now.iter().collect();
    let mut missing = Vec::new();
    for file in then {
        match others.iter().position(|other| other.sha256 == file.sha256) {
            Some(place) => drop(others.remove(place)),
            None => missing.push(file),
        }
    }
    let what = |file: &FileRecord| format!("model file `{}`", shown(&file.name));
    let none = || "none of that name".to_owned();
    let mut parts = Vec::with_capacity(missing.len());
    for file in missing {
        let namesake = others.iter().position(|other| other.name == file.name).map(|place| others.remove(place));
        let found = namesake.map_or_else(none, |other| digest(&other.sha256));
        parts.push(Mismatch { what: what(file), expected: digest(&file.sha256), found });
    }
    let besides = |other: &FileRecord| Mismatch { what: what(other), expected: none(), found: digest(&other.sha256) };
    parts.extend(others.into_iter().map(besides));
    parts
}

fn plugin_file(what: &str, then: &PluginRecord, now: &PluginRecord) -> Option<Mismatch> {
    let of = |plugin: &PluginRecord| format!("version {}, {}", shown(&plugin.version), digest(&plugin.sha256));
    (then.sha256 != now.sha256).then(|| Mismatch { what: what.to_owned(), expected: of(then), found: of(now) })
}

type Options = BTreeMap<Untrusted, Untrusted<Value>>;

fn options(then: &Options, now: &Options) -> Vec<Mismatch> {
    let further = now.keys().filter(|name| !then.contains_key(*name));
    let value = |options: &Options, name: &Untrusted| {
        options.get(name).map_or_else(|| "none".to_owned(), |value| harmless_within(&value.raw().to_string(), SHOWN))
    };
    let differing = then.keys().chain(further).filter(|name| then.get(*name) != now.get(*name));
    let part = |name: &Untrusted| Mismatch {
        what: format!("option `{}` of the task", shown(name)),
        expected: value(then, name),
        found: value(now, name),
    };
    differing.map(part).collect()
}

fn labels(then: &[Untrusted], now: &[Untrusted]) -> Option<Mismatch> {
    let listed = |labels: &[Untrusted]| {
        let names: Vec<&str> = labels.iter().map(|label| label.raw().as_str()).collect();
        if names.is_empty() { "none".to_owned() } else { harmless_within(&names.join(", "), SHOWN) }
    };
    (then != now).then(|| Mismatch { what: "class names".to_owned(), expected: listed(then), found: listed(now) })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{plan, record};
    use super::*;
    use ft_engine::text::is_harmless;
    use serde_json::json;

    fn told(change: impl FnOnce(&mut PlanRecord)) -> Vec<String> {
        let mut plan = plan();
        change(&mut plan);
        match record().fits(&ContextUse::of_plan(&plan)) {
            Ok(()) => Vec::new(),
            Err(ContextMismatch(parts)) => parts.iter().map(Mismatch::to_string).collect(),
        }
    }

    #[test]
    fn the_same_model_and_task_fit_wherever_they_are() {
        let same = told(|plan| {
            plan.model.asked = "elsewhere".into();
            plan.model.source = "/elsewhere".into();
            plan.model.files.reverse();
            plan.model.files[0].name = "renamed.safetensors".into();
            plan.task.file = "/elsewhere/t.wasm".into();
            plan.optimizer.sha256 = "00".into();
            (plan.config.threads, plan.config.batch_tokens) = (8, 9);
            plan.config.device = "cuda:0".into();
        });
        assert_eq!(same, [""; 0]);
    }

    #[test]
    fn every_difference_is_named() {
        let other = "33".repeat(32);
        let check =
            |change: &dyn Fn(&mut PlanRecord), expected: &[&str]| assert_eq!(told(|plan| change(plan)), expected);
        let files = "model file `model.safetensors`: expected sha256 222222222222…";
        check(
            &|plan| plan.model.files[1].sha256 = other.as_str().into(),
            &[&format!("{files}, got sha256 333333333333…")],
        );
        check(&|plan| drop(plan.model.files.pop()), &[&format!("{files}, got none of that name")]);
        let besides = "model file `x`: expected none of that name, got sha256 333333333333…";
        let further = FileRecord { name: "x".into(), bytes: 1, sha256: other.as_str().into() };
        check(&|plan| plan.model.files.push(further.clone()), &[besides]);
        check(&|plan| plan.config.dtype = "bf16".into(), &["number format (`--dtype`): expected `f32`, got `bf16`"]);
        check(
            &|plan| plan.config.weights = "quantized".into(),
            &["weights (`--weights`): expected `dense`, got `quantized`"],
        );
        let task = "task `t`: expected version 1.0, sha256 abababababab…, got version 1.1, sha256 333333333333…";
        check(&|plan| (plan.task.version, plan.task.sha256) = ("1.1".into(), other.as_str().into()), &[task]);
        check(
            &|plan| {
                plan.options.task = BTreeMap::from([("new".into(), Untrusted::new(json!("a")))]);
                plan.description = "Sort:".into();
                plan.labels.clear();
            },
            &[
                "option `cased` of the task: expected true, got none",
                "option `new` of the task: expected none, got \"a\"",
                "description (`--description`): expected none, got `Sort:`",
                "class names: expected a, b, got none",
            ],
        );
        // Of another task nothing else is told.
        check(&|plan| (plan.task.name, plan.labels) = ("u".into(), Vec::new()), &["task: expected `t`, got `u`"]);
    }

    #[test]
    fn no_text_of_a_stranger_acts_on_a_terminal() {
        let evil = "a\u{1b}[2J\u{202e}\nerror: b";
        let parts = told(|plan| {
            plan.model.files[0] = FileRecord { name: evil.into(), bytes: 1, sha256: evil.into() };
            plan.options.task.insert(evil.into(), Untrusted::new(json!(evil)));
            plan.labels = vec![evil.into()];
            plan.description = evil.into();
        });
        assert_eq!(parts.len(), 5);
        assert!(parts.iter().all(|part| is_harmless(part)), "{parts:?}");
    }
}
