//! The location of a data set's rows.

use std::path::{Path, PathBuf};

use ft_engine::task::example::{Source, Split};

use crate::datasets::address::{AddressError, HubFiles, is_address};
use crate::datasets::beside;
use crate::datasets::error::{DataError, DataLocationError};
use crate::datasets::hub::{HubSplit, fetch_files, fetch_split};
use crate::datasets::pattern::{expand, is_pattern};
use crate::datasets::sample;
use crate::hub_id::HubId;
use crate::machine::environment::Environment;
use crate::models::names::is_plain_name;
use crate::progress::Progress;
use crate::table::shards;
use crate::table::{Format, Quoting, TableReader, kind_of_file};

/// Where a task's data come from, as `--data` and `--quoting` say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataLocation {
    /// The source of splits that have no file of their own in `files`.
    pub base: DataBase,
    /// Splits with files of their own.
    pub files: Vec<(Split, SplitFiles)>,
    /// Whether cells of CSV and TSV files may stand in quotes.
    pub quoting: Quoting,
    /// The file of the definition that describes the task, whose splits may be files beside it; `None` for other tasks.
    pub definition: Option<PathBuf>,
}

/// The source of splits that have no file of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataBase {
    /// The sample that this host carries.
    Sample,
    /// A folder of data sets: `DIR/<data set>/<split>.jsonl`.
    Folder(PathBuf),
    /// The data set's own repository on the hub, or the files that a definition names instead.
    Hub,
}

/// The files of one split that the user names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SplitFiles {
    /// A file on this machine, or a pattern of such files.
    Local(PathBuf),
    /// Files on the hub, by their address.
    Hub(HubFiles),
}

impl SplitFiles {
    /// Reads a path, a pattern or an address.
    ///
    /// # Errors
    /// If an address is none of files of a data set.
    pub fn parse(text: &str) -> Result<SplitFiles, AddressError> {
        match is_address(text) {
            true => HubFiles::parse(text).map(SplitFiles::Hub),
            false => Ok(SplitFiles::Local(text.into())),
        }
    }

    /// The files on this machine, in the order of their names; those of the hub are fetched where they are not there.
    ///
    /// # Errors
    /// If a pattern has no files, they do not belong together, or the hub does not give them.
    pub fn paths(&self, access: Access<'_>) -> Result<Vec<PathBuf>, DataError> {
        match self {
            SplitFiles::Local(path) => Ok(expand(path)?),
            SplitFiles::Hub(files) => {
                // A whole file would come before its name is refused.
                let path = Path::new(&files.path);
                match Format::of(path).is_none() && !is_pattern(&files.path) {
                    true => Err(DataError::Format { path: files.to_string().into(), kind: None }),
                    false => Ok(fetch_files(files, access.environment, access.progress)?),
                }
            }
        }
    }
}

impl std::fmt::Display for SplitFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SplitFiles::Local(path) => write!(f, "{}", path.display()),
            SplitFiles::Hub(files) => write!(f, "{files}"),
        }
    }
}

/// What a location needs to be opened: the hub's address and cache, and somebody to tell about downloads.
#[derive(Clone, Copy)]
pub struct Access<'a> {
    /// The addresses, folders and tokens of the user's environment.
    pub environment: &'a Environment,
    /// Receives the progress of downloads.
    pub progress: &'a dyn Progress,
}

impl DataLocation {
    /// The hub, for all splits.
    pub const HUB: DataLocation = DataLocation::all_from(DataBase::Hub);

    /// One place for all splits.
    pub const fn all_from(base: DataBase) -> DataLocation {
        DataLocation { base, files: Vec::new(), quoting: Quoting::Auto, definition: None }
    }

    /// Reads CSV and TSV files with this quoting.
    pub fn with_quoting(self, quoting: Quoting) -> DataLocation {
        DataLocation { quoting, ..self }
    }

    /// For a task that this definition describes.
    pub fn of_definition(self, definition: Option<PathBuf>) -> DataLocation {
        DataLocation { definition, ..self }
    }

    /// Reads the values of `--data`, given any number of times: `sample`, a folder, `evaluation=FILE` or
    /// `demonstrations=FILE`, where `FILE` may be a pattern or an address on the hub.
    ///
    /// # Errors
    /// If the values contradict each other, one is a file without its split, or an address is malformed.
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<DataLocation, DataLocationError> {
        let mut base = None;
        let mut files: Vec<(Split, SplitFiles)> = Vec::new();
        for text in texts {
            let text = text.as_ref();
            let split = [Split::Demonstrations, Split::Evaluation]
                .into_iter()
                .find_map(|split| Some((split, text.strip_prefix(&split.to_string())?.strip_prefix('=')?)));
            match split {
                Some((split, _)) if files.iter().any(|(known, _)| *known == split) => {
                    return Err(DataLocationError::DuplicateSplit { split });
                }
                Some((split, file)) => {
                    let file =
                        SplitFiles::parse(file).map_err(|source| DataLocationError::Address { split, source })?;
                    files.push((split, file));
                }
                None if base.is_some() => {
                    return Err(DataLocationError::SecondPlace { place: text.to_owned() });
                }
                None if text == "sample" => base = Some(DataBase::Sample),
                None if Path::new(text).is_file()
                    || is_address(text)
                    || is_pattern(text) && !Path::new(text).is_dir() =>
                {
                    return Err(DataLocationError::FileAlone { file: text.to_owned() });
                }
                None => base = Some(DataBase::Folder(text.into())),
            }
        }
        files.sort_by_key(|(split, _)| *split as u8);
        Ok(DataLocation { files, ..DataLocation::all_from(base.unwrap_or(DataBase::Hub)) })
    }

    /// The user's files for a split, where there are some.
    fn files(&self, split: Split) -> Option<&SplitFiles> {
        self.files.iter().find(|(known, _)| *known == split).map(|(_, files)| files)
    }

    /// Whether any split of these comes from the bundled sample.
    pub fn uses_sample(&self) -> bool {
        self.base == DataBase::Sample && self.files.len() < 2
    }

    /// Opens the rows of one split, positioned at the first.
    ///
    /// # Errors
    /// If files are missing or of an unknown format, the hub does not give them, or the first row is malformed.
    pub fn open(&self, source: &Source, access: Access<'_>) -> Result<TableReader, DataError> {
        // What the user says comes first.
        if let Some(files) = self.files(source.split) {
            return open_files(&files.paths(access)?, self.quoting);
        }
        if self.definition.is_none() && !source.files.is_empty() {
            return Err(DataError::FilesOfPlugin { split: source.split });
        }
        // The names come from a plugin, which must not choose among the user's files.
        let config = source.config.iter().map(|config| ("configuration", config));
        for (what, name) in [("folder", &source.folder), ("split", &source.name)].into_iter().chain(config) {
            if !is_plain_name(name) {
                return Err(DataError::BadName { what, name: name.clone() });
            }
        }
        match &self.base {
            DataBase::Sample => open_sample(source),
            DataBase::Folder(folder) => in_folder(folder, source, self.quoting),
            DataBase::Hub if !source.files.is_empty() => self.beside_definition(source),
            DataBase::Hub => {
                let id = HubId::parse(&source.repository)
                    .ok_or_else(|| DataError::BadName { what: "repository", name: source.repository.clone() })?;
                let split = HubSplit { id, config: source.config.clone(), split: source.name.clone() };
                open_files(&fetch_split(&split, access.environment, access.progress)?, self.quoting)
            }
        }
    }

    /// Opens the files that the definition names for a split.
    fn beside_definition(&self, source: &Source) -> Result<TableReader, DataError> {
        let definition = self.definition.as_deref().unwrap_or(Path::new(""));
        let folder = definition.parent().unwrap_or(Path::new(""));
        let files = beside::files(folder, &source.files).map_err(|error| DataError::Files {
            definition: definition.to_owned(),
            split: source.split,
            source: error,
        })?;
        open_files(&files, self.quoting)
    }
}

impl std::fmt::Display for DataLocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.base {
            DataBase::Sample => f.write_str("sample")?,
            DataBase::Hub => f.write_str("hub")?,
            DataBase::Folder(folder) => write!(f, "{}", folder.display())?,
        }
        self.files.iter().try_for_each(|(split, files)| write!(f, ", {split}={files}"))
    }
}

fn open_sample(source: &Source) -> Result<TableReader, DataError> {
    let Source { folder, name, .. } = source;
    let bytes = sample::find(folder, name).ok_or_else(|| DataError::NoSample {
        folder: folder.clone(),
        split: name.clone(),
        available: sample::names().join(", "),
    })?;
    Ok(TableReader::from_jsonl(&format!("bundled sample {folder}/{name}.jsonl"), bytes)?)
}

/// Opens files whose names say what format they have.
///
/// # Errors
/// [`DataError::Format`] if a name does not say it. If a file cannot be read.
pub fn open_files(paths: &[PathBuf], quoting: Quoting) -> Result<TableReader, DataError> {
    if let Some(path) = paths.iter().find(|path| Format::of(path).is_none()) {
        return Err(DataError::Format { path: path.clone(), kind: kind_of_file(path) });
    }
    match TableReader::open(paths, quoting) {
        Some(table) => Ok(table?),
        None => Err(DataError::Format { path: PathBuf::new(), kind: None }),
    }
}

/// Opens the files of a split: `DIR/<data set>/<split>.<format>`, or the hub's shards, `<split>-00000-of-00002.parquet`
/// or `<split>/0000.parquet`.
fn in_folder(folder: &Path, source: &Source, quoting: Quoting) -> Result<TableReader, DataError> {
    let folder = folder.join(&source.folder);
    let mut files = file_names(&folder);
    let inner = file_names(&folder.join(&source.name));
    files.extend(inner.into_iter().map(|file| format!("{}/{file}", source.name)));
    let found = shards::of_split(&files, &source.name);
    let found = found.map_err(|source| DataError::Shards { folder: folder.clone(), source })?;
    if found.files.is_empty() {
        let whole = Format::ALL.map(|format| folder.join(format!("{}.{}", source.name, format.extension())));
        let others = files.iter().filter(|file| file.starts_with(&source.name)).take(OTHERS);
        let others = others.map(|file| folder.join(file)).collect();
        return Err(DataError::Missing { split: source.split.to_string(), looked_for: whole.into(), others });
    }
    let paths: Vec<PathBuf> = found.files.iter().map(|file| folder.join(file)).collect();
    let table = open_files(&paths, quoting)?;
    Ok(match found.passed_over {
        Some(file) => table.remarked(format!("`{}` is there too, and was not read", folder.join(file).display())),
        None => table,
    })
}

/// Files that are called almost as a split, of which so many are named.
const OTHERS: usize = 5;

/// The names of the files in a folder, in order; none where there is no such folder.
fn file_names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.path().is_file());
    let mut names: Vec<String> = files.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use ft_engine::task::example::Split;

    fn source(folder: &str, name: &str) -> Source {
        Source {
            split: Split::Evaluation,
            repository: "nyu-mll/glue".into(),
            config: Some("sst2".into()),
            name: name.into(),
            folder: folder.into(),
            sample: None,
            files: Vec::new(),
        }
    }

    fn open(location: &DataLocation, source: &Source) -> Result<TableReader, DataError> {
        let environment = Environment { offline: true, ..Environment::from_process() };
        location.open(source, Access { environment: &environment, progress: &crate::progress::Silent })
    }

    fn parse(texts: &[&str]) -> DataLocation {
        DataLocation::parse(texts).unwrap()
    }

    const ROW: &str = r#"{"sentence":"fine","label":1}"#;

    #[test]
    fn a_folder_has_a_file_for_each_split() {
        let folder = tempfile::tempdir().unwrap();
        let location = parse(&[folder.path().to_str().unwrap()]);
        let missing = open(&location, &source("sst2", "validation")).map(drop).unwrap_err();
        let message = missing.to_string();
        assert!(
            message.starts_with("no rows for the evaluation split") && message.contains("validation.tsv"),
            "{message}"
        );
        assert!(missing.hint().unwrap().contains("--data sample"));

        std::fs::create_dir(folder.path().join("sst2")).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join("sst2").join(name), text).unwrap();
        write("validation.csv", "sentence,label\nfine,1\n");
        let mut table = open(&location, &source("sst2", "validation")).unwrap();
        assert_eq!(table.next_rows(5).unwrap(), [r#"{"sentence":"fine","label":"1"}"#]);
        // Two copies in one format may differ; of several formats the first is taken.
        write("validation.jsonl", ROW);
        write("validation.ndjson", ROW);
        let error = open(&location, &source("sst2", "validation")).map(drop).unwrap_err();
        assert!(error.to_string().ends_with("got `validation.jsonl` and `validation.ndjson`"), "{error}");
        std::fs::remove_file(folder.path().join("sst2/validation.ndjson")).unwrap();
        let mut table = open(&location, &source("sst2", "validation")).unwrap();
        assert_eq!(table.columns(), ["sentence", "label"]);
        assert_eq!(table.next_rows(5).unwrap(), [ROW]);

        write("test-00001-of-00002.jsonl", ROW);
        let error = open(&location, &source("sst2", "test")).map(drop).unwrap_err();
        assert!(error.to_string().contains("sst2`: shard 1 of 2 is missing"), "{error}");
        write("test-00000-of-00002.jsonl", r#"{"sentence":"first","label":1}"#);
        let mut table = open(&location, &source("sst2", "test")).unwrap();
        assert_eq!(table.next_rows(5).unwrap(), [r#"{"sentence":"first","label":1}"#, ROW]);
        write("train.arrow", "ARROW1\0\0");
        let error = open(&location, &source("sst2", "train")).map(drop).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("got `{}`".replace("{}", folder.path().join("sst2/train.arrow").to_str().unwrap()).as_str()),
            "{error}"
        );
    }

    #[test]
    fn a_split_may_have_a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.jsonl");
        std::fs::write(&path, ROW).unwrap();
        let file = format!("evaluation={}", path.display());
        let location = parse(&["sample", &file]);
        assert_eq!(location.to_string(), format!("sample, {file}"));
        assert!(location.uses_sample());
        assert_eq!(open(&location, &source("sst2", "validation")).unwrap().next_rows(5).unwrap(), [ROW]);
        let demonstrations = Source { split: Split::Demonstrations, ..source("sst2", "train") };
        assert!(open(&location, &demonstrations).unwrap().name().starts_with("bundled sample"));
        assert!(!parse(&["sample", &file, "demonstrations=x.jsonl"]).uses_sample());
        assert_eq!(parse(&[]), DataLocation::HUB);

        let refused = |texts: &[&str]| DataLocation::parse(texts).unwrap_err().to_string();
        assert!(refused(&[&file, &file]).contains("duplicate"));
        assert!(refused(&["sample", "x"]).contains("got a second: `--data x`"));
        let bare = path.to_str().unwrap();
        assert!(refused(&[bare]).contains(&format!("--data evaluation={bare}")));
        let error = open(&parse(&["evaluation=x.txt"]), &source("sst2", "x")).map(drop).unwrap_err();
        assert!(matches!(error, DataError::Format { .. }), "{error}");
    }

    #[test]
    fn a_pattern_and_an_address_name_the_files_of_a_split() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["part-00000-of-00003.jsonl", "part-00002-of-00003.jsonl"] {
            std::fs::write(folder.path().join(name), format!("{{\"file\":\"{name}\"}}")).unwrap();
        }
        let pattern = format!("evaluation={}/part-*.jsonl", folder.path().display());
        let mut table = open(&parse(&[&pattern]), &source("sst2", "validation")).unwrap();
        assert_eq!(
            table.next_rows(5).unwrap(),
            [r#"{"file":"part-00000-of-00003.jsonl"}"#, r#"{"file":"part-00002-of-00003.jsonl"}"#]
        );
        let part =
            format!("`{}/part-00000-of-00003.jsonl` and those with it are 2 of 3 shards", folder.path().display());
        assert_eq!(table.remarks(), [part]);

        let address = "evaluation=hf://datasets/a/b/x.jsonl";
        let location = parse(&[address]);
        assert_eq!(location.to_string(), format!("hub, {address}"));
        let folder = folder.path();
        let environment = Environment {
            offline: true,
            cache_folder: Some(folder.join("cache")),
            hub_cache: Some(folder.join("hub")),
            ..Environment::from_process()
        };
        let access = Access { environment: &environment, progress: &crate::progress::Silent };
        let refused = |location: &DataLocation| location.open(&source("x", "y"), access).map(drop).unwrap_err();
        let error = refused(&location);
        assert_eq!(error.to_string(), "`hf://datasets/a/b/x.jsonl` is not in the cache, and this run is offline");
        assert!(error.hint().unwrap().contains("ft-host data pull 'hf://datasets/a/b/x.jsonl'"));
        assert!(matches!(refused(&parse(&["evaluation=hf://datasets/a/b/x.txt"])), DataError::Format { .. }));

        let refused = |text: &str| DataLocation::parse(&[text]).unwrap_err().to_string();
        assert!(refused("evaluation=hf://a/b/x.csv").starts_with("`--data evaluation`: expected `hf://datasets/"));
        assert!(refused("runs/*.csv").contains("--data evaluation=runs/*.csv"));
        assert!(refused("hf://datasets/a/b/x.csv").contains("--data evaluation=hf://datasets/a/b/x.csv"));
    }

    #[test]
    fn a_plugin_cannot_name_its_way_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret.jsonl"), "{\"key\": 1}\n").unwrap();
        let location = parse(&[folder.path().join("data").to_str().unwrap()]);
        let bad = |source: Source| {
            let error = open(&location, &source).map(drop).unwrap_err();
            assert!(matches!(error, DataError::BadName { .. }), "{error}");
        };
        for (directory, name) in [("..", "secret"), ("sst2", "../../secret"), ("/etc", "passwd"), ("", "x")] {
            bad(source(directory, name));
        }
        bad(Source { config: Some("../x".into()), ..source("sst2", "train") });
        let elsewhere = Source { repository: "nyu-mll/../glue".into(), ..source("sst2", "train") };
        let error = open(&DataLocation::HUB, &elsewhere).map(drop).unwrap_err();
        assert!(matches!(error, DataError::BadName { what: "repository", .. }), "{error}");
    }

    #[test]
    fn a_definition_alone_may_name_files() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("rows.jsonl"), ROW).unwrap();
        let own = Source { files: vec!["r*.jsonl".into()], repository: String::new(), ..source("mine", "evaluation") };
        for location in [DataLocation::HUB, parse(&["sample"])] {
            let error = open(&location, &own).map(drop).unwrap_err();
            assert!(matches!(error, DataError::FilesOfPlugin { .. }), "{error}");
        }
        // A file that the user names is none that a plugin chooses.
        let named = format!("evaluation={}", folder.path().join("rows.jsonl").display());
        assert_eq!(open(&parse(&[&named]), &own).unwrap().next_rows(5).unwrap(), [ROW]);
        let location = DataLocation::HUB.of_definition(Some(folder.path().join("mine.toml")));
        assert_eq!(open(&location, &own).unwrap().next_rows(5).unwrap(), [ROW]);
        let missing = Source { files: vec!["x.csv".into()], ..own.clone() };
        let error = open(&location, &missing).map(drop).unwrap_err().to_string();
        assert!(
            error.ends_with("mine.toml`, the evaluation split: `x.csv`: expected files of such a name, got none"),
            "{error}"
        );
        // What the user says comes first.
        let chosen = parse(&[folder.path().to_str().unwrap()]).of_definition(location.definition.clone());
        assert!(matches!(open(&chosen, &own).map(drop).unwrap_err(), DataError::Missing { .. }));
    }

    #[test]
    fn the_sample_needs_no_folder() {
        for split in ["train", "validation"] {
            let mut table = open(&parse(&["sample"]), &source("sst2", split)).unwrap();
            assert_eq!(table.columns(), ["sentence", "label", "idx"]);
            assert!(!table.next_rows(3).unwrap().is_empty());
        }
        let error = open(&parse(&["sample"]), &source("sst2", "test")).map(drop).unwrap_err().to_string();
        assert!(error.starts_with("no bundled sample of `sst2/test`: expected one of "), "{error}");
    }

    #[test]
    fn offline_the_hub_is_missed_with_what_helps() {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment {
            offline: true,
            cache_folder: Some(folder.path().join("cache")),
            hub_cache: Some(folder.path().join("hub")),
            ..Environment::from_process()
        };
        let access = Access { environment: &environment, progress: &crate::progress::Silent };
        let error = DataLocation::HUB.open(&source("sst2", "validation"), access).map(drop).unwrap_err();
        assert!(error.to_string().contains("nyu-mll/glue/sst2 (validation split)"), "{error}");
        assert!(error.hint().unwrap().contains("ft-host data pull nyu-mll/glue --config sst2 --split validation"));
    }
}
