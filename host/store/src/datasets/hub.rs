//! Data sets of the hub: which files hold a split, and their way into the cache.
//!
//! The hub converts most data sets to Parquet by itself, on a branch of its own; where it has not, the repository's own
//! files are looked at by the names that data sets usually have. What was found is remembered beside this host's cache,
//! so that a split that is there costs no request. Files that the user names by their addresses come the same way.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::datasets::address::HubFiles;
use crate::datasets::pattern::{self, PatternError, is_pattern};
use crate::fs::atomic::write_atomic;
use crate::fs::cache_paths::CachePaths;
use crate::fs::digest::Digest;
use crate::fs::error::FileError;
use crate::fs::file::{create_folder, read_file};
use crate::hub::client::{Hub, commit_of};
use crate::hub::error::HubError;
use crate::hub_id::HubId;
use crate::machine::environment::Environment;
use crate::progress::Progress;
use crate::table::shards::{self, ShardError};

/// The branch on which the hub keeps its conversions to Parquet.
const CONVERTED: &str = "refs/convert/parquet";

/// What the hub calls the configuration of a data set that has none.
const DEFAULT_CONFIG: &str = "default";

/// A split of a data set on the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubSplit {
    /// `owner/name`, and the revision to take where it is not the hub's conversion.
    pub id: HubId,
    /// The configuration, where there are several.
    pub config: Option<String>,
    /// The split's name in the repository, e.g. `train`.
    pub split: String,
}

impl std::fmt::Display for HubSplit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.id.repository)?;
        self.config.as_ref().map_or(Ok(()), |config| write!(f, "/{config}"))?;
        write!(f, " ({} split)", self.split)
    }
}

/// Why a split could not be had.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The hub did not give it.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// A file of this host's cache could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The repository has no file of that split.
    #[error(
        "{split}: the hub has not converted it to Parquet, and none of the repository's {files} files looks like it"
    )]
    NoFiles {
        /// The split that was looked for.
        split: HubSplit,
        /// How many files there are.
        files: usize,
    },
    /// Files of the split are missing, or do not belong together.
    #[error("{split}: {source}")]
    Shards {
        /// The split that was looked for.
        split: HubSplit,
        /// Which shards are missing or do not belong together.
        source: Box<ShardError>,
    },
    /// The split is not on this machine, and the user wants no network.
    #[error("{split} is not in the cache, and this run is offline")]
    Offline {
        /// The split that was looked for.
        split: HubSplit,
    },
    /// Files with an address are not on this machine, and the user wants no network.
    #[error("`{files}` is not in the cache, and this run is offline")]
    OfflineFiles {
        /// The files that were looked for.
        files: HubFiles,
    },
    /// The repository has no file of such a name, or files that do not belong together.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

impl DatasetError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            DatasetError::Hub(error) => error.hint(),
            DatasetError::File(error) => error.hint(),
            DatasetError::NoFiles { .. } => Some(
                "download the file that holds it, and name it with `--data evaluation=FILE` or `--data DIR`".into(),
            ),
            DatasetError::Shards { source, .. } if matches!(**source, ShardError::Several { .. }) => {
                Some("download the file to use, and name it with `--data evaluation=FILE`".into())
            }
            DatasetError::Shards { .. } => {
                Some("the repository is not whole: ask its owner, or name another revision with `@REVISION`".into())
            }
            DatasetError::Offline { split } => {
                let config = split.config.as_ref().map(|config| format!(" --config {config}")).unwrap_or_default();
                let (repository, name) = (&split.id.repository, &split.split);
                Some(format!(
                    "with a network, run `ft-host data pull {repository}{config} --split {name}` once; or use `--data DIR` or `--data sample`"
                ))
            }
            DatasetError::OfflineFiles { files } => {
                Some(format!("with a network, run `ft-host data pull '{files}'` once"))
            }
            DatasetError::Pattern(error) => error.hint(),
        }
    }
}

/// The files that were found for a split.
#[derive(Debug, Serialize, Deserialize)]
struct Found {
    commit: String,
    files: Vec<String>,
}

/// The files of a split, in the order of its rows, from the cache or else from the hub.
///
/// # Errors
/// If the repository, split or file is not there or not for this user, or the connection fails.
pub fn fetch_split(
    split: &HubSplit,
    environment: &Environment,
    progress: &dyn Progress,
) -> Result<Vec<PathBuf>, DatasetError> {
    Fetch {
        hub: Hub::for_datasets(environment, progress)?,
        id: &split.id,
        key: format!("{:?} {}", split.config, split.split),
        what: split,
        check: &|found| check_remembered(split, found),
        find: &|hub| find(hub, split, progress),
    }
    .files(|| DatasetError::Offline { split: split.clone() })
}

/// The files with an address, in the order of their names, from the cache or else from the hub.
///
/// # Errors
/// If the repository or a file is not there or not for this user, or the connection fails; if the files that a pattern
/// stands for do not belong together.
pub fn fetch_files(
    files: &HubFiles,
    environment: &Environment,
    progress: &dyn Progress,
) -> Result<Vec<PathBuf>, DatasetError> {
    let hub = Hub::for_datasets(environment, progress)?;
    if let Some(path) = Some(&files.path).filter(|path| !is_pattern(path)).and_then(|path| hub.cached(&files.id, path))
    {
        return Ok(vec![path]);
    }
    Fetch {
        hub,
        id: &files.id,
        key: format!("files {}", files.path),
        what: files,
        check: &|_| Ok(()),
        find: &|hub| Ok((files.id.revision.clone(), find_files(hub, files)?)),
    }
    .files(|| DatasetError::OfflineFiles { files: files.clone() })
}

/// The names of files with an address, in their order.
fn find_files(hub: &Hub, files: &HubFiles) -> Result<Vec<String>, DatasetError> {
    if !is_pattern(&files.path) {
        return Ok(vec![files.path.clone()]);
    }
    let mut found = hub.list(&files.id)?;
    found.retain(|file| pattern::matches(&files.path, file));
    found.sort();
    pattern::check_together(&files.to_string(), &found)?;
    Ok(found)
}

/// What gives the revision and the names of files.
type Find<'a> = dyn Fn(&Hub) -> Result<(String, Vec<String>), DatasetError> + 'a;

/// Files of a repository that are looked for.
struct Fetch<'a> {
    hub: Hub<'a>,
    id: &'a HubId,
    /// What is looked for in the repository; names the note of what was found.
    key: String,
    /// What messages call the files.
    what: &'a dyn std::fmt::Display,
    /// Refuses a note of files that are not all.
    check: &'a dyn Fn(&Found) -> Result<(), DatasetError>,
    /// Gives the revision and the names of the files.
    find: &'a Find<'a>,
}

impl Fetch<'_> {
    /// The files from the cache or else from the hub; `offline` is the error where only the cache may be looked at.
    fn files(self, offline: impl Fn() -> DatasetError) -> Result<Vec<PathBuf>, DatasetError> {
        let (environment, progress) = (self.hub.environment, self.hub.progress);
        let paths = CachePaths::new(environment);
        let HubId { repository, revision } = self.id;
        let key = format!("{} {repository}@{revision} {}", environment.endpoint, self.key);
        let memo = paths.datasets().map(|folder| folder.join(format!("{}.json", Digest::of(key.as_bytes()))));
        let known = || memo.as_deref().map_or(Ok(None), |memo| self.remembered(memo));
        if let Some(files) = known()? {
            return Ok(files);
        }
        if environment.offline || environment.datasets_offline {
            return Err(offline());
        }
        let waiting = || progress.note(&format!("another process downloads {}; waiting", self.what));
        let _lock = paths.lock(&key, progress, waiting);
        if let Some(files) = known()? {
            return Ok(files);
        }
        let (found, downloaded) = self.download()?;
        if let Some(memo) = &memo
            && let Err(error) = remember(memo, &found)
        {
            progress.note(&format!("{error}; without a network, the files of {} will not be found", self.what));
        }
        Ok(downloaded)
    }

    /// Downloads what is not in the cache, all of one commit.
    fn download(&self) -> Result<(Found, Vec<PathBuf>), DatasetError> {
        let (revision, files) = (self.find)(&self.hub)?;
        let mut id = HubId { repository: self.id.repository.clone(), revision };
        let mut downloaded = Vec::new();
        for file in &files {
            let path = match self.hub.cached(&id, file) {
                Some(path) => path,
                None => self.hub.download(&id, file)?,
            };
            // The first one settles the commit, so that all are of one.
            if let Some(commit) = commit_of(&path, file) {
                id = id.at(&commit);
            }
            downloaded.push(path);
        }
        Ok((Found { commit: id.revision, files }, downloaded))
    }

    /// The files, if all of them are in the cache. A note that cannot be read is none.
    fn remembered(&self, memo: &Path) -> Result<Option<Vec<PathBuf>>, DatasetError> {
        let found = read_file(memo, 1 << 20).ok().and_then(|text| serde_json::from_slice::<Found>(&text).ok());
        let Some(found) = found else { return Ok(None) };
        (self.check)(&found)?;
        let id = self.id.at(&found.commit);
        Ok(found.files.iter().map(|file| self.hub.cached(&id, file)).collect())
    }
}

fn remember(memo: &Path, found: &Found) -> Result<(), FileError> {
    let text = serde_json::to_vec(found).map_err(|error| FileError::io("write", memo, error.into()))?;
    memo.parent().map_or(Ok(()), create_folder)?;
    write_atomic(memo, &text)
}

/// Refuses the files of a split that an earlier version of this host noted, which took what was there for all of it.
fn check_remembered(split: &HubSplit, found: &Found) -> Result<(), DatasetError> {
    let Some((folder, _)) = found.files.first().and_then(|file| file.rsplit_once(&split.split)) else { return Ok(()) };
    let names: Vec<String> =
        found.files.iter().filter_map(|file| Some(file.strip_prefix(folder)?.to_owned())).collect();
    shards::of_split(&names, &split.split)
        .map_err(|source| DatasetError::Shards { split: split.clone(), source: source.into() })?;
    Ok(())
}

/// The revision and the names of the split's files.
fn find(hub: &Hub, split: &HubSplit, progress: &dyn Progress) -> Result<(String, Vec<String>), DatasetError> {
    let config = split.config.as_deref().unwrap_or(DEFAULT_CONFIG);
    let refused = |source: ShardError| DatasetError::Shards { split: split.clone(), source: source.into() };
    let at = |revision: &str| HubId { repository: split.id.repository.clone(), revision: revision.to_owned() };
    // A revision that the user names is not the conversion, which is of the main branch.
    if split.id.revision == HubId::MAIN {
        let converted = match hub.list(&at(CONVERTED)) {
            // No such branch; a repository that is not there, or not for this user, shows when its own files are asked for.
            Err(
                HubError::NoFile { .. }
                | HubError::NoRevision { .. }
                | HubError::NoRepository { .. }
                | HubError::Gated { .. }
                | HubError::Refused { .. },
            ) => Vec::new(),
            listed => listed?,
        };
        let whole = in_folder(&converted, &format!("{config}/"), &split.split).map_err(refused)?;
        if !whole.is_empty() {
            return Ok((CONVERTED.to_owned(), whole));
        }
        let partial = format!("{config}/partial-{}/", split.split);
        if converted.iter().any(|file| file.starts_with(&partial)) {
            progress.note(&format!("the hub has converted only a part of {split}; its own files are taken"));
        }
    }
    let own = hub.list(&split.id)?;
    match own_files(&own, split.config.as_deref(), &split.split).map_err(refused)? {
        files if files.is_empty() => Err(DatasetError::NoFiles { split: split.clone(), files: own.len() }),
        files => Ok((split.id.revision.clone(), files)),
    }
}

/// The files of a folder that hold a split.
fn in_folder(files: &[String], folder: &str, split: &str) -> Result<Vec<String>, ShardError> {
    let inside: Vec<String> = files.iter().filter_map(|file| Some(file.strip_prefix(folder)?.to_owned())).collect();
    let found = shards::of_split(&inside, split)?;
    Ok(found.files.into_iter().map(|file| format!("{folder}{file}")).collect())
}

/// Names that splits have in repositories, as the `datasets` library reads them.
const SYNONYMS: [&[&str]; 3] =
    [&["train", "training"], &["validation", "valid", "val", "dev"], &["test", "testing", "eval", "evaluation"]];

/// The files of a repository that hold a split, in the folder that speaks of it most clearly.
fn own_files(files: &[String], config: Option<&str>, split: &str) -> Result<Vec<String>, ShardError> {
    let names = SYNONYMS.iter().find(|names| names.contains(&split)).copied().unwrap_or(&[]);
    let names = std::iter::once(split).chain(names.iter().copied().filter(|name| *name != split));
    let folders: Vec<String> = match config {
        Some(config) => vec![format!("{config}/"), format!("data/{config}/"), "data/".into(), String::new()],
        None => vec!["data/".into(), String::new()],
    };
    for folder in &folders {
        for name in names.clone() {
            let found = in_folder(files, folder, name)?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
    }
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repositorys_own_files_are_found_by_their_names() {
        let check = |files: &[&str], config: Option<&str>, split: &str, expected: &[&str]| {
            let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
            assert_eq!(own_files(&files, config, split).unwrap(), expected, "{config:?} {split}");
        };
        let sst5 = ["README.md", "dev.jsonl", "test.jsonl", "train.jsonl"];
        check(&sst5, None, "validation", &["dev.jsonl"]);
        check(&sst5, None, "train", &["train.jsonl"]);
        let glue = [
            "sst2/train-00001-of-00002.parquet",
            "sst2/train-00000-of-00002.parquet",
            "cola/train-00000-of-00001.parquet",
            "sst2/validation-00000-of-00001.parquet",
        ];
        check(&glue, Some("sst2"), "train", &[glue[1], glue[0]]);
        check(&glue, Some("mrpc"), "train", &[]);
        check(&["data/train.csv", "train_extra.csv"], None, "train", &["data/train.csv"]);
        check(&["data/training.tsv"], Some("default"), "train", &["data/training.tsv"]);
        check(
            &["x/train/0000.parquet", "x/train/0001.parquet"],
            Some("x"),
            "train",
            &["x/train/0000.parquet", "x/train/0001.parquet"],
        );
        check(&["train.json", "old/train.csv"], None, "train", &["train.json"]);
        check(&["trainer.csv", "train-info.csv"], None, "train", &[]);
        check(&["custom.csv"], None, "custom", &["custom.csv"]);
    }

    #[test]
    fn half_a_split_and_two_copies_of_one_are_refused() {
        let refused = |files: &[&str]| {
            let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
            own_files(&files, None, "train").unwrap_err().to_string()
        };
        assert_eq!(
            refused(&["data/train-00000-of-00002.parquet", "train.jsonl"]),
            "shard 2 of 2 is missing: there is `train-00000-of-00002.parquet`"
        );
        assert_eq!(
            refused(&["train.csv", "train.csv.gz"]),
            "expected one file or one set of shards, got `train.csv` and `train.csv.gz`"
        );
    }
}
