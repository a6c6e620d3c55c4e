//! The fuzz targets over what is known: the corpora they start from, and every input that once broke something.
//!
//! `docs/fuzzing.md` says how the inputs were found. Here they run without a fuzzer, with the functions that it runs.

#[path = "plugins/encode.rs"]
mod encode;
#[path = "attacks/made.rs"]
mod made;
#[path = "../../fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::path::{Path, PathBuf};

use ft_sandbox::{PluginBinary, PluginKind, kind_of};

/// Inputs that were kept so far; `docs/fuzzing.md` says what they broke.
const KEPT: usize = 18;

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

/// Where the fuzzer starts from.
fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target)
}

#[test]
fn the_corpora_break_nothing() {
    for (name, _) in targets::TARGETS {
        assert!(run_folder(name, &corpus(name)) > 0, "nothing to start `{name}` from");
    }
}

/// Without them no fuzzer would come far into a component. With `FT_BLESS` set they are written.
#[test]
fn the_corpus_has_components_of_both_kinds() {
    use PluginKind::{Optimizer, Task};
    let hollow = |world: &str| encode::component(&[], encode::WIT, world, None);
    let components = [
        ("raw_hollow_task", Task, hollow("task-plugin")),
        ("raw_hollow_optimizer", Optimizer, hollow("optimizer-plugin")),
        ("raw_rule", Optimizer, made::file("loop-in-drop")),
        ("raw_rule_with_table", Optimizer, made::file("table-hoard")),
        ("raw_rule_with_wasi", Optimizer, made::file("system-endless-random")),
    ];
    for (name, kind, component) in components {
        let path = corpus("component").join(name);
        if std::env::var_os("FT_BLESS").is_some() {
            fs::write(&path, [b"\0", component.as_slice()].concat()).expect("the folder is there");
        }
        let input = fs::read(&path).expect("FT_BLESS=1 writes it");
        let (form, file) = input.split_first().expect("it begins with its form");
        let found = kind_of(&PluginBinary::new(name, file)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((*form, found), (0, kind), "{name}");
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
