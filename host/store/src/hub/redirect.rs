//! Files that the hub's client does not get because a redirect stands before them.
//!
//! A hub redirects requests for a repository that was renamed. In asking for a file's commit and ETag the client
//! follows a redirect only where it is relative; mirrors send absolute ones, and then both are missing. Here the hub's
//! API, whose redirects are followed, gives the commit and the list of files instead, and the file takes its place in
//! the cache under the name that was asked for, as it does with the `huggingface_hub` library. The list has sizes and,
//! of large files, no digests: what came is held to its size, and a large file is stored under the digest that it has.
//! The token does not follow a redirect to another host.

use std::path::{Path, PathBuf};

use hf_hub::HFError;
use hf_hub::repository::RepoTreeEntry;
use reqwest::redirect::Policy;

use crate::fs::atomic::{temporary_prefix, write_atomic};
use crate::fs::digest::digest_file;
use crate::hub::client::{Hub, RepositoryKind};
use crate::hub::download_watchdog::watch;
use crate::hub::error::{HubError, Wanted};

/// A file as the hub's API lists it.
struct Listed {
    size: u64,
    /// The file's git hash, its name in the cache; `None` for a large file, which its digest names.
    git_hash: Option<String>,
}

/// Redirects that the client may follow with a token.
///
/// The HTTP client takes the token off a request that goes to another host, and puts it on again where that host
/// redirects to itself: such a redirect is not followed.
pub(crate) fn keep_the_token() -> Policy {
    Policy::custom(|attempt| {
        let (previous, next) = (attempt.previous(), attempt.url());
        let is_too_many = previous.len() > MOST_REDIRECTS;
        let leaks = match (previous.first(), previous.last()) {
            (Some(first), Some(last)) => next.origin() == last.origin() && last.origin() != first.origin(),
            _ => false,
        };
        match () {
            () if is_too_many => attempt.error("too many redirects"),
            () if leaks => attempt.error("another host redirects to itself, and a token would go along"),
            () => attempt.follow(),
        }
    })
}

/// The most redirects that are followed, as many as the HTTP client's default.
const MOST_REDIRECTS: usize = 10;

/// Whether the client found the hub's answer to lack what every answer about a file has.
pub(crate) fn may_be_redirected(error: &HubError) -> bool {
    matches!(error, HubError::Other { source, .. } if matches!(**source, HFError::MalformedResponse { .. }))
}

impl Hub<'_> {
    /// Downloads a file by way of the hub's API; `None` where that has no answer either.
    pub(crate) fn download_redirected(&self, wanted: &Wanted) -> Option<Result<PathBuf, HubError>> {
        let commit = self.commit(wanted)?;
        let entries = self.entries(&wanted.id.at(&commit)).ok()?;
        Some(match listed(entries, &wanted.file) {
            Some(listed) => self.download_listed(wanted, &commit, &listed),
            None => {
                self.mark_absent(wanted, &commit);
                Err(HubError::NoFile { wanted: Box::new(wanted.clone()) })
            }
        })
    }

    /// Leaves the marker of a file that the repository does not have, as the client and the `huggingface_hub` library
    /// do. Without it the hub is asked again, and no more.
    pub(crate) fn mark_absent(&self, wanted: &Wanted, commit: &str) {
        let marker = self.repository_folder(wanted).join(".no_exist").join(commit).join(&wanted.file);
        let _ = marker.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&marker, ""));
    }

    /// The repository's folder in the cache.
    fn repository_folder(&self, wanted: &Wanted) -> PathBuf {
        let plural = match self.kind {
            RepositoryKind::Models => "models",
            RepositoryKind::Datasets => "datasets",
        };
        self.cache.join(format!("{plural}--{}", wanted.id.repository.replace('/', "--")))
    }

    /// The commit that the wanted revision stands for.
    fn commit(&self, wanted: &Wanted) -> Option<String> {
        let revision = wanted.id.revision.clone();
        if is_commit(&revision) {
            return Some(revision);
        }
        let (owner, name) = wanted.id.repository.split_once('/')?;
        let told = match self.kind {
            RepositoryKind::Models => {
                let repository = self.client.model(owner, name);
                watch(move |_| Ok(repository.info().revision(revision).send()?.sha), |_| {})
            }
            RepositoryKind::Datasets => {
                let repository = self.client.dataset(owner, name);
                watch(move |_| Ok(repository.info().revision(revision).send()?.sha), |_| {})
            }
        };
        // It becomes part of a path.
        told.ok()?.ok()?.filter(|commit| is_commit(commit))
    }

    fn download_listed(&self, wanted: &Wanted, commit: &str, listed: &Listed) -> Result<PathBuf, HubError> {
        let repository = self.repository_folder(wanted);
        let disk = |source| HubError::Disk { wanted: Box::new(wanted.clone()), folder: self.cache.to_owned(), source };
        let create_folder = |folder: &Path| std::fs::create_dir_all(folder).map_err(disk);
        create_folder(&repository.join("blobs"))?;
        let temporary = tempfile::Builder::new().prefix(&temporary_prefix()).tempdir_in(&repository).map_err(disk)?;
        let at_commit = Wanted { id: wanted.id.at(commit), ..wanted.clone() };
        let (path, _) = self.transfer(&at_commit, Some(temporary.path()))?;
        self.check_size(wanted, &path, listed.size)?;
        let blob = match &listed.git_hash {
            Some(hash) => hash.clone(),
            None => digest_file(&path, |_| ())?.to_string(),
        };
        std::fs::rename(&path, repository.join("blobs").join(&blob)).map_err(disk)?;
        let place = repository.join("snapshots").join(commit).join(&wanted.file);
        place.parent().map_or(Ok(()), create_folder)?;
        point(&place, &repository, &blob, wanted.file.split('/').count() + 1).map_err(disk)?;
        if !is_commit(&wanted.id.revision) {
            let reference = repository.join("refs").join(&wanted.id.revision);
            reference.parent().map_or(Ok(()), create_folder)?;
            write_atomic(&reference, commit.as_bytes())?;
        }
        Ok(place)
    }
}

/// What a repository's list says of a file.
fn listed(entries: Vec<RepoTreeEntry>, file: &str) -> Option<Listed> {
    entries.into_iter().find_map(|entry| match entry {
        RepoTreeEntry::File { path, size, oid, lfs, .. } if path == file => {
            let git_hash = lfs.is_none().then_some(oid).filter(|oid| is_commit(oid));
            Some(Listed { size, git_hash })
        }
        _ => None,
    })
}

/// Makes `place`, which is `depth` folders below the repository's, stand for a blob.
fn point(place: &Path, repository: &Path, blob: &str, depth: usize) -> std::io::Result<()> {
    match std::fs::remove_file(place) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    #[cfg(unix)]
    {
        let _ = repository;
        std::os::unix::fs::symlink(format!("{}blobs/{blob}", "../".repeat(depth)), place)
    }
    #[cfg(not(unix))]
    {
        let _ = depth;
        std::fs::copy(repository.join("blobs").join(blob), place).map(|_| ())
    }
}

/// Whether a text has the form of a git hash.
fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
