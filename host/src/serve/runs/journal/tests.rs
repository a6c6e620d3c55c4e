//! What a journal keeps, and what it is after a kill.

use super::*;

fn told(journal: &EventJournal) {
    journal.enter(State::Running);
    journal.add("note", json!({ "text": "before" }));
    journal.add("plan", json!({ "task": "sst2", "steps": 2, "notes": ["planned"] }));
    journal.add("started", json!({ "queries": 9, "last_step": 2 }));
    journal.add("progress", json!({ "scored": 4 }));
    journal.add("scores", json!({ "step": 1, "accuracy": 0.5 }));
    journal.add("context", json!({ "name": "runs/r1/1" }));
    journal.add("note", json!({ "text": "said" }));
}

#[test]
fn a_log_comes_to_what_its_entries_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let journal = EventJournal::create(&path).unwrap();
    told(&journal);
    let sum = journal.sum();
    assert_eq!((sum["state"].clone(), sum["error"].clone()), (json!("running"), Value::Null));
    assert_eq!(
        (sum["task"].clone(), sum["total_queries"].clone(), sum["scored_queries"].clone()),
        (json!("sst2"), json!(9), json!(4))
    );
    assert_eq!(sum["scores"], json!([{ "step": 1, "accuracy": 0.5 }]));
    assert_eq!(
        (sum["contexts"].clone(), sum["notes"].clone()),
        (json!(["runs/r1/1"]), json!(["before", "planned", "said"]))
    );
    let count = *journal.watch().borrow();
    assert!(journal.entry(count - 1).0.is_some());
    assert_eq!(journal.entry(count), (None, true));
    journal.end(State::Failed, Some("why"));
    assert_eq!((journal.sum()["state"].clone(), journal.sum()["error"].clone()), (json!("failed"), json!("why")));
    assert_eq!(journal.entry(count + 1), (None, false));
    // Read back it is the same.
    let recalled = EventJournal::recalled(&path);
    assert_eq!((recalled.sum(), recalled.summary()), (journal.sum(), journal.summary()));
    // Nobody looks: the entries are in the file alone, and come back from it.
    let first = journal.entry(0);
    journal.settle();
    assert!(journal.known().entries.is_none());
    assert_eq!((journal.sum(), journal.entry(0)), (recalled.sum(), first.clone()));
    let _looks = journal.watch();
    journal.settle();
    assert!(journal.known().entries.is_some());
    // An end is one, and what is saved of the run afterwards is told.
    assert!(!journal.enter(State::Running));
    journal.end(State::Done, None);
    journal.add("saved", json!({ "name": "moods" }));
    let recalled = EventJournal::recalled(&path);
    assert_eq!((recalled.state(), recalled.sum()["saved"].clone()), (State::Failed, json!(["moods"])));
}

#[test]
fn what_a_killed_process_left_is_a_run_that_was_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    told(&EventJournal::create(&path).unwrap());
    let text = std::fs::read_to_string(&path).unwrap();
    for cut in [0, 1, text.len() / 2, text.len() - 1, text.len()] {
        std::fs::write(&path, &text[..cut]).unwrap();
        for _ in 0..2 {
            let recalled = EventJournal::recalled(&path);
            assert_eq!(recalled.state(), State::Stopped, "{cut}");
            assert_eq!(recalled.sum()["error"], json!("the server ended in the middle of this run"));
            let count = *recalled.watch().borrow();
            assert!(recalled.entry(count - 1).0.is_some() && recalled.entry(count) == (None, false), "{cut}");
        }
    }
}

#[test]
fn messages_without_end_are_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let journal = EventJournal::create(&folder.path().join("events.jsonl")).unwrap();
    let before = *journal.watch().borrow();
    (0..2 * MOST_MESSAGES).for_each(|_| journal.add("log", json!({ "message": "again" })));
    journal.add("scores", json!({}));
    assert_eq!(*journal.watch().borrow(), before + MOST_MESSAGES + 1);
}
