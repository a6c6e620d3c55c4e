//! One task of the harness: its keys become a definition, or an error with key and line.
//!
//! Every key is dealt with by name. What changes prompts or scores is translated or refused; what changes neither is said
//! in the definition's comment; a key that is not known here is refused.

use super::definition::{Definition, Prompt};
use super::error::{COMPONENT, ImportError, Mismatch, Place, quoted};
use super::fewshot::{self, Fewshot};
use super::fields::{self, Context};
use super::jinja::{has_code, is_name};
use super::yaml::{Entry, Map, Value};
use ft_store::hub_id::HubId;

/// Keys that are translated.
const TRANSLATED: [&str; 15] = [
    "task",
    "dataset_path",
    "dataset_name",
    "training_split",
    "validation_split",
    "test_split",
    "fewshot_split",
    "fewshot_config",
    "doc_to_text",
    "doc_to_target",
    "doc_to_choice",
    "description",
    "target_delimiter",
    "fewshot_delimiter",
    "output_type",
];
/// Keys that change neither prompts nor what is scored, for tasks of choices.
const WITHOUT_EFFECT: [&str; 9] = [
    "tag",
    "group",
    "task_alias",
    "metric_list",
    "num_fewshot",
    "metadata",
    "should_decontaminate",
    "doc_to_decontamination_query",
    "generation_kwargs",
];

/// The most characters of a definition's name.
const LONGEST_NAME: usize = 64;

/// A task's keys, and where the task begins.
pub(super) struct Task {
    pub(super) place: Place,
    pub(super) keys: Map,
}

/// The definition of a task.
///
/// # Errors
/// The first key that cannot be translated exactly, with its line.
pub(super) fn definition(task: &Task) -> Result<Definition, ImportError> {
    check_keys(task)?;
    let delimiter = task.text_or("target_delimiter", " ")?;
    let context = task.field("doc_to_text", fields::context)?;
    let choices = task.field("doc_to_choice", fields::choices)?;
    let fewshot = fewshot::read(task)?;
    let (evaluation, demonstrations) = splits(task, &fewshot)?;
    let mut prompt = Prompt {
        description: description(task)?,
        separator: match &fewshot.separator {
            Some(separator) => separator.clone(),
            None => task.text_or("fewshot_delimiter", "\n\n")?,
        },
        ..Prompt::default()
    };
    let answer = match context {
        Context::Shared { template, whitespace } => {
            prompt.demonstration = fewshot.demonstration(&format!("{template}{whitespace}"), &delimiter);
            prompt.context = template;
            prompt.delimiter = whitespace + &delimiter;
            task.field("doc_to_target", fields::answer)?
        }
        Context::Choices { right } => {
            if let Some(entry) = task.value("fewshot_config").filter(|_| fewshot.differs(&delimiter)) {
                let mismatch =
                    Mismatch::new("demonstrations as queries are, since the choices are contexts", "other ones");
                return Err(mismatch.hint(COMPONENT).at(&entry.place, "fewshot_config"));
            }
            prompt.context = "{{ choice }}".into();
            prompt.delimiter = delimiter;
            prompt.continuation = Some(task.field("doc_to_target", scored_text)?);
            task.field("doc_to_text", |_| fields::index_answer(right))?
        }
    };
    Ok(Definition {
        comments: comments(task, &fewshot),
        name: name(task)?,
        repository: repository(task)?,
        config: task.text("dataset_name")?,
        demonstrations,
        evaluation,
        choices,
        answer: answer.expression,
        answer_is: answer.is,
        prompt,
        written: fewshot.written,
    })
}

/// What is scored where the choices are contexts.
fn scored_text(value: &Value) -> Result<String, Mismatch> {
    match value {
        Value::Text(text) => Ok(fields::text_template(text)?.0),
        other => Err(fields::unknown("a template or a column's name, since the choices are contexts", other)),
    }
}

impl Task {
    /// The value of a key that is there and not null.
    pub(super) fn value(&self, key: &str) -> Option<&Entry> {
        self.keys.get(key).filter(|entry| entry.value != Value::Null)
    }

    /// What a key that has to be there comes to.
    fn field<T>(&self, key: &str, of: impl Fn(&Value) -> Result<T, Mismatch>) -> Result<T, ImportError> {
        let entry = self.required(key)?;
        of(&entry.value).map_err(|mismatch| mismatch.at(&entry.place, key))
    }

    fn required(&self, key: &str) -> Result<&Entry, ImportError> {
        self.value(key).ok_or_else(|| Mismatch::new("a value", "none").at(&self.place, key))
    }

    /// A text, if the key is there and not null.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, ImportError> {
        self.value(key).map(|entry| plain_text(entry, key)).transpose()
    }

    /// A text that a key without it stands for; null stands for nothing.
    fn text_or(&self, key: &str, default: &str) -> Result<String, ImportError> {
        self.keys.get(key).map_or_else(|| Ok(default.to_owned()), |entry| plain_text(entry, key))
    }
}

/// A text without code.
pub(super) fn plain_text(entry: &Entry, key: &str) -> Result<String, ImportError> {
    let mismatch = match &entry.value {
        Value::Text(text) if !has_code(text) => return Ok(text.clone()),
        Value::Text(text) => Mismatch::new("a text without `{{`, `{%` and `{#`", quoted(text)).hint(COMPONENT),
        other => fields::unknown("a text", other),
    };
    Err(mismatch.at(&entry.place, key))
}

fn check_keys(task: &Task) -> Result<(), ImportError> {
    for entry in task.keys.iter().filter(|entry| !TRANSLATED.contains(&entry.key.as_str())) {
        if WITHOUT_EFFECT.contains(&entry.key.as_str()) {
            continue;
        }
        check_other(entry).map_err(|mismatch| mismatch.at(&entry.place, &entry.key))?;
    }
    let output_type = task.required("output_type")?;
    if output_type.value != Value::Text("multiple_choice".into()) {
        let got = output_type.value.shown();
        let mismatch = Mismatch::new("`multiple_choice`", got).hint("a task here scores choices; it generates no text");
        return Err(mismatch.at(&output_type.place, "output_type"));
    }
    Ok(())
}

/// Keys that have one value without effect, and all others, which have none.
fn check_other(entry: &Entry) -> Result<(), Mismatch> {
    let got = entry.value.shown();
    match (entry.key.as_str(), &entry.value) {
        (
            "process_docs" | "process_results" | "filter_list" | "use_prompt" | "custom_dataset" | "doc_to_image"
            | "doc_to_audio" | "gen_prefix" | "dataset_kwargs",
            Value::Null,
        )
        | ("unsafe_code", Value::Bool(false))
        | ("repeats", Value::Integer(1)) => Ok(()),
        ("dataset_kwargs", Value::Map(map)) => match map.iter().find(|entry| entry.key != "trust_remote_code") {
            None => Ok(()),
            Some(entry) => {
                let hint =
                    "write the definition by hand, with `demonstration-files` and `evaluation-files` for local rows";
                Err(Mismatch::new("`trust_remote_code` alone", quoted(&entry.key)).hint(hint))
            }
        },
        ("unsafe_code", _) => Err(Mismatch::new("false", got).hint(COMPONENT)),
        ("repeats", _) => Err(Mismatch::new("1", got)),
        (
            "process_docs" | "process_results" | "filter_list" | "use_prompt" | "custom_dataset" | "doc_to_image"
            | "doc_to_audio" | "gen_prefix" | "dataset_kwargs" | "class",
            _,
        ) => Err(Mismatch::new("no such key, since no definition can say it", got).hint(COMPONENT)),
        _ => Err(Mismatch::new("a key of the harness's task files that is known here", got)),
    }
}

/// The names of the splits that are scored and that demonstrations come from.
fn splits(task: &Task, fewshot: &Fewshot) -> Result<(String, String), ImportError> {
    let [training, validation, test] =
        [task.text("training_split")?, task.text("validation_split")?, task.text("test_split")?];
    let Some(evaluation) = test.clone().or_else(|| validation.clone()) else {
        let mismatch = Mismatch::new("this key or `validation_split`", "neither");
        return Err(mismatch.at(&task.place, "test_split"));
    };
    let default = training.or(validation).or(test);
    let demonstrations = fewshot.split.clone().or(default).unwrap_or_else(|| evaluation.clone());
    Ok((evaluation, demonstrations))
}

/// The text before the demonstrations; the harness would take one that is a column's name for that column.
fn description(task: &Task) -> Result<String, ImportError> {
    let Some(entry) = task.value("description") else {
        return Ok(String::new());
    };
    let text = plain_text(entry, "description")?;
    if is_name(&text) {
        let mismatch = Mismatch::new("more than one word, which could be a column's name", quoted(&text));
        return Err(mismatch.at(&entry.place, "description"));
    }
    Ok(text)
}

fn repository(task: &Task) -> Result<String, ImportError> {
    let entry = task.required("dataset_path")?;
    let text = plain_text(entry, "dataset_path")?;
    if HubId::parse(&text).is_none() {
        let hint = "put the owner before the name, or write the definition by hand for local rows";
        let mismatch = Mismatch::new("a repository of the hub, `owner/name`", quoted(&text)).hint(hint);
        return Err(mismatch.at(&entry.place, "dataset_path"));
    }
    Ok(text)
}

/// The definition's name: the task's, in the characters that a name has.
pub(super) fn name(task: &Task) -> Result<String, ImportError> {
    let entry = task.required("task")?;
    let text = plain_text(entry, "task")?;
    let name = file_name(&text);
    if !name.contains(|next: char| next.is_ascii_alphanumeric()) || name.len() > LONGEST_NAME {
        let expected = format!("a name of at most {LONGEST_NAME} characters with a letter or a digit");
        return Err(Mismatch::new(expected, quoted(&text)).at(&entry.place, "task"));
    }
    Ok(name)
}

/// A name of the harness in the characters that names have here: letters in lower case, and `-` for all that is neither
/// letter, digit, `-` nor `_`.
pub(super) fn file_name(name: &str) -> String {
    let known = |next: char| next.is_ascii_lowercase() || next.is_ascii_digit() || next == '-' || next == '_';
    name.chars().map(|next| next.to_ascii_lowercase()).map(|next| if known(next) { next } else { '-' }).collect()
}

/// The comment at a definition's top: where it is from, and what it leaves out.
fn comments(task: &Task, fewshot: &Fewshot) -> Vec<String> {
    let file = task.place.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let of = match task.keys.get("task").map(|entry| &entry.value) {
        Some(Value::Text(name)) => format!("`{name}`"),
        _ => "a task".into(),
    };
    let mut comments = vec![format!("{of} of lm-evaluation-harness, imported from `{file}` by `ft-host task import`.")];
    let mut left_out: Vec<String> = Vec::new();
    for key in WITHOUT_EFFECT {
        if let Some(entry) = task.value(key) {
            left_out.push(left_out_key(key, &entry.value));
        }
    }
    left_out.extend(fewshot.left_out.iter().cloned());
    if !left_out.is_empty() {
        comments.push("Left out, since prompts do not depend on it:".into());
        comments.extend(left_out.into_iter().map(|line| format!("- {line}")));
    }
    comments
}

fn left_out_key(key: &str, value: &Value) -> String {
    match (key, value) {
        ("num_fewshot", Value::Integer(number)) => {
            format!("`num_fewshot`: {number}; `--shots` sets the number of demonstrations")
        }
        ("metric_list", Value::List(metrics)) => {
            let names: Vec<String> = metrics.iter().filter_map(|metric| metric_name(&metric.value)).collect();
            format!("`metric_list`: {}; the host has metrics of its own", names.join(", "))
        }
        (_, Value::Text(text)) => format!("`{key}`: {}", quoted(text)),
        _ => format!("`{key}`"),
    }
}

fn metric_name(metric: &Value) -> Option<String> {
    match metric {
        Value::Map(map) => match &map.get("metric")?.value {
            Value::Text(name) => Some(name.clone()),
            other => Some(other.shown()),
        },
        _ => None,
    }
}
