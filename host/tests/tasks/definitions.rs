//! Definitions through the component that interprets them: the prompts of components, rows that are none of the task's, and
//! what ends a hostile one.

use std::time::Duration;

use ft_engine::task::example::Split;
use ft_sandbox::{Limits, ReadOutcome, TaskPlugin};
use ft_store::datasets::location::DataLocation;

use crate::support::{Rows, examples, folder, load, load_within, repository, sample};
use crate::support_data::data_sets;

/// The tasks that have a definition beside their component.
const DEFINED: [&str; 2] = ["sst2", "trec"];

fn defined(name: &str) -> TaskPlugin {
    let file = repository().join("plugins/template/examples").join(format!("{name}.toml"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    load("template", &[("definition", &text)])
}

/// Holds all that a definition gives of these rows to what the component gives.
fn compare(name: &str, data: &DataLocation) {
    let (mut component, mut defined) = (load(name, &[]), defined(name));
    assert_eq!(defined.task_name(), name);
    assert_eq!(defined.sources().unwrap(), component.sources().unwrap(), "{name}");
    assert_eq!(defined.labels().unwrap(), component.labels().unwrap(), "{name}");
    assert_eq!(defined.separator().unwrap(), component.separator().unwrap(), "{name}");
    let content_free = [&mut component, &mut defined].map(|task| {
        let examples = task.content_free().unwrap();
        examples.iter().map(|example| task.render_query(example).unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(content_free[0], content_free[1], "{name}");
    for split in [Split::Demonstrations, Split::Evaluation] {
        let expected = examples(&mut component, data, split);
        let found = examples(&mut defined, data, split);
        assert!(!found.is_empty() && found.len() == expected.len(), "{name}, {split}: {} rows", found.len());
        for (found, expected) in found.iter().zip(&expected) {
            let id = &expected.id;
            assert_eq!((&found.id, &found.query, found.answer), (id, &expected.query, expected.answer), "{name}");
            assert_eq!(found.choices, expected.choices, "{name}, {id}");
            assert_eq!(defined.render_query(found).unwrap(), component.render_query(expected).unwrap(), "{name}, {id}");
            let [found, expected] =
                [defined.render_demonstration(found).unwrap(), component.render_demonstration(expected).unwrap()];
            assert_eq!(found, expected, "{name}, {id}");
        }
    }
}

#[test]
fn definitions_give_the_prompts_of_the_components() {
    for name in DEFINED {
        compare(name, &sample());
    }
}

#[test]
fn definitions_give_the_prompts_of_the_components_over_the_whole_data_sets() {
    let Some(data) = data_sets("definitions over the whole data sets") else { return };
    for name in DEFINED {
        compare(name, &folder(&data));
    }
}

/// A definition with this filter and this context, which is the key in line 11.
fn definition(filter: &str, context: &str) -> String {
    let data =
        format!("repository = \"a/b\"\ndemonstrations = \"train\"\nevaluation = \"test\"\nfilter = \"{filter}\"");
    let row = "labels = [\"no\", \"yes\"]\nanswer = \"label\"";
    format!("task = \"template\"\n[data]\n{data}\n[row]\n{row}\n[prompt]\ncontext = '''{context}'''\n")
}

fn read(task: &mut TaskPlugin, rows: &[&str]) -> Result<ReadOutcome, String> {
    let mut left: Vec<String> = rows.iter().rev().map(ToString::to_string).collect();
    let next = move |max: usize| Ok(std::iter::from_fn(|| left.pop()).take(max).collect());
    task.read_all(Split::Evaluation, Box::new(Rows(next))).map_err(|error| error.to_string())
}

#[test]
fn rows_that_are_none_of_the_task_s_are_left_out() {
    let mut task = load("template", &[("definition", &definition("label != -1", "{{ q }}"))]);
    let row = |label: i64| format!("{{\"q\": \"x{label}\", \"label\": {label}}}");
    let rows = [row(-1), row(1), row(7), row(-1), row(0)];
    let outcome = read(&mut task, &rows.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    assert_eq!(outcome.left_out, [0, 3]);
    let ids: Vec<&str> = outcome.examples.iter().map(|example| example.id.as_str()).collect();
    assert_eq!((ids, outcome.rejected.len(), outcome.rejected[0].row), (vec!["1", "4"], 1, 2));
    let expected = "`row.answer` (line 9): expected one of \"no\", \"yes\", or a class from 0 to 1, got 7";
    assert_eq!(outcome.rejected[0].message, expected);
    // A whole batch of such rows is not the end of the table.
    let many = vec![row(-1); 1000];
    let many: Vec<&str> = many.iter().map(String::as_str).chain([r#"{"q": "last", "label": 1}"#]).collect();
    let outcome = read(&mut task, &many).unwrap();
    assert_eq!((outcome.left_out.len(), outcome.examples.len()), (1000, 1));
}

#[test]
fn a_hostile_definition_ends_with_its_key() {
    let doubled = |times: usize| format!("{{% set x = [1] %}}{}{{{{ x }}}}", "{% set x = x + x %}".repeat(times));
    let chained =
        format!("{}{{{{ x | length }}}}", doubled(22).replace("{{ x }}", &"{% set x = x + [1] %}".repeat(40)));
    let cases = [
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}".to_owned(),
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}".to_owned(),
        "{% macro m(n) %}{% for i in [1, 2] %}{{ m(n) }}{% endfor %}{% endmacro %}{{ m(1) }}".to_owned(),
        "{{ 'x' * 10**9 }}".to_owned(),
        "{{ range(10**9) }}".to_owned(),
        "{{ [1] * 99999999 }}".to_owned(),
        "{{ ([1] * 99999999) | join }}".to_owned(),
        "{{ ([1] * 99999999) | tojson }}".to_owned(),
        "{{ ([1] * 99999999) | last }}".to_owned(),
        "{{ ''.join([1] * 99999999) }}".to_owned(),
        "{{ '%s' % ([1] * 99999999) }}".to_owned(),
        doubled(40),
        chained,
    ];
    let limits = Limits { fuel: 1_000_000_000, time: Duration::from_secs(20), ..Limits::default() };
    for context in cases {
        let text = definition("true", &context);
        let mut task = load_within("template", &[("definition", &text)], limits.clone());
        let message = match read(&mut task, &[r#"{"label": 1}"#]) {
            Ok(outcome) => outcome.rejected.first().map(|row| row.message.clone()).unwrap_or_default(),
            Err(message) => message,
        };
        let shown: String = context.chars().take(60).collect();
        assert!(message.contains("`prompt.context` (line 11)"), "{shown}: {message}");
    }
}
