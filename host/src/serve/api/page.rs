//! The page: its files are part of the program.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::serve::shared::Shared;

const DOCUMENT: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

/// A file of the page.
struct File {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
}

/// A file of the folder `page`, under its own name.
macro_rules! file {
    ($name:literal, $kind:expr) => {
        File { path: concat!("/", $name), kind: $kind, text: include_str!(concat!("../page/", $name)) }
    };
}

/// All files but the document itself.
const FILES: &[File] = &[
    file!("action.js", SCRIPT),
    file!("api.js", SCRIPT),
    file!("app.js", SCRIPT),
    file!("charts.js", SCRIPT),
    file!("dom.js", SCRIPT),
    file!("events.js", SCRIPT),
    file!("form.js", SCRIPT),
    file!("icon.svg", PICTURE),
    file!("layers.js", SCRIPT),
    file!("prompt.js", SCRIPT),
    file!("run-state.js", SCRIPT),
    file!("run-view.js", SCRIPT),
    file!("save.js", SCRIPT),
    file!("style.css", STYLE),
    file!("text.js", SCRIPT),
    file!("try.js", SCRIPT),
];

/// The document.
const INDEX: File = File { path: "/", kind: DOCUMENT, text: include_str!("../page/index.html") };

fn files() -> impl Iterator<Item = &'static File> {
    std::iter::once(&INDEX).chain(FILES)
}

/// The paths of all files.
pub(in crate::serve) fn paths() -> impl Iterator<Item = &'static str> {
    files().map(|file| file.path)
}

/// What answers with the files.
pub(super) fn routes() -> Router<Arc<Shared>> {
    files().fold(Router::new(), |routes, file| {
        routes.route(file.path, get(async || ([(header::CONTENT_TYPE, file.kind)], file.text).into_response()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/serve/page");
        let mut found: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| format!("/{}", entry.unwrap().file_name().to_str().unwrap()))
            .map(|path| if path == "/index.html" { "/".to_owned() } else { path })
            .collect();
        let mut served: Vec<&str> = paths().collect();
        found.sort();
        served.sort_unstable();
        assert_eq!(found, served);
    }
}
