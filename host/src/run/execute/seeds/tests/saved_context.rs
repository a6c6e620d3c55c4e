//! Queries behind a context that was tuned before.

use std::sync::atomic::Ordering;

use ft_engine::model::KvCache;
use ft_engine::model::decoder::{Origin, Provenance};

use super::*;

/// What seed 0 has read after step 3.
fn context() -> Context {
    Context {
        cache: KvCache::default(),
        last_hidden: None,
        next_position: 1,
        provenance: Provenance { origin: Origin::Demonstrations { step: 3 }, shared_start: 0 },
    }
}

#[test]
fn the_step_of_a_saved_context_is_scored_alone_and_gone_on_with() {
    let setup = Setup { content_free: 2, mutual_information: true, ..Setup::new(Select::Last) };
    let behind = |folder: &Path, model: &mut FakeModel<'_>| {
        setup.done(folder, model, &Silent, |run, draws| run.behind(draws, &context())).unwrap()
    };
    let (stop, folder) = (AtomicBool::new(false), tempfile::tempdir().unwrap());
    let mut model = FakeModel::new(table, &stop);
    let found = behind(folder.path(), &mut model);
    assert!(found.results.complete && !found.interrupted);
    assert_eq!((steps(&found), selected(&found)), (vec![3], vec![3]));
    // They are the records of a run that comes to that step, and nothing is scored zero-shot but choices alone.
    let whole = setup.whole(table).unwrap();
    let at_step = whole.records.iter().filter(|record| record.step == 3).cloned().collect::<Vec<SampleRecord>>();
    assert_eq!((found.records.len(), &found.records), (ROWS as usize, &at_step));
    assert_eq!((found.controls.content_free.len(), model.zero_shot.get()), (2, ROWS as usize));
    assert_eq!(found.controls.unconditional, whole.controls.unconditional);

    // Stopped in any call, it goes on to the same records, and computes nothing again that was written.
    let calls = model.calls.get();
    for stops_in in 1..=calls {
        let folder = tempfile::tempdir().unwrap();
        let mut first = FakeModel { stops_in, ..FakeModel::new(table, &stop) };
        behind(folder.path(), &mut first);
        stop.store(false, Ordering::Relaxed);
        let mut second = FakeModel::new(table, &stop);
        let again = behind(folder.path(), &mut second);
        assert!(again.results.complete, "stopped in call {stops_in}");
        assert_eq!((&again.records, selected(&again)), (&found.records, vec![3]), "stopped in call {stops_in}");
        // But for the token that choices alone stand behind, which is read once more where some of them are left.
        assert!(first.calls.get() + second.calls.get() <= calls + 1, "stopped in call {stops_in}");
    }
}
