//! A task in Python beside the same one in Rust.

use ft_engine::task::example::Split;
use ft_sandbox::{Failure, Limits, Rejection, TaskPlugin, Usage, inspect};

use crate::shared::{Rows, no_log};
use crate::support::{ENGINE, binary, task};

/// Rows that make examples and rows that do not: types, classes, blanks of all kinds, long values, characters.
const ROWS: &[&str] = &[
    r#"{"sentence": "it 's a charming journey . ", "label": 1}"#,
    r#"{"sentence": "\u00a0\tgr\u00e4\u00dflich \ud83d\ude00\n", "label": "0"}"#,
    r#"{"sentence": "\u001ckept \u2003\u3000", "label": 0, "idx": [1, {"a": null}]}"#,
    r#"{"sentence": "two\nlines", "label": "+1"}"#,
    r#"{"label": 1}"#,
    r#"{"sentence": "x"}"#,
    r#"{"sentence": null, "label": 0}"#,
    r#"{"sentence": true, "label": 0}"#,
    r#"{"sentence": {"z": [1.5, "\u001b\"\\\u00e4"], "a": {}}, "label": 0}"#,
    r#"{"sentence": ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ääääääääääääääääääääääääääääääääää"], "label": 0}"#,
    r#"{"sentence": "", "label": 0}"#,
    r#"{"sentence": " \t\n\r\u000b\f\u0085\u00a0\u1680\u2028\u202f\u3000", "label": 0}"#,
    r#"{"sentence": "\u001c", "label": 0}"#,
    r#"{"sentence": "x", "label": -1}"#,
    r#"{"sentence": "x", "label": 2}"#,
    r#"{"sentence": "x", "label": 1.0}"#,
    r#"{"sentence": "x", "label": true}"#,
    r#"{"sentence": "x", "label": ""}"#,
    r#"{"sentence": "x", "label": " 1"}"#,
    r#"{"sentence": "x", "label": "1_0"}"#,
    r#"{"sentence": "x", "label": "٣"}"#,
    r#"{"sentence": "x", "label": 18446744073709551615}"#,
    r#"{"sentence": "x", "label": 0, "label": 1}"#,
];

/// Rows that are no JSON objects: the two languages' parsers word it each in its way.
const NO_ROWS: &[&str] = &["no JSON\u{1b}", "[1, 2]", "", r#"{"sentence": "a"#, r#"{"label": NaN}"#, r#""\ud800""#];

fn rows(texts: &[&str]) -> Box<Rows> {
    Box::new(Rows::new(texts.iter().map(|&text| text.to_owned())))
}

#[test]
fn sst2_in_python_is_sst2_in_rust() {
    let Some(python) = binary("python/sst2") else { return };
    let mut python = task(python, no_log(), &[]).unwrap();
    let mut rust = task(binary("sst2").unwrap(), no_log(), &[]).unwrap();
    assert_eq!(python.description(), rust.description());
    assert_eq!(python.sources().unwrap(), rust.sources().unwrap());
    assert_eq!(python.labels().unwrap(), rust.labels().unwrap());
    assert_eq!(python.written().unwrap(), rust.written().unwrap());
    assert_eq!(python.separator().unwrap(), rust.separator().unwrap());
    for split in [Split::Demonstrations, Split::Evaluation, Split::Evaluation] {
        let (ours, theirs) = (python.read_all(split, rows(ROWS)).unwrap(), rust.read_all(split, rows(ROWS)).unwrap());
        assert_eq!(ours, theirs);
        assert_eq!((ours.examples.len(), ours.rejected.len()), (7, ROWS.len() - 7));
        for example in &ours.examples {
            assert_eq!(python.render_demonstration(example).unwrap(), rust.render_demonstration(example).unwrap());
            assert_eq!(python.render_query(example).unwrap(), rust.render_query(example).unwrap());
        }
    }
}

#[test]
fn rows_that_are_no_objects_are_rejected_by_both() {
    let Some(python) = binary("python/sst2") else { return };
    for binary in [python, binary("sst2").unwrap()] {
        let mut task = task(binary, no_log(), &[]).unwrap();
        let outcome = task.read_all(Split::Evaluation, rows(NO_ROWS)).unwrap();
        let places: Vec<_> = outcome.rejected.iter().map(|rejection| (rejection.row, &rejection.column)).collect();
        assert_eq!(places, (0..NO_ROWS.len() as u64).map(|row| (row, &None)).collect::<Vec<_>>());
        for Rejection { message, .. } in &outcome.rejected {
            assert!(message.starts_with("expected a JSON object, got "), "{message}");
        }
    }
}

#[test]
fn an_unreadable_table_is_the_row_sources_own_error() {
    let Some(python) = binary("python/sst2") else { return };
    let mut task = task(python, no_log(), &[]).unwrap();
    let error = task.read_all(Split::Evaluation, Box::new(Rows::sst2(700).failing_at(300))).unwrap_err();
    assert!(matches!(error.failure(), Failure::Rows(_)), "{error}");
}

#[test]
fn components_import_their_world_and_nothing_of_wasi() {
    let Some(python) = binary("python/sst2") else { return };
    let inspection = inspect(&ENGINE, python, Limits::default()).unwrap();
    let names: Vec<_> = inspection.imports.iter().map(String::as_str).collect();
    let interfaces = ["data", "log", "table", "types"].map(|name| format!("forward-tuning:plugin/{name}@0.2.0"));
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, interfaces);
}

#[test]
fn two_instances_give_the_same_for_the_same_fuel() {
    let Some(binary) = binary("python/csqa") else { return };
    let run = || {
        let mut task = task(binary.clone(), no_log(), &[("show_choices", "true")]).unwrap();
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins/python/csqa/data/csqa/train.jsonl");
        let lines = std::fs::read_to_string(file).unwrap();
        let lines = lines.lines().map(str::to_owned);
        let outcome = task.read_all(Split::Demonstrations, Box::new(Rows::new(lines))).unwrap();
        let texts: Vec<_> = outcome.examples.iter().map(|example| task.render_query(example).unwrap()).collect();
        (outcome, texts, task.usage())
    };
    let (first, second) = (run(), run());
    assert_eq!((first.0.examples.len(), first.0.rejected.len()), (6, 0));
    assert_eq!(
        first.1[0][0].context,
        "Question: Where would you look for a spoon after dinner has been cleared away?\nChoices: attic, dishwasher, garden, car, mailbox\nAnswer:"
    );
    assert_eq!((&first.0, &first.1), (&second.0, &second.1));
    assert_eq!((first.2.fuel, first.2.peak_memory), (second.2.fuel, second.2.peak_memory));
}

/// What the last calls of a task took: fuel and microseconds for one call.
fn per_call(task: &TaskPlugin, before: Usage) -> (u64, u128) {
    let after = task.usage();
    let calls = after.calls - before.calls;
    ((after.fuel - before.fuel) / calls, (after.time - before.time).as_micros() / u128::from(calls))
}

#[test]
fn calls_stay_far_within_the_limits() {
    let Some(python) = binary("python/sst2") else { return };
    for (language, binary) in [("Python", python), ("Rust", binary("sst2").unwrap())] {
        let mut task = task(binary, no_log(), &[]).unwrap();
        println!("{language}: to the first call {:?}", task.usage());
        let before = task.usage();
        let outcome = task.read_all(Split::Evaluation, Box::new(Rows::sst2(2560))).unwrap();
        let read = per_call(&task, before);
        let before = task.usage();
        for example in &outcome.examples[..500] {
            task.render_query(example).unwrap();
        }
        let render = per_call(&task, before);
        println!("{language}: fuel and us per call: read of 256 rows {read:?}, render {render:?}; {:?}", task.usage());
        // A hundredth of the fuel of a call, and half of the memory.
        assert!(read.0 < 100_000_000 && render.0 < 100_000_000, "{read:?}, {render:?}");
        assert!(task.usage().peak_memory < 128 << 20, "{:?}", task.usage());
    }
}
