//! Files that a task's definition names beside itself.

use std::path::{Component, Path, PathBuf};

/// Files of a split: more are no data set that somebody wrote down.
const MOST_FILES: usize = 10_000;

/// Why a pattern gives no files.
#[derive(Debug, thiserror::Error)]
pub enum FilePatternError {
    /// A pattern that could lead out of the definition's folder.
    #[error(
        "expected the name of a file below the definition's folder, with `*` and `?` for what differs, got {pattern:?}"
    )]
    Outside {
        /// The pattern.
        pattern: String,
    },
    /// A link that leads out of the definition's folder.
    #[error("`{}`: expected a file below the definition's folder, got a link that leads out of it", file.display())]
    Link {
        /// The file as the pattern names it.
        file: PathBuf,
    },
    /// No file of the name.
    #[error("expected a file `{}`, got none", path.display())]
    NoFile {
        /// The folder with the pattern.
        path: PathBuf,
    },
    /// More files than a split has.
    #[error("expected at most {MOST_FILES} files for `{pattern}`, got more")]
    TooMany {
        /// The pattern.
        pattern: String,
    },
}

/// The files below `folder` that the patterns mean, in the order of the patterns, those of one pattern by name. A file that
/// several patterns mean comes once.
///
/// # Errors
/// A pattern that leads out of the folder, by its text or by a link, or that no file matches.
pub(super) fn files(folder: &Path, patterns: &[String]) -> Result<Vec<PathBuf>, FilePatternError> {
    let mut found: Vec<PathBuf> = Vec::new();
    for pattern in patterns {
        let files = matching(folder, pattern)?;
        if files.is_empty() {
            return Err(FilePatternError::NoFile { path: folder.join(pattern) });
        }
        found.extend(files.into_iter().filter(|file| !found.contains(file)).collect::<Vec<_>>());
    }
    for file in &found {
        let inside = listed(folder).canonicalize().and_then(|folder| Ok(file.canonicalize()?.starts_with(folder)));
        if !inside.unwrap_or(false) {
            return Err(FilePatternError::Link { file: file.clone() });
        }
    }
    Ok(found)
}

/// The folder as the system takes it: a definition that is named without one lies in the current folder.
fn listed(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

/// The files that one pattern means, by name.
fn matching(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, FilePatternError> {
    let mut paths = vec![folder.to_owned()];
    let parts = parts(pattern).ok_or_else(|| FilePatternError::Outside { pattern: pattern.to_owned() })?;
    for part in parts {
        paths = match part.contains(['*', '?']) {
            true => paths.iter().flat_map(|path| named_like(path, part)).collect(),
            false => paths.iter().map(|path| path.join(part)).filter(|path| path.exists()).collect(),
        };
        if paths.len() > MOST_FILES {
            return Err(FilePatternError::TooMany { pattern: pattern.to_owned() });
        }
    }
    paths.retain(|path| path.is_file());
    Ok(paths)
}

/// The names of a pattern, one for each folder and the file; `None` if one is no plain name.
fn parts(pattern: &str) -> Option<Vec<&str>> {
    if pattern.is_empty() || pattern.contains(['\\', '\0']) {
        return None;
    }
    let part = |component| match component {
        Component::Normal(name) => name.to_str(),
        Component::CurDir => Some("."),
        _ => None,
    };
    Path::new(pattern).components().map(part).collect()
}

/// What is in a folder under names that a pattern matches, by name. What is hidden is none of it.
fn named_like(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    let pattern: Vec<char> = pattern.chars().collect();
    let entries = std::fs::read_dir(listed(folder)).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| !name.starts_with('.') && matches(&pattern, &name.chars().collect::<Vec<_>>()));
    names.sort_unstable();
    names.into_iter().map(|name| folder.join(name)).collect()
}

/// Whether a name is one of a pattern's: `*` stands for any characters, `?` for one. The time is the product of both lengths.
fn matches(pattern: &[char], name: &[char]) -> bool {
    let (mut at, mut from) = (0, 0);
    // Where the last star stands, and where the name goes on behind what it stands for.
    let mut star: Option<(usize, usize)> = None;
    while from < name.len() {
        match (pattern.get(at), star) {
            (Some('*'), _) => {
                star = Some((at, from));
                at += 1;
            }
            (Some(wanted), _) if *wanted == '?' || *wanted == name[from] => (at, from) = (at + 1, from + 1),
            (_, Some((place, behind))) => {
                star = Some((place, behind + 1));
                (at, from) = (place + 1, behind + 1);
            }
            (_, None) => return false,
        }
    }
    pattern[at..].iter().all(|wanted| *wanted == '*')
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
    fn stars_and_question_marks_stand_for_characters() {
        let is = |pattern: &str, name: &str| {
            matches(&pattern.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>())
        };
        for (pattern, name) in [("*", ""), ("*.csv", "a.csv"), ("a*b*c", "axbxbc"), ("?.csv", "é.csv"), ("**", "ab")] {
            assert!(is(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("*.csv", "a.csv.gz"), ("?", ""), ("a*b", "abc"), ("", "a"), ("A", "a")] {
            assert!(!is(pattern, name), "{pattern} {name}");
        }
        // Stars that match again and again do not multiply.
        assert!(!is(&"*a".repeat(40), &"a".repeat(39)));
    }

    #[test]
    fn files_come_by_pattern_and_name_and_once() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["b.csv", "a.csv", "sub/c.csv", "sub/.hidden.csv", "x.jsonl"] {
            std::fs::create_dir_all(folder.path().join(file).parent().unwrap()).unwrap();
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        let of = |patterns: &[&str]| found(folder.path(), patterns);
        assert_eq!(of(&["x.jsonl", "*.csv", "a.csv"]).unwrap(), ["x.jsonl", "a.csv", "b.csv"]);
        assert_eq!(of(&["./s*/*.csv"]).unwrap(), ["./sub/c.csv"]);
        assert!(of(&["a.csv", "d*.csv"]).unwrap_err().ends_with("d*.csv`, got none"));
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
            assert!(message.starts_with("expected the name of a file below"), "{pattern:?}: {message}");
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
        }
    }
}
