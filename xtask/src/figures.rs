//! Figures of the sources' structure, printed for a comparison of one state of the tree with another.
//!
//! Counts what ships: test modules, `tests/` and `benches/` are left out, but for the lines of a file.
//! Its tests hold the sources to having no new circles; `host/tests/layers.rs` holds them to layers.
//!
//! - [`source`]: a file as tokens and doc comments.
//! - [`imports`]: which file of a crate uses which, and where files use each other in a circle.

mod imports;
mod source;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace::Workspace;
use source::{File, Source};

/// A function with more lines than this is listed.
const LONG_FUNCTION: usize = 60;

/// A doc comment with fewer words than this is listed.
const SHORT_DOC: usize = 3;

/// A circle of imports of fewer files than this is only counted.
const LISTED_CIRCLE: usize = 3;

/// The members of a Cargo workspace, as its manifest lists them.
#[derive(serde::Deserialize)]
struct Manifest {
    workspace: Members,
}

#[derive(serde::Deserialize)]
struct Members {
    members: Vec<String>,
}

/// Prints the figures of every crate of the root workspace.
///
/// # Errors
/// If a manifest or a source file cannot be read.
pub(crate) fn print(workspace: &Workspace) -> Result<()> {
    print!("{}", report(&crates(workspace)?));
    Ok(())
}

/// The crates of the root workspace with their files, in the order of their folders.
fn crates(workspace: &Workspace) -> Result<Vec<(String, Vec<File>)>> {
    let manifest = workspace.path("Cargo.toml");
    let manifest: Manifest = toml::from_str(&fs::read_to_string(&manifest).context("cannot read Cargo.toml")?)?;
    let mut crates = Vec::new();
    for member in manifest.workspace.members {
        let files = files_of(workspace, &member)?;
        crates.push((member, files));
    }
    crates.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(crates)
}

/// All `.rs` files below a member's `src`, in the order of their paths.
fn files_of(workspace: &Workspace, member: &str) -> Result<Vec<File>> {
    let src = workspace.path(member).join("src");
    let mut paths = Vec::new();
    collect(&src, &mut paths).with_context(|| format!("cannot read {member}/src"))?;
    paths.sort();
    let file = |path: PathBuf| {
        let below = path.strip_prefix(&src).expect("the file was found there");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", workspace.shown(&path)))?;
        Ok(File {
            shown: workspace.shown(&path).to_string(),
            below_src: below.iter().map(|part| part.to_string_lossy().into_owned()).collect(),
            source: Source::new(&text),
        })
    };
    paths.into_iter().map(file).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// The whole text, of crates with their names.
fn report(crates: &[(String, Vec<File>)]) -> String {
    let all = || crates.iter().flat_map(|(_, files)| files);
    let mut lines = vec!["files and lines, by folder (files that lie directly in it)".to_owned()];
    let mut folders: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for file in all() {
        let folder = file.shown.rsplit_once('/').map_or("", |(folder, _)| folder);
        let (files, total) = folders.entry(folder).or_default();
        (*files, *total) = (*files + 1, *total + file.source.lines);
    }
    lines.extend(folders.iter().map(|(folder, (files, total))| format!("  {files:4} {total:7}  {folder}")));
    let total: usize = all().map(|file| file.source.lines).sum();
    lines.push(format!("  {:4} {total:7}  all", all().count()));

    lines.push("\npublic items (`pub` without restriction; fields not counted), by crate".to_owned());
    for (name, files) in crates {
        let count: usize = files.iter().map(|file| file.source.public_items()).sum();
        lines.push(format!("  {count:4}  {name}"));
    }

    let circles: Vec<Vec<&str>> = crates.iter().flat_map(|(_, files)| imports::circles(files)).collect();
    let (large, pairs): (Vec<_>, Vec<_>) = circles.into_iter().partition(|circle| circle.len() >= LISTED_CIRCLE);
    lines.push(format!("\ncircles of imports: {} of three or more files, {} of two", large.len(), pairs.len()));
    for circle in &large {
        lines.push(format!("  {} files:", circle.len()));
        lines.extend(circle.iter().map(|file| format!("        {file}")));
    }

    let mut long: Vec<(usize, String)> = Vec::new();
    for file in all() {
        let functions = file.source.functions().into_iter().filter(|function| function.lines > LONG_FUNCTION);
        long.extend(functions.map(|f| (f.lines, format!("{}:{} {}", file.shown, f.line, f.name))));
    }
    long.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    lines.push(format!("\nfunctions of more than {LONG_FUNCTION} lines: {}", long.len()));
    lines.extend(long.iter().map(|(length, place)| format!("  {length:4}  {place}")));

    let short: Vec<String> = all()
        .flat_map(|file| {
            let docs = file.source.docs.iter().filter(|doc| doc.words() < SHORT_DOC);
            docs.map(|doc| format!("  {}:{} {}", file.shown, doc.line, doc.text.trim()))
        })
        .collect();
    lines.push(format!("\ndoc comments of fewer than {SHORT_DOC} words: {}", short.len()));
    lines.extend(short);
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of a crate `host` for a test.
    fn file(path: &str, text: &str) -> File {
        File {
            shown: format!("host/src/{path}"),
            below_src: path.split('/').map(str::to_owned).collect(),
            source: Source::new(text),
        }
    }

    #[test]
    fn no_three_files_use_each_other_in_a_circle() {
        let crates = crates(&Workspace::find().unwrap()).unwrap();
        let circles = crates.iter().flat_map(|(_, files)| imports::circles(files));
        let large: Vec<Vec<&str>> = circles.filter(|circle| circle.len() >= LISTED_CIRCLE).collect();
        assert!(large.is_empty(), "{large:#?}");
    }

    #[test]
    fn every_figure_is_in_the_report() {
        let long = format!("fn long() {{\n{}}}\n", "    a();\n".repeat(60));
        let files = vec![
            file("lib.rs", "//! The whole crate.\npub mod a;\npub mod b;\nmod c;\n"),
            file("a.rs", &format!("use crate::b::B;\n/// Its name.\npub struct A;\n{long}")),
            file("b/mod.rs", "use crate::c::C;\npub(crate) struct B { pub field: u8 }\n"),
            file("c.rs", "use crate::a::A;\n"),
        ];
        let report = report(&[("host".to_owned(), files)]);
        for line in [
            "     3      70  host/src",
            "     1       2  host/src/b",
            "     4      72  all",
            "     3  host",
            "circles of imports: 1 of three or more files, 0 of two",
            "        host/src/b/mod.rs",
            "functions of more than 60 lines: 1",
            "    62  host/src/a.rs:4 long",
            "doc comments of fewer than 3 words: 1",
            "  host/src/a.rs:2 Its name.",
        ] {
            assert!(report.lines().any(|found| found == line), "`{line}` is not in\n{report}");
        }
    }
}
