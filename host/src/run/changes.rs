//! What differs between an earlier run's plan and this one's, as far as results depend on it.

use serde_json::Value;

use crate::report::schema::PlanRecord;

/// Parts of a plan that no result depends on: budgets, where things lie, and what is said about them. Plugins, models and
/// data are compared by their digests.
const WITHOUT_EFFECT: [&str; 12] = [
    "memory",
    "config.limits",
    "config.model",
    "task.file",
    "optimizer.file",
    "model.asked",
    "model.source",
    "model.files.name",
    "config.data",
    "data.file",
    "data.further_files.name",
    "notes",
];

/// Parts that follow from others: named only where no cause of theirs is.
const CONSEQUENCES: [&str; 8] = [
    "demonstrations",
    "demonstration_ids",
    "demonstration_rows",
    "held_out_rows",
    "further_draws",
    "evaluation_rows",
    "longest_query",
    "score_steps",
];

/// What differs, each as `name: before -> now`; nothing if one run can go on where the other ended.
///
/// # Errors
/// The serialiser's.
pub fn changes(before: &PlanRecord, now: &PlanRecord) -> Result<Vec<String>, serde_json::Error> {
    let mut found = Vec::new();
    compare("", &serde_json::to_value(before)?, &serde_json::to_value(now)?, &mut found);
    let is_cause = |(name, _): &&(String, String)| !CONSEQUENCES.contains(&name.as_str()) && name != "seed";
    let causes: Vec<&(String, String)> = found.iter().filter(is_cause).collect();
    let told = if causes.is_empty() { found.iter().collect() } else { causes };
    Ok(told.into_iter().map(|(name, values)| format!("{name}: {values}")).collect())
}

fn compare(name: &str, before: &Value, now: &Value, found: &mut Vec<(String, String)>) {
    if before == now || WITHOUT_EFFECT.contains(&name) {
        return;
    }
    match (before, now) {
        (Value::Object(left), Value::Object(right)) => {
            let mut keys: Vec<&String> = left.keys().chain(right.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let inner = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                let of = |object: &serde_json::Map<String, Value>| object.get(key).cloned().unwrap_or_default();
                compare(&inner, &of(left), &of(right), found);
            }
        }
        // Lists of files and splits are compared one by one, so that their paths can be left out; other lists are values.
        (Value::Array(left), Value::Array(right))
            if left.len() == right.len() && left.iter().chain(right).all(Value::is_object) =>
        {
            left.iter().zip(right).for_each(|(before, now)| compare(name, before, now, found));
        }
        _ => found.push((name.to_owned(), format!("{} -> {}", shown(before), shown(now)))),
    }
}

/// A value in a few words: digests, texts and lists are long.
fn shown(value: &Value) -> String {
    const LONGEST: usize = 40;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
