//! Patterns of file names: `runs/*.jsonl.gz`, as shells and the Hugging Face tools have them.
//!
//! `*` stands for any part of a name, `?` for one character, `[a-c]` and `[!a-c]` for one of some or of all others, and
//! `**` as a whole name for any number of folders. Names that begin with `.` are matched only by a pattern that does.

use std::collections::{BTreeSet, HashSet};
use std::path::{Component, Path, PathBuf};

use crate::fs::error::FileError;
use crate::table::Format;

/// Files that one pattern may stand for.
const MOST_FILES: usize = 10_000;

/// Entries of folders that are looked at for one pattern of the user's own.
const MOST_ENTRIES: usize = 1_000_000;

/// Entries of folders that are looked at for all patterns by which a definition, which may be a stranger's, names the files of
/// a split.
const MOST_ENTRIES_BELOW: usize = 100_000;

/// Bytes of a pattern of a definition, which is matched against every entry.
const LONGEST_BELOW: usize = 1000;

/// Why a pattern gives no files.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    /// No file has such a name.
    #[error("`{pattern}`: expected files of such a name, got none")]
    NoMatch {
        /// The pattern.
        pattern: String,
    },
    /// More files than are read of a split.
    #[error("`{pattern}`: expected at most {MOST_FILES} files of such a name, got more")]
    TooMany {
        /// The pattern.
        pattern: String,
    },
    /// Files of more than one format.
    #[error("`{pattern}`: expected files of one format, got `{first}` and `{second}`")]
    Mixed {
        /// The pattern.
        pattern: String,
        /// The first file.
        first: String,
        /// The first file of another format.
        second: String,
    },
    /// Files that differ only in what says how they are written, as a file and its compressed copy do.
    #[error("`{pattern}`: expected each file once, got `{first}` and `{second}`")]
    Twice {
        /// The pattern.
        pattern: String,
        /// The first of the two.
        first: String,
        /// Its copy.
        second: String,
    },
    /// More entries of folders than are looked at.
    #[error("`{pattern}`: expected at most {most} entries in the folders that are looked through, got more")]
    TooWide {
        /// The pattern.
        pattern: String,
        /// Entries that are looked at.
        most: usize,
    },
    /// A pattern of a definition that is longer than any that is meant.
    #[error("`{}...`: expected a pattern of at most {LONGEST_BELOW} bytes, got {length}", beginning(pattern))]
    TooLong {
        /// The pattern.
        pattern: String,
        /// Its bytes.
        length: usize,
    },
    /// A link that leads out of the folder that files are looked for below.
    #[error("`{}`: expected a file below the definition's folder, got a link that leads out of it", path.display())]
    Link {
        /// The file, or a folder that the pattern means, by the names that lead there.
        path: PathBuf,
    },
    /// A folder could not be read.
    #[error(transparent)]
    File(#[from] FileError),
}

/// What is shown of a long pattern.
fn beginning(pattern: &str) -> String {
    pattern.chars().take(40).collect()
}

impl PatternError {
    /// What the user can do about it, where something is known to help.
    pub fn hint(&self) -> Option<String> {
        match self {
            PatternError::NoMatch { .. } => {
                Some("`*`, `?` and `[...]` stand for parts of one name, `**` for any folders between two `/`".into())
            }
            PatternError::TooMany { .. } | PatternError::Mixed { .. } | PatternError::Twice { .. } => {
                Some("write the pattern so that it matches only the files that are meant".into())
            }
            PatternError::TooWide { .. } => Some("name the folders that are meant in place of `**` and `*`".into()),
            PatternError::TooLong { .. } | PatternError::Link { .. } => None,
            PatternError::File(error) => error.hint(),
        }
    }
}

/// Whether a text is a pattern and not the name of one file.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// The files on this machine that a path or a pattern stands for, in the order of their names. A path without a pattern,
/// and one under whose very name there is something, is itself alone, whether it is there or not.
///
/// # Errors
/// If no file has such a name, the files do not belong together, or a folder cannot be read.
pub fn expand(path: &Path) -> Result<Vec<PathBuf>, PatternError> {
    let Some(text) = path.to_str().filter(|text| is_pattern(text) && !path.exists()) else {
        return Ok(vec![path.to_owned()]);
    };
    let mut base = PathBuf::new();
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str().unwrap_or_default()),
            other if parts.is_empty() => base.push(other),
            other => parts.push(other.as_os_str().to_str().unwrap_or_default()),
        }
    }
    let found = Search { most: MOST_ENTRIES, ..Search::default() }.find(&base, parts, text)?;
    check_paths(text, &found)?;
    Ok(found)
}

/// [`check_together`] of files on this machine.
pub(super) fn check_paths(pattern: &str, paths: &[PathBuf]) -> Result<(), PatternError> {
    let shown: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    check_together(pattern, &shown)
}

/// Checks that files may be one split: there are some, all have one format, and none is there twice.
pub(crate) fn check_together(pattern: &str, names: &[String]) -> Result<(), PatternError> {
    let pattern = || pattern.to_owned();
    let Some(first) = names.first() else { return Err(PatternError::NoMatch { pattern: pattern() }) };
    if names.len() > MOST_FILES {
        return Err(PatternError::TooMany { pattern: pattern() });
    }
    let format = |name: &str| Format::of(Path::new(name));
    if let Some(second) = names.iter().find(|name| format(name) != format(first)) {
        let (first, second) = (first.clone(), second.clone());
        return Err(PatternError::Mixed { pattern: pattern(), first, second });
    }
    let mut stems = std::collections::BTreeMap::new();
    for name in names {
        if let Some(other) = stems.insert(Format::split(name).map_or(name.as_str(), |(stem, _)| stem), name) {
            return Err(PatternError::Twice { pattern: pattern(), first: other.clone(), second: name.clone() });
        }
    }
    Ok(())
}

/// Whether a path with `/` has the names that a pattern stands for.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    let parts: Vec<&str> = pattern.split('/').collect();
    // Which of the parts may come next, behind the names so far.
    let mut next: BTreeSet<usize> = after(0, &parts).collect();
    for name in path.split('/') {
        let step = |part: &usize| {
            let (part, stays) = (*part, parts.get(*part) == Some(&"**"));
            let fits = parts.get(part).is_some_and(|pattern| match stays {
                true => !name.starts_with('.'),
                false => name_matches(pattern, name),
            });
            fits.then(|| after(if stays { part } else { part + 1 }, &parts)).into_iter().flatten()
        };
        next = next.iter().flat_map(step).collect();
    }
    next.contains(&parts.len())
}

/// The parts that may come at a place: that one, and those behind any `**`, which may stand for no folder.
fn after<'a>(part: usize, parts: &'a [&str]) -> impl Iterator<Item = usize> + use<'a> {
    let skipped = parts[part..].iter().take_while(|part| **part == "**").count();
    part..=part + skipped
}

/// A search through folders, for one pattern after another.
#[derive(Default)]
pub(super) struct Search {
    /// The folder, without links, that nothing may lie outside of; `None` for the user's own patterns.
    within: Option<PathBuf>,
    /// Entries of folders that are looked at for all patterns.
    most: usize,
    /// Those that were, each folder counted again by every part of a pattern that looks through it.
    looked_at: usize,
}

impl Search {
    /// A search for the files that a definition in this folder names: none may lie outside of it, by a link neither.
    ///
    /// # Errors
    /// If the folder is not there.
    pub(super) fn below(folder: &Path) -> Result<Search, PatternError> {
        let within = here(folder).canonicalize().map_err(|source| FileError::io("read the folder", folder, source))?;
        Ok(Search { within: Some(within), most: MOST_ENTRIES_BELOW, looked_at: 0 })
    }

    /// The files below a folder that a pattern of plain names with `/` between them stands for, in the order of their names; a
    /// pattern that is the very name of a file there stands for that file alone. What the folder itself is called is no pattern.
    ///
    /// # Errors
    /// If no file has such a name, the search leads out of the folder or takes too long, the files do not belong together, or a
    /// folder cannot be read.
    pub(super) fn expand(&mut self, folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, PatternError> {
        if pattern.len() > LONGEST_BELOW {
            return Err(PatternError::TooLong { pattern: pattern.to_owned(), length: pattern.len() });
        }
        let names = || pattern.split('/').filter(|name| !matches!(*name, "" | "."));
        let literal = names().fold(folder.to_owned(), |path, name| path.join(name));
        if is_pattern(pattern) && literal.is_file() {
            self.check_within(&literal)?;
            return Ok(vec![literal]);
        }
        let found = self.find(folder, names().collect(), pattern)?;
        check_paths(pattern, &found)?;
        Ok(found)
    }

    /// The files below a folder by the names of a pattern; none if no file has such a name.
    fn find(&mut self, folder: &Path, mut names: Vec<&str>, pattern: &str) -> Result<Vec<PathBuf>, PatternError> {
        names.dedup_by(|next, name| *next == "**" && *name == "**");
        let mut walk = Walk { search: self, pattern, found: BTreeSet::new(), been: HashSet::new() };
        walk.at(folder, &names)?;
        Ok(walk.found.into_iter().collect())
    }

    /// Refuses a path that is there, and outside of the folder that nothing may lie outside of.
    fn check_within(&self, path: &Path) -> Result<(), PatternError> {
        match (&self.within, here(path).canonicalize()) {
            (Some(within), Ok(place)) if !place.starts_with(within) => {
                Err(PatternError::Link { path: path.to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// The names in a folder; none where there is no such folder.
    fn names(&mut self, folder: &Path, pattern: &str) -> Result<Vec<String>, PatternError> {
        if !here(folder).is_dir() {
            return Ok(Vec::new());
        }
        self.check_within(folder)?;
        let error = |source| FileError::io("read the folder", here(folder), source);
        // The folder itself counts too: many may be empty.
        self.looked_at += 1;
        let mut names = Vec::new();
        for entry in std::fs::read_dir(here(folder)).map_err(error)?.flatten() {
            self.looked_at += 1;
            if self.looked_at > self.most {
                return Err(PatternError::TooWide { pattern: pattern.to_owned(), most: self.most });
            }
            names.extend(entry.file_name().into_string());
        }
        Ok(names)
    }
}

/// A path under which the system finds it: the folder that is called nothing is the current one.
fn here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

/// The search for one pattern.
struct Walk<'a> {
    search: &'a mut Search,
    pattern: &'a str,
    found: BTreeSet<PathBuf>,
    /// The places that were looked at, each with the number of parts that were left there: by `**` many ways lead to one.
    been: HashSet<(PathBuf, usize)>,
}

impl Walk<'_> {
    /// Looks for what is at a place, or below it by the parts of the pattern that are left.
    fn at(&mut self, place: &Path, parts: &[&str]) -> Result<(), PatternError> {
        if !self.been.insert((place.to_owned(), parts.len())) {
            return Ok(());
        }
        let Some((part, rest)) = parts.split_first() else { return self.file(place) };
        if *part == "**" {
            self.at(place, rest)?;
        } else if !is_pattern(part) {
            return self.at(&place.join(part), rest);
        }
        for name in self.search.names(place, self.pattern)? {
            let inside = place.join(&name);
            if *part != "**" {
                if name_matches(part, &name) {
                    self.at(&inside, rest)?;
                }
            // A link to a folder above would never end.
            } else if !name.starts_with('.') && inside.is_dir() && !inside.is_symlink() {
                self.at(&inside, parts)?;
            }
        }
        Ok(())
    }

    /// Takes the place, if it is a file.
    fn file(&mut self, place: &Path) -> Result<(), PatternError> {
        if place.is_file() {
            self.search.check_within(place)?;
            self.found.insert(place.to_owned());
        }
        match self.found.len() > MOST_FILES {
            true => Err(PatternError::TooMany { pattern: self.pattern.to_owned() }),
            false => Ok(()),
        }
    }
}

/// Whether one name is such as a pattern without `/` stands for.
fn name_matches(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut of_name) = (0, 0);
    // The place behind the last `*`, and the first character that it has not taken yet.
    let mut star: Option<(usize, usize)> = None;
    while of_name < name.len() {
        let one = pattern.get(at).and_then(|_| one_matches(&pattern[at..], name[of_name]));
        if pattern.get(at) == Some(&'*') {
            star = Some((at + 1, of_name));
            at += 1;
        } else if let Some(length) = one {
            (at, of_name) = (at + length, of_name + 1);
        } else if let Some((behind, taken)) = star {
            (at, of_name) = (behind, taken + 1);
            star = Some((behind, taken + 1));
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|character| *character == '*')
}

/// The length of what a pattern begins with, where that stands for this one character.
fn one_matches(pattern: &[char], character: char) -> Option<usize> {
    if pattern[0] == '[' {
        let negated = matches!(pattern.get(1), Some('!' | '^'));
        let first = 1 + usize::from(negated);
        // A `]` right behind the opening is one of the characters.
        if let Some(length) = pattern.iter().skip(first + 1).position(|character| *character == ']') {
            let set = &pattern[first..=first + length];
            return (in_set(set, character) != negated).then_some(first + length + 2);
        }
    }
    (pattern[0] == '?' || pattern[0] == character).then_some(1)
}

fn in_set(mut set: &[char], character: char) -> bool {
    while let [first, rest @ ..] = set {
        set = match rest {
            ['-', last, ..] if (*first..=*last).contains(&character) => return true,
            ['-', _, behind @ ..] => behind,
            _ if *first == character => return true,
            _ => rest,
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_the_names_that_shells_match() {
        for (pattern, yes, no) in [
            ("*.csv", &["a.csv", "a.b.csv"][..], &["a.csv.gz", ".a.csv", "x/a.csv", "csv"][..]),
            ("*", &["a", "a.csv"], &[".a", "a/b"]),
            ("a?c", &["abc", "aéc"], &["ac", "abbc", "a/c"]),
            ("x-[0-9][!a-c].csv", &["x-0d.csv", "x-9-.csv"], &["x-0a.csv", "x-a0.csv", "x-0.csv"]),
            ("[]x]", &["]", "x"], &["[]x]", "a"]),
            ("[ab", &["[ab"], &["a"]),
            ("a*b*c", &["abc", "a-b-b-c"], &["ab", "acb"]),
            (
                "data/**/t-*.parquet",
                &["data/t-1.parquet", "data/a/b/t-.parquet"],
                &["t-1.parquet", "data/.a/t-1.parquet"],
            ),
            ("**", &["a", "a/b/c"], &[".a", "a/.b"]),
            ("**/x/**/y", &["x/y", "a/x/x/b/y"], &["x", "a/y", "x/y/z"]),
            ("****", &["abc"], &["a/b"]),
        ] {
            yes.iter().for_each(|name| assert!(matches(pattern, name), "{pattern} {name}"));
            no.iter().for_each(|name| assert!(!matches(pattern, name), "{pattern} {name}"));
        }
        let long = "a".repeat(200);
        assert!(!name_matches(&format!("{}b", "*a".repeat(50)), &long));
    }

    #[test]
    fn files_are_found_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("b/deep")).unwrap();
        std::fs::create_dir_all(root.join("folder.csv")).unwrap();
        for name in ["b/2.csv", "b/10.csv", "b/deep/1.csv", "a.csv", ".hidden.csv", "a[1].jsonl", "notes.txt"] {
            std::fs::write(root.join(name), "").unwrap();
        }
        let found = |pattern: &str| -> Vec<String> {
            let found = expand(&root.join(pattern)).unwrap();
            found.iter().map(|path| path.strip_prefix(root).unwrap().display().to_string()).collect()
        };
        assert_eq!(found("*.csv"), ["a.csv"]);
        assert_eq!(found("b/*.csv"), ["b/10.csv", "b/2.csv"]);
        assert_eq!(found("**/*.csv"), ["a.csv", "b/10.csv", "b/2.csv", "b/deep/1.csv"]);
        assert_eq!(found("?/**/1*.csv"), ["b/10.csv", "b/deep/1.csv"]);
        assert_eq!(found("b/../a*.csv"), ["b/../a.csv"]);
        // What is there under the very name is that; what is no pattern need not be there.
        assert_eq!(found("a[1].jsonl"), ["a[1].jsonl"]);
        assert_eq!(found("none.csv"), ["none.csv"]);
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(root, root.join("b/above")).unwrap();
            assert_eq!(found("**/1.csv"), ["b/deep/1.csv"]);
        }
        let refused = |pattern: &str| expand(&root.join(pattern)).unwrap_err().to_string();
        assert!(refused("c/*.csv").ends_with("c/*.csv`: expected files of such a name, got none"));
        let mixed = refused("a*");
        assert!(mixed.contains("expected files of one format, got `") && mixed.ends_with("a[1].jsonl`"), "{mixed}");
        std::fs::write(root.join("a.csv.zst"), "").unwrap();
        let twice = refused("a.*");
        assert!(twice.contains("expected each file once") && twice.ends_with("a.csv.zst`"), "{twice}");
    }

    #[test]
    fn many_ways_to_one_folder_are_one() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("a/".repeat(24))).unwrap();
        let pattern = "**/*/".repeat(10) + "x.csv";
        let mut search = Search::below(folder.path()).unwrap();
        let error = search.expand(folder.path(), &pattern).unwrap_err();
        assert!(matches!(error, PatternError::NoMatch { .. }), "{error}");
        // 25 folders, each looked through by at most 20 parts, with one entry or none.
        assert!(search.looked_at <= 25 * 20 * 2, "{}", search.looked_at);
        std::fs::write(folder.path().join("a/".repeat(12)).join("x.csv"), "").unwrap();
        assert_eq!(search.expand(folder.path(), &pattern).unwrap().len(), 1);
    }

    #[test]
    fn a_search_ends_at_so_many_entries_of_all_its_patterns() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.csv", "b.csv", "c.jsonl"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        // The folder and its three entries are four.
        let mut search = Search { most: 8, ..Search::default() };
        assert_eq!(search.expand(folder.path(), "*.csv").unwrap().len(), 2);
        assert_eq!(search.expand(folder.path(), "c.*").unwrap().len(), 1);
        let error = search.expand(folder.path(), "a.*").unwrap_err();
        let told = "`a.*`: expected at most 8 entries in the folders that are looked through, got more";
        assert_eq!(error.to_string(), told);
        assert!(error.hint().unwrap().contains("name the folders"));
        // A name without a pattern looks through no folder.
        assert_eq!(search.expand(folder.path(), "a.csv").unwrap().len(), 1);
        let long = search.expand(folder.path(), &"x".repeat(1001)).unwrap_err().to_string();
        assert!(long.ends_with("x...`: expected a pattern of at most 1000 bytes, got 1001"), "{long}");
    }
}
