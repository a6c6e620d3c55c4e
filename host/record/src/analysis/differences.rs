//! What differs between the plans of two runs.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::files::schema::PlanRecord;
use ft_engine::text::Untrusted;

/// Parts besides options that a comparison of results leaves out: where files are, and what follows from the rest.
const IGNORED: [&str; 16] = [
    "content_free",
    "demonstration_ids",
    "demonstration_rows",
    "demonstrations",
    "further_draws",
    "held_out_rows",
    "overlapping_rows",
    "unusable_rows",
    "scored_rows",
    "data.further_files",
    "longest_query",
    "memory",
    "model.files",
    "notes",
    "score_steps",
    "unconditional_rows",
];

/// A part of two plans, or of two other records, in which they differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The place of the part in the plan, like `config.steps`.
    pub name: Untrusted,
    /// The value in the first plan; null if it has none.
    pub a: Untrusted<Value>,
    /// The value in the second plan; null if it has none.
    pub b: Untrusted<Value>,
}

impl Difference {
    /// The place and both values as escaped text, with `between` the values.
    pub fn sentence(&self, between: &str) -> String {
        let [name, a, b] = self.cells();
        format!("{name}: {a}{between}{b}")
    }

    /// The place and both values as escaped texts.
    pub(crate) fn cells(&self) -> [String; 3] {
        [self.name.harmless(), short(&self.a), short(&self.b)]
    }
}

/// Every part in which two plans differ, by name, that is of interest beside their results: without those of `ignored`,
/// places of options like `config.threads`, and not what follows from other parts.
///
/// # Errors
/// If serialization fails.
pub(crate) fn differences(
    a: &PlanRecord,
    b: &PlanRecord,
    ignored: &[&str],
) -> Result<Vec<Difference>, serde_json::Error> {
    differences_but(a, b, &[&IGNORED, ignored].concat())
}

/// Every part in which two plans, or two other records, differ, by name, but for those of `left_out` and what is within them.
///
/// # Errors
/// If serialization fails.
pub fn differences_but<R: Serialize>(a: &R, b: &R, left_out: &[&str]) -> Result<Vec<Difference>, serde_json::Error> {
    let mut found = Vec::new();
    compare("", &serde_json::to_value(a)?, &serde_json::to_value(b)?, left_out, &mut found);
    Ok(found)
}

fn compare(name: &str, a: &Value, b: &Value, left_out: &[&str], found: &mut Vec<Difference>) {
    if a == b || left_out.contains(&name) {
        return;
    }
    match (a, b) {
        (Value::Object(left), Value::Object(right)) => {
            let further = right.keys().filter(|key| !left.contains_key(*key));
            for key in left.keys().chain(further) {
                let inner = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                let of = |object: &Map<String, Value>| object.get(key).cloned().unwrap_or_default();
                compare(&inner, &of(left), &of(right), left_out, found);
            }
        }
        // Lists of files and splits go by their members, so that parts of those can be left out; other lists are values.
        (Value::Array(left), Value::Array(right))
            if left.len() == right.len() && left.iter().chain(right).all(Value::is_object) =>
        {
            left.iter().zip(right).for_each(|(a, b)| compare(name, a, b, left_out, found));
        }
        _ => found.push(Difference { name: name.into(), a: Untrusted::new(a.clone()), b: Untrusted::new(b.clone()) }),
    }
}

/// Lists and digests are long, and their beginning is enough to tell them apart.
fn short(value: &Untrusted<Value>) -> String {
    const LONGEST: usize = 48;
    let text = value.harmless();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
