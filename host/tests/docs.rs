//! What the documents say of the repository holds: files and folders that they name exist, links lead somewhere, and
//! commands have the subcommands and flags that are given.
//!
//! Read are the Markdown files at the root and below `docs/`, of the changelog only what is not released.
//! A path is text in backticks that ends like a source file or begins with an entry of the root; names that stand for
//! any name (`NAME.rs`, `<task>`, `*`) are passed over, and so is what is built (`.wasm`).

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The document whose every text in backticks with a `/` is a path, also of a folder or a module by its end.
const MAP: &str = "ARCHITECTURE.md";

/// The documents at the root.
const AT_ROOT: [&str; 5] = [MAP, "README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];

/// Folders that are built or belong to tools.
const NOT_OURS: [&str; 5] = ["target", ".git", ".venv", "__pycache__", "node_modules"];

/// What the name of a file ends in that is a file of the repository wherever it is mentioned.
const ENDINGS: [&str; 6] = [".rs", ".md", ".py", ".wit", ".sh", ".toml"];

/// Names that stand for any name.
const PLACEHOLDERS: [&str; 5] = ["NAME", "ENDING", "DIR", "FILE", "PATH"];

/// Files that a document names and that are not in the repository: an example that does not exist, and what a new plugin
/// or a recording has.
const ELSEWHERE: [&str; 5] =
    ["host/record/src/present/export/latex.rs", "fixtures.toml", "vendor/", "report.md", "moods.toml"];

/// Flags of other programs that commands in documents hand on: `cargo xtask test` to `cargo test`, `cuda` to `cargo`.
const HANDS_ON_TO_CARGO: [&str; 3] = ["test", "cuda", "check-cuda"];

/// The files and folders of the repository, by their paths from its root.
struct Tree(BTreeSet<String>);

impl Tree {
    fn of_repository() -> Self {
        let mut found = BTreeSet::new();
        collect(root(), "", &mut found);
        Self(found)
    }

    /// Whether a path from the root is there.
    fn has(&self, path: &str) -> bool {
        self.0.contains(path.trim_end_matches('/'))
    }

    /// Whether a file, a folder or a module's file has this path, or one that ends so.
    fn has_ending(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let (below, module) = (format!("/{path}"), format!("/{path}.rs"));
        self.has(path) || self.0.iter().any(|entry| entry.ends_with(&below) || entry.ends_with(&module))
    }

    /// Whether a path begins with an entry of the root.
    fn begins_at_root(&self, path: &str) -> bool {
        path.split_once('/').is_some_and(|(first, _)| self.0.contains(first))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("host/ lies in the repository")
}

fn collect(folder: &Path, prefix: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("the folder is readable") {
        let entry = entry.expect("the folder is readable");
        let name = entry.file_name().to_string_lossy().into_owned();
        if NOT_OURS.contains(&name.as_str()) {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{path}/"), found);
        }
        found.insert(path);
    }
}

/// The names and texts of all documents.
fn documents(tree: &Tree) -> Vec<(String, String)> {
    let below_docs = tree.0.iter().filter(|path| path.starts_with("docs/") && path.ends_with(".md"));
    let names = AT_ROOT.iter().map(|name| (*name).to_owned()).chain(below_docs.cloned());
    let read = |name: String| {
        let text = fs::read_to_string(root().join(&name)).expect("a document is text");
        let text = if name == "CHANGELOG.md" { unreleased(&text) } else { text };
        (name, text)
    };
    names.map(read).collect()
}

/// The first section of a changelog; earlier ones tell of what was.
fn unreleased(text: &str) -> String {
    let ends = text.match_indices("\n## ").nth(1).map_or(text.len(), |(place, _)| place);
    text[..ends].to_owned()
}

/// A line of a document.
struct Line<'a> {
    number: usize,
    text: &'a str,
    /// Whether it is shown as it is: within a fence, or indented behind an empty line.
    is_code: bool,
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let (mut fenced, mut indented, mut after_blank) = (false, false, true);
    let mut found = Vec::new();
    for (index, text) in text.lines().enumerate() {
        let fence = text.trim_start().starts_with("```");
        indented = !fenced && text.starts_with("    ") && (indented || after_blank);
        found.push(Line { number: index + 1, text, is_code: fence || fenced || indented });
        fenced ^= fence;
        after_blank = text.trim().is_empty();
    }
    found
}

/// The texts in backticks of a line, whatever the number of backticks.
fn spans(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(open) = rest.find('`') {
        let ticks = rest[open..].chars().take_while(|&c| c == '`').count();
        let inside = &rest[open + ticks..];
        let Some(close) = inside.find(&"`".repeat(ticks)) else { break };
        found.push(inside[..close].trim());
        rest = &inside[close + ticks..];
    }
    found
}

/// The targets of a line's links.
fn links(line: &str) -> Vec<&str> {
    let target = |(place, _): (usize, &str)| line[place + 2..].split(')').next();
    line.match_indices("](").filter_map(target).collect()
}

/// `a/{b,c}.rs` as `a/b.rs` and `a/c.rs`.
fn expanded(path: &str) -> Vec<String> {
    match (path.find('{'), path.find('}')) {
        (Some(open), Some(close)) if open < close => {
            let parts = path[open + 1..close].split(',');
            parts.map(|part| format!("{}{part}{}", &path[..open], &path[close + 1..])).collect()
        }
        _ => vec![path.to_owned()],
    }
}

/// Whether a text in backticks is to be a file or folder of the repository.
fn is_path(document: &str, text: &str, tree: &Tree) -> bool {
    let of_path = |c: char| c.is_ascii_alphanumeric() || "/._-{},".contains(c);
    let named = |part: &str| part.split('.').any(|piece| PLACEHOLDERS.contains(&piece));
    let is_built = text.ends_with(".wasm");
    text.chars().all(of_path)
        && !is_built
        && !text.split('/').any(named)
        && !text.starts_with("..")
        && (ENDINGS.iter().any(|ending| text.ends_with(ending) && text.len() > ending.len())
            || tree.begins_at_root(text)
            || (document == MAP && text.contains('/')))
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    heading.trim().to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn has_anchor(text: &str, wanted: &str) -> bool {
    let heading = |line: &Line<'_>| {
        let title = line.text.trim_start_matches('#');
        !line.is_code && title.len() < line.text.len() && anchor(title) == wanted
    };
    lines(text).iter().any(heading)
}

/// A relative link's target as a path from the root.
fn from_root(document: &str, target: &str) -> String {
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            other => parts.push(other),
        }
    }
    parts.join("/")
}

/// What is wrong with a link; nothing if it leads out of the repository.
fn fault_of_link(document: &str, text: &str, target: &str, tree: &Tree) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, wanted) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let path = if file.is_empty() { document.to_owned() } else { from_root(document, file) };
    if !tree.has(&path) {
        return Some(format!("the link `{target}` leads to `{path}`, which does not exist"));
    }
    let wanted = wanted?;
    let other = if file.is_empty() { text.to_owned() } else { fs::read_to_string(root().join(&path)).ok()? };
    (!has_anchor(&other, wanted)).then(|| format!("the link `{target}` names no heading of `{path}`"))
}

/// The commands of a line of code, as words: what follows `ft-host` or `cargo xtask`, with that as the first word.
fn commands(line: &str) -> Vec<Vec<&str>> {
    let mut found: Vec<Vec<&str>> = Vec::new();
    let mut is_start = true;
    let mut is_command = false;
    let mut words = line.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let is_variable =
            word.split_once('=').is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
        match word {
            _ if word.starts_with('#') => break,
            "&&" | "|" | ";" | "\\|" => (is_start, is_command) = (true, false),
            ">" | "2>" => is_command = false,
            _ if is_start && is_variable => {}
            "$" if is_start => {}
            _ if is_start && (word == "ft-host" || word.ends_with("/ft-host")) => {
                found.push(vec!["ft-host"]);
                (is_start, is_command) = (false, true);
            }
            "cargo" if is_start && words.peek() == Some(&"xtask") => {
                words.next();
                found.push(vec!["cargo xtask"]);
                (is_start, is_command) = (false, true);
            }
            _ => {
                is_start = false;
                if let (true, Some(command)) = (is_command, found.last_mut()) {
                    command.push(word);
                }
            }
        }
    }
    found
}

/// What is wrong with a command.
fn fault_of_command(words: &[&str]) -> Option<String> {
    match words.split_first()? {
        (&"ft-host", rest) => fault_of_ft_host(rest),
        (_, rest) => fault_of_xtask(rest),
    }
}

/// What is wrong with arguments of `ft-host`. A word may be several with `|` between them.
fn fault_of_ft_host(words: &[&str]) -> Option<String> {
    let mut program = ft_host::cli::command();
    program.build();
    let mut command = &program;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if let Some(flag) = word.strip_prefix("--") {
            let (name, value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
            let Some(argument) = command.get_arguments().find(|argument| argument.get_long() == Some(name)) else {
                return Some(format!("`{}` has no flag `--{name}`", command.get_name()));
            };
            if argument.get_action().takes_values() && value.is_none() {
                words.next();
            }
        } else if let Some(letter) = word.strip_prefix('-').and_then(|flag| flag.chars().next()) {
            let Some(argument) = command.get_arguments().find(|argument| argument.get_short() == Some(letter)) else {
                return Some(format!("`{}` has no flag `-{letter}`", command.get_name()));
            };
            if argument.get_action().takes_values() && word.len() == 2 {
                words.next();
            }
        } else if command.has_subcommands() && *word != "..." {
            let (first, others) = word.split_once('|').map_or((*word, ""), |(first, others)| (first, others));
            let unknown = others.split('|').filter(|other| !other.is_empty()).chain([first]);
            for name in unknown {
                if command.find_subcommand(name).is_none() {
                    return Some(format!("`{}` has no command `{name}`", command.get_name()));
                }
            }
            command = command.find_subcommand(first)?;
        }
    }
    None
}

/// What is wrong with arguments of `cargo xtask`, by its help.
fn fault_of_xtask(words: &[&str]) -> Option<String> {
    let source = fs::read_to_string(root().join("xtask/src/main.rs")).expect("xtask has a source");
    let help = source.split("const HELP: &str = ").nth(1).and_then(|rest| rest.split("\";").next());
    let help = help.expect("xtask's source has its help");
    let (command, rest) = words.split_first()?;
    let listed = |line: &str| line.strip_prefix("  ").is_some_and(|line| line.split(' ').next() == Some(command));
    if !help.lines().any(listed) {
        return Some(format!("`cargo xtask` has no command `{command}`"));
    }
    if *command == "demo" {
        return fault_of_ft_host(&[&["run"], rest].concat());
    }
    let handed_on = HANDS_ON_TO_CARGO.contains(command);
    let unknown = |word: &&&str| word.starts_with("--") && !handed_on && !help.contains(&format!("[{word}"));
    rest.iter().find(unknown).map(|flag| format!("`cargo xtask {command}` has no flag `{flag}`"))
}

/// What is wrong with a document.
fn faults(document: &str, text: &str, tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for line in lines(text) {
        let mut fault = |what: String| found.push(format!("{document}:{}: {what}", line.number));
        if line.is_code {
            commands(line.text).iter().filter_map(|words| fault_of_command(words)).for_each(&mut fault);
            continue;
        }
        for target in links(line.text) {
            fault_of_link(document, text, target, tree).into_iter().for_each(&mut fault);
        }
        for span in spans(line.text) {
            commands(span).iter().filter_map(|words| fault_of_command(words)).for_each(&mut fault);
            if !is_path(document, span, tree) || ELSEWHERE.contains(&span) {
                continue;
            }
            for path in expanded(span) {
                let exists = if tree.begins_at_root(&path) { tree.has(&path) } else { tree.has_ending(&path) };
                if !exists {
                    fault(format!("`{path}` does not exist"));
                }
            }
        }
    }
    found
}

#[test]
fn what_documents_name_is_there() {
    let tree = Tree::of_repository();
    let documents = documents(&tree);
    assert!(documents.len() > 20, "found only {} documents", documents.len());
    let all: Vec<String> = documents.iter().flat_map(|(name, text)| faults(name, text, &tree)).collect();
    assert!(all.is_empty(), "\n{}", all.join("\n"));
}

/// What is wrong with a text as a document of a small tree.
fn faults_of(document: &str, text: &str) -> Vec<String> {
    let files =
        ["docs", "docs/STYLE.md", "docs/x.md", "host", "host/src", "host/src/cli", "host/src/cli/run.rs", "README.md"];
    let tree = Tree(files.iter().map(|file| (*file).to_owned()).collect());
    faults(document, text, &tree)
}

fn faults_in(text: &str) -> Vec<String> {
    faults_of("docs/x.md", text)
}

#[test]
fn a_path_that_is_not_there_is_found() {
    for text in [
        "`host/src/cli/run.rs`, `host/src/cli/`, `cli/run.rs`, `run.rs`, ``docs/STYLE.md``, `host/src/{cli,cli/run.rs}`",
        "`host/NAME.rs`, `host/<crate>/x.rs`, `host/*.rs`, `config.json`, `runs/trec`, `plugins/sst2.wasm`, `.rs`",
        "```\nhost/nowhere.rs\n```\n",
    ] {
        assert_eq!(faults_in(text), Vec::<String>::new(), "{text}");
    }
    for wrong in ["host/src/nowhere.rs", "host/nowhere", "nowhere.rs", "ui/run.rs", "src/cli/other/", "docs/NONE.md"] {
        let text = format!("one\n\ntwo `{wrong}`");
        let expected = match wrong {
            // Without an ending it is a path only from the root.
            "src/cli/other/" => vec![],
            _ => vec![format!("docs/x.md:3: `{wrong}` does not exist")],
        };
        assert_eq!(faults_in(&text), expected, "{wrong}");
    }
    assert_eq!(faults_in("`host/src/{cli,nowhere}`"), ["docs/x.md:1: `host/src/nowhere` does not exist"]);
    assert_eq!(faults_of(MAP, "`cli/run`, `src/cli/`, `cli`, `owner`"), Vec::<String>::new());
    assert_eq!(faults_of(MAP, "`cli/other`, `ui/`").len(), 2);
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    for text in [
        "[a](STYLE.md), [b](../README.md), [c](https://example.org/x), [d](../host/src/cli/run.rs)",
        "## The *first* `one`, and it\n\n[a](#the-first-one-and-it)",
        "[a](STYLE.md#names-that-go)",
    ] {
        assert_eq!(faults_in(text), Vec::<String>::new(), "{text}");
    }
    for (text, fault) in [
        ("[a](README.md)", "the link `README.md` leads to `docs/README.md`, which does not exist"),
        ("# One\n[a](#two)", "the link `#two` names no heading of `docs/x.md`"),
        ("[a](STYLE.md#no-such-heading)", "the link `STYLE.md#no-such-heading` names no heading of `docs/STYLE.md`"),
    ] {
        let line = text.lines().count();
        assert_eq!(faults_in(text), [format!("docs/x.md:{line}: {fault}")], "{text}");
    }
}

#[test]
fn a_command_that_is_not_there_is_found() {
    for line in [
        "ft-host run --config x.toml -O step_size=0.02 --seeds=0..5 -q    # --no-flag",
        "FT_HOST_CACHE=x target/release/ft-host model pull && ft-host report runs/trec --html > trec.html",
        "ft-host plugin new task weather --lang python",
        "cargo xtask bench --quick prefill",
        "cargo xtask demo --steps 2",
        "cargo xtask test --test scoring",
        "other --flag | ft-host --version",
    ] {
        assert_eq!(faults_in(&format!("```sh\n{line}\n```")), Vec::<String>::new(), "{line}");
        assert_eq!(faults_in(&format!("text\n\n    {line}\n")), Vec::<String>::new(), "{line}");
    }
    assert_eq!(faults_in("`ft-host model pull|list`, `ft-host report DIR...`, `--beam`"), Vec::<String>::new());
    for (line, fault) in [
        ("ft-host fly", "`ft-host` has no command `fly`"),
        ("ft-host run --beam 3", "`run` has no flag `--beam`"),
        ("A=b ft-host run --steps 3 -Z", "`run` has no flag `-Z`"),
        ("git pull && ft-host model fetch", "`model` has no command `fetch`"),
        ("cargo xtask fly", "`cargo xtask` has no command `fly`"),
        ("cargo xtask bench --fly", "`cargo xtask bench` has no flag `--fly`"),
        ("cargo xtask demo --fly", "`run` has no flag `--fly`"),
    ] {
        assert_eq!(faults_in(&format!("```sh\n{line}\n```")), [format!("docs/x.md:2: {fault}")], "{line}");
        assert_eq!(faults_in(&format!("see `{line}`")), [format!("docs/x.md:1: {fault}")], "{line}");
    }
    assert_eq!(faults_in("`ft-host model pull|fetch`"), ["docs/x.md:1: `model` has no command `fetch`"]);
}

#[test]
fn only_the_unreleased_part_of_the_changelog_is_read() {
    assert_eq!(
        unreleased("# Changelog\n\n## Unreleased\n\n- a\n\n## 0.1.0\n\n- b\n"),
        "# Changelog\n\n## Unreleased\n\n- a\n"
    );
}
