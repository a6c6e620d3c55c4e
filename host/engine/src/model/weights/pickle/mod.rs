//! PyTorch's own checkpoints (`pytorch_model.bin`): a pickled dictionary of tensors, and the numbers they are views of.

mod archive;
mod machine;
mod storage;
mod view;

use std::collections::{HashMap, HashSet};

use self::archive::Container;
use self::machine::{Id, Object, Pickle};
use self::storage::Storages;
use self::view::View;
use super::array::Named;

/// The keys under which training programs put a model's tensors beside their own state.
const WRAPPERS: [&str; 4] = ["state_dict", "model_state_dict", "model", "module"];

/// How many names a message lists.
const LISTED: usize = 10;

/// A checkpoint's tensors; fails where the file is not one or is cut short. What else the dictionary has is left out,
/// unless there are tensors in it.
pub(super) fn arrays(bytes: &[u8]) -> Result<Named, String> {
    match Container::of(bytes)? {
        Container::Zip => {
            let (pickled, storages) = archive::zipped(bytes)?;
            tensors(&Pickle::read(&pickled)?.0, &storages)
        }
        Container::Row => {
            let (pickle, storages) = archive::row(bytes)?;
            tensors(&pickle, &storages)
        }
    }
}

fn tensors(pickle: &Pickle<'_>, storages: &Storages) -> Result<Named, String> {
    let mut arrays = Named::new();
    let mut names = HashSet::new();
    let mut seen = HashSet::new();
    for (key, value) in state(pickle)? {
        let name = pickle.text(*key);
        let entry = || name.map_or("an entry without a name".to_owned(), |name| format!("tensor `{name}`"));
        match View::of(pickle, *value).map_err(|reason| format!("{}: {reason}", entry()))? {
            Some(view) => {
                let name = name.ok_or("it has a tensor without a name")?;
                let array = view.within(storages).map_err(|reason| format!("tensor `{name}`: {reason}"))?;
                if !names.insert(name) {
                    return Err(format!("duplicate tensor `{name}`"));
                }
                arrays.push((name.to_owned(), array));
            }
            None if holds_tensors(pickle, *value, &mut seen) => {
                let name = name.unwrap_or("without a name");
                return Err(format!("expected tensors alone, got entry `{name}` among them, which holds others"));
            }
            None => {}
        }
    }
    Ok(arrays)
}

/// The model's tensors by their names: the dictionary itself, or the one within it that training programs put them into.
fn state<'a>(pickle: &'a Pickle<'_>) -> Result<&'a [(Id, Id)], String> {
    let items = match pickle.get(pickle.root) {
        Object::Dict(items) => items,
        Object::Call { callable, .. } if View::of(pickle, pickle.root) == Ok(None) => {
            let (module, name) = pickle.global(*callable).unwrap_or(("", "of no name"));
            return Err(format!(
                "expected a dictionary of tensors, as `torch.save(model.state_dict(), FILE)` makes, got an object of class \
                 `{module}.{name}`"
            ));
        }
        _ => return Err("expected a dictionary of tensors, got something else".into()),
    };
    let is_tensor = |value: Id| View::of(pickle, value) != Ok(None);
    if items.is_empty() || items.iter().any(|(_, value)| is_tensor(*value)) {
        return Ok(items);
    }
    // One dictionary may stand under many names.
    let mut looked: HashMap<Id, bool> = HashMap::new();
    let mut named: Vec<(&str, &[(Id, Id)])> = Vec::new();
    for (key, value) in items {
        let (Some(name), Object::Dict(inner)) = (pickle.text(*key), pickle.get(*value)) else { continue };
        if *looked.entry(*value).or_insert_with(|| inner.iter().any(|(_, value)| is_tensor(*value))) {
            named.push((name, inner.as_slice()));
        }
    }
    let known: Vec<_> = named.iter().filter(|(name, _)| WRAPPERS.contains(name)).collect();
    if let [(_, items)] = known.as_slice() {
        return Ok(items);
    }
    let listed = |names: &[&str]| {
        let more = names.len().saturating_sub(LISTED);
        let names: Vec<String> = names.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
        names.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
    };
    if named.is_empty() {
        let names: Vec<&str> = items.iter().filter_map(|(key, _)| pickle.text(*key)).collect();
        return Err(format!(
            "expected a dictionary of tensors, got one with entries {} and no tensors",
            listed(&names)
        ));
    }
    let names: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
    Err(format!(
        "expected tensors in the dictionary itself or in one of its entries {}, got them within {}",
        listed(&WRAPPERS),
        listed(&names)
    ))
}

/// Whether there is a tensor in an object, however deep. What was `seen` before has none, and is not looked at again: all
/// entries may hold one large object.
fn holds_tensors(pickle: &Pickle<'_>, value: Id, seen: &mut HashSet<Id>) -> bool {
    let mut waiting = vec![value];
    while let Some(id) = waiting.pop() {
        if !seen.insert(id) {
            continue;
        }
        if View::of(pickle, id) != Ok(None) {
            return true;
        }
        waiting.extend(pickle.parts(id));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: usize = 100_000;

    #[test]
    fn what_stands_in_many_places_is_looked_at_once() {
        // Object 0, a list or a dictionary of nothing but `None`, then a dictionary that has it under one key many times.
        let shared = |first: &[u8], item: &[u8], last: &[u8], before: &[u8]| {
            let items = [first, b"q\x00(", &item.repeat(MANY), last, b"0}("].concat();
            let entries = [before, &b"X\x01\x00\x00\x00ah\x00".repeat(MANY), b"u."].concat();
            [items, entries].concat()
        };
        let tensor =
            b"X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n\
            X\x01\x00\x00\x00sX\x03\x00\x00\x00cpuK\x01tQK\x00K\x01\x85K\x01\x85tR";
        let bytes = shared(b"]", b"N", b"e", tensor);
        let storages = Storages::from([("s".to_owned(), 0..4)]);
        let read = tensors(&Pickle::read(&bytes).unwrap().0, &storages).unwrap();
        assert_eq!(read.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["w"]);
        let bytes = shared(b"}", b"NN", b"u", b"");
        let error = tensors(&Pickle::read(&bytes).unwrap().0, &storages).err().unwrap();
        assert!(error.starts_with("expected a dictionary of tensors, got one with entries"), "{error}");
    }
}
