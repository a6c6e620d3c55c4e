//! The fuzz targets over what is known: the corpora they start from, and every input that once broke something.
//!
//! `docs/fuzzing.md` says how the inputs were found. Here they run without a fuzzer, with the functions that it runs.

#[path = "../../fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::path::{Path, PathBuf};

/// Inputs that were kept so far; `docs/fuzzing.md` says what they broke.
const KEPT: usize = 11;

/// The files of a folder in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("the folder is readable").path()).collect();
    files.sort();
    files
}

/// Runs a target over the files of a folder; gives how many there were.
fn run_folder(name: &str, folder: &Path) -> usize {
    let files = files(folder);
    for path in &files {
        // Shown with the failure of a test.
        println!("{}", path.display());
        targets::run(name, &fs::read(path).expect("the file is readable"));
    }
    files.len()
}

#[test]
fn the_corpora_break_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for (name, _) in targets::TARGETS {
        assert!(run_folder(name, &root.join(name)) > 0, "nothing to start `{name}` from");
    }
}

/// The folders are those of the targets that found something.
#[test]
fn what_was_found_breaks_nothing_any_more() {
    let folders = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fuzz"));
    let name = |folder: &Path| folder.file_name().expect("it has a name").to_string_lossy().into_owned();
    let count: usize = folders.iter().map(|folder| run_folder(&name(folder), folder)).sum();
    assert!(count >= KEPT, "only {count} inputs");
}
