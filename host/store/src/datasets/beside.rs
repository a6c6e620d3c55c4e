//! Files that a task's definition names beside itself.

use std::path::{Component, Path, PathBuf};

use super::pattern::{PatternError, expand_below};

/// Why a pattern of a definition gives no files.
#[derive(Debug, thiserror::Error)]
pub enum BesideError {
    /// A pattern that could lead out of the definition's folder.
    #[error("expected the name or pattern of files below the definition's folder, got {pattern:?}")]
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
    /// No files, or files that do not belong together.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

/// The files below `folder` that the patterns mean, in the order of the patterns, those of one pattern by name. A file that
/// several patterns mean comes once.
///
/// # Errors
/// A pattern that leads out of the folder, by its text or by a link, or that no file matches.
pub(super) fn files(folder: &Path, patterns: &[String]) -> Result<Vec<PathBuf>, BesideError> {
    let mut found: Vec<PathBuf> = Vec::new();
    for pattern in patterns {
        if !stays_below(pattern) {
            return Err(BesideError::Outside { pattern: pattern.clone() });
        }
        let files = expand_below(folder, pattern)?;
        found.extend(files.into_iter().filter(|file| !found.contains(file)).collect::<Vec<_>>());
    }
    // A definition that is named without a folder lies in the current one.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    for file in &found {
        let inside = folder.canonicalize().and_then(|folder| Ok(file.canonicalize()?.starts_with(folder)));
        if !inside.unwrap_or(false) {
            return Err(BesideError::Link { file: file.clone() });
        }
    }
    Ok(found)
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
        assert_eq!(of(&["x.jsonl", "*.csv", "a.csv"]).unwrap(), ["x.jsonl", "a.csv", "b.csv"]);
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
        }
    }
}
