//! Two recordings, held to each other byte by byte.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// How many characters of a line are shown from shortly before the first difference.
const SHOWN: usize = 120;
const BEFORE: usize = 30;

/// A line on every file that only one of two folders has, or that differs; none where they are the same.
///
/// # Errors
/// If a folder or a file cannot be read.
pub fn between(old: &Path, new: &Path) -> Result<Vec<String>> {
    let (in_old, in_new) = (files(old)?, files(new)?);
    let mut differences = Vec::new();
    for file in in_old.union(&in_new) {
        if !in_new.contains(file) {
            differences.push(format!("{file}: is no longer there"));
        } else if !in_old.contains(file) {
            differences.push(format!("{file}: was not there"));
        } else if let Some(difference) = first_difference(&read(&old.join(file))?, &read(&new.join(file))?) {
            differences.push(format!("{file}: {difference}"));
        }
    }
    Ok(differences)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// All files below a folder, by their paths with `/`.
fn files(folder: &Path) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            found.extend(files(&entry.path())?.iter().map(|below| format!("{name}/{below}")));
        } else {
            found.insert(name);
        }
    }
    Ok(found)
}

/// The first line in which two files differ.
fn first_difference(old: &[u8], new: &[u8]) -> Option<String> {
    if old == new {
        return None;
    }
    let (mut old, mut new) = (old.split(|byte| *byte == b'\n'), new.split(|byte| *byte == b'\n'));
    let mut number = 1;
    loop {
        let (was, is) = (old.next(), new.next());
        if was != is {
            let start = common_length(was.unwrap_or_default(), is.unwrap_or_default());
            return Some(format!("line {number} was {} and is {}", shown(was, start), shown(is, start)));
        }
        number += 1;
    }
}

fn common_length(left: &[u8], right: &[u8]) -> usize {
    left.iter().zip(right).take_while(|(left, right)| left == right).count()
}

/// A line around the place where it differs.
fn shown(line: Option<&[u8]>, difference: usize) -> String {
    let Some(line) = line else {
        return "the file's end".into();
    };
    let start = difference.saturating_sub(BEFORE);
    let end = line.len().min(start + SHOWN);
    // Quotes stay as they are: most lines are JSON.
    let escaped = |c: char| if c.is_control() { c.escape_debug().to_string() } else { c.to_string() };
    let text: String = String::from_utf8_lossy(&line[start..end]).chars().map(escaped).collect();
    let dots = |left_out: bool| if left_out { "..." } else { "" };
    format!("`{}{}{}`", dots(start > 0), text, dots(end < line.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn equal_recordings_have_no_difference() {
        let files = [("a/stdout", "x\ny\n"), ("b/stderr", "")];
        assert_eq!(between(folder(&files).path(), folder(&files).path()).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn files_that_differ_or_are_missing_are_named() {
        let old = folder(&[("a/stdout", "x\ny\n"), ("a/same", "1"), ("b/stderr", "")]);
        let new = folder(&[("a/stdout", "x\nz\n"), ("a/same", "1"), ("c/stderr", "")]);
        let expected =
            ["a/stdout: line 2 was `y` and is `z`", "b/stderr: is no longer there", "c/stderr: was not there"];
        assert_eq!(between(old.path(), new.path()).unwrap(), expected);
    }

    #[test]
    fn the_first_differing_line_is_shown() {
        let check = |old: &str, new: &str, expected: &str| {
            assert_eq!(first_difference(old.as_bytes(), new.as_bytes()).as_deref(), Some(expected));
        };
        check("1\n2\n", "1\n2\n3\n", "line 3 was `` and is `3`");
        check("1\n2", "1\n2\n", "line 3 was the file's end and is ``");
        check("\"a\"\u{1b}", "\"a\"", "line 1 was `\"a\"\\u{1b}` and is `\"a\"`");
        let long = |digit: &str| format!("{}{digit}{}", "a".repeat(100), "b".repeat(200));
        let around = |digit: &str| format!("`...{}{digit}{}...`", "a".repeat(30), "b".repeat(89));
        check(&long("1"), &long("2"), &format!("line 1 was {} and is {}", around("1"), around("2")));
        assert_eq!(first_difference(b"1\n", b"1\n"), None);
    }
}
