//! Which file of a crate uses which.
//!
//! A file uses another if a path in it leads to an item of the other: a path that begins at `crate`, `super` or `self`,
//! at a module below the file's own, or at a name that a `use` brought in.
//! A re-export (`pub use`, in any visibility) is no use: whoever names the item through it uses the file that has the
//! item. `mod` declares a file and does not use it. Items that macros make are taken for those of the module named.

use std::collections::{BTreeMap, BTreeSet};

use super::source::File;
use super::source::Token::{self, Mark, Word};

/// A path as components, either as it is written or from the crate's root.
type Path = Vec<String>;

/// One name, or one glob, of a `use`.
struct Import {
    /// The path as it is written; a glob ends in `*`.
    path: Path,
    /// The name that it has in this file; none for a glob.
    name: Option<String>,
    is_reexport: bool,
}

struct Module<'a> {
    /// The file's path, as it is shown.
    file: &'a str,
    imports: Vec<Import>,
    /// The names of its own items.
    items: BTreeSet<&'a str>,
    /// The paths outside of `use`.
    paths: Vec<Path>,
}

/// The modules of a crate by their paths from its root.
struct Modules<'a>(BTreeMap<Path, Module<'a>>);

/// How many imports of imports are followed; more are a circle of names.
const MAX_DEPTH: usize = 16;

/// The circles of a crate's files: each is a largest set of at least two files of which every one reaches every other.
/// Files are in the order of their paths.
pub(crate) fn circles(files: &[File]) -> Vec<Vec<&str>> {
    let graph = arrows(files);
    let reachable: BTreeMap<&str, BTreeSet<&str>> = graph.keys().map(|&file| (file, reach(&graph, file))).collect();
    let mut seen = BTreeSet::new();
    for (file, reached) in &reachable {
        let circle: Vec<&str> = reached.iter().copied().filter(|other| reachable[other].contains(file)).collect();
        if circle.len() > 1 {
            seen.insert(circle);
        }
    }
    seen.into_iter().collect()
}

/// All that can be reached from a file by one arrow or more.
fn reach<'a>(graph: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &'a str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        open.extend(graph[file].iter().filter(|&&next| reached.insert(next)));
    }
    reached
}

/// For each file the other files of the crate that it uses.
fn arrows(files: &[File]) -> BTreeMap<&str, BTreeSet<&str>> {
    let modules =
        Modules(files.iter().filter_map(|file| Some((module_path(&file.below_src)?, module(file)))).collect());
    let mut graph = BTreeMap::new();
    for (path, module) in &modules.0 {
        let imports = module.imports.iter().filter(|import| !import.is_reexport).map(|import| &import.path);
        let used = imports.chain(&module.paths).filter_map(|written| modules.used(path, written));
        graph.insert(module.file, used.filter(|&file| file != module.file).collect());
    }
    graph
}

/// The path of the module that a file is; none for a binary, which nothing in its crate uses.
fn module_path(below_src: &[String]) -> Option<Path> {
    let (name, folders) = below_src.split_last()?;
    let mut path = folders.to_vec();
    match (name.as_str(), folders) {
        ("main.rs", []) => return None,
        ("lib.rs", []) | ("mod.rs", _) => {}
        _ => path.push(name.trim_end_matches(".rs").to_owned()),
    }
    Some(path)
}

fn module(file: &File) -> Module<'_> {
    let tokens = &file.source.tokens;
    let mut module = Module { file: &file.shown, imports: Vec::new(), items: items(tokens), paths: Vec::new() };
    let mut i = 0;
    while i < tokens.len() {
        // `+ use<'a>` in a return type captures lifetimes.
        if tokens[i].is_word("use") && tokens.get(i + 1) != Some(&Mark('<')) {
            let is_reexport = i > 0 && (tokens[i - 1].is_word("pub") || tokens[i - 1] == Mark(')'));
            i = tree(tokens, i + 1, &[], is_reexport, &mut module.imports);
            continue;
        }
        let start = i;
        let mut path = Vec::new();
        while let Some(Word(word)) = tokens.get(i) {
            path.push(word.clone());
            i += 1;
            if !(is_separator(tokens, i) && matches!(tokens.get(i + 2), Some(Word(_)))) {
                break;
            }
            i += 2;
        }
        let is_visibility = start > 1 && tokens[start - 1].is_word("in") && tokens[start - 2] == Mark('(');
        let is_inside = start > 1 && is_separator(tokens, start - 2);
        if path.len() > 1 && !is_visibility && !is_inside {
            module.paths.push(path);
        }
        i = i.max(start + 1);
    }
    module
}

/// The names behind the words that begin an item.
fn items(tokens: &[Token]) -> BTreeSet<&str> {
    const BEGIN: [&str; 10] =
        ["fn", "struct", "enum", "union", "trait", "type", "const", "static", "mod", "macro_rules"];
    let named = |i: usize| match (&tokens[i], tokens.get(i + 1), tokens.get(i + 2)) {
        (Word(word), Some(Mark('!')), Some(Word(name))) if word == "macro_rules" => Some(name.as_str()),
        (Word(word), Some(Word(name)), _) if BEGIN.contains(&word.as_str()) => Some(name.as_str()),
        _ => None,
    };
    (0..tokens.len()).filter_map(named).collect()
}

/// Whether `::` stands at `i`.
fn is_separator(tokens: &[Token], i: usize) -> bool {
    tokens.get(i) == Some(&Mark(':')) && tokens.get(i + 1) == Some(&Mark(':'))
}

/// Reads a tree of a `use` that begins at `i` below `prefix`, and gives the place behind it.
fn tree(tokens: &[Token], mut i: usize, prefix: &[String], is_reexport: bool, found: &mut Vec<Import>) -> usize {
    let mut path = prefix.to_vec();
    loop {
        match tokens.get(i) {
            Some(Word(word)) if word != "as" => path.push(word.clone()),
            Some(Mark('*')) => path.push("*".to_owned()),
            Some(Mark('{')) => {
                i += 1;
                while !matches!(tokens.get(i), None | Some(Mark('}'))) {
                    i = tree(tokens, i, &path, is_reexport, found);
                    i += usize::from(tokens.get(i) == Some(&Mark(',')));
                }
                return i + 1;
            }
            // A path from other packages, `use ::name`, or the end of the file.
            _ => return i + 1,
        }
        i += 1;
        if !is_separator(tokens, i) {
            break;
        }
        i += 2;
    }
    if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
        path.pop();
    }
    let mut name = path.last().filter(|last| *last != "*").cloned();
    if let (Some(Word(word)), Some(Word(alias))) = (tokens.get(i), tokens.get(i + 1))
        && word == "as"
    {
        name = Some(alias.clone());
        i += 2;
    }
    found.push(Import { path, name, is_reexport });
    i
}

impl<'a> Modules<'a> {
    /// The file of the item that a path written in a module leads to; none for other packages, for items of the module
    /// itself, and for a path that only names a module.
    fn used(&self, module: &Path, written: &[String]) -> Option<&'a str> {
        let mut path = self.path_from_root(module, written, MAX_DEPTH)?;
        if path.last().is_some_and(|last| last == "*") {
            path.pop();
        } else if self.0.contains_key(&path) {
            return None;
        }
        let home = self.home(&path, MAX_DEPTH).unwrap_or_else(|| self.deepest(&path));
        self.0.get(&home).map(|module| module.file)
    }

    /// A path from the crate's root, of one that is written in a module.
    fn path_from_root(&self, module: &Path, written: &[String], depth: usize) -> Option<Path> {
        let (first, rest) = written.split_first()?;
        let below = |start: &[String], rest: &[String]| [start, rest].concat();
        match first.as_str() {
            "crate" => return Some(rest.to_vec()),
            "self" => return self.path_from_root(module, rest, depth).or_else(|| Some(below(module, rest))),
            "super" => {
                let climbed = written.iter().take_while(|part| *part == "super").count();
                let above = module.len().checked_sub(climbed)?;
                return Some(below(&module[..above], &written[climbed..]));
            }
            _ => {}
        }
        if self.0.contains_key(&below(module, std::slice::from_ref(first))) {
            return Some(below(module, written));
        }
        let import = self.0.get(module)?.imports.iter().find(|import| import.name.as_ref() == Some(first))?;
        let start = self.path_from_root(module, &import.path, depth.checked_sub(1)?)?;
        Some(below(&start, rest))
    }

    /// The longest beginning of a path that is a module.
    fn deepest(&self, path: &[String]) -> Path {
        let length = (0..=path.len()).rev().find(|&length| self.0.contains_key(&path[..length])).unwrap_or(0);
        path[..length].to_vec()
    }

    /// The module that has the item of a path from the root, through re-exports.
    fn home(&self, path: &[String], depth: usize) -> Option<Path> {
        let depth = depth.checked_sub(1)?;
        let at = self.deepest(path);
        let Some(item) = path.get(at.len()) else { return Some(at) };
        let module = self.0.get(&at)?;
        if module.items.contains(item.as_str()) {
            return Some(at);
        }
        let rest = &path[at.len() + 1..];
        let through = |import: &Import| {
            let mut start = self.path_from_root(&at, &import.path, depth)?;
            if import.name.is_none() {
                start.pop();
                start.push(item.clone());
            }
            self.home(&[start.as_slice(), rest].concat(), depth)
        };
        let named = module.imports.iter().filter(|import| import.name.as_ref() == Some(item));
        let globs = module.imports.iter().filter(|import| import.name.is_none());
        named.chain(globs).find_map(through)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::source::Source;

    fn file(path: &str, text: &str) -> File {
        File {
            shown: path.to_owned(),
            below_src: path.split('/').map(str::to_owned).collect(),
            source: Source::new(text),
        }
    }

    /// The files that `a/b.rs` with this text uses, beside a crate's others.
    fn used(text: &str) -> Vec<String> {
        let files = [
            file("lib.rs", "pub mod a; pub mod c; pub fn top() {}"),
            file(
                "a/mod.rs",
                "mod b; mod d; pub use d::D; pub(crate) use d::{E as F}; pub use crate::c::*; pub struct A;",
            ),
            file("a/b.rs", text),
            file("a/b/inner.rs", "pub fn f() {}"),
            file("a/d.rs", "pub struct D; pub struct E; pub const G: u8 = 1;"),
            file("c.rs", "pub enum C { One }"),
            file("main.rs", "use lib::top;"),
        ];
        arrows(&files)["a/b.rs"].iter().map(|&file| file.to_owned()).collect()
    }

    #[test]
    fn a_use_is_found_in_every_spelling() {
        for text in [
            "use crate::a::d::D;",
            "use crate::{c as _c, a::d::{self, D}};",
            "use super::d; fn f() { d::G; }",
            "use super::d::*;",
            "fn f(d: super::d::D) {}",
            "use crate::a as x; fn f() { x::d::G; }",
        ] {
            assert_eq!(used(text), ["a/d.rs"], "{text}");
        }
        assert_eq!(used("mod inner; fn f() { inner::f(); self::inner::f(); }"), ["a/b/inner.rs"]);
        assert_eq!(used("use crate::top;"), ["lib.rs"]);
    }

    #[test]
    fn a_re_export_is_followed_to_the_item() {
        assert_eq!(used("use crate::a::D;"), ["a/d.rs"]);
        assert_eq!(used("use super::F; fn f() { F::new(); }"), ["a/d.rs"]);
        assert_eq!(used("use crate::a::C; fn f() { C::One; }"), ["c.rs"]);
        assert_eq!(used("use crate::a::A;"), ["a/mod.rs"]);
    }

    #[test]
    fn what_only_names_something_is_no_use() {
        for text in [
            "mod inner;",
            "pub use super::d::D;",
            "pub(crate) use crate::c::C;",
            "use super::d;",
            "pub(in crate::a) fn f() {}",
            "use ::a::d::D; use std::d::D; fn f() -> impl Sized + use<'a> { Self::A; other::d::D }",
            "// use super::d::D;",
        ] {
            assert_eq!(used(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_circle_goes_through_names_that_a_folder_hands_on() {
        let folder = file("room/mod.rs", "mod a; mod b; pub use a::A; pub use self::b::B;");
        let through = [
            folder,
            file("room/a.rs", "use super::B; pub struct A;"),
            file("room/b.rs", "use super::A; pub struct B;"),
        ];
        assert_eq!(circles(&through), [vec!["room/a.rs", "room/b.rs"]]);
    }

    #[test]
    fn what_tests_use_makes_no_circle() {
        for a in ["use crate::room::b::B;", "use crate::{room::{b::{self, B as C}, other}, else_where};"] {
            let a = format!("{a} pub struct A;");
            let with = |c: &str| {
                let [a, c] = [file("room/a.rs", &a), file("room/c.rs", c)];
                let files = [file("lib.rs", "mod room;"), a, file("room/b.rs", "use super::c::C; pub struct B;"), c];
                circles(&files).into_iter().map(|circle| circle.join(" ")).collect::<Vec<_>>()
            };
            assert_eq!(with("fn f(a: super::a::A) {} pub struct C;"), ["room/a.rs room/b.rs room/c.rs"], "{a}");
            let test = "pub struct C; #[cfg(all(test, unix))] mod tests { use super::super::a::A; }";
            assert_eq!(with(test), Vec::<String>::new(), "{a}");
        }
    }

    #[test]
    fn circles_are_the_largest_there_are() {
        let files = [
            file("lib.rs", "mod a; mod b; mod c; mod d; mod e; mod f;"),
            file("a.rs", "use crate::b::B;"),
            file("b.rs", "use crate::c::C; pub struct B;"),
            file("c.rs", "use crate::{a, d::D}; fn f() { a::f() } pub struct C;"),
            file("d.rs", "use crate::e::E; pub struct D;"),
            file("e.rs", "use crate::d::D; use crate::f::F; pub struct E;"),
            file("f.rs", "pub struct F;"),
        ];
        assert_eq!(circles(&files), [vec!["a.rs", "b.rs", "c.rs"], vec!["d.rs", "e.rs"]]);
    }
}
