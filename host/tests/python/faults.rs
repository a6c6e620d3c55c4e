//! What becomes of an author's mistakes.

use ft_engine::task::example::{Example, Split};
use ft_sandbox::{ErrorKind, Failure, LogLevel, PluginError, TaskPlugin};

use crate::shared::{Rows, kept_log, no_log};
use crate::support::{binary, task};

fn faulty(fault: &str) -> Option<Result<TaskPlugin, PluginError>> {
    Some(task(binary("python/faulty")?, no_log(), &[("fault", fault)]))
}

fn example() -> Example {
    let choices = vec!["a".into(), "b".into()];
    Example { id: "0".into(), query: "x".into(), choices, answer: 0, fields: vec![] }
}

/// The place of a line of the fixture, as errors name it.
fn place(line: &str, function: &str) -> String {
    let source = include_str!("../../../plugins/python/faulty/app.py");
    let found = source.lines().position(|other| other.trim() == line);
    let number = found.unwrap_or_else(|| panic!("no line `{line}` in the fixture")) + 1;
    format!("(app.py, line {number}, in Faulty.{function})")
}

fn returned(error: &PluginError) -> (ErrorKind, &str) {
    match error.failure() {
        Failure::Returned { kind, message } => (*kind, message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn exceptions_become_errors_with_their_place() {
    let Some(error) = faulty("configure") else { return };
    let error = error.err().unwrap();
    let place_in_init = place(r#"raise ZeroDivisionError("two\nlines")"#, "__init__");
    let message = format!("ZeroDivisionError: two lines {place_in_init}");
    assert_eq!(returned(&error), (ErrorKind::Failed, message.as_str()));
    assert_eq!(
        error.to_string(),
        format!("plugin faulty 0.1.0 (python/faulty.wasm), in `dataset.configure`: reported (failed): {message}")
    );
    let error = faulty("option").unwrap().err().unwrap();
    assert_eq!(returned(&error), (ErrorKind::InvalidOption, "`fault` is not to be `option`"));

    let query = |line| place(line, "query");
    let passage = query(r#"return example.choices_after(example.fields["passage"])"#);
    let file = query(r#"return example.choices_after(open("/etc/passwd").read())"#);
    let cases = [
        ("query", format!("KeyError: 'passage' {passage}")),
        ("kind", "TypeError: `query`: expected Choice, got 'a text'".into()),
        ("exit", format!("SystemExit: enough {}", query(r#"sys.exit("enough")"#))),
        ("recursion", "RecursionError: maximum recursion depth exceeded".into()),
        (
            "file",
            format!("PermissionError: '/etc/passwd': a plugin has no files, but for the rows of its table {file}"),
        ),
        (
            "import",
            format!(
                "ModuleNotFoundError: No module named 'xml'; what a component is to have is imported at the top of the \
                 file, when it is built {}",
                query("import xml.dom.minidom")
            ),
        ),
    ];
    for (fault, expected) in cases {
        let mut task = faulty(fault).unwrap().unwrap();
        let error = task.render_query(&example()).unwrap_err();
        let (kind, message) = returned(&error);
        assert!(kind == ErrorKind::Failed && message.starts_with(&expected), "{fault}: {message}");
        // An orderly error ends a call, not the plugin.
        assert_eq!(task.separator().unwrap(), "\n\n");
    }
}

#[test]
fn an_exception_where_there_is_no_room_for_an_error_is_told_before_the_trap() {
    let Some(task) = faulty("labels") else { return };
    let error = task.unwrap().labels().unwrap_err();
    let Failure::Trap { message, .. } = error.failure() else { panic!("{error:?}") };
    let expected = format!("KeyError: 'label' {}", place(r#"raise KeyError("label")"#, "labels"));
    assert_eq!(message.as_ref(), Some(&expected));
}

#[test]
fn exceptions_over_a_row_reject_the_row() {
    let Some(task) = faulty("row") else { return };
    let outcome = task.unwrap().read_all(Split::Evaluation, Box::new(Rows::sst2(2))).unwrap();
    let rejected: Vec<_> = outcome.rejected.iter().map(|rejection| (rejection.row, &rejection.message)).collect();
    let place = place(
        r#"return {"no": "example"} if row.index == 1 else ft.Example(row.values["sentence"], ["a", "b"], 0)"#,
        "example",
    );
    let attribute = format!("AttributeError: 'Row' object has no attribute 'values' {place}");
    let kind = "TypeError: `example`: expected Example, got {'no': 'example'}".to_owned();
    assert_eq!(rejected, [(0, &attribute), (1, &kind)]);
    assert_eq!(outcome.examples, []);
}

#[test]
fn ids_that_the_host_does_not_take_reject_the_row() {
    let Some(task) = faulty("id") else { return };
    let outcome = task.unwrap().read_all(Split::Evaluation, Box::new(Rows::sst2(2))).unwrap();
    let rejected: Vec<_> =
        outcome.rejected.iter().map(|rejection| (rejection.row, rejection.message.clone())).collect();
    let message = |got: &str| format!("expected an id of up to 200 characters on one line, got '{got}'");
    assert_eq!(rejected, [(0, message("a\\nb")), (1, message(&"x".repeat(50)))]);
    assert_eq!(outcome.examples, []);
}

#[test]
fn what_is_printed_is_logged_line_by_line() {
    let (log, records) = kept_log();
    let Some(binary) = binary("python/faulty") else { return };
    let mut task = task(binary, log, &[("fault", "print")]).unwrap();
    task.read_all(Split::Evaluation, Box::new(Rows::sst2(2))).unwrap();
    let records = records.lock().unwrap();
    let said: Vec<_> = records.iter().map(|record| (record.level, record.message.as_str())).collect();
    let expected = [
        (LogLevel::Info, "row 0"),
        (LogLevel::Warn, "to standard error"),
        (LogLevel::Debug, "half a pair: ?"),
        (LogLevel::Warn, "to standard error"),
        (LogLevel::Debug, "half a pair: ?"),
        (LogLevel::Info, "row 1"),
    ];
    assert_eq!(said, expected);
}

#[test]
fn chance_and_hashes_are_the_same_in_every_instance() {
    let texts = || {
        let mut task = faulty("random")?.unwrap();
        Some([task.render_query(&example()).unwrap(), task.render_query(&example()).unwrap()])
    };
    let Some(first) = texts() else { return };
    assert_eq!(Some(&first), texts().as_ref());
    assert_ne!(first[0], first[1]);
}

#[test]
fn there_is_no_clock() {
    let Some(task) = faulty("clock") else { return };
    let error = task.unwrap().render_query(&example()).unwrap_err();
    assert!(matches!(error.failure(), Failure::Trap { .. }), "{error}");
    assert!(error.to_string().contains("wall_clock_now"), "{error}");
}

#[test]
fn memory_beyond_the_limit_ends_the_plugin_with_the_limits_name() {
    let Some(task) = faulty("memory") else { return };
    let error = task.unwrap().render_query(&example()).unwrap_err();
    assert!(matches!(error.failure(), Failure::LimitExceeded(_)), "{error}");
    assert!(error.to_string().contains("memory"), "{error}");
}
