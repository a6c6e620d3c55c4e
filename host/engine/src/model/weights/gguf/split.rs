//! The parts of a split model, as llama.cpp's `llama-gguf-split` makes them: the metadata stand in the first.

use std::collections::HashMap;

use super::header::{Header, Info};
use super::value::Value;

/// The tensors of a model, with the part that each lies in.
type Tensors = HashMap<String, (usize, Info)>;

/// Joins the headers of all parts, in their order. Fails with the part that is wrong, counted from 0, and why.
pub(super) fn joined(headers: Vec<Header>) -> Result<(HashMap<String, Value>, Tensors), (usize, String)> {
    let given = headers.len();
    let mut metadata = HashMap::new();
    let mut tensors = Tensors::new();
    let mut declared = None;
    for (part, header) in headers.into_iter().enumerate() {
        let wrong = |reason: String| (part, reason);
        let place = Place::of(&header.metadata).map_err(wrong)?;
        place.check(part, given).map_err(wrong)?;
        declared = declared.or(place.tensors);
        if place.tensors != declared {
            return Err(wrong("its `split.tensors.count` differs from the first part's".into()));
        }
        if part == 0 {
            metadata = header.metadata;
        } else if let Some(key) = header.metadata.iter().find_map(|(key, value)| foreign(&metadata, key, value)) {
            return Err(wrong(format!(
                "its metadata has another `{key}` than the first part; is it of another model?"
            )));
        }
        for (name, info) in header.tensors {
            if tensors.contains_key(&name) {
                return Err(wrong(format!("duplicate tensor `{name}`, in another part too")));
            }
            tensors.insert(name, (part, info));
        }
    }
    match declared {
        Some(declared) if given > 1 && declared != tensors.len() => {
            let reason =
                format!("expected {declared} tensors (`split.tensors.count`), got {} in {given} parts", tensors.len());
            Err((0, reason))
        }
        _ => Ok((metadata, tensors)),
    }
}

/// A key of a later part whose value is another than in the first, where it matters.
fn foreign<'a>(first: &HashMap<String, Value>, key: &'a str, value: &Value) -> Option<&'a str> {
    let own = key.starts_with("split.") || key == "general.alignment";
    (!own && first.get(key) != Some(value)).then_some(key)
}

/// What a file says about its place among the parts.
struct Place {
    /// Counted from 0.
    number: usize,
    count: usize,
    /// Of the whole model.
    tensors: Option<usize>,
}

impl Place {
    fn of(metadata: &HashMap<String, Value>) -> Result<Self, String> {
        let number = |key: &str| match metadata.get(key) {
            None => Ok(None),
            Some(Value::Integer(number)) => match usize::try_from(*number) {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(format!("metadata `{key}`: expected a number from 0 on, got {number}")),
            },
            Some(other) => Err(format!("metadata `{key}`: expected a whole number, got {}", other.kind())),
        };
        let count = number("split.count")?.unwrap_or(1).max(1);
        let place = Self { number: number("split.no")?.unwrap_or(0), count, tensors: number("split.tensors.count")? };
        if place.number >= place.count {
            return Err(format!(
                "metadata `split.no`: expected a number below `split.count` = {count}, got {}",
                place.number
            ));
        }
        Ok(place)
    }

    /// Checks that this is the part that was expected.
    fn check(&self, part: usize, given: usize) -> Result<(), String> {
        let (number, count) = (self.number + 1, self.count);
        if given == 1 && count > 1 {
            return Err(format!(
                "expected all {count} parts of a split model beside each other, got part {number} alone; their names end in \
                 `-{number:05}-of-{count:05}.gguf` and so on, and `llama-gguf-split --merge` makes one file of them"
            ));
        }
        if count != given || self.number != part {
            let expected = part + 1;
            return Err(format!(
                "expected part {expected} of {given}, as its name says, got part {number} of {count} by its metadata"
            ));
        }
        Ok(())
    }
}
