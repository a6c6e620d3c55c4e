//! The fuzz targets over what is known: the corpora they start from, and every input that once broke something.
//!
//! `docs/fuzzing.md` says how the inputs were found. Here they run without a fuzzer, with the functions that it runs.

#[path = "../../fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::path::{Path, PathBuf};

/// The files of a folder in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("the folder is readable").path()).collect();
    files.sort();
    files
}

/// Runs every target over its folder below `root`; gives how many inputs there were.
fn run_all(root: &Path) -> usize {
    let mut count = 0;
    for (name, _) in targets::TARGETS {
        for path in files(&root.join(name)) {
            // Shown with the failure of a test.
            println!("{}", path.display());
            targets::run(name, &fs::read(&path).expect("the file is readable"));
            count += 1;
        }
    }
    count
}

#[test]
fn the_corpora_break_nothing() {
    let count = run_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus"));
    assert!(count >= targets::TARGETS.len(), "only {count} inputs");
}

#[test]
fn what_was_found_breaks_nothing_any_more() {
    let count = run_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fuzz"));
    assert!(count >= targets::TARGETS.len(), "only {count} inputs");
}
