//! Texts of strangers in the page: markup, quotes, control characters and turns of direction are text, wherever they come
//! from.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::server::{Server, place};
use crate::support::{Place, guest};
use crate::user::{Form, fill, open, start, text, try_text, wait_for_state};

/// A task whose every text is markup. The host takes no control characters and no turns of direction in names of classes;
/// all else has them.
const EVIL: &str = r#"task = "template"
name = "evil"
summary = "<script>alert('summary')</script>\"`\u202E\u2066\u001b[2J\u0007"
[data]
repository = "nobody/nothing"
demonstrations = "train"
evaluation = "test"
[row]
query = "{{ text }}"
labels = ["<script>alert('label')</script>\"", "</td><img src=x onerror=alert('class')>'"]
answer = "label"
answer-is = "index"
[prompt]
context = "<script>alert('prompt')</script>\u202E {{ text }}"
"#;

/// What is asked of the page in the end, and is markup too.
const ASKED: &str = "<script>alert('asked')</script>\"' </textarea><img src=x onerror=alert('asked')>";

fn evil_place() -> Place {
    let place = place();
    place.write("evil.toml", EVIL);
    for split in ["train", "test"] {
        let text =
            |row: usize| format!("<script>alert('{split} {row}')</script>\"'\u{202e}\u{2028}\u{1b}[2J\u{7}</span>");
        let line = |row: usize| json!({ "text": text(row), "label": row % 2 }).to_string() + "\n";
        place.write(&format!("data/evil/{split}.jsonl"), (0..6).map(line).collect::<String>());
    }
    place
}

/// Replaces a text of a component's data with another one of the same length in bytes.
fn patched(component: &mut [u8], text: &str, by: &str) {
    let at = component.windows(text.len()).position(|window| window == text.as_bytes());
    let at = at.unwrap_or_else(|| panic!("{text:?} is not in the component"));
    assert!(by.len() <= text.len(), "{by:?} is longer than {text:?}");
    let padded = by.to_owned() + &" ".repeat(text.len() - by.len());
    component[at..at + text.len()].copy_from_slice(padded.as_bytes());
}

/// Puts other texts into a component of the place.
fn patch(place: &Place, name: &str, texts: &[(&str, &str)]) {
    let mut component = std::fs::read(guest(name)).unwrap();
    texts.iter().for_each(|(text, by)| patched(&mut component, text, by));
    place.write(&format!("plugins/{name}.wasm"), component);
}

/// Every text below a JSON value.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Object(entries) => entries.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// Checks that the form has the summary and the help that the server gives for a plugin, and among them the texts `wanted`.
fn form_shows(browser: &Browser, server: &Server, kind: &str, name: &str, wanted: &[&str]) {
    let plugins = server.get("/v1/plugins");
    let entry = plugins[kind].as_array().unwrap().iter().find(|entry| entry["name"] == name);
    let entry = entry.unwrap_or_else(|| panic!("no {name} in {plugins}"));
    let shown = [
        texts(&entry["summary"]),
        entry["options"].as_array().unwrap().iter().map(|o| &o["help"]).flat_map(texts).collect(),
    ]
    .concat();
    shows(browser, "#start", &[wanted, &shown].concat());
}

/// How many elements there are of the kinds that markup in these texts would make.
fn made(browser: &Browser) -> Value {
    const MADE: &str = "return [document.scripts.length,
        document.querySelectorAll('img, iframe, object, embed, [onerror], [onclick]').length]";
    browser.script(MADE, json!([]))
}

/// Checks that nothing in the page, folded away or not, can end a line, hide or turn the direction.
fn nothing_acts(browser: &Browser) {
    const ACTING: &str = r"const texts = [document.body.textContent];
        for (const element of document.querySelectorAll('[title], [aria-label]'))
            texts.push(element.getAttribute('title'), element.getAttribute('aria-label'));
        return texts.filter(text => /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/.test(text))";
    let acting = browser.script(ACTING, json!([]));
    assert_eq!(acting, json!([]));
    let title = browser.script("return document.title", json!([]));
    assert!(!title.as_str().unwrap().contains(['<', '\u{202e}']), "{title}");
    assert_eq!(browser.dialog(), None);
}

#[track_caller]
fn shows(browser: &Browser, selector: &str, parts: &[&str]) {
    let text = text(browser, selector);
    for part in parts {
        assert!(text.contains(part), "expected {part:?} in `{selector}`, got:\n{text}");
    }
}

#[test]
fn a_task_of_markup_is_shown_as_text() {
    let Some(browser) = Browser::start() else { return };
    let place = evil_place();
    let server = Server::start(&place, &["--task", "evil.toml", "--data", "mine=data"]);
    open(&browser, &server);
    let before = made(&browser);
    let form = Form { task: "evil", data: "mine", steps: "3", sample: "" };
    fill(&browser, &form);
    form_shows(&browser, &server, "tasks", "evil", &[]);
    browser.click("#preview-button");
    browser.wait("the prompt", "return document.querySelector('#prompt .token') !== null", json!([]));
    shows(&browser, "#prompt", &["<script>alert('prompt')</script>\\u{202e}", "alert('test 0')</script>\"'\\u{202e}"]);
    start(&browser, &server, &form);
    wait_for_state(&browser, "done");
    shows(
        &browser,
        "#demonstrations",
        &["<script>alert('train ", "</script>\"'\\u{202e}\\u{2028}\\u{1b}[2J\\u{7}</span>"],
    );
    try_text(&browser, ASKED, 3);
    shows(
        &browser,
        "#probabilities",
        &["<script>alert('label')</script>\"", "</td><img src=x onerror=alert('class')>'"],
    );
    let kept = browser.script("return document.querySelector('#text').value", json!([]));
    assert_eq!(kept, ASKED);
    nothing_acts(&browser);
    assert_eq!(made(&browser), before);
    browser.close(&server.origin(), &[]);
}

#[test]
fn a_component_of_markup_is_shown_as_text() {
    let Some(browser) = Browser::start() else { return };
    let place = place();
    let optimizer = [
        (
            "gradient descent with momentum along what a further pass proposes",
            "<script>alert('optimizer')</script>\"'\u{202e}\u{1b}[2J\u{7}",
        ),
        ("how far to go along the momentum in each step", "<img src=x onerror=alert('help')>\u{202e}"),
        ("how much of the last step's momentum stays", "<script>alert('more')</script>\"'"),
    ];
    patch(&place, "momentum", &optimizer);
    let task = "SST-2 from GLUE: sentiment of sentences from film reviews";
    patch(&place, "sst2", &[(task, "<script>alert('task')</script>\"'\u{2066}\u{1b}[2J")]);
    place.write("plugins/hostile-task.wasm", std::fs::read(guest("hostile/task")).unwrap());
    place.write("no<script>alert(1)<!-- component.wasm", "no component");
    let server = Server::start(&place, &["--task", "no<script>alert(1)<!-- component.wasm"]);
    open(&browser, &server);
    let before = made(&browser);
    fill(&browser, &Form::SAMPLE);
    form_shows(&browser, &server, "tasks", "sst2", &["<script>alert('task')</script>\"'\\u{2066}\\u{1b}[2J"]);
    let parts = [
        "<script>alert('optimizer')</script>\"'\\u{202e}\\u{1b}[2J\\u{7}",
        "<img src=x onerror=alert('help')>\\u{202e}",
        "<script>alert('more')</script>\"'",
    ];
    form_shows(&browser, &server, "optimizers", "momentum", &parts);
    shows(&browser, "#start", &["no<script>alert(1)<!-- component"]);
    // What the plugin says of its failure, and what it logs, has line breaks, escapes and a turn of direction.
    for (attack, selector) in [("escapes-in-errors", "#error"), ("escapes-in-log", "#notes")] {
        let form = Form { task: "hostile-task", steps: "2", sample: "4", ..Form::SAMPLE };
        fill(&browser, &form);
        browser.script("document.querySelector('#task-options').open = true", json!([]));
        browser.choose("[name='T.attack']", attack);
        start(&browser, &server, &form);
        const ENDED: &str = "return /^(done|failed)/.test(document.querySelector('#state').innerText.trim())
            && document.querySelector(arguments[0]).textContent.includes('three')";
        browser.wait(&format!("{attack} in `{selector}`"), ENDED, json!([selector]));
        shows(&browser, selector, &["\\u{1b}[2J\\u{7}\\u{202e}three"]);
    }
    nothing_acts(&browser);
    assert_eq!(made(&browser), before);
    browser.close(&server.origin(), &[]);
}
