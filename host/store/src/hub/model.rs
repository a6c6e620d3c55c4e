//! A model's files in the hub's cache and at the hub: which there are, and what may be taken where nobody can be asked.
//!
//! A file that is not in the cache may still be in the repository: other tools fetch files one by one. Where that would
//! change numbers (a tokenizer's configuration, an adapter), a file counts as absent only where the cache has the
//! marker that all tools leave behind a request that found none.

use std::path::PathBuf;

use crate::fs::cache_paths::CachePaths;
use crate::hub::client::{Hub, Known, commit_of};
use crate::hub::error::HubError;
use crate::hub_id::HubId;
use crate::models::files::{ModelKind, TokenizerFiles};
use crate::models::names::{ADAPTER, ADAPTER_WEIGHTS, BPE_TOKENIZER, CONFIG, TOKENIZER, TOKENIZER_CONFIG, WEIGHTS};
use crate::models::weight_files::shard_names;

/// A model of the hub on this machine's disk.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HubModel {
    /// The model's files, in the hub's cache.
    pub kind: ModelKind,
    /// The commit they are of.
    pub commit: String,
    /// What is not known of the repository, and could change what the model computes.
    pub notes: Vec<String>,
}

/// What the cache has of something that takes several files.
pub(crate) enum Cached<T> {
    /// All files are there.
    Whole(T),
    /// Not this file, nor perhaps others.
    Lacks(String),
}

impl Hub<'_> {
    /// The files of a model, from the cache or else from the hub.
    pub(crate) fn model(&self, id: &HubId) -> Result<HubModel, HubError> {
        let download = || self.download_model(id).map_err(|error| self.or_other_kind(id, error));
        self.cached_or(id, || self.cached_model(id), download)
    }

    /// A model's tokenizer, from the cache or else from the hub.
    pub(crate) fn tokenizer(&self, id: &HubId) -> Result<TokenizerFiles, HubError> {
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

    /// Looks into the cache, then at the hub; one process at a time downloads what the cache lacks of a repository.
    /// Small files that the cache leaves open are asked for without waiting for the others.
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
    /// `tokenizer_config.json` may say what goes before a text, and the older files are all of a tokenizer only where
    /// the repository has no `tokenizer.json`: what the cache leaves open of the two is asked for. Where nobody can be
    /// asked, `tokenizer.json` alone, or the older files with the configuration, are taken with a note, since tools
    /// that read them fetch the others too. Without the configuration there is no telling whether the tokens of the
    /// older files are the model's, and nothing is guessed.
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

    /// The weights, if all of them are in the cache.
    pub(crate) fn cached_weights(&self, id: &HubId) -> Result<Cached<Vec<PathBuf>>, HubError> {
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
    pub(crate) fn cached_adapter(&self, id: &HubId) -> Option<bool> {
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

    /// The tokenizer in the first format that the repository has. The configuration comes first, so that what is left
    /// in the cache of an interrupted download is not taken for a tokenizer without one.
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

    /// The weights in the first format that the repository has.
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
}
