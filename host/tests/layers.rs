//! Inside a crate, a module uses only what stands below it. Between crates Cargo holds that, and what a crate may touch
//! (files, clocks, streams) clippy does, by the `clippy.toml` beside its manifest; this holds the lints to their homes.
//!
//! That no three files of a crate use each other in a circle is held by `xtask/src/figures.rs`, which counts circles.
//!
//! Reads the sources as `xtask` does for its figures: tokens without comments, strings and test modules, and in them the
//! paths that begin at `crate` (or climb to it by `super`) and at a few packages. Test modules are left out since they
//! ship nowhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "../../xtask/src/figures/source.rs"]
#[allow(dead_code, reason = "figures are counted of comments and functions too")]
mod source;

use source::Token::{self, Mark, Word};
use source::{Source, after_group};

/// A crate with its modules' heights. Equal heights are strangers to each other.
struct Crate {
    /// Its sources, from the folder of this package.
    sources: &'static str,
    /// None: its modules may use each other.
    layers: &'static [(&'static str, u8)],
}

const CRATES: [Crate; 6] = [
    Crate { sources: "kernels/src", layers: &[] },
    Crate {
        sources: "engine/src",
        layers: &[("tune", 4), ("score", 3), ("model", 2), ("metrics", 1), ("task", 1), ("text", 0)],
    },
    Crate { sources: "record/src", layers: &[("present", 2), ("analysis", 1), ("files", 0)] },
    Crate { sources: "sandbox/src", layers: &[] },
    Crate { sources: "store/src", layers: &[] },
    Crate {
        sources: "src",
        layers: &[
            ("cli", 7),
            ("serve", 6),
            ("ui", 5),
            ("plugin_dev", 4),
            ("task_dev", 4),
            ("run", 3),
            ("context", 2),
            ("diagnosis", 1),
            ("options", 0),
        ],
    },
];

/// The rooms of a run, in order: each uses only those before it.
const ROOMS_OF_RUN: [&str; 4] = ["inputs", "folder", "plan", "execute"];

/// Packages of the program that some of its layers alone may know, or none of them: `anyhow` would take an error of
/// which nobody has said whose fault it is (`diagnosis`). The binary's own file belongs to `cli`. `options` derives flags
/// and their help from its definitions; what a command is, is `cli`'s.
const PACKAGES: [(&str, &[&str]); 2] = [("clap", &["cli", "options"]), ("anyhow", &[])];

/// Where `unsafe` may stand: memory mapping, the CPU's instructions, and compiled plugins. Each says in its own words why
/// it is sound.
const UNSAFE: [&str; 3] = ["store/src/fs/mmap.rs", "kernels/src/", "sandbox/src/compiler/artifacts.rs"];

/// Where the program's streams are written to: the terminal's own module, and the child that hands machine code to its
/// parent.
const STREAMS: [&str; 2] = ["src/cli/terminal.rs", "sandbox/src/compiler/serve.rs"];

/// Lints that hold crates to what they may touch, and that a file could allow itself.
const TOUCHING: [&str; 5] = ["disallowed_methods", "disallowed_types", "print_stdout", "print_stderr", "dbg_macro"];

/// Whether `::` stands here.
fn is_path_separator(tokens: &[Token], i: usize) -> bool {
    tokens.get(i) == Some(&Mark(':')) && tokens.get(i + 1) == Some(&Mark(':'))
}

/// What comes right after a `::` at `i`: a name, or the first names in a group in braces.
fn names_after(tokens: &[Token], i: usize) -> Vec<String> {
    match tokens.get(i + 2) {
        Some(Word(name)) => vec![name.clone()],
        Some(Mark('{')) => {
            let group = &tokens[i + 2..after_group(tokens, i + 2)];
            let mut depth = 0;
            let mut names = Vec::new();
            for pair in group.windows(2) {
                match &pair[0] {
                    Mark('{') => depth += 1,
                    Mark('}') => depth -= 1,
                    _ => {}
                }
                if let (Mark('{' | ','), Word(name), 1) = (&pair[0], &pair[1], depth) {
                    names.push(name.clone());
                }
            }
            names
        }
        _ => Vec::new(),
    }
}

/// The names that stand directly below `root`, as in `root::name` and `root::{name, ..}`.
fn names_below(tokens: &[Token], root: &str) -> BTreeSet<String> {
    let root = Word(root.to_owned());
    let inside = |i: usize| i >= 2 && is_path_separator(tokens, i - 2);
    let roots = (0..tokens.len()).filter(|&i| tokens[i] == root && !inside(i) && is_path_separator(tokens, i + 1));
    roots.flat_map(|i| names_after(tokens, i + 1)).collect()
}

/// The names at the top of the crate that a file refers to; `depth` is how many modules its own lies below the top.
fn top_names(tokens: &[Token], depth: usize) -> BTreeSet<String> {
    let mut names = names_below(tokens, "crate");
    names.extend(names_climbed_to(tokens, depth));
    names
}

/// The names that a file climbs to by `super`, `depth` times or more.
fn names_climbed_to(tokens: &[Token], depth: usize) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut i = 0;
    while i < tokens.len() {
        let mut climbed = 0;
        while tokens.get(i) == Some(&Word("super".to_owned())) && is_path_separator(tokens, i + 1) {
            (i, climbed) = (i + 3, climbed + 1);
        }
        if climbed >= depth && climbed > 0 {
            names.extend(names_after(tokens, i - 2));
        }
        i += 1;
    }
    names
}

/// The names at the top of the module `run` that a file refers to; `depth` is how many modules its own lies below `run`.
fn names_in_run(tokens: &[Token], depth: usize) -> BTreeSet<String> {
    let word = |i: usize, name: &str| tokens.get(i) == Some(&Word(name.to_owned()));
    let is_run = |&i: &usize| {
        word(i, "crate") && is_path_separator(tokens, i + 1) && word(i + 3, "run") && is_path_separator(tokens, i + 4)
    };
    let mut names: BTreeSet<String> =
        (0..tokens.len()).filter(is_run).flat_map(|i| names_after(tokens, i + 4)).collect();
    names.extend(names_climbed_to(tokens, depth));
    names
}

/// The packages, of those asked for, whose names begin a path or are imported.
fn uses_package(tokens: &[Token], package: &str) -> bool {
    let named =
        |token: &Token| matches!(token, Word(word) if word == package || word.starts_with(&format!("{package}_")));
    (0..tokens.len()).any(|i| {
        let imported = i > 0 && matches!(&tokens[i - 1], Word(word) if word == "use" || word == "crate");
        named(&tokens[i]) && (imported || is_path_separator(tokens, i + 1))
    })
}

/// What is wrong with a file of a crate, given as its path below the sources, like `task/sampling.rs`.
fn faults(home: &Crate, path: &str, source: &str) -> Vec<String> {
    let tokens = Source::new(source).tokens;
    let parts: Vec<&str> = path.trim_end_matches(".rs").split('/').filter(|part| *part != "mod").collect();
    let layer = parts[0];
    let mut faults = Vec::new();
    let full = format!("{}/{path}", home.sources);
    let mut fault = |what: String| faults.push(format!("{full}: {what}"));

    let is_root = path == "lib.rs" || path == "main.rs";
    let height = |layer: &str| home.layers.iter().find(|(name, _)| *name == layer).map(|(_, height)| *height);
    if !is_root && !home.layers.is_empty() {
        match height(layer) {
            None => fault(format!("`{layer}` has no place among the layers")),
            Some(own) => {
                for name in top_names(&tokens, parts.len()).iter().filter(|name| *name != layer) {
                    if height(name).is_some_and(|other| other >= own) {
                        fault(format!("`{layer}` uses `{name}`, which does not stand below it"));
                    }
                }
            }
        }
    }
    if let (true, ["run", room, ..]) = (home.sources == "src", &parts[..]) {
        let place = |name: &str| ROOMS_OF_RUN.iter().position(|room| *room == name);
        for name in names_in_run(&tokens, parts.len() - 1).iter().filter(|name| name != room) {
            if place(room).is_some_and(|own| place(name).is_some_and(|other| other > own)) {
                fault(format!("`run::{room}` uses `run::{name}`, which comes after it"));
            }
        }
    }
    for (package, homes) in PACKAGES {
        let at_home = homes.contains(&layer) || (homes.contains(&"cli") && path == "main.rs");
        if !at_home && uses_package(&tokens, package) {
            let homes = if homes.is_empty() { "nobody".to_owned() } else { format!("`{}`", homes.join("` and `")) };
            fault(format!("`{package}` is known only to {homes}"));
        }
    }
    let has = |word: &str| tokens.contains(&Word(word.to_owned()));
    let at_home = |homes: &[&str]| homes.iter().any(|home| full.starts_with(home));
    // The lint at the top of the crate denies it, and anyone could allow it again.
    if !at_home(&UNSAFE) && (has("unsafe") || (has("unsafe_code") && !is_root)) {
        fault("`unsafe` is for memory mapping and CPU kernels alone".to_owned());
    }
    if !at_home(&STREAMS) && !is_root && TOUCHING.iter().any(|lint| has(lint)) {
        fault("the lints that hold a crate to what it may touch are for all of it".to_owned());
    }
    faults
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder is readable") {
        let path = entry.expect("the folder is readable").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The files of a crate: their paths below its sources, and what is in them.
fn files_of(home: &Crate) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(home.sources);
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    paths.sort();
    assert!(paths.len() > 10, "found only {} source files in {}", paths.len(), home.sources);
    let file = |path: PathBuf| {
        let below = path.strip_prefix(&root).expect("it was found there");
        let below: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        (below.join("/"), fs::read_to_string(&path).expect("a source file is text"))
    };
    paths.into_iter().map(file).collect()
}

#[test]
fn every_module_uses_only_what_stands_below_it() {
    let mut all = Vec::new();
    for home in &CRATES {
        for (path, source) in files_of(home) {
            all.extend(faults(home, &path, &source));
        }
    }
    assert!(all.is_empty(), "\n{}", all.join("\n"));
}

const SAMPLE: Crate = Crate { sources: "src", layers: &[("cli", 3), ("run", 2), ("ui", 2), ("task", 0)] };

#[test]
fn an_arrow_is_found_in_every_spelling() {
    let check = |path: &str, source: &str, expected: &[&str]| {
        let expected: Vec<String> = expected.iter().map(|what| format!("src/{path}: {what}")).collect();
        assert_eq!(faults(&SAMPLE, path, source), expected, "{source}");
    };
    let up = "`task` uses `run`, which does not stand below it";
    check("task/a.rs", "use crate::run::Plan;", &[up]);
    check("task/mod.rs", "fn f() { crate::run::go() }", &[up]);
    check("task/a.rs", "use crate::{task::example::{self, Split}, run};", &[up]);
    check("task/a.rs", "use crate::{\n    run::{Plan, store},\n};", &[up]);
    check("task/a.rs", "use super::super::run;", &[up]);
    check("task/mod.rs", "use super::run;", &[up]);
    check("task/b/c.rs", "pub(in crate::task) use crate::task::b; use super::super::super::run::Plan;", &[up]);
    check("task/a.rs", "use super::run; use crate::task::run; mod run; use other::crate_::run;", &[]);
    check("run/a.rs", "use crate::ui;", &["`run` uses `ui`, which does not stand below it"]);
    check("cli/a.rs", "use crate::{ui, run, task};", &[]);
    check("odd/a.rs", "", &["`odd` has no place among the layers"]);
    check("lib.rs", "pub mod cli;", &[]);
}

#[test]
fn comments_strings_and_test_modules_are_no_code() {
    let check = |source: &str| assert_eq!(faults(&SAMPLE, "task/a.rs", source), Vec::<String>::new(), "{source}");
    check("//! See [`crate::run`].\n/// crate::run\n// unsafe\n");
    check("/* crate::run /* unsafe */ crate::cli */");
    check(r##"const A: &str = "crate::run \" unsafe"; const B: &str = r#"crate::run " unsafe"#;"##);
    check(r##"const A: &[u8] = b"crate::run"; const B: &[u8] = br"crate::run\";"##);
    check("#[cfg(test)]\nmod tests { use crate::run; fn f() { unsafe { g() } } }\nfn g() {}");
    // What follows a literal that looks like the start of another is still code.
    let found = |source: &str| assert_eq!(faults(&SAMPLE, "task/a.rs", source).len(), 1, "{source}");
    found("const A: char = '\"'; use crate::run; const B: char = '\"';");
    found(r"const A: char = '\''; use crate::run; const B: char = '\u{22}';");
    found("fn f<'a>(x: &'a str) { crate::run::go(x) }");
    found("const A: &str = r\"\\\"; use crate::run;");
    found("/* a */ use crate::run; // b");
    found("#[cfg(test)] mod tests { fn f() { {} } } use crate::run;");
    found("#[cfg(test)] mod tests; use crate::run;");
}

#[test]
fn packages_stay_at_home() {
    let count = |path: &str, source: &str| faults(&SAMPLE, path, source).len();
    assert_eq!(count("ui/a.rs", "use clap;"), 1);
    assert_eq!(count("ui/a.rs", "use clap_complete::Shell;"), 1);
    assert_eq!(count("ui/a.rs", "fn f() -> anyhow::Result<()> {}"), 1);
    assert_eq!(count("options/a.rs", "use clap::Args;"), 1, "`options` is no layer of the sample, and may know clap");
    assert_eq!(count("options/a.rs", "fn f() -> anyhow::Result<()> {}"), 2);
    assert_eq!(count("run/a.rs", "let clap = 4; // clap::Parser"), 0);
    for path in ["cli/run.rs", "main.rs"] {
        assert_eq!(count(path, "use clap::Parser;"), 0, "{path}");
        assert_eq!(count(path, "fn f() -> anyhow::Result<()> {}"), 1, "{path}");
    }
}

#[test]
fn a_room_of_a_run_uses_only_those_before_it() {
    let found = |path: &str, source: &str| faults(&SAMPLE, path, source).len();
    for source in ["use crate::run::plan::Plan;", "use super::super::plan::Plan;", "use crate::run::{plan, execute};"] {
        assert!(found("run/inputs/rows.rs", source) > 0, "{source}");
        assert_eq!(found("run/execute/seeds.rs", source), 0, "{source}");
        assert_eq!(found("run/preview.rs", source), 0, "{source}");
    }
    assert_eq!(found("run/inputs/rows.rs", "use super::plan;"), 0, "a module of its own room");
}

#[test]
fn lints_are_lifted_only_where_it_is_explained() {
    let [kernels, engine, .., store, _] = &CRATES;
    for source in ["fn f() { unsafe { g() } }", "unsafe impl Send for A {}", "#[allow(unsafe_code)] fn f() {}"] {
        assert_eq!(faults(store, "hub.rs", source).len(), 1, "{source}");
        assert_eq!(faults(engine, "model/attention.rs", source).len(), 1, "{source}");
        assert_eq!(faults(store, "fs/mmap.rs", source).len(), 0, "{source}");
        assert_eq!(faults(kernels, "tile.rs", source).len(), 0, "{source}");
    }
    assert_eq!(faults(&SAMPLE, "main.rs", "fn f() { unsafe { g() } }").len(), 1);
    assert_eq!(faults(store, "lib.rs", "#![deny(unsafe_code)]").len(), 0);
    assert_eq!(faults(store, "hub.rs", "// unsafe\nconst A: &str = \"unsafe\";").len(), 0);
    for lint in TOUCHING {
        let source = format!("#![allow(clippy::{lint})]");
        assert_eq!(faults(engine, "model/json.rs", &source).len(), 1, "{lint}");
        assert_eq!(faults(&SAMPLE, "cli/terminal.rs", &source).len(), 0, "{lint}");
    }
}

#[test]
fn every_crate_has_the_lints() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    for home in &CRATES {
        let root = fs::read_to_string(package.join(home.sources).join("lib.rs")).expect("a crate has a root");
        for lint in [
            "#![warn(missing_docs)]",
            "(unsafe_code)]",
            "#![deny(clippy::print_stdout, clippy::print_stderr, clippy::dbg_macro)]",
        ] {
            assert!(root.contains(lint), "{}: `{lint}`", home.sources);
        }
    }
    // These touch nothing at all.
    for pure in ["kernels", "engine", "record"] {
        let lints = fs::read_to_string(package.join(pure).join("clippy.toml")).expect("clippy's settings are there");
        for name in ["std::fs::File", "std::time::Instant", "std::env::var", "std::io::stdout", "std::process::Command"]
        {
            assert!(lints.contains(&format!("\"{name}\"")), "{pure}: {name}");
        }
    }
}
