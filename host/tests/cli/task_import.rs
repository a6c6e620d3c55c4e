//! `ft-host task import`: files that are written, and messages for those that cannot be.

use crate::support::*;

const TASK: &str = "task: reviews\n\
    dataset_path: owner/name\n\
    output_type: multiple_choice\n\
    training_split: train\n\
    test_split: test\n\
    doc_to_text: \"Review: {{text}}\\nSentiment:\"\n\
    doc_to_choice: [\"negative\", \"positive\"]\n\
    doc_to_target: label\n";

#[test]
fn a_task_file_becomes_a_definition_and_no_file_is_replaced() {
    let place = Place::empty();
    place.write("reviews.yaml", TASK);
    assert_eq!(place.host(&["task", "import", "reviews.yaml"]).good().stdout, "reviews.toml\n");
    let definition: toml::Table = place.read("reviews.toml").parse().unwrap();
    assert_eq!(definition["prompt"]["context"].as_str(), Some("Review: {{text}}\nSentiment:"));
    place.host(&["task", "import", "reviews.yaml"]).failed(
        2,
        &["`reviews.toml`: expected a new name, got one that is there", "hint: choose another name with `--out`"],
    );
    place.host(&["task", "import", "reviews.yaml", "--out", "other.toml"]).good();
    assert_eq!(place.read("other.toml"), place.read("reviews.toml"));
}

#[test]
fn what_cannot_be_translated_is_refused_by_key_and_line() {
    let place = Place::empty();
    place.write("base_yaml", format!("{TASK}process_docs: !function utils.process\n"));
    place.write("t.yaml", "include: base_yaml\ntask: t\n");
    place.host(&["task", "import", "t.yaml"]).failed(
        2,
        &[
            "`base_yaml`, line 9, `process_docs`: expected no such key, since no definition can say it, got the Python function `utils.process`",
            "hint: write the task as a component",
        ],
    );
    assert!(!place.path("t.toml").exists());
    place.write("broken.yaml", "task: [\n");
    place.host(&["task", "import", "broken.yaml"]).failed(2, &["`broken.yaml`, line ", "expected YAML", "because:"]);
    place.host(&["task", "import", "none.yaml"]).failed(2, &["none.yaml"]);
}

#[test]
fn a_group_becomes_a_folder_and_says_what_is_not_in_it() {
    let place = Place::empty();
    place.write("tasks/group.yaml", "group: films\ntask: [reviews, scripts]\n");
    place.write("tasks/reviews.yaml", TASK);
    place.write("tasks/scripts.yaml", TASK.replace("reviews", "scripts").replace("multiple_choice", "generate_until"));
    let done = place.host(&["task", "import", "tasks/group.yaml"]);
    assert_eq!((done.status, done.stdout.as_str()), (Some(1), "films/reviews.toml\n"), "{}", done.stderr);
    let refused =
        "scripts: `tasks/scripts.yaml`, line 3, `output_type`: expected `multiple_choice`, got `generate_until`";
    assert_eq!(done.stderr, format!("{refused}\nfilms: definitions of 1 of 2 tasks\n"));
    assert_eq!(place.names("films"), ["reviews.toml"]);
}
