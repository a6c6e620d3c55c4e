//! The runs that earlier processes left.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::super::contexts::{Contexts, OF_RUNS};
use super::folder::{ASKED, AskedRecord, EVENTS, LIMIT, RunFolder, numbers};
use super::journal::EventJournal;
use super::run::Run;
use ft_sandbox::Stop;
use ft_store::fs::error::FileError;
use ft_store::fs::file::read_regular;

/// The runs that earlier processes left in a folder, in their order, whose steps' contexts are made known. What is no run is passed
/// over.
///
/// # Errors
/// A folder that cannot be listed.
pub(super) fn recalled(runs: &Path, contexts: &Contexts) -> Result<Vec<Arc<Run>>, FileError> {
    let mut found = Vec::new();
    for number in numbers(runs)? {
        let id = format!("r{number}");
        let folder = runs.join(&id);
        let Some(AskedRecord { kind, options, command }) =
            read_regular(&folder.join(ASKED), LIMIT).ok().and_then(|json| serde_json::from_slice(&json).ok())
        else {
            continue;
        };
        let journal = Arc::new(EventJournal::recalled(&folder.join(EVENTS)));
        let folder = RunFolder(folder);
        for name in
            journal.sum().get("contexts").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
        {
            let below = name.strip_prefix(OF_RUNS).and_then(|name| name.strip_prefix(&id)?.strip_prefix('/'));
            if let Some(path) = below.filter(|path| is_step(path)).map(|path| folder.steps().join(path)) {
                contexts.add_step(name.to_owned(), path);
            }
        }
        found.push(Arc::new(Run { id, kind, options, command, asked: None, folder, journal, stop: Stop::default() }));
    }
    Ok(found)
}

/// Whether it is the place of a step's context among a run's: `STEP` or `seed-N/STEP`.
fn is_step(path: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match path.split_once('/') {
        Some((seed, step)) => seed.strip_prefix("seed-").is_some_and(is_number) && is_number(step),
        None => is_number(path),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::serve::asked::Kind;
    use crate::serve::runs::folder::create;
    use crate::serve::runs::journal::State;

    #[test]
    fn a_step_is_a_number_below_a_seed_at_most() {
        for path in ["1", "15", "seed-0/3"] {
            assert!(is_step(path), "{path}");
        }
        for path in ["", "..", "../x", "seed-/1", "seed-0/", "seed-0/../x", "/1", "1/2", "seed-0/1/2"] {
            assert!(!is_step(path), "{path}");
        }
    }

    #[test]
    fn runs_are_found_in_their_order_and_what_is_none_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let runs = folder.path().join("runs");
        assert!(recalled(&runs, &Contexts::default()).unwrap().is_empty());
        (0..3).for_each(|_| drop(create(&runs, Kind::Tune, &Map::new(), "ft-host tune").unwrap()));
        std::fs::create_dir(runs.join("r10")).unwrap();
        std::fs::create_dir(runs.join("notes")).unwrap();
        let found = recalled(&runs, &Contexts::default()).unwrap();
        let ids: Vec<&str> = found.iter().map(|run| run.id.as_str()).collect();
        assert_eq!(ids, ["r1", "r2", "r3"]);
        assert!(found.iter().all(|run| run.journal.state() == State::Stopped));
    }
}
