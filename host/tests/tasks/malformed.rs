//! Rows that make no example are rejected one by one, with the column at fault.

use ft_engine::task::example::Split;
use ft_sandbox::{RowSourceError, TaskPlugin};
use serde_json::{Map, Value, json};

use crate::support::{Rows, TASKS, load};

/// A good row of a task, and values that its columns must not have.
fn rows(task: &str) -> (Value, Vec<(&'static str, Value)>) {
    let lettered = |question: &str| {
        let mut row = json!({"choices": {"text": ["ice", "fire"], "label": ["A", "B"]}, "answerKey": "B"});
        row[question] = "What burns?".into();
        let faults = vec![
            ("answerKey", json!("C")),
            ("answerKey", json!("b")),
            ("choices", json!({"text": ["ice", "fire"]})),
            ("choices", json!({"text": ["ice", " "], "label": ["A", "B"]})),
            ("choices", json!({"text": ["fire"], "label": ["B"]})),
            ("choices", json!({"text": ["ice", "fire"], "label": ["B"]})),
            ("choices", json!([{"text": "ice", "label": "A"}, {"text": "fire"}])),
            ("choices", json!([])),
            ("choices", json!(["ice", "fire"])),
        ];
        (row, faults)
    };
    let classes = |text: &'static str, label: &'static str, classes: i64| {
        let mut row = json!({label: classes - 1});
        row[text] = "Something to sort.".into();
        (row, vec![(label, json!(-1)), (label, json!(classes)), (label, json!("x")), (text, json!("\u{a0}\n"))])
    };
    match task {
        "agnews" => classes("text", "label", 4),
        "mr" => classes("text", "label", 2),
        "sst2" => classes("sentence", "label", 2),
        "sst5" => classes("text", "label", 5),
        "trec" => classes("text", "coarse_label", 6),
        "qasc" => lettered("question"),
        "obqa" => lettered("question_stem"),
        "hellaswag" => {
            let row = json!({"ctx": "A man lifts a lid. he", "endings": ["plays.", "swims.", "sings."], "label": "2"});
            let faults = vec![
                ("label", json!("-1")),
                ("label", json!("3")),
                ("ctx", json!("  ")),
                ("endings", json!(["plays."])),
                ("endings", json!(["plays.", "", "sings."])),
                ("endings", json!(["plays.", 2, "sings."])),
            ];
            (row, faults)
        }
        "copa" => {
            let row = json!({
                "premise": "The road was wet.", "choice1": "It rained.", "choice2": "The sun rose.",
                "question": "cause", "label": 0
            });
            (row, vec![("label", json!(-1)), ("label", json!(2)), ("question", json!("why")), ("choice2", json!(" "))])
        }
        "winogrande" => {
            let row = json!({"sentence": "Ann lost, so _ cried.", "option1": "Ann", "option2": "Bea", "answer": "1"});
            let faults = vec![
                ("answer", json!("0")),
                ("answer", json!("3")),
                ("sentence", json!("Ann lost.")),
                ("sentence", json!("_ lost, so _ cried.")),
                ("option1", json!(" ")),
            ];
            (row, faults)
        }
        other => panic!("no rows for {other}"),
    }
}

/// The row with another value in a column; without the column where there is none.
fn with(row: &Value, column: &str, value: Option<Value>) -> String {
    let mut row: Map<String, Value> = row.as_object().expect("an object").clone();
    match value {
        Some(value) => row.insert(column.into(), value),
        None => row.remove(column),
    };
    Value::from(row).to_string()
}

/// Which rows are rejected: index, column and message.
fn rejected(task: &mut TaskPlugin, rows: Vec<String>) -> (usize, Vec<(u64, String, String)>) {
    let mut rows = rows.into_iter();
    let source = Rows(move |max| Ok::<_, RowSourceError>(rows.by_ref().take(max).collect()));
    let outcome = task.read_all(Split::Evaluation, Box::new(source)).expect("rows are rejected, not the split");
    let rejected = outcome.rejected.into_iter().map(|row| (row.row, row.column.unwrap_or_default(), row.message));
    (outcome.examples.len(), rejected.collect())
}

#[test]
fn every_column_of_every_task_is_checked() {
    for name in TASKS {
        let mut task = load(name, &[]);
        let (good, faults) = rows(name);
        let columns: Vec<&String> = good.as_object().expect("an object").keys().collect();
        let anywhere = [None, Some(Value::Null), Some(json!("")), Some(json!(5.5)), Some(json!(true))];
        let of_columns =
            columns.into_iter().flat_map(|column| anywhere.iter().map(move |value| (column.as_str(), value.clone())));
        let faults: Vec<(&str, Option<Value>)> =
            of_columns.chain(faults.into_iter().map(|(column, value)| (column, Some(value)))).collect();

        let mut texts = vec![good.to_string()];
        texts.extend(faults.iter().map(|(column, value)| with(&good, column, value.clone())));
        texts.push(good.to_string());
        let (examples, rejected) = rejected(&mut task, texts.clone());
        assert_eq!(examples, 2, "{name}: the good rows, and they alone, make examples");
        assert_eq!(rejected.len(), faults.len(), "{name}");
        for ((column, _), (row, found, message)) in faults.iter().zip(&rejected) {
            let what = format!("{name}: {}: {message}", texts[*row as usize]);
            // `choices.text` is a part of the column `choices`, `endings[1]` of `endings`.
            let rest = found.strip_prefix(column).unwrap_or_else(|| panic!("{what} (column {found})"));
            assert!(rest.is_empty() || rest.starts_with(['.', '[']), "{what} (column {found})");
            assert!(message.starts_with("expected "), "{what}");
        }
        let indices: Vec<u64> = rejected.iter().map(|(row, ..)| *row).collect();
        assert_eq!(indices, (1..=faults.len() as u64).collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn lettered_choices_may_be_lists_or_objects() {
    let lists = json!({"text": ["ice", "fire"], "label": ["1", "2"]});
    let objects = json!([{"text": "ice", "label": "1"}, {"text": "fire", "label": "2"}]);
    for (name, question) in [("qasc", "question"), ("obqa", "question_stem")] {
        let mut task = load(name, &[]);
        let rows = [&lists, &objects].map(|choices| {
            let mut row = json!({"choices": choices, "answerKey": "2"});
            row[question] = "What burns?".into();
            row.to_string()
        });
        let mut rows = rows.into_iter();
        let source = Rows(move |max| Ok::<_, RowSourceError>(rows.by_ref().take(max).collect()));
        let outcome = task.read_all(Split::Evaluation, Box::new(source)).expect("good rows");
        let [first, second] = outcome.examples.as_slice() else { panic!("{name}: {:?}", outcome.rejected) };
        assert_eq!((&first.choices, first.answer), (&second.choices, 1));
        assert_eq!(second.answer, 1);
        assert_eq!(first.choices, ["ice", "fire"]);
    }
}
