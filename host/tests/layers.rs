//! The layers of `host/src` hold: a module uses only what stands below it.
//!
//! Reads the sources as text: tokens without comments, strings and test modules, and in them the paths that begin at
//! `crate` (or climb to it by `super`), at `std`, and at a few packages. Test modules are left out since they ship nowhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every layer with its height. Equal heights are strangers to each other.
const LAYERS: [(&str, u8); 13] = [
    ("cli", 10),
    ("ui", 9),
    ("author", 8),
    ("run", 7),
    ("report", 6),
    ("plugin", 5),
    ("store", 4),
    ("tune", 3),
    ("score", 3),
    ("model", 2),
    ("metrics", 1),
    ("task", 1),
    ("text", 0),
];

/// Arrows that point down and are wrong all the same: `report` opens nothing, so it has no business with those that do.
const FORBIDDEN_ARROWS: [(&str, &str); 2] = [("report", "plugin"), ("report", "store")];

/// Packages that only some layers may know. The binary's own file belongs to `cli`.
const PACKAGES: [(&str, &str); 3] = [("wasmtime", "plugin"), ("clap", "cli"), ("anyhow", "cli")];

/// Layers that are pure: no file, clock, environment, network or terminal.
const PURE: [&str; 6] = ["task", "metrics", "model", "tune", "score", "text"];
const IMPURE_MODULES: [&str; 5] = ["fs", "env", "time", "net", "process"];
const PRINTING_MACROS: [&str; 5] = ["print", "println", "eprint", "eprintln", "dbg"];

/// Where `unsafe` may stand: memory mapping, the CPU's instructions, and compiled plugins. Each says in its own words why
/// it is sound.
const UNSAFE: [&str; 3] = ["store/mmap.rs", "model/kernels/", "plugin/artifacts.rs"];

/// Where the program's streams are written to: the terminal's own module, the bars that a library draws, and the child
/// that hands machine code to its parent.
const STREAMS: [&str; 3] = ["cli/terminal.rs", "ui/progress.rs", "plugin/compiler.rs"];

fn height(layer: &str) -> Option<u8> {
    LAYERS.iter().find(|(name, _)| *name == layer).map(|(_, height)| *height)
}

/// An identifier, or a character of punctuation.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Mark(char),
}

use Token::{Mark, Word};

/// Tokens of a source text without comments, literals and lifetimes.
fn tokens(source: &str) -> Vec<Token> {
    let text: Vec<char> = source.chars().collect();
    let at = |i: usize| text.get(i).copied().unwrap_or('\0');
    let mut found = Vec::new();
    let mut i = 0;
    while i < text.len() {
        match at(i) {
            '/' if at(i + 1) == '/' => i += text[i..].iter().take_while(|&&c| c != '\n').count(),
            '/' if at(i + 1) == '*' => i = after_block_comment(&text, i),
            '"' => i = after_string(&text, i),
            '\'' => i = after_quote(&text, i),
            c if c.is_alphanumeric() || c == '_' => {
                let word: String = text[i..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').collect();
                i += word.chars().count();
                let raw = word.ends_with('r') && word.len() <= 2 && raw_string_hashes(&text, i).is_some();
                match raw_string_hashes(&text, i).filter(|_| raw) {
                    Some(hashes) => i = after_raw_string(&text, i, hashes),
                    None => found.push(Word(word)),
                }
            }
            c if c.is_whitespace() => i += 1,
            c => {
                found.push(Mark(c));
                i += 1;
            }
        }
    }
    found
}

fn after_block_comment(text: &[char], start: usize) -> usize {
    let (mut i, mut depth) = (start + 2, 1);
    while i < text.len() && depth > 0 {
        match (text[i], text.get(i + 1)) {
            ('/', Some('*')) => (i, depth) = (i + 2, depth + 1),
            ('*', Some('/')) => (i, depth) = (i + 2, depth - 1),
            _ => i += 1,
        }
    }
    i
}

fn after_string(text: &[char], start: usize) -> usize {
    let mut i = start + 1;
    while i < text.len() && text[i] != '"' {
        i += if text[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

/// After a character literal, or after the quote of a lifetime.
fn after_quote(text: &[char], start: usize) -> usize {
    match (text.get(start + 1), text.get(start + 2)) {
        (Some('\\'), _) => start + 3 + text[start + 3..].iter().take_while(|&&c| c != '\'').count() + 1,
        (Some(_), Some('\'')) => start + 3,
        _ => start + 1 + text[start + 1..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').count(),
    }
}

/// How many `#` stand before the quote of a raw string that begins here.
fn raw_string_hashes(text: &[char], start: usize) -> Option<usize> {
    let hashes = text[start..].iter().take_while(|&&c| c == '#').count();
    (text.get(start + hashes) == Some(&'"')).then_some(hashes)
}

fn after_raw_string(text: &[char], start: usize, hashes: usize) -> usize {
    let mut i = start + hashes + 1;
    let closes =
        |i: usize| text[i] == '"' && text[i + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes;
    while i < text.len() && !closes(i) {
        i += 1;
    }
    i + 1 + hashes
}

/// The tokens without `#[cfg(test)] mod name { .. }`.
fn shipped(tokens: &[Token]) -> Vec<Token> {
    let word = |text: &str| Word(text.to_owned());
    let marker = [Mark('#'), Mark('['), word("cfg"), Mark('('), word("test"), Mark(')'), Mark(']'), word("mod")];
    let mut kept = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        if tokens[i..].starts_with(&marker) {
            i += marker.len();
            i = if tokens.get(i + 1) == Some(&Mark('{')) { after_group(tokens, i + 1) } else { i };
        } else {
            kept.push(tokens[i].clone());
            i += 1;
        }
    }
    kept
}

/// After the group in braces that opens here.
fn after_group(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate().skip(open) {
        match token {
            Mark('{') => depth += 1,
            Mark('}') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return i + 1;
        }
    }
    tokens.len()
}

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

/// The packages, of those asked for, whose names begin a path or are imported.
fn uses_package(tokens: &[Token], package: &str) -> bool {
    let named =
        |token: &Token| matches!(token, Word(word) if word == package || word.starts_with(&format!("{package}_")));
    (0..tokens.len()).any(|i| {
        let imported = i > 0 && matches!(&tokens[i - 1], Word(word) if word == "use" || word == "crate");
        named(&tokens[i]) && (imported || is_path_separator(tokens, i + 1))
    })
}

/// What is wrong with a file, given as its path below `src`, like `task/sampling.rs`.
fn faults(path: &str, source: &str) -> Vec<String> {
    let tokens = shipped(&tokens(source));
    let parts: Vec<&str> = path.trim_end_matches(".rs").split('/').filter(|part| *part != "mod").collect();
    let layer = parts[0];
    let mut faults = Vec::new();
    let mut fault = |what: String| faults.push(format!("{path}: {what}"));

    let is_root = path == "lib.rs" || path == "main.rs";
    if !is_root {
        match height(layer) {
            None => fault(format!("`{layer}` has no place among the layers")),
            Some(own) => {
                for name in top_names(&tokens, parts.len()).iter().filter(|name| *name != layer) {
                    let up = height(name).is_some_and(|other| other >= own);
                    if up || FORBIDDEN_ARROWS.contains(&(layer, name.as_str())) {
                        fault(format!("`{layer}` uses `{name}`, which does not stand below it"));
                    }
                }
            }
        }
    }
    for (package, home) in PACKAGES {
        let at_home = layer == home || (home == "cli" && path == "main.rs");
        if !at_home && uses_package(&tokens, package) {
            fault(format!("`{package}` is known only to `{home}`"));
        }
    }
    // The lint at the top of the crate denies it, and anyone could allow it again.
    let allowed = UNSAFE.iter().any(|home| path.starts_with(home));
    let has = |word: &str| tokens.contains(&Word(word.to_owned()));
    if !allowed && (has("unsafe") || (has("unsafe_code") && !is_root)) {
        fault("`unsafe` is for memory mapping and CPU kernels alone".to_owned());
    }
    if PURE.contains(&layer) {
        let std = names_below(&tokens, "std");
        for module in IMPURE_MODULES.iter().filter(|module| std.contains(**module)) {
            fault(format!("`{layer}` is pure and uses `std::{module}`"));
        }
    }
    for pair in tokens.windows(2) {
        if let [Word(name), Mark('!')] = pair
            && PRINTING_MACROS.contains(&name.as_str())
        {
            fault(format!("`{name}!` prints what nobody made harmless; `cli::terminal` prints pages"));
        }
    }
    if !STREAMS.contains(&path) {
        for name in opened_streams(&tokens) {
            fault(format!("`{name}` is for `cli::terminal` to write to"));
        }
    }
    faults
}

/// The streams that a file takes for itself: calls like `io::stdout()`, not those of a builder like
/// `command.stdout(..)`.
fn opened_streams(tokens: &[Token]) -> Vec<&str> {
    let opened = |i: usize| match &tokens[i] {
        Word(name) if name == "stdout" || name == "stderr" => {
            let called = tokens.get(i + 1) == Some(&Mark('('));
            let of_builder = i > 0 && tokens[i - 1] == Mark('.');
            let imported = i > 1 && is_path_separator(tokens, i - 2) && !called;
            ((called && !of_builder) || imported).then_some(name.as_str())
        }
        _ => None,
    };
    (0..tokens.len()).filter_map(opened).collect()
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

#[test]
fn every_module_uses_only_what_stands_below_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    paths.sort();
    assert!(paths.len() > 10, "found only {} source files", paths.len());
    let mut all = Vec::new();
    for path in paths {
        let below = path.strip_prefix(&root).expect("it was found there");
        let below: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        all.extend(faults(&below.join("/"), &fs::read_to_string(&path).expect("a source file is text")));
    }
    assert!(all.is_empty(), "\n{}", all.join("\n"));
}

#[test]
fn an_arrow_is_found_in_every_spelling() {
    let check = |path: &str, source: &str, expected: &[&str]| {
        let expected: Vec<String> = expected.iter().map(|what| format!("{path}: {what}")).collect();
        assert_eq!(faults(path, source), expected, "{source}");
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
    check("task/a.rs", "use crate::metrics;", &["`task` uses `metrics`, which does not stand below it"]);
    check("score/a.rs", "use crate::tune;", &["`score` uses `tune`, which does not stand below it"]);
    check("score/a.rs", "use crate::{model, metrics, task};", &[]);
    check("report/a.rs", "use crate::{metrics, task};", &[]);
    check("report/a.rs", "use crate::store;", &["`report` uses `store`, which does not stand below it"]);
    check("cli/a.rs", "use crate::{ui, run, store, task};", &[]);
    check("odd/a.rs", "", &["`odd` has no place among the layers"]);
    check("lib.rs", "pub mod cli;", &[]);
}

#[test]
fn comments_strings_and_test_modules_are_no_code() {
    let check = |source: &str| assert_eq!(faults("task/a.rs", source), Vec::<String>::new(), "{source}");
    check("//! See [`crate::run`].\n/// crate::run\n// println!(\"\")\n");
    check("/* crate::run /* std::fs */ crate::cli */");
    check(r##"const A: &str = "crate::run \" std::fs"; const B: &str = r#"crate::run " std::fs"#;"##);
    check(r##"const A: &[u8] = b"crate::run"; const B: &[u8] = br"crate::run\";"##);
    check("#[cfg(test)]\nmod tests { use crate::run; fn f() { std::fs::read(\"\"); } }\nfn g() {}");
    // What follows a literal that looks like the start of another is still code.
    let found = |source: &str| assert_eq!(faults("task/a.rs", source).len(), 1, "{source}");
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
    let count = |path: &str, source: &str| faults(path, source).len();
    assert_eq!(count("plugin/engine.rs", "use wasmtime::Engine;"), 0);
    assert_eq!(count("store/a.rs", "use wasmtime::Engine;"), 1);
    assert_eq!(count("run/a.rs", "fn f(e: &wasmtime::Engine) {}"), 1);
    assert_eq!(count("run/a.rs", "use wasmtime_wasi::WasiCtx;"), 1);
    assert_eq!(count("run/a.rs", "let wasmtime = 48; // wasmtime::Engine"), 0);
    assert_eq!(count("ui/a.rs", "use clap;"), 1);
    assert_eq!(count("ui/a.rs", "fn f() -> anyhow::Result<()> {}"), 1);
    for path in ["cli/run.rs", "main.rs"] {
        assert_eq!(count(path, "use clap::Parser; fn f() -> anyhow::Result<()> {}"), 0, "{path}");
    }
}

#[test]
fn unsafe_stays_where_it_is_explained() {
    let count = |path: &str, source: &str| faults(path, source).len();
    for source in ["fn f() { unsafe { g() } }", "unsafe impl Send for A {}", "#[allow(unsafe_code)] fn f() {}"] {
        assert_eq!(count("store/hub.rs", source), 1, "{source}");
        assert_eq!(count("model/attention.rs", source), 1, "{source}");
        assert_eq!(count("store/mmap.rs", source), 0, "{source}");
        assert_eq!(count("model/kernels/tile.rs", source), 0, "{source}");
    }
    assert_eq!(count("main.rs", "fn f() { unsafe { g() } }"), 1);
    assert_eq!(count("lib.rs", "#![deny(unsafe_code)]"), 0);
    assert_eq!(count("store/hub.rs", "// unsafe\nconst A: &str = \"unsafe\";"), 0);
    let lint = include_str!("../src/lib.rs").contains("#![deny(unsafe_code)]");
    assert!(lint, "what macros of other packages write is for the lint to find");
}

#[test]
fn nothing_but_the_terminals_module_prints() {
    let count = |path: &str, source: &str| faults(path, source).len();
    for path in ["text.rs", "run/execute.rs", "cli/run.rs", "ui/screen.rs", "main.rs"] {
        for source in [
            "fn f() { println!(\"x\"); }",
            "fn f() { std::eprint!(\"x\"); }",
            "fn f() { dbg!(x); }",
            "fn f() { write!(std::io::stderr().lock(), \"x\"); }",
            "fn f() { let out = io::stdout(); }",
            "use std::io::stdout;",
        ] {
            assert_eq!(count(path, source), 1, "{path}: {source}");
        }
        assert_eq!(count(path, "fn f() { command.stdout(Stdio::piped()).stderr(Stdio::null()); }"), 0, "{path}");
        assert_eq!(
            count(path, "fn f() { let stdout = output.stdout; write!(page, \"x\"); stderr_screen(); }"),
            0,
            "{path}"
        );
    }
    for path in STREAMS {
        assert_eq!(count(path, "fn f() { io::stdout().lock(); }"), 0, "{path}");
        assert_eq!(count(path, "fn f() { println!(\"x\"); }"), 1, "{path}");
    }
    let lints = "#![deny(clippy::print_stdout, clippy::print_stderr, clippy::dbg_macro)]";
    assert!(
        include_str!("../src/lib.rs").contains(lints),
        "what macros of other packages print is for the lints to find"
    );
}

#[test]
fn pure_layers_touch_nothing() {
    for layer in PURE {
        let count = |source: &str| faults(&format!("{layer}/a.rs"), source).len();
        assert_eq!(count("use std::fs;"), 1);
        assert_eq!(count("use std::{collections::HashMap, env, time::Instant};"), 2);
        assert_eq!(count("fn f() { std::net::TcpStream::connect(a); }"), 1);
        assert_eq!(count("use std::fmt; fn env() {} const A: &str = env!(\"B\"); fn f() { self.time(); }"), 0);
    }
    assert_eq!(faults("store/a.rs", "use std::fs;").len(), 0);
    assert_eq!(faults("run/a.rs", "use std::time::Instant;").len(), 0);
}
