//! Which rows a run scores: none that it shows with the answer, a sample that is like its split, and none that cannot be
//! scored.

mod overlap;
mod sample;
mod unusable;

use serde_json::{Value, json};

use crate::support::*;

fn row(text: &str, label: usize) -> Value {
    json!({"sentence": text, "label": label})
}

fn lines(rows: &[Value]) -> String {
    rows.iter().map(|row| format!("{row}\n")).collect()
}

/// Rows of alternating classes, each with a text of its own.
fn mixed(word: &str, count: usize) -> Vec<Value> {
    (0..count).map(|number| row(&format!("{word} {number}"), number % 2)).collect()
}

fn notes(record: &Value) -> Vec<&str> {
    record["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap()).collect()
}

/// The rows that were scored for a seed, in their order.
fn scored(place: &Place, out: &str, seed: u64) -> Vec<u64> {
    let samples = place.samples(out);
    let of_seed = samples.iter().filter(|sample| (&sample["seed"], &sample["step"]) == (&seed.into(), &0.into()));
    of_seed.map(|sample| sample["index"].as_u64().unwrap()).collect()
}

const FIRST_TWO: [&str; 6] = ["--sampling", "first", "--shots", "2", "--steps", "2"];
