//! `task import` and the definitions in `tasks/` against lm-evaluation-harness, byte for byte.
//!
//! `FT_HARNESS_PYTHON` names a Python with the package `lm-eval` 0.4.13: `render.py` asks the harness's own code for the
//! contexts, choices and demonstrations of its task files over rows of this project's own, and the definitions that
//! `task import` makes of the same files render them too. Without it stderr has a line for what is skipped, and task files
//! of this project's own (`own/`) are held to what the harness made of them when `expected.json` was written:
//!
//!     FT_BLESS=1 FT_HARNESS_PYTHON=.../python cargo test --test harness

mod definition;
mod render;

use std::path::{Path, PathBuf};

use definition::Definition;
use ft_host::task_dev::import::{Import, Imported, import};
use render::{Case, Rendered, harness, task_folder};

/// Task files of the harness, in its folder of tasks, and rows in their columns.
const HARNESS: [(&str, &str); 20] = [
    ("anli/anli_r1.yaml", "host/tests/harness/rows/anli.jsonl"),
    ("arc/arc_challenge.yaml", "tasks/arc/sample/test.jsonl"),
    ("arc/arc_easy.yaml", "tasks/arc/sample/test.jsonl"),
    ("commonsense_qa/default.yaml", "tasks/commonsense_qa/sample/validation.jsonl"),
    ("glue/cola/default.yaml", "host/tests/harness/rows/cola.jsonl"),
    ("glue/mrpc/default.yaml", "host/tests/harness/rows/pairs.jsonl"),
    ("glue/qnli/default.yaml", "host/tests/harness/rows/qnli.jsonl"),
    ("glue/qqp/default.yaml", "host/tests/harness/rows/questions.jsonl"),
    ("glue/rte/default.yaml", "tasks/rte/sample/validation.jsonl"),
    ("glue/sst2/default.yaml", "tasks/sst2/sample/validation.jsonl"),
    ("leaderboard/bbh_mc/logical_deduction_three_objects.yaml", "tasks/bbh/sample/test.jsonl"),
    ("mmlu/default/mmlu_anatomy.yaml", "tasks/mmlu/sample/test.jsonl"),
    ("openbookqa/openbookqa.yaml", "tasks/obqa/sample/validation.jsonl"),
    ("piqa/piqa.yaml", "tasks/piqa/sample/validation.jsonl"),
    ("sciq/sciq.yaml", "host/tests/harness/rows/sciq.jsonl"),
    ("storycloze/storycloze_2016.yaml", "host/tests/harness/rows/stories.jsonl"),
    ("super_glue/boolq/default.yaml", "tasks/boolq/sample/validation.jsonl"),
    ("super_glue/cb/default.yaml", "tasks/cb/sample/validation.jsonl"),
    ("super_glue/wic/default.yaml", "host/tests/harness/rows/wic.jsonl"),
    ("swag/swag.yaml", "host/tests/harness/rows/swag.jsonl"),
];

/// Task files of this project's own, in `own/`; all are over the rows `rows/own.jsonl`.
const OWN: [&str; 6] = ["columns", "contexts", "letters", "nested", "texts", "written"];

/// A definition in `tasks/` that has the prompts of a task of the harness.
struct Task {
    name: &'static str,
    /// Values of its options.
    options: &'static [(&'static str, &'static str)],
    yaml: &'static str,
    /// The split of its sample that is compared.
    split: &'static str,
    /// Rows in place of the sample's.
    rows: Option<&'static str>,
}

const fn task(name: &'static str, yaml: &'static str, split: &'static str) -> Task {
    Task { name, options: &[], yaml, split, rows: None }
}

const TASKS: [Task; 9] = [
    task("arc", "arc/arc_easy.yaml", "test"),
    Task { options: &[("set", "ARC-Challenge")], ..task("arc", "arc/arc_challenge.yaml", "test") },
    task("boolq", "super_glue/boolq/default.yaml", "validation"),
    task("cb", "super_glue/cb/default.yaml", "validation"),
    task("commonsense_qa", "commonsense_qa/default.yaml", "validation"),
    task("mmlu", "mmlu/default/mmlu_anatomy.yaml", "test"),
    Task {
        options: &[("subject", "high_school_us_history")],
        rows: Some("host/tests/harness/rows/history.jsonl"),
        ..task("mmlu", "mmlu/default/mmlu_high_school_us_history.yaml", "test")
    },
    task("piqa", "piqa/piqa.yaml", "validation"),
    task("rte", "glue/rte/default.yaml", "validation"),
];

/// The repository's root.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package has a parent").to_owned()
}

fn own_file(name: &str) -> PathBuf {
    repository().join("host/tests/harness").join(name)
}

fn own_cases() -> Vec<Case> {
    let rows = own_file("rows/own.jsonl");
    let case = |name: &&str| Case { yaml: own_file("own").join(format!("{name}.yaml")), rows: rows.clone() };
    OWN.iter().map(case).collect()
}

/// The definition that a task file becomes, over the rows of its case.
fn imported(yaml: &Path, case: &Case) -> Rendered {
    match import(yaml).unwrap_or_else(|error| panic!("{error}")) {
        Import::Task(Imported { text, .. }) => Definition::new(&text, &[]).rendered(&case.rows),
        Import::Group { .. } => panic!("{}: a group", yaml.display()),
    }
}

#[test]
fn imports_of_the_harness_s_task_files_render_what_it_renders() {
    let cases = HARNESS.map(|(yaml, rows)| Case { yaml: yaml.into(), rows: repository().join(rows) });
    let Some(expected) = harness(&cases) else { return };
    let folder = task_folder().expect("the harness answered");
    for (case, expected) in cases.iter().zip(&expected) {
        assert!(expected.queries.len() >= 10, "{}", case.yaml.display());
        expected.check(&imported(&folder.join(&case.yaml), case), &case.yaml.display().to_string());
    }
}

#[test]
fn definitions_have_the_prompts_that_they_say() {
    let case = |task: &Task| Case {
        yaml: task.yaml.into(),
        rows: repository().join(match task.rows {
            Some(rows) => rows.to_owned(),
            None => format!("tasks/{}/sample/{}.jsonl", task.name, task.split),
        }),
    };
    let cases: Vec<Case> = TASKS.iter().map(case).collect();
    let Some(expected) = harness(&cases) else { return };
    for (Task { name, options, yaml, .. }, (case, expected)) in TASKS.iter().zip(cases.iter().zip(&expected)) {
        let definition = Definition::new(&definition::read(name), options);
        expected.check(&definition.rendered(&case.rows), &format!("{name} as {yaml}"));
    }
}

#[test]
fn imports_of_own_task_files_render_what_the_harness_rendered() {
    let cases = own_cases();
    let file = own_file("expected.json");
    if std::env::var_os("FT_BLESS").is_some()
        && let Some(rendered) = harness(&cases)
    {
        std::fs::write(&file, serde_json::to_string_pretty(&rendered).expect("texts and numbers") + "\n")
            .expect("writes");
    }
    let expected: Vec<Rendered> = serde_json::from_str(&std::fs::read_to_string(&file).expect("it is committed"))
        .expect("what `render.py` writes");
    assert_eq!(expected.len(), cases.len());
    for (case, expected) in cases.iter().zip(&expected) {
        expected.check(&imported(&case.yaml, case), &case.yaml.display().to_string());
    }
}

#[test]
fn every_definition_renders_its_sample() {
    for name in ["arc", "bbh", "boolq", "cb", "commonsense_qa", "mmlu", "piqa", "rte"] {
        Definition::new(&definition::read(name), &[]).check_sample(name);
    }
}

#[test]
fn every_option_of_a_definition_can_be_chosen() {
    for name in ["arc", "bbh", "mmlu"] {
        let text = definition::read(name);
        let read: toml::Table = text.parse().expect("TOML");
        for (option, keys) in read["options"].as_table().expect("options") {
            let choices = keys["choices"].as_array().expect("choices");
            assert_eq!(
                choices.len(),
                [("arc", 2), ("bbh", 24), ("mmlu", 57)].iter().find(|of| of.0 == name).unwrap().1
            );
            for choice in choices {
                let choice = choice.as_str().expect("a text");
                let mut definition = Definition::new(&text, &[(option, choice)]);
                assert_eq!(definition.configs(), [choice, choice], "{name}");
            }
        }
    }
}
