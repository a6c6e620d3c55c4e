//! Files that a task's definition names beside itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::address::is_address;
use super::pattern::{PatternError, Search, check_paths};
use ft_engine::task::example::Split;
use ft_engine::text::harmless_within;

/// Why a pattern of a definition gives no files.
#[derive(Debug, thiserror::Error)]
pub enum BesideError {
    /// A pattern that could lead out of the definition's folder.
    #[error("expected the name or pattern of files below the definition's folder, got {pattern:?}")]
    Outside {
        /// The pattern.
        pattern: String,
    },
    /// An address on the hub.
    #[error(
        "expected the name or pattern of files below the definition's folder, got an address on the hub, {address:?}"
    )]
    Hub {
        /// The address.
        address: String,
    },
    /// No files, or files that do not belong together.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

impl BesideError {
    /// What the user can do about it for a split, where something is known to help.
    pub(super) fn hint(&self, split: Split) -> Option<String> {
        match self {
            BesideError::Outside { .. } => None,
            BesideError::Hub { address } => Some(format!(
                "a definition names files of the hub by `repository` and the split's name; `--data '{split}={}'` takes these",
                harmless_within(address, SHOWN)
            )),
            BesideError::Pattern(error) => error.hint(),
        }
    }
}

/// Patterns that are named where files of several do not belong together.
const NAMED: usize = 4;

/// Characters of an address that a hint shows.
const SHOWN: usize = 200;

/// The files below `folder` that the patterns mean, in the order of the patterns, those of one pattern by name. A file that
/// several patterns mean comes once.
///
/// # Errors
/// A pattern that leads out of the folder, by its text or by a link, or that no file matches; files of several formats, and a
/// file that is there twice: under two names, or compressed and not.
pub(super) fn files(folder: &Path, patterns: &[String]) -> Result<Vec<PathBuf>, BesideError> {
    let mut search = Search::below(folder)?;
    let (mut found, mut known) = (Vec::new(), BTreeSet::new());
    for pattern in patterns {
        if is_address(pattern) {
            return Err(BesideError::Hub { address: pattern.clone() });
        }
        if !stays_below(pattern) {
            return Err(BesideError::Outside { pattern: pattern.clone() });
        }
        found.extend(search.expand(folder, pattern)?.into_iter().filter(|file| known.insert(file.clone())));
    }
    let more = if patterns.len() > NAMED { "` and more, `..." } else { "" };
    let all = patterns[..patterns.len().min(NAMED)].join("`, `") + more;
    check_paths(&all, &found)?;
    check_places(&all, &found)?;
    Ok(found)
}

/// Refuses a file that is there under two names, by a link.
fn check_places(pattern: &str, files: &[PathBuf]) -> Result<(), PatternError> {
    let mut places: BTreeMap<PathBuf, &PathBuf> = BTreeMap::new();
    for file in files {
        // A file that is gone by now is missed where it is opened.
        let Ok(place) = file.canonicalize() else { continue };
        if let Some(first) = places.insert(place, file) {
            let (first, second) = (first.display().to_string(), file.display().to_string());
            return Err(PatternError::Twice { pattern: pattern.to_owned(), first, second });
        }
    }
    Ok(())
}

/// Whether a pattern has nothing but plain names.
fn stays_below(pattern: &str) -> bool {
    let is_plain = |component| matches!(component, Component::Normal(_) | Component::CurDir);
    !pattern.is_empty() && !pattern.contains(['\\', '\0']) && Path::new(pattern).components().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(folder: &Path, patterns: &[&str]) -> Result<Vec<String>, String> {
        let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
        let name = |path: PathBuf| path.strip_prefix(folder).unwrap().display().to_string();
        files(folder, &patterns).map(|files| files.into_iter().map(name).collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn files_come_by_pattern_and_name_and_once() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["b.csv", "a.csv", "sub/c.csv", "sub/.hidden.csv", "x.jsonl"] {
            std::fs::create_dir_all(folder.path().join(file).parent().unwrap()).unwrap();
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        let of = |patterns: &[&str]| found(folder.path(), patterns);
        assert_eq!(of(&["b.csv", "*.csv", "a.csv"]).unwrap(), ["b.csv", "a.csv"]);
        assert_eq!(of(&["./s*/*.csv"]).unwrap(), ["sub/c.csv"]);
        assert_eq!(of(&["a.csv", "d*.csv"]).unwrap_err(), "`d*.csv`: expected files of such a name, got none");
        assert!(of(&["sub"]).is_err(), "a folder is no file");
    }

    #[test]
    fn no_pattern_leads_out_of_the_folder() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("mine");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(place.path().join("secret.csv"), "").unwrap();
        for pattern in ["", "..", "../secret.csv", "a/../../secret.csv", "/etc/passwd", "..\\secret.csv", "a\0"] {
            let message = found(&folder, &[pattern]).unwrap_err();
            assert!(message.starts_with("expected the name or pattern of files below"), "{pattern:?}: {message}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(place.path().join("secret.csv"), folder.join("link.csv")).unwrap();
            std::os::unix::fs::symlink(place.path(), folder.join("up")).unwrap();
            for pattern in ["link.csv", "*.csv", "up/secret.csv", "*/*.csv"] {
                let message = found(&folder, &[pattern]).unwrap_err();
                assert!(message.ends_with("got a link that leads out of it"), "{pattern}: {message}");
            }
            // A link within the folder is a file like others.
            std::fs::write(folder.join("rows.jsonl"), "").unwrap();
            std::os::unix::fs::symlink("rows.jsonl", folder.join("also.jsonl")).unwrap();
            assert_eq!(found(&folder, &["also.jsonl"]).unwrap(), ["also.jsonl"]);
            let twice = found(&folder, &["rows.jsonl", "also.jsonl"]).unwrap_err();
            assert!(twice.starts_with("`rows.jsonl`, `also.jsonl`: expected each file once, got `"), "{twice}");
            // What lies behind such a link is not even listed, though nothing there is of that name.
            let listed = found(&folder, &["up/*.parquet"]).unwrap_err();
            assert!(
                listed.ends_with("up`: expected a file below the definition's folder, got a link that leads out of it")
            );
        }
    }

    #[test]
    fn the_files_of_all_patterns_belong_together() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["moods.csv", "moods.csv.gz", "x.jsonl", "rows[1].csv", "rows1.csv"] {
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        let of = |patterns: &[&str]| found(folder.path(), patterns);
        let twice = of(&["moods.csv", "moods.csv.gz"]).unwrap_err();
        assert!(twice.contains("expected each file once") && twice.ends_with("moods.csv.gz`"), "{twice}");
        let mixed = of(&["moods.csv", "x.jsonl"]).unwrap_err();
        assert!(mixed.contains("expected files of one format") && mixed.ends_with("x.jsonl`"), "{mixed}");
        // What is there under the very name is that.
        assert_eq!(of(&["rows[1].csv"]).unwrap(), ["rows[1].csv"]);
        assert_eq!(of(&["rows[1-2].csv"]).unwrap(), ["rows1.csv"]);
    }

    #[test]
    fn an_address_is_told_from_a_pattern() {
        let folder = tempfile::tempdir().unwrap();
        let address = "hf://datasets/a/b/x-*.csv".to_owned();
        let error = files(folder.path(), &[address]).unwrap_err();
        assert!(error.to_string().ends_with("got an address on the hub, \"hf://datasets/a/b/x-*.csv\""), "{error}");
        let hint = error.hint(Split::Evaluation).unwrap();
        assert!(hint.contains("by `repository`"), "{hint}");
        assert!(hint.contains("--data 'evaluation=hf://datasets/a/b/x-*.csv'"), "{hint}");
    }
}
