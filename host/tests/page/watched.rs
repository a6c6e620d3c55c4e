//! That the tests of the page see what must not happen.

use serde_json::json;

use crate::browser::Browser;
use crate::server::{Server, place};
use crate::user::open;

#[test]
fn errors_violations_and_requests_elsewhere_are_seen() {
    let Some(browser) = Browser::start() else { return };
    let place = place();
    let server = Server::start(&place, &[]);
    open(&browser, &server);
    assert_eq!(browser.faults(&server.origin()), Vec::<String>::new());
    const WRONG: &str = "console.error('an error of its own');
        new Image().src = 'http://192.0.2.1/picture.png';
        document.body.insertAdjacentHTML('beforeend', '<p onclick=\"alert(1)\">markup</p>');
        setTimeout(() => { throw new Error('nobody catches it') })";
    browser.script(WRONG, json!([]));
    // The violation is told when the image is asked for, which is after the script.
    browser.wait(
        "a moment to pass",
        "return performance.now() > (window.until ??= performance.now() + 300)",
        json!([]),
    );
    let faults = browser.faults(&server.origin()).join("\n");
    for part in [
        "an error of its own",
        "a request to http://192.0.2.1/picture.png",
        "img-src",
        "script-src",
        "nobody catches it",
    ] {
        assert!(faults.contains(part), "expected {part:?} in:\n{faults}");
    }
    // An origin that begins with the server's is another one.
    let other = format!("{}0", server.origin());
    browser.open(&server.url);
    assert!(browser.faults(&other).iter().any(|fault| fault.contains(&server.url)));
    browser.close(&server.origin(), &[]);
}
