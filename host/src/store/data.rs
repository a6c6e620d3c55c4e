//! Where a data set's rows come from.

use std::path::{Path, PathBuf};

use crate::task::example::Source;

use super::file::FileError;
use super::jsonl::{JsonlTable, RowError};
use super::model_source::is_plain_name;
use super::sample;

/// What `--data` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataLocation {
    /// The sample that this host carries.
    Sample,
    /// A folder of data sets: `DIR/<data set>/<split>.jsonl`.
    Folder(PathBuf),
    /// The data set's own repository on the hub.
    Hub,
}

/// Why there are no rows.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The folder has no such data set or split.
    #[error("no rows for the {split} split: there is none of {}", looked_for.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", "))]
    Missing {
        /// The split, as the task uses it.
        split: String,
        /// The files that would have done.
        looked_for: Vec<PathBuf>,
    },
    /// The rows are there in a form that is not read yet.
    #[error("`{}` is not read by this version, which reads JSON lines (`.jsonl`)", path.display())]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// The task has no bundled sample.
    #[error("there is no bundled sample of `{folder}/{split}`, only of {available}")]
    NoSample {
        /// The data set's folder name.
        folder: String,
        /// The split's name.
        split: String,
        /// What there is.
        available: String,
    },
    /// Data from the hub.
    #[error("data sets are not downloaded by this version: `{repository}` ({split} split)")]
    Hub {
        /// The data set's repository.
        repository: String,
        /// The split, as the task uses it.
        split: String,
    },
    /// A task that names a folder or a split in a way that leads elsewhere.
    #[error("the task names the {what} of its data {name:?}, which is not a plain name")]
    BadName {
        /// `folder` or `split`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A row is malformed.
    #[error(transparent)]
    Row(#[from] RowError),
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
}

impl DataError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            DataError::Missing { .. } => {
                Some("`--data DIR` names the folder above the data set's own; `--data sample` uses the bundled sample".into())
            }
            DataError::Format { .. } => Some("convert it to JSON lines, one object per row".into()),
            DataError::NoSample { .. } => Some("use `--data DIR`, with the rows in `DIR/<data set>/<split>.jsonl`".into()),
            DataError::Hub { .. } => Some(
                "use `--data DIR`, with the rows in `DIR/<data set>/<split>.jsonl`, or `--data sample` for the bundled sample"
                    .into(),
            ),
            DataError::BadName { .. } | DataError::Row(_) => None,
            DataError::File(error) => error.hint(),
        }
    }
}

/// Forms of a data file by their extensions, in the order in which they are looked for; only the first is read so far.
const EXTENSIONS: [&str; 4] = ["jsonl", "parquet", "csv", "tsv"];

impl DataLocation {
    /// What `--data` says: `sample`, or a folder.
    pub fn parse(text: &str) -> DataLocation {
        if text == "sample" { DataLocation::Sample } else { DataLocation::Folder(text.into()) }
    }

    /// Opens the rows of one split, positioned at the first.
    pub fn open(&self, source: &Source) -> Result<JsonlTable, DataError> {
        // The names come from a plugin, which must not choose among the user's files.
        for (what, name) in [("folder", &source.folder), ("split", &source.name)] {
            if !is_plain_name(name) {
                return Err(DataError::BadName { what, name: name.clone() });
            }
        }
        match self {
            DataLocation::Sample => open_sample(source),
            DataLocation::Folder(folder) => open_file(folder, source),
            DataLocation::Hub => {
                Err(DataError::Hub { repository: source.repository.clone(), split: source.split.to_string() })
            }
        }
    }
}

fn open_sample(source: &Source) -> Result<JsonlTable, DataError> {
    let Source { folder, name, .. } = source;
    let bytes = sample::find(folder, name).ok_or_else(|| DataError::NoSample {
        folder: folder.clone(),
        split: name.clone(),
        available: sample::names().join(", "),
    })?;
    Ok(JsonlTable::from_bytes(&format!("bundled sample {folder}/{name}.jsonl"), bytes)?)
}

fn open_file(folder: &Path, source: &Source) -> Result<JsonlTable, DataError> {
    let candidates =
        EXTENSIONS.map(|extension| folder.join(&source.folder).join(format!("{}.{extension}", source.name)));
    let Some(index) = candidates.iter().position(|path| path.is_file()) else {
        return Err(DataError::Missing { split: source.split.to_string(), looked_for: candidates.into() });
    };
    let path = candidates[index].clone();
    if EXTENSIONS[index] != "jsonl" {
        return Err(DataError::Format { path });
    }
    Ok(JsonlTable::open(&path)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::example::Split;

    fn source(folder: &str, name: &str) -> Source {
        Source {
            split: Split::Evaluation,
            repository: "nyu-mll/glue".into(),
            config: Some("sst2".into()),
            name: name.into(),
            folder: folder.into(),
            sample: None,
        }
    }

    #[test]
    fn a_folder_has_a_file_for_each_split() {
        let folder = tempfile::tempdir().unwrap();
        let location = DataLocation::parse(folder.path().to_str().unwrap());
        let missing = location.open(&source("sst2", "validation")).map(drop).unwrap_err();
        let message = missing.to_string();
        assert!(
            message.starts_with("no rows for the evaluation split") && message.contains("validation.tsv"),
            "{message}"
        );
        assert!(missing.hint().unwrap().contains("--data sample"));

        std::fs::create_dir(folder.path().join("sst2")).unwrap();
        std::fs::write(folder.path().join("sst2/validation.parquet"), "PAR1").unwrap();
        let format = location.open(&source("sst2", "validation")).map(drop).unwrap_err();
        assert!(format.to_string().contains("reads JSON lines"), "{format}");

        std::fs::write(folder.path().join("sst2/validation.jsonl"), "{\"sentence\": \"fine\", \"label\": 1}\n")
            .unwrap();
        let mut table = location.open(&source("sst2", "validation")).unwrap();
        assert_eq!(table.columns(), ["sentence", "label"]);
        assert_eq!(table.next_rows(5).unwrap(), ["{\"sentence\": \"fine\", \"label\": 1}"]);
    }

    #[test]
    fn a_plugin_cannot_name_its_way_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret.jsonl"), "{\"key\": 1}\n").unwrap();
        let location = DataLocation::Folder(folder.path().join("data"));
        for (directory, name) in [("..", "secret"), ("sst2", "../../secret"), ("/etc", "passwd"), ("", "x")] {
            let error = location.open(&source(directory, name)).map(drop).unwrap_err();
            assert!(matches!(error, DataError::BadName { .. }), "{error}");
        }
    }

    #[test]
    fn the_sample_needs_no_folder() {
        for split in ["train", "validation"] {
            let mut table = DataLocation::parse("sample").open(&source("sst2", split)).unwrap();
            assert_eq!(table.columns(), ["sentence", "label", "idx"]);
            assert!(!table.next_rows(3).unwrap().is_empty());
        }
        let error = DataLocation::Sample.open(&source("sst2", "test")).map(drop).unwrap_err().to_string();
        let expected = "there is no bundled sample of `sst2/test`, only of ag_news/train, ag_news/test, copa/train, ";
        assert!(error.starts_with(expected), "{error}");
    }

    #[test]
    fn the_hub_is_refused_with_what_works() {
        let error = DataLocation::Hub.open(&source("sst2", "validation")).map(drop).unwrap_err();
        assert!(error.to_string().contains("nyu-mll/glue"), "{error}");
        let hint = error.hint().unwrap();
        assert!(hint.contains("--data DIR") && hint.contains("--data sample"), "{hint}");
    }
}
