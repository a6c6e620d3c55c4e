//! Rows to predict: read without their answers, in parts.

use ft_engine::task::example::{Question, Split};
use ft_sandbox::{Failure, Limits, PluginBinary, PluginError, Rejection, RowOutcome, TaskPlugin};

use super::encode::{WIT, component};
use super::support::*;

fn sst2() -> TaskPlugin {
    task(binary("sst2"), Limits::default(), no_log(), &[]).unwrap()
}

/// Rows of SST-2 without labels.
fn rows(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|row| format!(r#"{{"sentence": "film number {row} . "}}"#)).collect()
}

fn read(task: &mut TaskPlugin, rows: &[&str]) -> Result<Vec<RowOutcome>, PluginError> {
    task.read_unlabelled(rows.iter().map(ToString::to_string).collect())
}

/// Outcomes in words.
fn told(outcomes: &[RowOutcome]) -> Vec<String> {
    let tell = |outcome: &RowOutcome| match outcome {
        RowOutcome::Question(question) => format!("{}: {}", question.id, question.query.raw()),
        RowOutcome::Rejected(Rejection { row, column, .. }) => format!("{row} rejected for {column:?}"),
        RowOutcome::LeftOut => "left out".to_owned(),
    };
    outcomes.iter().map(tell).collect()
}

#[test]
fn every_row_has_its_outcome_in_its_place() {
    let mut task = sst2();
    task.begin_unlabelled(vec!["sentence".into()]).unwrap();
    // More rows than one call into the plugin reads.
    let outcomes = told(&task.read_unlabelled(rows(0..700)).unwrap());
    let expected: Vec<String> = (0..700).map(|row| format!("{row}: film number {row} .")).collect();
    assert_eq!(outcomes, expected);
    assert!(task.read_unlabelled(Vec::new()).unwrap().is_empty());
    let mixed =
        [r#"{"sentence": "x", "label": -1}"#, "no JSON", r#"{"label": 1}"#, r#"{"sentence": " y ", "label": 1}"#];
    let outcomes = told(&read(&mut task, &mixed).unwrap());
    assert_eq!(outcomes, ["700: x", "701 rejected for None", "702 rejected for Some(\"sentence\")", "703: y"]);
    // Another table counts afresh, and so does a split with answers.
    task.begin_unlabelled(vec!["sentence".into()]).unwrap();
    assert_eq!(told(&read(&mut task, &mixed[..1]).unwrap()), ["0: x"]);
    let examples = task.read_all(Split::Evaluation, Box::new(Rows::sst2(3))).unwrap().examples;
    assert_eq!(examples.iter().map(|example| example.id.as_str()).collect::<Vec<_>>(), ["0", "1", "2"]);
    assert_eq!(told(&read(&mut task, &mixed[3..]).unwrap()), ["1: y"]);
}

#[test]
fn a_question_has_the_prompt_of_its_example() {
    let mut task = sst2();
    let row = r#"{"sentence": "so good . ", "label": 1}"#.to_owned();
    let examples = task.read_all(Split::Evaluation, Box::new(Rows::new([row]))).unwrap().examples;
    // Without a table that has begun, there is one.
    let outcomes = read(&mut task, &[r#"{"sentence": "so good . "}"#]).unwrap();
    let [RowOutcome::Question(question)] = &outcomes[..] else { panic!("{outcomes:?}") };
    let expected = Question {
        id: "0".into(),
        query: "so good .".into(),
        choices: vec!["negative".into(), "positive".into()],
        fields: vec![],
    };
    assert_eq!(*question, expected);
    let prompt = task.render_question(question).unwrap();
    assert_eq!(prompt, task.render_query(&examples[0]).unwrap());
    assert_eq!(prompt[1].full, "Review: so good .\nSentiment: positive");
}

#[test]
fn memory_does_not_grow_with_the_rows() {
    let mut task = sst2();
    task.begin_unlabelled(vec!["sentence".into()]).unwrap();
    let mut part = |part: usize| {
        assert_eq!(task.read_unlabelled(rows(part * 500..(part + 1) * 500)).unwrap().len(), 500);
        task.usage().peak_memory
    };
    let early = (0..4).map(&mut part).max();
    assert_eq!((4..40).map(&mut part).max(), early);
}

#[test]
fn a_definition_s_filter_leaves_rows_out() {
    let definition = "task = \"template\"\n[data]\nrepository = \"a/b\"\ndemonstrations = \"train\"\nevaluation = \"test\"\n\
        filter = \"part == 'x'\"\n[row]\nlabels = [\"no\", \"yes\"]\nanswer = \"label\"\n[prompt]\ncontext = \"{{ q }}\"\n";
    let mut task = task(binary("template"), Limits::default(), no_log(), &[("definition", definition)]).unwrap();
    task.begin_unlabelled(vec!["q".into(), "part".into()]).unwrap();
    let rows = [r#"{"q": "a", "part": "y"}"#, r#"{"q": "b", "part": "x"}"#, r#"{"q": "c"}"#, "{}"];
    let outcomes = read(&mut task, &rows).unwrap();
    assert_eq!(told(&outcomes), ["left out", "1: b", "2: c", "3 rejected for None"]);
    let RowOutcome::Rejected(Rejection { message, .. }) = &outcomes[3] else { panic!("{outcomes:?}") };
    assert_eq!(message, "`prompt.context` (line 11): expected a column `q`, the row has none");
}

#[test]
fn answers_and_twins_of_a_hostile_task_do_not_matter_and_its_panic_does() {
    let attacked = |attack: &str| task(binary("hostile/task"), tight(), no_log(), &[("attack", attack)]).unwrap();
    for (attack, expected) in [("answer-out-of-range", ["0: a", "1: b"]), ("duplicate-ids", ["twin: a", "twin: b"])] {
        let outcomes = read(&mut attacked(attack), &[r#"{"sentence": "a"}"#, r#"{"sentence": "b"}"#]).unwrap();
        assert_eq!(told(&outcomes), expected);
    }
    let mut task = attacked("panic-amid-rows");
    let error = task.read_unlabelled(rows(0..5)).unwrap_err();
    assert!(error.to_string().contains("a panic at row 2"), "{error}");
    let error = task.read_unlabelled(rows(0..5)).unwrap_err();
    assert!(matches!(error.failure(), Failure::Dead { .. }), "{error}");
    assert!(matches!(task.begin_unlabelled(Vec::new()).unwrap_err().failure(), Failure::Dead { .. }));
}

/// A task whose `dataset.read` asks for no row, and says that it leaves out `count` rows from row 0 on.
fn leaves_out(count: u32) -> TaskPlugin {
    let (info, dataset, prompt) = ("info@0.2.0", "dataset@0.2.0", "prompt@0.2.0");
    let module = format!(
        r#"(module
  (import "forward-tuning:plugin/table@0.2.0" "[resource-drop]table" (func $drop (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "task")
  (data (i32.const 24) "1.0.0")
  (data (i32.const 512) "\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\02\00\00\00\00\00\00\00")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
  (func (export "forward-tuning:plugin/{info}#describe") (result i32)
    (i32.store (i32.const 64) (i32.const 16)) (i32.store (i32.const 68) (i32.const 4))
    (i32.store (i32.const 72) (i32.const 24)) (i32.store (i32.const 76) (i32.const 5))
    (i32.const 64))
  (func (export "forward-tuning:plugin/{dataset}#configure") (param i32 i32) (result i32) (i32.const 128))
  (func (export "forward-tuning:plugin/{dataset}#labels") (result i32) (i32.const 128))
  (func (export "forward-tuning:plugin/{dataset}#task-name") (result i32) (i32.const 128))
  (func (export "forward-tuning:plugin/{dataset}#subtasks") (result i32) (i32.const 128))
  (func (export "forward-tuning:plugin/{dataset}#read") (param i32 i32 i32) (result i32)
    (call $drop (local.get 1))
    (i32.store (i32.const 276) (i32.const 512)) (i32.store (i32.const 280) (i32.const {count}))
    (i32.const 256))
  (func $never (result i32) unreachable)
  (func $never-with-example (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32) unreachable)
  (export "forward-tuning:plugin/{dataset}#sources" (func $never))
  (export "forward-tuning:plugin/{dataset}#written" (func $never))
  (export "forward-tuning:plugin/{prompt}#description" (func $never))
  (export "forward-tuning:plugin/{prompt}#separator" (func $never))
  (export "forward-tuning:plugin/{prompt}#content-free" (func $never))
  (export "forward-tuning:plugin/{prompt}#render-demonstration" (func $never-with-example))
  (export "forward-tuning:plugin/{prompt}#render-query" (func $never-with-example)))"#
    );
    let binary = PluginBinary::new("task.wasm", component(&[], WIT, "task-plugin", Some(&module)));
    task(binary, Limits::default(), no_log(), &[]).unwrap()
}

#[test]
fn a_task_has_one_outcome_for_each_row() {
    assert_eq!(told(&read(&mut leaves_out(2), &["{}", "{}"]).unwrap()), ["left out", "left out"]);
    let each =
        "expected an example, a rejection or an index of a row that is left out for each of 1 to 2 rows from row 0 on";
    for (count, expected) in [
        (0, format!("{each}, got 0")),
        (3, format!("{each}, got 3")),
        // It is asked a second time, and begins at row 0 again.
        (1, "expected each of the rows 1 to 1 to be rejected or left out at most once, got row 0".to_owned()),
    ] {
        let error = read(&mut leaves_out(count), &["{}", "{}"]).unwrap_err().to_string();
        assert!(error.ends_with(&format!("in `dataset.read`: {expected}")), "{count}: {error}");
    }
    let mut task = leaves_out(1);
    assert_eq!(told(&read(&mut task, &["{}"]).unwrap()), ["left out"]);
    let error = task.begin_unlabelled(Vec::new()).unwrap_err().to_string();
    let expected = "expected the table of 1 rows to be at its end, got 1 more examples, rejections or rows left out";
    assert!(error.ends_with(expected), "{error}");
}
