//! What differs between the plans of two runs.

use serde::Serialize;
use serde_json::{Map, Value};

use super::schema::PlanRecord;

/// Parts of a plan that say where things lie and what follows from the rest.
const NOT_TOLD: [&str; 14] = [
    "config.limits",
    "config.threads",
    "config.batch_tokens",
    "demonstration_ids",
    "demonstration_rows",
    "demonstrations",
    "further_draws",
    "held_out_rows",
    "longest_query",
    "model.files",
    "notes",
    "optimizer.file",
    "score_steps",
    "task.file",
];

/// A part of a plan that is not the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Where it stands, like `config.steps`.
    pub name: String,
    /// The first run's.
    pub a: Value,
    /// The second run's.
    pub b: Value,
}

impl Difference {
    /// In a few words.
    pub fn sentence(&self) -> String {
        format!("{}: {} / {}", self.name, short(&self.a), short(&self.b))
    }
}

/// Every setting in which two plans differ, by name.
///
/// # Errors
/// The serialiser's.
pub fn differences(a: &PlanRecord, b: &PlanRecord) -> Result<Vec<Difference>, serde_json::Error> {
    let mut found = Vec::new();
    compare("", &serde_json::to_value(a)?, &serde_json::to_value(b)?, &mut found);
    Ok(found)
}

fn compare(name: &str, a: &Value, b: &Value, found: &mut Vec<Difference>) {
    if a == b || NOT_TOLD.contains(&name) {
        return;
    }
    match (a, b) {
        (Value::Object(left), Value::Object(right)) => {
            let further = right.keys().filter(|key| !left.contains_key(*key));
            for key in left.keys().chain(further) {
                let inner = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                let of = |object: &Map<String, Value>| object.get(key).cloned().unwrap_or_default();
                compare(&inner, &of(left), &of(right), found);
            }
        }
        _ => found.push(Difference { name: name.to_owned(), a: a.clone(), b: b.clone() }),
    }
}

/// Lists and digests are long, and their beginning is enough to tell them apart.
fn short(value: &Value) -> String {
    const LONGEST: usize = 48;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
