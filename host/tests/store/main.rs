//! Models through the store's front door, against a hub on the loopback interface and a stand-in for pip.

#[path = "../support_hub/mod.rs"]
mod support_hub;

mod catalogue;
mod datasets;
mod environment;
mod hub;
mod redirects;
mod tokens;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ft_store::machine::environment::{ColorChoice, Environment};
use ft_store::progress::Progress;

/// An environment whose folders are all inside `folder` and whose hub is at `endpoint`.
fn environment(folder: &Path, endpoint: String) -> Environment {
    Environment {
        cache_folder: Some(folder.join("ft-host")),
        plugin_path: Vec::new(),
        data_folder: None,
        hub_cache: Some(folder.join("hub")),
        endpoint,
        server_token: None,
        token: None,
        offline: false,
        datasets_offline: false,
        color: ColorChoice::Never,
        dumb_terminal: true,
        columns: None,
        threads: None,
        python: folder.join("no-python"),
    }
}

/// Keeps what it is told.
#[derive(Default)]
struct Told {
    notes: Mutex<Vec<String>>,
    bytes: Mutex<u64>,
}

impl Told {
    fn notes(&self) -> String {
        self.notes.lock().unwrap().join("\n")
    }

    fn bytes(&self) -> u64 {
        *self.bytes.lock().unwrap()
    }
}

impl Progress for Told {
    fn start(&self, _what: &str, _total: Option<u64>) {}

    fn advance(&self, bytes: u64) {
        *self.bytes.lock().unwrap() += bytes;
    }

    fn note(&self, message: &str) {
        self.notes.lock().unwrap().push(message.to_owned());
    }
}

/// All files below a folder, relative to it, sorted.
fn files(folder: &Path) -> Vec<String> {
    fn collect(folder: &Path, root: &Path, found: &mut Vec<String>) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for entry in entries {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, root, found);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    let mut found = Vec::new();
    collect(folder, folder, &mut found);
    found.sort();
    found
}

/// The address of a port where nobody listens.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}
