//! The picture of the page in the README.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use crate::browser::Browser;
use crate::server::{Server, place};
use crate::support::Place;
use crate::user::{Form, open, start, try_text, wait_for_state};

/// What a picture in a repository may have in bytes.
const LARGEST: usize = 300_000;

const SIZE: (u32, u32) = (1280, 900);

/// Without `FT_SCREENSHOT` the picture is of the tiny model, and only looked at; with it, of a run with the default model,
/// which takes `ft-host model pull` before.
#[test]
fn a_picture_of_a_finished_run_is_small_and_of_the_right_size() {
    let Some(mut browser) = Browser::start() else { return };
    browser.patience = Duration::from_secs(600);
    let file = std::env::var_os("FT_SCREENSHOT").filter(|file| !file.is_empty());
    let place = place();
    let server = match &file {
        None => Server::start(&place, &[]),
        Some(_) => with_default_model(&place),
    };
    browser.view(SIZE.0, SIZE.1, false);
    browser.scheme(false);
    browser.devtools("Emulation.setScrollbarsHidden", json!({ "hidden": true }));
    open(&browser, &server);
    let form = if file.is_some() { Form { steps: "8", sample: "", ..Form::SAMPLE } } else { Form::SAMPLE };
    start(&browser, &server, &form);
    wait_for_state(&browser, "done");
    try_text(&browser, "it 's a charming , often moving film", form.steps.parse().unwrap());
    browser.script("document.activeElement.blur(); scrollTo(0, 0)", json!([]));
    let png = BASE64_STANDARD.decode(browser.screenshot()).unwrap();
    assert_eq!(size(&png), SIZE);
    assert!(png.len() < LARGEST, "{} bytes", png.len());
    if let Some(file) = file {
        // Tests run in the package's folder, and the variable is relative to the repository.
        let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
        std::fs::write(&path, png).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    browser.close(&server.origin(), &[]);
}

/// A server in the user's own environment, in which models are found.
fn with_default_model(place: &Place) -> Server {
    let host = place.command(&[]);
    let mut command = std::process::Command::new(host.get_program());
    command.args(["serve", "--listen", "127.0.0.1:0", "--offline"]).current_dir(place.path(""));
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped());
    Server::spawn(&mut command, place.path("serve.stderr"))
}

/// Width and height of a PNG file, from its first chunk.
fn size(png: &[u8]) -> (u32, u32) {
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}
