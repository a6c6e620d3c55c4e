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

use super::digest::Digest;
use super::environment::{Environment, Token};
pub use super::hub_error::{HubError, Wanted};
use super::hub_redirect::{keep_the_token, may_be_redirected};
use super::hub_retry::{TRIES, pause};
use super::model_files::{ListedModel, ModelKind, TokenizerFiles};
use super::model_source::{
    ADAPTER, ADAPTER_WEIGHTS, BPE_TOKENIZER, CONFIG, TOKENIZER, TOKENIZER_CONFIG, WEIGHTS, is_plain_name, shard_names,
};
use super::paths::CachePaths;
use super::progress::Progress;
use super::remembered::RememberedDigests;
use super::watch::watch;

/// A repository of the hub at a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubId {
    /// `owner/name`.
    pub repository: String,
    /// A branch, a tag or a commit.
    pub revision: String,
}

impl HubId {
    /// The revision where none is named.
    pub const MAIN: &str = "main";

    /// Reads `owner/name` or `owner/name@revision`; `None` where the text does not have that form.
    pub fn parse(text: &str) -> Option<HubId> {
        let (repository, revision) = text.split_once('@').unwrap_or((text, Self::MAIN));
        let (owner, name) = repository.split_once('/')?;
        let is_name = |part: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            !part.is_empty() && part.bytes().all(plain) && !part.starts_with(['.', '-']) && !part.contains("..")
        };
        // A revision becomes part of a path in the cache.
        let is_revision = revision.split('/').all(is_name);
        (is_name(owner) && is_name(name) && is_revision)
            .then(|| HubId { repository: repository.to_owned(), revision: revision.to_owned() })
    }

    /// The same repository at a commit.
    pub fn at(&self, commit: &str) -> HubId {
        HubId { repository: self.repository.clone(), revision: commit.to_owned() }
    }
}

impl std::fmt::Display for HubId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.repository, self.revision)
    }
}

/// A model of the hub on this machine's disk.
#[derive(Debug, PartialEq, Eq)]
pub struct HubModel {
    /// Its files, in the hub's cache.
    pub kind: ModelKind,
    /// The commit they are of.
    pub commit: String,
    /// What is not known of the repository, and could change what the model computes.
    pub notes: Vec<String>,
}

/// What the cache knows of a file.
enum Known {
    /// It is there.
    Here(PathBuf),
    /// The repository has no such file at that commit.
    Absent,
    /// It is not there; the repository may have it.
    Open,
}

/// What the cache has of something that takes several files.
enum Cached<T> {
    /// All of it.
    Whole(T),
    /// Not this file, nor perhaps others.
    Lacks(String),
}

/// What a repository holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
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
pub struct Hub<'a> {
    pub(super) kind: Kind,
    pub(super) client: HFClientSync,
    environment: &'a Environment,
    pub(super) cache: &'a Path,
    progress: &'a dyn Progress,
}

/// Without a token `hf_hub` would look into the process's environment, which is [`Environment`]'s to do. It drops a
/// token that cannot stand in a header, such as this one.
const NO_TOKEN: &str = "\n";
const USER_AGENT: &str = concat!("ft-host/", env!("CARGO_PKG_VERSION"));

impl<'a> Hub<'a> {
    /// A connection for models to the hub that the environment names, with its token and its cache.
    pub fn new(environment: &'a Environment, progress: &'a dyn Progress) -> Result<Hub<'a>, HubError> {
        Hub::of_kind(Kind::Models, environment, progress)
    }

    /// A connection for data sets.
    pub fn for_datasets(environment: &'a Environment, progress: &'a dyn Progress) -> Result<Hub<'a>, HubError> {
        Hub::of_kind(Kind::Datasets, environment, progress)
    }

    fn of_kind(kind: Kind, environment: &'a Environment, progress: &'a dyn Progress) -> Result<Hub<'a>, HubError> {
        let cache = environment.hub_cache.as_deref().ok_or(HubError::NoCache)?;
        let client = client(environment, cache, environment.token.as_ref())?;
        Ok(Hub { kind, client, environment, cache, progress })
    }

    /// The files of a model, from the cache or else from the hub.
    pub fn model(&self, id: &HubId) -> Result<HubModel, HubError> {
        let download = || self.download_model(id).map_err(|error| self.or_other_kind(id, error));
        self.cached_or(id, || self.cached_model(id), download)
    }

    /// A model's tokenizer, from the cache or else from the hub.
    pub fn tokenizer(&self, id: &HubId) -> Result<TokenizerFiles, HubError> {
        // Of the commit that the cache has a part of, as for the whole model; `refs/main` stays where it is.
        let [vocabulary, _] = BPE_TOKENIZER;
        let commit = [TOKENIZER, vocabulary, CONFIG].iter().find_map(|name| commit_of(&self.cached(id, name)?, name));
        let id = &commit.map_or_else(|| id.clone(), |commit| id.at(&commit));
        let explained = |error| self.or_other_kind(id, self.explain(error));
        let cached = || self.cached_tokenizer(id).map_err(explained);
        let (files, note) =
            self.cached_or(id, cached, || Ok((self.download_tokenizer(id).map_err(explained)?, None)))?;
        note.iter().for_each(|note| self.progress.note(note));
        Ok(files)
    }

    /// Looks into the cache, then at the hub; one process at a time downloads what the cache lacks of a repository. Small files
    /// that the cache leaves open are asked for without waiting for the others.
    fn cached_or<T>(
        &self,
        id: &HubId,
        cached: impl Fn() -> Result<Cached<T>, HubError>,
        download: impl FnOnce() -> Result<T, HubError>,
    ) -> Result<T, HubError> {
        let lacking = match cached()? {
            Cached::Whole(found) => return Ok(found),
            Cached::Lacks(file) => file,
        };
        if self.environment.offline {
            return Err(HubError::Offline { wanted: self.wanted(id, &lacking), cache: self.cache.to_owned() });
        }
        let waiting = || self.progress.note(&format!("another process downloads {id}; waiting"));
        let paths = CachePaths::new(self.environment);
        let _lock = paths.lock(&format!("{}/{id}", self.cache.display()), self.progress, waiting);
        match cached()? {
            Cached::Whole(found) => Ok(found),
            Cached::Lacks(_) => download(),
        }
    }

    /// A file of a repository, if it is in the cache.
    pub fn cached(&self, id: &HubId, file: &str) -> Option<PathBuf> {
        match self.known(id, file) {
            Known::Here(path) => Some(path),
            Known::Absent | Known::Open => None,
        }
    }

    /// What the cache knows of a file of a repository. A link that leads nowhere is no file.
    fn known(&self, id: &HubId, file: &str) -> Known {
        fn look<T: RepoType>(repository: HFRepositorySync<T>, id: &HubId, file: &str) -> hf_hub::HFResult<PathBuf> {
            repository.download_file().filename(file).revision(&id.revision).local_files_only(true).send()
        }
        let Some((owner, name)) = id.repository.split_once('/') else { return Known::Open };
        let found = match self.kind {
            Kind::Models => look(self.client.model(owner, name), id, file),
            Kind::Datasets => look(self.client.dataset(owner, name), id, file),
        };
        match found {
            Ok(path) if path.is_file() => Known::Here(path),
            Err(HFError::EntryNotFound { .. }) => Known::Absent,
            _ => Known::Open,
        }
    }

    /// The files of a repository, by their paths in it, in no particular order.
    pub fn list(&self, id: &HubId) -> Result<Vec<String>, HubError> {
        // The names are joined to folders: nothing that leads elsewhere may pass.
        let plain = |path: &String| path.split('/').all(is_plain_name);
        let files = self.entries(id)?.into_iter().filter_map(|entry| match entry {
            RepoTreeEntry::File { path, .. } => Some(path),
            RepoTreeEntry::Directory { .. } => None,
        });
        Ok(files.filter(plain).collect())
    }

    /// What a repository holds, by the hub's API.
    pub(super) fn entries(&self, id: &HubId) -> Result<Vec<RepoTreeEntry>, HubError> {
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
                Kind::Models => request(self.client.model(owner, name), id.revision.clone()),
                Kind::Datasets => request(self.client.dataset(owner, name), id.revision.clone()),
            };
            match listed {
                Ok(answered) => answered.map_err(|error| self.error(error, &wanted, 0, None)),
                Err(silence) => Err(HubError::Silent { wanted: wanted.clone(), seconds: silence.as_secs() }),
            }
        });
        listed.map_err(|error| self.explain(error))
    }

    /// Downloads one file into a folder of the caller's; the caller checks what came.
    pub fn download_into(&self, id: &HubId, file: &str, folder: &Path) -> Result<PathBuf, HubError> {
        let wanted = self.wanted(id, file);
        if self.environment.offline {
            return Err(HubError::Offline { wanted, cache: self.cache.to_owned() });
        }
        let (path, announced) = self.try_again(|| self.transfer(&wanted, Some(folder)))?;
        self.check_size(&wanted, &path, announced)?;
        Ok(path)
    }

    /// The models of the hub's cache that are there in full, each repository once, sorted by name.
    pub fn cached_models(&self) -> Result<Vec<ListedModel>, HubError> {
        // Where no folder is, or none that this user may look into, there are none for this user.
        if std::fs::read_dir(self.cache).is_err() {
            return Ok(Vec::new());
        }
        let scan = self.client.scan_cache().send().map_err(|source| HubError::Client {
            endpoint: self.environment.endpoint.clone(),
            source: Box::new(source),
        })?;
        let mut listed = Vec::new();
        for repository in scan.repos.into_iter().filter(|repository| repository.repo_type == "model") {
            let whole = repository.revisions.iter().find(|revision| {
                let id = HubId { repository: repository.repo_id.clone(), revision: revision.commit_hash.clone() };
                self.is_whole(&id)
            });
            listed.extend(whole.map(|revision| ListedModel {
                name: repository.repo_id.clone(),
                summary: String::new(),
                bytes: repository.size_on_disk,
                path: Some(revision.snapshot_path.clone()),
            }));
        }
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(listed)
    }

    /// Whether the cache has what a model needs; what it leaves open is not asked here.
    fn is_whole(&self, id: &HubId) -> bool {
        let here = |file: &str| self.cached(id, file).is_some();
        let [vocabulary, merges] = BPE_TOKENIZER;
        here(CONFIG)
            && (here(TOKENIZER) || here(vocabulary) && here(merges))
            && matches!(self.cached_weights(id), Ok(Cached::Whole(_)))
            && self.cached_adapter(id) != Some(true)
    }

    /// The model, if it is in the cache. Small files that the cache leaves open are asked for.
    fn cached_model(&self, id: &HubId) -> Result<Cached<HubModel>, HubError> {
        if self.cached_adapter(id) == Some(true) {
            return Err(HubError::Adapter { id: id.clone() });
        }
        let lacks = |file: &str| Ok(Cached::Lacks(file.to_owned()));
        let Some(config) = self.cached(id, CONFIG) else { return lacks(CONFIG) };
        let Some(commit) = commit_of(&config, CONFIG) else { return lacks(CONFIG) };
        let id = id.at(&commit);
        let weights = match self.cached_weights(&id)? {
            Cached::Whole(weights) => weights,
            Cached::Lacks(file) => return Ok(Cached::Lacks(file)),
        };
        let (tokenizer, note) = match self.cached_tokenizer(&id)? {
            Cached::Whole(tokenizer) => tokenizer,
            Cached::Lacks(file) => return Ok(Cached::Lacks(file)),
        };
        let notes = note.into_iter().chain(self.refuse_adapter(&id)?).collect();
        Ok(Cached::Whole(HubModel { kind: ModelKind::Folder { config, weights, tokenizer }, commit, notes }))
    }

    /// The tokenizer, if it is in the cache, and what is not known of it.
    ///
    /// `tokenizer_config.json` may say what goes before a text, and the older files are all of a tokenizer only where the
    /// repository has no `tokenizer.json`: what the cache leaves open of the two is asked for. Where nobody can be asked,
    /// `tokenizer.json` alone, or the older files with the configuration, are taken with a note, since tools that read
    /// them fetch the others too. Without the configuration there is no telling whether the tokens of the older files are
    /// the model's, and nothing is guessed.
    fn cached_tokenizer(&self, id: &HubId) -> Result<Cached<(TokenizerFiles, Option<String>)>, HubError> {
        let [newer, config] = [TOKENIZER, TOKENIZER_CONFIG].map(|name| self.known(id, name));
        let open = match (&newer, &config) {
            (_, Known::Open) => Some(TOKENIZER_CONFIG),
            (Known::Open, _) => Some(TOKENIZER),
            _ => None,
        };
        let config = match config {
            Known::Here(path) => Some(path),
            Known::Absent | Known::Open => None,
        };
        let (files, can_be_taken, read) = match newer {
            Known::Here(tokenizer) => (TokenizerFiles::Json { tokenizer, config }, true, TOKENIZER.to_owned()),
            Known::Absent | Known::Open => {
                let [vocabulary, merges] = BPE_TOKENIZER.map(|name| self.known(id, name));
                let (Known::Here(vocabulary), Known::Here(merges)) = (vocabulary, merges) else {
                    return Ok(Cached::Lacks(TOKENIZER.to_owned()));
                };
                let has_config = config.is_some();
                (TokenizerFiles::Bpe { vocabulary, merges, config }, has_config, BPE_TOKENIZER.join("`, `"))
            }
        };
        let Some(open) = open else { return Ok(Cached::Whole((files, None))) };
        let failure = if self.environment.offline {
            None
        } else {
            let asked = self.download_tokenizer(id).and_then(|files| {
                [TOKENIZER, TOKENIZER_CONFIG].into_iter().try_for_each(|name| self.check_absent(id, name))?;
                Ok(files)
            });
            match asked {
                Ok(files) => return Ok(Cached::Whole((files, None))),
                // What is whole in the cache needs no hub.
                Err(error) if can_be_taken || error.is_without_answer() => Some(error),
                Err(error) => return Err(error),
            }
        };
        match failure {
            failure if can_be_taken => {
                let why = failure.map_or_else(|| "this run is offline".to_owned(), |error| error.to_string());
                let changes =
                    if open == TOKENIZER { "would come before them" } else { "may say what goes before a text" };
                let note = format!(
                    "the tokenizer was read from `{read}`, and whether {id} has `{open}`, which {changes}, is not known: {why}"
                );
                Ok(Cached::Whole((files, Some(note))))
            }
            Some(error) => Err(error),
            None => Err(HubError::OpenTokenizer { wanted: self.wanted(id, open), cache: self.cache.to_owned() }),
        }
    }

    /// Holds a file that was answered with "not found" to be none of the repository's only where the repository is there: a
    /// hub answers so for what it does not have or does not show as a whole, too.
    ///
    /// # Errors
    /// A repository or a revision that is not there.
    fn check_absent(&self, id: &HubId, name: &str) -> Result<(), HubError> {
        match self.known(id, name) {
            Known::Here(_) | Known::Absent => Ok(()),
            Known::Open => match self.explain(HubError::NoFile { wanted: self.wanted(id, name) }) {
                HubError::NoFile { .. } => Ok(()),
                error => Err(error),
            },
        }
    }

    /// The weights, if all of them are in the cache.
    fn cached_weights(&self, id: &HubId) -> Result<Cached<Vec<PathBuf>>, HubError> {
        for names in WEIGHTS {
            if let Some(whole) = self.cached(id, names.whole) {
                return Ok(Cached::Whole(vec![whole]));
            }
            if let Some(index) = self.cached(id, names.index) {
                let mut shards = Vec::new();
                for name in shard_names(&index)? {
                    match self.cached(id, &name) {
                        Some(shard) => shards.push(shard),
                        None => return Ok(Cached::Lacks(name)),
                    }
                }
                return Ok(Cached::Whole(shards));
            }
        }
        let [first, ..] = WEIGHTS;
        Ok(Cached::Lacks(first.whole.to_owned()))
    }

    /// Whether the repository holds an adapter, as far as the cache knows.
    fn cached_adapter(&self, id: &HubId) -> Option<bool> {
        match self.known(id, ADAPTER) {
            Known::Absent => Some(false),
            Known::Open => None,
            Known::Here(_) => {
                let weights = ADAPTER_WEIGHTS.map(|name| self.known(id, name));
                if weights.iter().any(|known| matches!(known, Known::Here(_))) {
                    return Some(true);
                }
                weights.iter().all(|known| matches!(known, Known::Absent)).then_some(false)
            }
        }
    }

    /// Refuses a repository with an adapter beside its weights, which other software would apply; gives a note where
    /// nobody could say whether there is one.
    fn refuse_adapter(&self, id: &HubId) -> Result<Option<String>, HubError> {
        let unknown = |why: &str| format!("whether {id} has an adapter beside its weights is not known: {why}");
        match self.cached_adapter(id) {
            Some(true) => return Err(HubError::Adapter { id: id.clone() }),
            Some(false) => return Ok(None),
            None if self.environment.offline => {
                return Ok(Some(unknown("the cache does not say so, and this run is offline")));
            }
            None => {}
        }
        let asked = match self.download(id, ADAPTER) {
            Err(HubError::NoFile { .. }) => self.check_absent(id, ADAPTER).map(|()| false),
            Err(error) => Err(error),
            // One that is left over from merging it has no weights.
            Ok(_) => self.list(id).map(|files| {
                let found = files.iter().any(|file| ADAPTER_WEIGHTS.contains(&file.as_str()));
                if !found {
                    ADAPTER_WEIGHTS.iter().for_each(|name| self.mark_absent(&self.wanted(id, name), &id.revision));
                }
                found
            }),
        };
        match asked {
            Ok(true) => Err(HubError::Adapter { id: id.clone() }),
            Ok(false) => Ok(None),
            // A model that is in the cache needs no network for this.
            Err(error) => Ok(Some(unknown(&error.to_string()))),
        }
    }

    /// Small files first: what is missing shows before gigabytes are loaded. The first one settles the commit.
    fn download_model(&self, id: &HubId) -> Result<HubModel, HubError> {
        let config = self.download(id, CONFIG).map_err(|error| self.explain(error))?;
        let commit = commit_of(&config, CONFIG).unwrap_or_else(|| id.revision.clone());
        let id = id.at(&commit);
        let notes = self.refuse_adapter(&id)?.into_iter().collect();
        let tokenizer = self.download_tokenizer(&id)?;
        let weights = self.download_weights(&id)?;
        Ok(HubModel { kind: ModelKind::Folder { config, weights, tokenizer }, commit, notes })
    }

    /// What is missing in a repository, or that it has an adapter or GGUF files instead.
    fn or_other_kind(&self, id: &HubId, error: HubError) -> HubError {
        let missing = match &error {
            HubError::NoFile { wanted } => format!("`{}`", wanted.file),
            HubError::NoWeights { .. } => "weights of other kinds".into(),
            _ => return error,
        };
        let mut files = self.list(id).unwrap_or_default();
        let has = |name: &str| files.iter().any(|file| file == name);
        if has(ADAPTER) && !WEIGHTS.iter().any(|names| has(names.whole) || has(names.index)) {
            return HubError::Adapter { id: id.clone() };
        }
        files.retain(|file| file.ends_with(".gguf"));
        files.sort();
        if files.is_empty() { error } else { HubError::OnlyGguf { id: id.clone(), missing, files } }
    }

    /// The tokenizer in the first form that the repository has. The configuration comes first, so that what is left in the
    /// cache of an interrupted download is not taken for a tokenizer without one.
    fn download_tokenizer(&self, id: &HubId) -> Result<TokenizerFiles, HubError> {
        let config = self.download_if_there(id, TOKENIZER_CONFIG)?;
        let missing = match self.download(id, TOKENIZER) {
            Ok(tokenizer) => return Ok(TokenizerFiles::Json { tokenizer, config }),
            Err(missing @ HubError::NoFile { .. }) => missing,
            Err(error) => return Err(error),
        };
        let [vocabulary, merges] = BPE_TOKENIZER;
        let Some(vocabulary) = self.download_if_there(id, vocabulary)? else { return Err(missing) };
        match self.download_if_there(id, merges)? {
            Some(merges) => Ok(TokenizerFiles::Bpe { vocabulary, merges, config }),
            None => Err(missing),
        }
    }

    fn download_if_there(&self, id: &HubId, file: &str) -> Result<Option<PathBuf>, HubError> {
        match self.download(id, file) {
            Err(HubError::NoFile { .. }) => Ok(None),
            found => found.map(Some),
        }
    }

    /// The weights in the first form that the repository has.
    fn download_weights(&self, id: &HubId) -> Result<Vec<PathBuf>, HubError> {
        for names in WEIGHTS {
            if let Some(whole) = self.download_if_there(id, names.whole)? {
                return Ok(vec![whole]);
            }
            if let Some(index) = self.download_if_there(id, names.index)? {
                return shard_names(&index)?.iter().map(|name| self.download(id, name)).collect();
            }
        }
        Err(HubError::NoWeights { id: id.clone() })
    }

    /// Downloads one file into the hub's cache and checks it.
    pub fn download(&self, id: &HubId, file: &str) -> Result<PathBuf, HubError> {
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
    pub(super) fn transfer(&self, wanted: &Wanted, folder: Option<&Path>) -> Result<(PathBuf, u64), HubError> {
        let (owner, name) = wanted.id.repository.split_once('/').unwrap_or_default();
        let with = |client: &HFClientSync| match self.kind {
            Kind::Models => self.transfer_from(client.model(owner, name), wanted, folder),
            Kind::Datasets => self.transfer_from(client.dataset(owner, name), wanted, folder),
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
    fn explain(&self, error: HubError) -> HubError {
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
            Kind::Models => ask(self.client.model(owner, name), wanted),
            Kind::Datasets => ask(self.client.dataset(owner, name), wanted),
        };
        explained.unwrap_or(error)
    }

    pub(super) fn check_size(&self, wanted: &Wanted, path: &Path, announced: u64) -> Result<(), HubError> {
        let refused =
            |source| HubError::Disk { wanted: Box::new(wanted.clone()), folder: self.cache.to_owned(), source };
        let bytes = std::fs::metadata(path).map_err(refused)?.len();
        if announced == 0 || bytes == announced {
            return Ok(());
        }
        let (expected, got) = (format!("{announced} bytes"), format!("{bytes} bytes"));
        Err(HubError::Damaged { wanted: Box::new(wanted.clone()), what: "its size", expected, got })
    }

    /// Large files are stored in the cache under their SHA-256 digest: it is hashed once, and remembered for the record
    /// of the run. Small ones have a git hash for a name and go by their size.
    fn check_digest(&self, wanted: &Wanted, path: &Path) -> Result<(), HubError> {
        let blob = std::fs::read_link(path).ok();
        let name = blob.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
        let Some(expected) = name.and_then(Digest::from_hex) else { return Ok(()) };
        let remembered = RememberedDigests::new(&CachePaths::new(self.environment));
        let got = remembered.digest(path, self.progress)?;
        if got == expected {
            return Ok(());
        }
        let (expected, got) = (expected.to_string(), got.to_string());
        Err(HubError::Damaged { wanted: Box::new(wanted.clone()), what: "its sha256", expected, got })
    }

    fn wanted(&self, id: &HubId, file: &str) -> Box<Wanted> {
        Box::new(Wanted { id: id.clone(), file: file.to_owned(), endpoint: self.environment.endpoint.clone() })
    }

    fn error(&self, error: HFError, wanted: &Wanted, received: u64, folder: Option<&Path>) -> HubError {
        let folder = folder.unwrap_or(self.cache).to_owned();
        HubError::of(error, wanted, received, self.environment.token.is_some(), folder)
    }
}

/// The commit of a file in the hub's cache: `.../snapshots/<commit>/<file>`.
pub(super) fn commit_of(path: &Path, file: &str) -> Option<String> {
    let snapshot = path.ancestors().nth(file.split('/').count())?;
    Some(snapshot.file_name()?.to_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_one_form() {
        let id = HubId::parse("EleutherAI/pythia-70m@refs/pr/3").unwrap();
        assert_eq!((id.repository.as_str(), id.revision.as_str()), ("EleutherAI/pythia-70m", "refs/pr/3"));
        assert_eq!(HubId::parse("a/b").unwrap().to_string(), "a/b@main");
        for text in
            ["gpt2", "a/b/c", "/b", "a/", "a/b@", "a/b@../x", "a/b@x/../../y", "../b", "a b/c", "a/b@x//y", "-a/b"]
        {
            assert_eq!(HubId::parse(text), None, "{text}");
        }
    }
}
