//! Runs that are stopped, and servers that go and come back.

use serde_json::json;

use crate::browser::Browser;
use crate::server::{Server, place};
use crate::user::{Form, open, start, step_rows, wait_for_state};

/// A run of about a minute, for what happens in its middle.
const LONG: Form<'static> = Form { steps: "500", ..Form::SAMPLE };

/// What the browser logs of a server that is gone.
const GONE: [&str; 3] = ["ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET"];

/// Whether the page tells of a lost connection.
const IS_LOST: &str =
    "return [...document.querySelectorAll('#connection, #offline')].some(note => note.checkVisibility())";

fn wait_for_steps(browser: &Browser, steps: usize) {
    const COUNT: &str = "return document.querySelectorAll('#scores tr[data-step]').length >= arguments[0]";
    browser.wait(&format!("{steps} steps"), COUNT, json!([steps]));
}

#[test]
fn a_run_is_stopped_and_the_next_one_starts() {
    let Some(browser) = Browser::start() else { return };
    let place = place();
    let server = Server::start(&place, &[]);
    open(&browser, &server);
    let stopped = start(&browser, &server, &LONG);
    wait_for_steps(&browser, 3);
    browser.click("#stop-button");
    wait_for_state(&browser, "stopped");
    let shown = step_rows(&browser, "#scores").len();
    assert!((3..500).contains(&shown), "{shown}");
    assert!(place.path(&format!("serve/runs/{stopped}")).is_dir(), "its folder is kept");
    start(&browser, &server, &Form { steps: "2", sample: "4", ..Form::SAMPLE });
    wait_for_state(&browser, "done");
    assert_eq!(step_rows(&browser, "#scores").len(), 3);
    let states: Vec<_> =
        server.get("/v1/runs")["runs"].as_array().unwrap().iter().map(|r| r["state"].clone()).collect();
    assert_eq!(states, ["stopped", "done"]);
    browser.close(&server.origin(), &[]);
    server.stop();
}

#[test]
fn a_server_that_is_stopped_stops_its_run() {
    let Some(browser) = Browser::start() else { return };
    let place = place();
    let server = Server::start(&place, &[]);
    let origin = server.origin();
    open(&browser, &server);
    start(&browser, &server, &LONG);
    wait_for_steps(&browser, 3);
    server.stop();
    wait_for_state(&browser, "stopped");
    browser.close(&origin, &GONE);
}

#[test]
fn a_server_that_crashed_is_missed_and_found_again() {
    let Some(browser) = Browser::start() else { return };
    let place = place();
    let server = Server::start(&place, &[]);
    let (address, origin) = (server.address.clone(), server.origin());
    open(&browser, &server);
    start(&browser, &server, &LONG);
    wait_for_steps(&browser, 3);
    server.crash();
    browser.wait("the page to say that the connection is lost", IS_LOST, json!([]));
    let server = Server::listen(&place, &address, &[]);
    // The page connects again without being asked to; what the run had is kept.
    wait_for_state(&browser, "stopped");
    assert!(step_rows(&browser, "#scores").len() >= 3);
    start(&browser, &server, &Form { steps: "2", sample: "4", ..Form::SAMPLE });
    wait_for_state(&browser, "done");
    assert_eq!(step_rows(&browser, "#scores").len(), 3);
    assert_eq!(browser.script(IS_LOST, json!([])), json!(false), "the connection is there again");
    browser.close(&origin, &GONE);
    server.stop();
}
