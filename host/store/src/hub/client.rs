//! Models from the Hugging Face Hub, into the cache that all its tools share.
//!
//! The cache is looked at before the network, so a model that is there costs no request. The protocol is `hf_hub`'s;
//! this module adds what that leaves open: it watches for silence (a request has no time limit there), tries a broken
//! transfer again from its start and a refused request when the hub says so, takes all files of a model from one
//! commit, and checks what came: the client looks neither at the size nor at the digest of a file, nor at the status of
//! the request that brings it.
//!
//! A file that is not in the cache may still be in the repository: other tools fetch files one by one. Where that would
//! change numbers (a tokenizer's configuration, an adapter), a file counts as absent only where the cache has the
//! marker that all tools leave behind a request that found none.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hf_hub::progress::DownloadEvent;
use hf_hub::repository::{RepoTreeEntry, RepoType};
use hf_hub::{HFClient, HFClientSync, HFError, HFRepositorySync};

use crate::fs::cache_paths::CachePaths;
use crate::fs::digest::Digest;
use crate::fs::digest_cache::DigestCache;
use crate::hub::download_watchdog::watch;
use crate::hub::error::{HubError, Wanted};
use crate::hub::redirect::{keep_the_token, may_be_redirected};
use crate::hub::retry::{TRIES, pause};
use crate::hub_id::HubId;
use crate::machine::environment::{Environment, Token};
use crate::models::names::is_plain_name;
use crate::progress::Progress;

/// What the cache knows of a file.
pub(crate) enum Known {
    /// The file is in the cache, at this path.
    Here(PathBuf),
    /// The repository has no such file at that commit.
    Absent,
    /// The file is not in the cache; the repository may have it.
    Open,
}

/// The kind of repository, which decides the addresses of its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RepositoryKind {
    Models,
    Datasets,
}

/// A client that sends a token, or none.
fn client(environment: &Environment, cache: &Path, token: Option<&Token>) -> Result<HFClientSync, HubError> {
    let failed = |source| HubError::Client { endpoint: environment.endpoint.clone(), source: Box::new(source) };
    let mut builder = HFClient::builder()
        .endpoint(&environment.endpoint)
        .token(token.map_or(NO_TOKEN, |token| token.reveal()))
        .cache_dir(cache)
        .user_agent(USER_AGENT)
        // It would not keep to the time that a hub asks for.
        .retry_max_attempts(0);
    if token.is_some() {
        let http = reqwest::Client::builder().user_agent(USER_AGENT).redirect(keep_the_token()).build();
        builder = builder.client(http.map_err(|error| failed(error.into()))?);
    }
    builder.build_sync().map_err(failed)
}

/// A connection to the hub, for repositories of one kind. Making one sends nothing.
pub(crate) struct Hub<'a> {
    pub(crate) kind: RepositoryKind,
    pub(crate) client: HFClientSync,
    pub(crate) environment: &'a Environment,
    pub(crate) cache: &'a Path,
    pub(crate) progress: &'a dyn Progress,
}

/// Without a token `hf_hub` would look into the process's environment, which is [`Environment`]'s to do. It drops a
/// token that cannot stand in a header, such as this one.
const NO_TOKEN: &str = "\n";
const USER_AGENT: &str = concat!("ft-host/", env!("CARGO_PKG_VERSION"));

impl<'a> Hub<'a> {
    /// A connection for models to the hub that the environment names, with its token and its cache.
    pub(crate) fn new(environment: &'a Environment, progress: &'a dyn Progress) -> Result<Hub<'a>, HubError> {
        Hub::of_kind(RepositoryKind::Models, environment, progress)
    }

    /// A connection for data sets.
    pub(crate) fn for_datasets(environment: &'a Environment, progress: &'a dyn Progress) -> Result<Hub<'a>, HubError> {
        Hub::of_kind(RepositoryKind::Datasets, environment, progress)
    }

    fn of_kind(
        kind: RepositoryKind,
        environment: &'a Environment,
        progress: &'a dyn Progress,
    ) -> Result<Hub<'a>, HubError> {
        let cache = environment.hub_cache.as_deref().ok_or(HubError::NoCache)?;
        let client = client(environment, cache, environment.token.as_ref())?;
        Ok(Hub { kind, client, environment, cache, progress })
    }

    /// A file of a repository, if it is in the cache.
    pub(crate) fn cached(&self, id: &HubId, file: &str) -> Option<PathBuf> {
        match self.known(id, file) {
            Known::Here(path) => Some(path),
            Known::Absent | Known::Open => None,
        }
    }

    /// What the cache knows of a file of a repository. A link that leads nowhere is no file.
    pub(crate) fn known(&self, id: &HubId, file: &str) -> Known {
        fn look<T: RepoType>(repository: HFRepositorySync<T>, id: &HubId, file: &str) -> hf_hub::HFResult<PathBuf> {
            repository.download_file().filename(file).revision(&id.revision).local_files_only(true).send()
        }
        let Some((owner, name)) = id.repository.split_once('/') else { return Known::Open };
        let found = match self.kind {
            RepositoryKind::Models => look(self.client.model(owner, name), id, file),
            RepositoryKind::Datasets => look(self.client.dataset(owner, name), id, file),
        };
        match found {
            Ok(path) if path.is_file() => Known::Here(path),
            Err(HFError::EntryNotFound { .. }) => Known::Absent,
            _ => Known::Open,
        }
    }

    /// The files of a repository, by their paths in it, in no particular order.
    pub(crate) fn list(&self, id: &HubId) -> Result<Vec<String>, HubError> {
        // The names are joined to folders: nothing that leads elsewhere may pass.
        let plain = |path: &String| path.split('/').all(is_plain_name);
        let files = self.entries(id)?.into_iter().filter_map(|entry| match entry {
            RepoTreeEntry::File { path, .. } => Some(path),
            RepoTreeEntry::Directory { .. } => None,
        });
        Ok(files.filter(plain).collect())
    }

    /// What a repository holds, by the hub's API.
    pub(crate) fn entries(&self, id: &HubId) -> Result<Vec<RepoTreeEntry>, HubError> {
        fn request<T: RepoType>(
            repository: HFRepositorySync<T>,
            revision: String,
        ) -> Result<hf_hub::HFResult<Vec<RepoTreeEntry>>, Duration> {
            watch(move |_| repository.list_tree().revision(revision).recursive(true).send(), |_| {})
        }
        let wanted = self.wanted(id, "its list of files");
        let (owner, name) = id.repository.split_once('/').unwrap_or_default();
        let listed = self.try_again(|| {
            let listed = match self.kind {
                RepositoryKind::Models => request(self.client.model(owner, name), id.revision.clone()),
                RepositoryKind::Datasets => request(self.client.dataset(owner, name), id.revision.clone()),
            };
            match listed {
                Ok(answered) => answered.map_err(|error| self.error(error, &wanted, 0, None)),
                Err(silence) => Err(HubError::Silent { wanted: wanted.clone(), seconds: silence.as_secs() }),
            }
        });
        listed.map_err(|error| self.explain(error))
    }

    /// Downloads one file into a folder of the caller's; the caller checks what came.
    pub(crate) fn download_into(&self, id: &HubId, file: &str, folder: &Path) -> Result<PathBuf, HubError> {
        let wanted = self.wanted(id, file);
        if self.environment.offline {
            return Err(HubError::Offline { wanted, cache: self.cache.to_owned() });
        }
        let (path, announced) = self.try_again(|| self.transfer(&wanted, Some(folder)))?;
        self.check_size(&wanted, &path, announced)?;
        Ok(path)
    }

    /// Holds a file that was answered with "not found" to be none of the repository's only where the repository is
    /// there: a hub answers so for what it does not have or does not show as a whole, too.
    ///
    /// # Errors
    /// If the repository or the revision is not there.
    pub(crate) fn check_absent(&self, id: &HubId, name: &str) -> Result<(), HubError> {
        match self.known(id, name) {
            Known::Here(_) | Known::Absent => Ok(()),
            Known::Open => match self.explain(HubError::NoFile { wanted: self.wanted(id, name) }) {
                HubError::NoFile { .. } => Ok(()),
                error => Err(error),
            },
        }
    }

    pub(crate) fn download_if_there(&self, id: &HubId, file: &str) -> Result<Option<PathBuf>, HubError> {
        match self.download(id, file) {
            Err(HubError::NoFile { .. }) => Ok(None),
            found => found.map(Some),
        }
    }

    /// Downloads one file into the hub's cache and checks it.
    pub(crate) fn download(&self, id: &HubId, file: &str) -> Result<PathBuf, HubError> {
        let wanted = self.wanted(id, file);
        self.try_again(|| {
            let (path, announced) = match self.transfer(&wanted, None) {
                Err(error) if may_be_redirected(&error) => {
                    return self.download_redirected(&wanted).unwrap_or(Err(error));
                }
                transferred => transferred?,
            };
            let checked = self.check_size(&wanted, &path, announced).and_then(|()| self.check_digest(&wanted, &path));
            if let Err(HubError::Damaged { .. }) = checked {
                // Nothing may take it for whole later: neither under its name nor as the blob behind it.
                let blob = path.canonicalize();
                let _ = std::fs::remove_file(&path);
                let _ = blob.map(std::fs::remove_file);
            }
            checked.map(|()| path)
        })
    }

    fn try_again<T>(&self, attempt: impl Fn() -> Result<T, HubError>) -> Result<T, HubError> {
        for number in 2..=TRIES {
            let error = match attempt() {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let Some(pause) = pause(&error, number - 1) else { return Err(error) };
            match error {
                HubError::Cut { .. } | HubError::Damaged { .. } => {
                    self.progress.note(&format!("{error}; starting again ({number} of {TRIES})"));
                }
                HubError::RateLimited { .. } => {
                    let seconds = pause.as_secs_f64().ceil();
                    self.progress.note(&format!("{error}; asking again in {seconds} s ({number} of {TRIES})"));
                }
                _ => {}
            }
            std::thread::sleep(pause);
        }
        attempt()
    }

    /// One try, on a thread of its own that is left behind if it falls silent. Gives the path and the size that the hub
    /// announced, 0 where it announced none.
    pub(crate) fn transfer(&self, wanted: &Wanted, folder: Option<&Path>) -> Result<(PathBuf, u64), HubError> {
        let (owner, name) = wanted.id.repository.split_once('/').unwrap_or_default();
        let with = |client: &HFClientSync| match self.kind {
            RepositoryKind::Models => self.transfer_from(client.model(owner, name), wanted, folder),
            RepositoryKind::Datasets => self.transfer_from(client.dataset(owner, name), wanted, folder),
        };
        match with(&self.client) {
            // Where a token is in the way, the file may be had without.
            Err(HubError::Redirect { .. }) if self.environment.token.is_some() => {
                with(&client(self.environment, self.cache, None)?)
            }
            transferred => transferred,
        }
    }

    fn transfer_from<T: RepoType>(
        &self,
        repository: HFRepositorySync<T>,
        wanted: &Wanted,
        folder: Option<&Path>,
    ) -> Result<(PathBuf, u64), HubError> {
        let (file, revision) = (wanted.file.clone(), wanted.id.revision.clone());
        let local_dir = folder.map(Path::to_owned);
        let mut announced = 0;
        let mut received = 0;
        let result = watch(
            move |relay| {
                let request = repository.download_file().filename(file).revision(revision);
                request.maybe_local_dir(local_dir).progress(relay).send()
            },
            |event| match event {
                DownloadEvent::Start { total_bytes, .. } => {
                    announced = *total_bytes;
                    self.progress.start(&wanted.file, (announced > 0).then_some(announced));
                }
                DownloadEvent::Progress { files } => {
                    let completed = files.iter().map(|file| file.bytes_completed).max().unwrap_or(0);
                    self.progress.advance(completed.saturating_sub(received));
                    received = received.max(completed);
                }
                DownloadEvent::AggregateProgress { bytes_completed, .. } => {
                    self.progress.advance(bytes_completed.saturating_sub(received));
                    received = received.max(*bytes_completed);
                }
                DownloadEvent::Complete => {}
            },
        );
        match result {
            Ok(Ok(path)) => Ok((path, announced)),
            Ok(Err(error)) => Err(self.error(error, wanted, received, folder)),
            Err(silence) => Err(HubError::Silent { wanted: Box::new(wanted.clone()), seconds: silence.as_secs() }),
        }
    }

    /// A missing file may as well be a missing revision or repository; the client does not tell them apart, the hub's
    /// API does.
    pub(crate) fn explain(&self, error: HubError) -> HubError {
        fn ask<T: RepoType>(repository: HFRepositorySync<T>, wanted: &Wanted) -> Option<HubError> {
            let (also, revision) = (repository.clone(), wanted.id.revision.clone());
            if let Ok(Ok(false)) = watch(move |_| repository.exists().send(), |_| {}) {
                return Some(HubError::NoRepository { wanted: Box::new(wanted.clone()) });
            }
            match watch(move |_| also.revision_exists().revision(&revision).send(), |_| {}) {
                Ok(Ok(false)) => Some(HubError::NoRevision { wanted: Box::new(wanted.clone()) }),
                _ => None,
            }
        }
        let HubError::NoFile { wanted } = &error else { return error };
        let (owner, name) = wanted.id.repository.split_once('/').unwrap_or_default();
        let explained = match self.kind {
            RepositoryKind::Models => ask(self.client.model(owner, name), wanted),
            RepositoryKind::Datasets => ask(self.client.dataset(owner, name), wanted),
        };
        explained.unwrap_or(error)
    }

    pub(crate) fn check_size(&self, wanted: &Wanted, path: &Path, announced: u64) -> Result<(), HubError> {
        let refused =
            |source| HubError::Disk { wanted: Box::new(wanted.clone()), folder: self.cache.to_owned(), source };
        let bytes = std::fs::metadata(path).map_err(refused)?.len();
        if announced == 0 || bytes == announced {
            return Ok(());
        }
        let (expected, got) = (format!("{announced} bytes"), format!("{bytes} bytes"));
        Err(HubError::Damaged { wanted: Box::new(wanted.clone()), what: "size", expected, got })
    }

    /// Large files are stored in the cache under their SHA-256 digest: it is hashed once, and remembered for the record
    /// of the run. Small ones have a git hash for a name and go by their size.
    fn check_digest(&self, wanted: &Wanted, path: &Path) -> Result<(), HubError> {
        let blob = std::fs::read_link(path).ok();
        let name = blob.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
        let Some(expected) = name.and_then(Digest::from_hex) else { return Ok(()) };
        let remembered = DigestCache::new(&CachePaths::new(self.environment));
        let got = remembered.digest(path, self.progress)?;
        if got == expected {
            return Ok(());
        }
        let (expected, got) = (expected.to_string(), got.to_string());
        Err(HubError::Damaged { wanted: Box::new(wanted.clone()), what: "sha256", expected, got })
    }

    pub(crate) fn wanted(&self, id: &HubId, file: &str) -> Box<Wanted> {
        Box::new(Wanted { id: id.clone(), file: file.to_owned(), endpoint: self.environment.endpoint.clone() })
    }

    fn error(&self, error: HFError, wanted: &Wanted, received: u64, folder: Option<&Path>) -> HubError {
        let folder = folder.unwrap_or(self.cache).to_owned();
        HubError::of(error, wanted, received, self.environment.token.is_some(), folder)
    }
}

/// The commit of a file in the hub's cache: `.../snapshots/<commit>/<file>`.
pub(crate) fn commit_of(path: &Path, file: &str) -> Option<String> {
    let snapshot = path.ancestors().nth(file.split('/').count())?;
    Some(snapshot.file_name()?.to_str()?.to_owned())
}
