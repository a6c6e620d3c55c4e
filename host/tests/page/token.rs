//! A server that wants a token.

use serde_json::json;

use crate::browser::Browser;
use crate::server::{Server, place};
use crate::user::{Form, fill, text, wait_for_state};

const TOKEN: &str = "a-token_of.the-test";

/// Within the page's own requests; the browser logs each as an error.
const REFUSED: &str = "status of 401";

#[test]
fn the_token_is_taken_from_the_address_and_asked_for_without() {
    let Some(browser) = Browser::start() else { return };
    let place = place();
    let server = Server::start(&place, &["--token", TOKEN]);
    assert_eq!(server.url, format!("{}/#token={TOKEN}", server.origin()));
    assert_eq!(server.ask("GET", "/v1/plugins", &[], None).status, 401);

    // Without it the page asks, and says so of a wrong one.
    browser.open(&server.origin());
    browser.fill("#token", "another");
    browser.click("#token-form button");
    browser.wait("a message", "return !document.querySelector('#message').hidden", json!([]));
    assert_eq!(text(&browser, "#task"), "");
    browser.fill("#token", TOKEN);
    browser.click("#token-form button");
    works(&browser);
    assert!(browser.faults(&server.origin()).iter().all(|fault| fault.contains(REFUSED)));
    // A new tab knows nothing of it.
    browser.script("sessionStorage.clear()", json!([]));

    // With it the page works at once, and the address has it no more: neither shown nor in the history.
    browser.open(&server.url);
    works(&browser);
    let address = browser.script("return location.href", json!([]));
    assert!(!address.as_str().unwrap().contains(TOKEN), "{address}");
    let source = browser.script("return document.documentElement.outerHTML", json!([]));
    assert!(!source.as_str().unwrap().contains(TOKEN));
    fill(&browser, &Form { steps: "2", sample: "4", ..Form::SAMPLE });
    browser.click("#start-button");
    wait_for_state(&browser, "done");
    assert!(!text(&browser, "#command").contains(TOKEN));
    browser.close(&server.origin(), &[]);
    server.stop();
}

/// Waits until the page has what only the token gives, and asks for no token.
fn works(browser: &Browser) {
    const WORKS: &str = "return document.querySelector('#task').options.length > 0
        && !document.querySelector('#token-form').checkVisibility()";
    browser.wait("the page to work", WORKS, json!([]));
}
