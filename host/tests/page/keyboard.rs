//! The page without a mouse.

use serde_json::{Value, json};

use crate::browser::{Browser, CONTROL, ENTER, TAB};
use crate::server::{Server, place};
use crate::user::{open, step_rows, wait_for_probabilities, wait_for_state};

/// More than a page of this size has to stop at.
const MOST_STOPS: usize = 120;

/// Presses Tab until an element has the focus; each stop on the way has to be seen.
fn tab_to(browser: &Browser, id: &str) {
    const FOCUS: &str = "const at = document.activeElement, style = getComputedStyle(at);
        const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
        return [at.id || at.tagName, outlined || style.boxShadow !== 'none']";
    let mut stops = Vec::new();
    for _ in 0..MOST_STOPS {
        browser.keys(TAB);
        let (stop, is_seen): (String, bool) = serde_json::from_value(browser.script(FOCUS, json!([]))).unwrap();
        // The end of the page gives the focus back to the body.
        assert!(is_seen || stop == "BODY", "`{stop}` does not show that it has the focus");
        if stop == id {
            return;
        }
        stops.push(stop);
    }
    panic!("expected Tab to come to `{id}`, got {stops:?}");
}

/// Types into the field that has the focus, in place of what is there.
fn type_over(browser: &Browser, text: &str) {
    // Control is let go of at the end of a sequence of keys.
    browser.keys(&format!("{CONTROL}a"));
    browser.keys(text);
}

#[test]
fn a_run_is_started_tried_and_saved_by_keyboard() {
    let Some(browser) = Browser::start() else { return };
    let place = place();
    let server = Server::start(&place, &[]);
    open(&browser, &server);
    tab_to(&browser, "task");
    browser.keys("sst2");
    tab_to(&browser, "steps");
    type_over(&browser, "3");
    tab_to(&browser, "sample");
    type_over(&browser, "6");
    tab_to(&browser, "start-button");
    browser.keys(ENTER);
    wait_for_state(&browser, "done");
    let run = &server.get("/v1/runs")["runs"][0];
    let asked = |name: &str| run["options"][name].clone();
    assert_eq!([asked("task"), asked("steps"), asked("sample")], [json!("sst2"), json!(3), json!(6)]);
    assert_eq!(step_rows(&browser, "#scores").len(), 4);
    tab_to(&browser, "context-name");
    browser.keys("typed");
    browser.keys(ENTER);
    browser.wait("the context", "return document.querySelector('#saved').innerText.includes('typed')", json!([]));
    tab_to(&browser, "text");
    browser.keys("not a bad film");
    tab_to(&browser, "try-button");
    browser.keys(ENTER);
    wait_for_probabilities(&browser, 3);
    assert!(place.path("serve/contexts/typed/context.json").is_file());
    let value: Value = browser.script("return document.querySelector('#text').value", json!([]));
    assert_eq!(value, "not a bad film");
    browser.close(&server.origin(), &[]);
}
