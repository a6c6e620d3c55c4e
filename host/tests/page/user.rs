//! What a person does with the page, and what it then shows.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::server::Server;

/// What is filled into the form of a new run; an empty text leaves the page's default.
pub struct Form<'a> {
    pub task: &'a str,
    pub data: &'a str,
    pub steps: &'a str,
    pub sample: &'a str,
}

impl Form<'_> {
    /// SST-2's sample with the tiny model; its 120 rows take about a tenth of a second for each step.
    pub const SAMPLE: Form<'static> = Form { task: "sst2", data: "sample", steps: "4", sample: "" };
}

/// Opens the server's page and waits for what it offers.
pub fn open(browser: &Browser, server: &Server) {
    browser.open(&server.url);
    browser.wait("tasks to choose", "return document.querySelector('#task').options.length > 0", json!([]));
}

/// Fills the form, without starting.
pub fn fill(browser: &Browser, form: &Form) {
    for (field, value) in [("#task", form.task), ("#data", form.data), ("#optimizer", "momentum"), ("#select", "last")]
    {
        browser.choose(field, value);
    }
    for (field, value) in [("#steps", form.steps), ("#seed", "0"), ("#sample", form.sample)] {
        browser.fill(field, value);
    }
}

/// Starts a run and gives its id, once the page shows it.
pub fn start(browser: &Browser, server: &Server, form: &Form) -> String {
    let runs = server.get("/v1/runs")["runs"].as_array().unwrap().len();
    fill(browser, form);
    browser.click("#start-button");
    let id = browser.wait_until("the run to be taken", || {
        let list = server.get("/v1/runs");
        let run = list["runs"].as_array().unwrap().get(runs)?;
        Some(run["id"].as_str().unwrap().to_owned())
    });
    const SHOWN: &str = "return document.querySelector('#run-title').innerText.includes(arguments[0])";
    browser.wait(&format!("the run {id} to be shown"), SHOWN, json!([id]));
    id
}

/// Waits until the page says that the shown run is in this state.
#[track_caller]
pub fn wait_for_state(browser: &Browser, state: &str) {
    const STATE: &str = "return document.querySelector('#state').innerText.trim().startsWith(arguments[0])";
    browser.wait(&format!("the state `{state}`"), STATE, json!([state]));
}

/// The rows that a table has for steps: the step, and the text of each cell behind the row's heading.
pub fn step_rows(browser: &Browser, table: &str) -> Vec<(u64, Vec<String>)> {
    const ROWS: &str = "return [...document.querySelectorAll(`${arguments[0]} tr[data-step]`)].map(row =>
        [Number(row.dataset.step), [...row.querySelectorAll('td')].map(cell => cell.innerText.trim())])";
    let rows = browser.script(ROWS, json!([table]));
    serde_json::from_value(rows).expect("steps with their cells")
}

/// What the page has as text, whether it is folded away or not.
pub fn text(browser: &Browser, selector: &str) -> String {
    let text = browser.script("return document.querySelector(arguments[0]).textContent", json!([selector]));
    text.as_str().expect("a text").to_owned()
}

/// Scores a text of one's own and waits for the probabilities at `steps` steps.
pub fn try_text(browser: &Browser, text: &str, steps: usize) {
    browser.fill("#text", text);
    browser.click("#try-button");
    wait_for_probabilities(browser, steps);
}

pub fn wait_for_probabilities(browser: &Browser, steps: usize) {
    const COUNT: &str = "return document.querySelectorAll('#probabilities tr[data-step]').length === arguments[0]";
    browser.wait(&format!("probabilities at {steps} steps"), COUNT, json!([steps]));
}

/// A share as the page shows it.
pub fn percent(share: &Value) -> String {
    format!("{:.1} %", 100.0 * share.as_f64().expect("a number"))
}
