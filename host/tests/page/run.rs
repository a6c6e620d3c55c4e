//! A run from its start to a context that predicts elsewhere.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::server::{Server, place};
use crate::support::{Done, Place};
use crate::user::{Form, open, percent, start, step_rows, text, try_text, wait_for_state};

/// Steps of the method, and of the table, which has zero-shot besides.
const STEPS: usize = 4;

const TEXT: &str = "it 's a charming , often moving film";

#[test]
fn a_run_is_watched_tried_saved_and_repeated_on_the_command_line() {
    let Some(browser) = Browser::start() else { return };
    let place = place();
    let server = Server::start(&place, &[]);
    open(&browser, &server);
    keep_sizes(&browser);
    let id = start(&browser, &server, &Form::SAMPLE);
    wait_for_state(&browser, "done");
    steps_appeared_one_by_one(&browser);
    let run = server.get(&format!("/v1/runs/{id}"));
    let shown = step_rows(&browser, "#scores");
    for (score, (step, cells)) in run["scores"].as_array().unwrap().iter().zip(&shown) {
        assert_eq!(score["step"], *step);
        assert!(cells.contains(&percent(&score["accuracy"])), "{score} {cells:?}");
    }
    every_cell_of_the_layers_is_drawn(&browser);
    text_is_scored_at_every_step(&browser, &server, &run);
    saved_context_predicts_the_same(&browser, &server, &place, &run);
    command_gives_the_same(&browser, &place, &run);
    browser.close(&server.origin(), &[]);
    server.stop();
}

/// Keeps how many rows the table of steps had, change by change.
fn keep_sizes(browser: &Browser) {
    const KEEP: &str = "window.sizes = [];
        const table = document.querySelector('#scores');
        new MutationObserver(() => window.sizes.push(table.querySelectorAll('tr[data-step]').length))
            .observe(table, { childList: true, subtree: true })";
    browser.script(KEEP, json!([]));
}

fn steps_appeared_one_by_one(browser: &Browser) {
    let mut sizes: Vec<usize> = serde_json::from_value(browser.script("return window.sizes", json!([]))).unwrap();
    assert!(sizes.is_sorted(), "{sizes:?}");
    sizes.dedup();
    assert_eq!(sizes.last(), Some(&(STEPS + 1)));
    // Two that are finished within a frame may come together.
    assert!(sizes.len() > 2, "expected the steps one after another, got {sizes:?}");
    let steps: Vec<u64> = step_rows(browser, "#scores").into_iter().map(|(step, _)| step).collect();
    assert_eq!(steps, (0..=STEPS as u64).collect::<Vec<_>>());
}

/// Two layers with keys and values each, at each step that moves them.
fn every_cell_of_the_layers_is_drawn(browser: &Browser) {
    const CELLS: &str = "return [...document.querySelectorAll('#layers rect[data-layer][data-step]')]
        .map(cell => [cell.dataset.layer, cell.dataset.step, cell.querySelector('title').textContent])";
    let cells: Vec<[String; 3]> = serde_json::from_value(browser.script(CELLS, json!([]))).unwrap();
    assert_eq!(cells.len(), 2 * 2 * (STEPS - 1), "{cells:?}");
    assert!(cells.iter().all(|[_, _, title]| title.chars().any(|c| c.is_ascii_digit())), "{cells:?}");
}

/// Classes of one letter each, between which a model with random weights is less sure than between words.
const LETTERS: &str = r#"task = "template"
name = "letters"
[data]
repository = "nobody/nothing"
demonstrations = "train"
evaluation = "test"
[row]
query = "{{ text }}"
labels = ["a", "b", "c"]
answer = "label"
[prompt]
context = "T: {{ text }}"
"#;

#[test]
fn shown_probabilities_are_those_behind_each_step() {
    let Some(browser) = Browser::start() else { return };
    let place = place();
    place.write("letters.toml", LETTERS);
    let line = |row: usize| json!({ "text": format!("row {row}"), "label": row % 3 }).to_string() + "\n";
    for split in ["train", "test"] {
        place.write(&format!("data/letters/{split}.jsonl"), (0..9).map(line).collect::<String>());
    }
    let server = Server::start(&place, &["--task", "letters.toml", "--data", "mine=data"]);
    open(&browser, &server);
    let id = start(&browser, &server, &Form { task: "letters", data: "mine", steps: "4", sample: "" });
    wait_for_state(&browser, "done");
    let shown = text_is_scored_at_every_step(&browser, &server, &server.get(&format!("/v1/runs/{id}")));
    assert!(shown.windows(2).any(|steps| steps[0] != steps[1]), "expected steps to differ, got {shown:?}");
    browser.close(&server.origin(), &[]);
}

/// Tries the text, and gives the probabilities that the page shows for each step.
fn text_is_scored_at_every_step(browser: &Browser, server: &Server, run: &Value) -> Vec<Vec<String>> {
    try_text(browser, TEXT, STEPS);
    let labels = run["labels"].as_array().unwrap();
    let rows = step_rows(browser, "#probabilities");
    for (step, cells) in &rows {
        let context = format!("runs/{}/{step}", run["id"].as_str().unwrap());
        let probabilities = predicted(server, &context)["probabilities"].take();
        let expected: Vec<String> = probabilities.as_array().unwrap().iter().map(percent).collect();
        assert_eq!(expected.len(), labels.len());
        assert_eq!(cells[..labels.len()], expected, "step {step}");
    }
    let headings = text(browser, "#probabilities");
    for part in labels.iter().map(|label| label.as_str().unwrap()).chain(["in-context learning"]) {
        assert!(headings.contains(part), "expected {part:?} in {headings}");
    }
    rows.into_iter().map(|(_, cells)| cells).collect()
}

/// What the server predicts for the text behind a context.
fn predicted(server: &Server, context: &str) -> Value {
    let mut answer = server.post("/v1/predict", &json!({ "contexts": [context], "texts": [TEXT] }));
    answer["predictions"][0].take()
}

fn saved_context_predicts_the_same(browser: &Browser, server: &Server, place: &Place, run: &Value) {
    browser.fill("#context-name", "moods");
    browser.click("#save-button");
    const SAVED: &str = "return document.querySelector('#saved').innerText.includes('moods')";
    browser.wait("the context to be saved", SAVED, json!([]));
    let by_name = predicted(server, "moods");
    let selected = format!("runs/{}/{}", run["id"].as_str().unwrap(), run["selected"][0]["step"]);
    assert_eq!(by_name, predicted(server, &selected));
    let done = place.host(&["predict", "serve/contexts/moods", "--text", TEXT, "--device", "cpu"]).good();
    assert_eq!(done.json(), by_name, "the command line and the server differ");
}

/// Runs the command that the page shows, and holds its results to the server's.
fn command_gives_the_same(browser: &Browser, place: &Place, run: &Value) {
    let command = text(browser, "#command");
    assert_eq!(command, run["command"].as_str().unwrap());
    in_shell(place, &command).good();
    let folder = format!("runs/{}", run["task"].as_str().unwrap());
    let results = place.json(&format!("{folder}/results.json"));
    assert_eq!(results["selected"][0]["step"], run["selected"][0]["step"]);
    let scores = run["scores"].as_array().unwrap();
    assert_eq!(results["steps"].as_array().unwrap().len(), scores.len());
    for (of_command, of_page) in results["steps"].as_array().unwrap().iter().zip(scores) {
        for key in ["step", "n", "correct", "accuracy", "right_loglik"] {
            assert_eq!(of_command[key], of_page[key], "{key}: {of_command}");
        }
    }
}

/// A command line as a user pastes it, with the executable on the path.
fn in_shell(place: &Place, line: &str) -> Done {
    let host = place.command(&[]);
    let folder = Path::new(host.get_program()).parent().expect("the executable lies in a folder");
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", line]).current_dir(place.path("")).stdin(Stdio::null());
    for (name, value) in host.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    Done::of(shell.env("PATH", path).output().unwrap())
}
