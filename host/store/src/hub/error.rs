//! What goes wrong between this host and the hub, each case in its own words.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use hf_hub::HFError;

use crate::fs::error::FileError;
use crate::hub_id::HubId;
use crate::machine::environment::{HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE, HF_TOKEN};
use crate::models::error::{MERGE_THE_ADAPTER, ModelSourceError};
use crate::models::names::{ADAPTER, BPE_TOKENIZER, WEIGHTS};

/// How many files a message lists.
const LISTED: usize = 10;

/// A file of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The repository and its revision.
    pub id: HubId,
    /// The file's path in the repository.
    pub file: String,
    /// The address of the hub, which `HF_ENDPOINT` sets.
    pub endpoint: String,
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` of {}", self.file, self.id)
    }
}

/// Why a file did not come from the hub.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The user wants no network, and the file is not in the cache.
    #[error("{wanted} is not in the cache `{}`, and this run is offline", cache.display())]
    Offline {
        /// The file that is not in the cache.
        wanted: Box<Wanted>,
        /// The hub's cache on this machine.
        cache: PathBuf,
    },
    /// The user wants no network, the cache has a tokenizer's older files, and does not say whether the repository has
    /// one that changes what they mean.
    #[error(
        "the cache `{}` has `{}` and `{}` of {}, and does not say whether there is a `{}`, without which tokens may be \
         other ones; this run is offline",
        cache.display(), BPE_TOKENIZER[0], BPE_TOKENIZER[1], wanted.id, wanted.file
    )]
    OpenTokenizer {
        /// The file that may be there.
        wanted: Box<Wanted>,
        /// The hub's cache on this machine.
        cache: PathBuf,
    },
    /// Nobody answers at the hub's address.
    #[error("cannot reach the hub `{}` for {wanted}: {reason}", wanted.endpoint)]
    Unreachable {
        /// The file that was requested.
        wanted: Box<Wanted>,
        /// The reason in the HTTP client's words.
        reason: String,
    },
    /// The hub, or the network to it, fell silent.
    #[error("the hub `{}` did not answer for {seconds} s, asked for {wanted}", wanted.endpoint)]
    Silent {
        /// The file that was requested.
        wanted: Box<Wanted>,
        /// How long the host waited, in seconds.
        seconds: u64,
    },
    /// A redirect that is not followed.
    #[error("a redirect of the hub `{}` for {wanted} is not followed: {reason}", wanted.endpoint)]
    Redirect {
        /// The file that was requested.
        wanted: Box<Wanted>,
        /// Why the redirect is not followed.
        reason: String,
    },
    /// The connection ended before the file did.
    #[error("the download of {wanted} was cut off after {received} bytes: {reason}")]
    Cut {
        /// The file that was being downloaded.
        wanted: Box<Wanted>,
        /// The bytes that were received.
        received: u64,
        /// The reason in the HTTP client's words.
        reason: String,
    },
    /// What came is not what the hub announced.
    #[error("{wanted} is damaged: expected {what} {expected}, got {got}")]
    Damaged {
        /// The file that was downloaded.
        wanted: Box<Wanted>,
        /// What differs: `size` or `sha256`.
        what: &'static str,
        /// The size or digest that the hub announced.
        expected: String,
        /// The size or digest of the bytes that came.
        got: String,
    },
    /// The owner of the repository wants to know who loads it.
    #[error("{} is gated: {wanted} is only for users who accepted its conditions (status {status})", wanted.id)]
    Gated {
        /// The file that was requested.
        wanted: Box<Wanted>,
        /// The HTTP status: 401 or 403.
        status: u16,
        /// Whether a token was sent.
        with_token: bool,
    },
    /// The hub does not let this user see the repository, or there is none; it does not tell which.
    #[error("the hub refuses {wanted} (status {status}): the repository is private, or there is none of that name")]
    Refused {
        /// The file that was requested.
        wanted: Box<Wanted>,
        /// The HTTP status: 401 or 403.
        status: u16,
        /// Whether a token was sent.
        with_token: bool,
    },
    /// The hub has no repository of that name.
    #[error("no repository `{}` at `{}`", wanted.id.repository, wanted.endpoint)]
    NoRepository {
        /// The file that was looked for.
        wanted: Box<Wanted>,
    },
    /// The repository has no such branch, tag or commit.
    #[error("the repository `{}` has no revision `{}`", wanted.id.repository, wanted.id.revision)]
    NoRevision {
        /// The file that was looked for.
        wanted: Box<Wanted>,
    },
    /// The revision has no such file.
    #[error("no file {wanted}")]
    NoFile {
        /// The file that was requested.
        wanted: Box<Wanted>,
    },
    /// A repository that has its models as GGUF files, which the repository's name does not tell apart.
    #[error(
        "{id}: expected {missing}, got GGUF files: {}{}",
        files.iter().take(LISTED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        match files.len().saturating_sub(LISTED) { 0 => String::new(), more => format!(" and {more} more") }
    )]
    OnlyGguf {
        /// The repository and its revision.
        id: HubId,
        /// What a model folder needs and it lacks.
        missing: String,
        /// The paths of its GGUF files in the repository.
        files: Vec<String>,
    },
    /// A repository with an adapter in it.
    #[error("{id}: expected a whole model, got an adapter (`{ADAPTER}`)")]
    Adapter {
        /// The repository and its revision.
        id: HubId,
    },
    /// A repository with a configuration but no weights that this host reads.
    #[error("{id}: expected weights in one of {}, got none", WEIGHTS.map(|names| [names.whole, names.index].join(", ")).join(", "))]
    NoWeights {
        /// The repository and its revision.
        id: HubId,
    },
    /// More requests than the hub takes of one user or address.
    #[error("the hub answered {wanted} with status 429, too many requests")]
    RateLimited {
        /// The file that was requested.
        wanted: Box<Wanted>,
        /// The seconds that the hub asks to wait; `None` if it does not say.
        retry_after: Option<u64>,
        /// Whether a token was sent.
        with_token: bool,
    },
    /// An HTTP status that no other variant is for.
    #[error("the hub answered {wanted} with status {status}{}", message.as_ref().map(|m| format!(": {m}")).unwrap_or_default())]
    Status {
        /// The file that was requested.
        wanted: Box<Wanted>,
        /// The HTTP status of the answer.
        status: u16,
        /// The message in the hub's answer; `None` if it has none.
        message: Option<String>,
    },
    /// The disk refused the file.
    #[error("cannot write {wanted} to `{}`: {source}", folder.display())]
    Disk {
        /// The file that was downloaded.
        wanted: Box<Wanted>,
        /// The folder it was to go to.
        folder: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// There is no folder to keep files of the hub in.
    #[error("no folder is known for the hub's cache")]
    NoCache,
    /// The hub's address is not one, or no HTTP client could be made.
    #[error("cannot connect to the hub `{endpoint}`: {source}")]
    Client {
        /// The address of the hub, which `HF_ENDPOINT` sets.
        endpoint: String,
        /// The hub client's error.
        source: Box<HFError>,
    },
    /// A failure of the hub client that no other variant is for.
    #[error("the hub client failed on {wanted}: {source}")]
    Other {
        /// The file that was requested.
        wanted: Box<Wanted>,
        /// The hub client's error.
        source: Box<HFError>,
    },
    /// A list of weight files that cannot be used.
    #[error(transparent)]
    Index(#[from] ModelSourceError),
    /// A file of the cache could not be used.
    #[error(transparent)]
    File(#[from] FileError),
}

impl HubError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            HubError::Offline { .. } => Some(format!(
                "unset `{HF_HUB_OFFLINE}` once to download it, or name a file or folder that is on this machine"
            )),
            HubError::OpenTokenizer { wanted, .. } => Some(format!(
                "with a network, `ft-host model pull {}` looks once; a folder that `--model` names is read as it is, \
                 the snapshot's in the cache too",
                wanted.id
            )),
            HubError::Unreachable { .. } | HubError::Silent { .. } | HubError::Client { .. } => {
                Some(format!("check the network and `{HF_ENDPOINT}`, or name a file or folder that is on this machine"))
            }
            HubError::Gated { wanted, with_token, .. } => {
                let page = format!("{}/{}", wanted.endpoint, wanted.id.repository);
                Some(match with_token {
                    false => format!(
                        "accept the conditions at {page}, then set `{HF_TOKEN}` to a token of that account (or run `hf auth login`)"
                    ),
                    true => format!(
                        "accept the conditions at {page} with the token's account, and check that the token in `{HF_TOKEN}` may read gated repositories"
                    ),
                })
            }
            HubError::Refused { with_token: false, .. } => Some(format!(
                "check the name; for a private repository set `{HF_TOKEN}` to a token that may read it (or run `hf auth login`)"
            )),
            HubError::Refused { with_token: true, .. } => {
                Some(format!("check the name, and that the token in `{HF_TOKEN}` is valid and may read the repository"))
            }
            HubError::NoRepository { .. } => Some("check the name, `owner/name`".into()),
            HubError::NoRevision { wanted } => {
                Some(format!("see {}/{}/tree/main for its branches and tags", wanted.endpoint, wanted.id.repository))
            }
            HubError::Adapter { .. } => Some(MERGE_THE_ADAPTER.into()),
            HubError::RateLimited { retry_after, with_token, .. } => {
                let wait = match retry_after {
                    Some(seconds) => format!("wait {seconds} s, as the hub asks, and run again"),
                    None => "wait some minutes, and run again".into(),
                };
                let token = format!("; with a token in `{HF_TOKEN}` the hub takes more requests");
                Some(if *with_token { wait } else { wait + &token })
            }
            HubError::OnlyGguf { id, files, .. } => files.first().map(|file| {
                format!(
                    "`hf download {} {file}` fetches one and prints its path; name that with `--model`",
                    id.repository
                )
            }),
            HubError::NoFile { .. } | HubError::NoWeights { .. } => {
                Some("this version reads repositories with config.json, tokenizer.json and weights as safetensors or PyTorch checkpoints".into())
            }
            HubError::Cut { .. } | HubError::Damaged { .. } => Some("run again; what came in part is discarded".into()),
            HubError::NoCache => Some(format!("set `{HF_HOME}` to a folder")),
            HubError::Disk { source, folder, .. } if source.kind() == io::ErrorKind::StorageFull => {
                FileError::io("write", folder, io::Error::from(source.kind())).hint()
            }
            HubError::Disk { .. } => {
                Some(format!("set `{HF_HUB_CACHE}` (or `--cache-dir`) to a folder that can be written to"))
            }
            HubError::Index(error) => error.hint(),
            HubError::File(error) => error.hint(),
            HubError::Redirect { .. } | HubError::Status { .. } | HubError::Other { .. } => None,
        }
    }

    /// Whether the hub did not answer at all: no network, a time limit, a lost connection.
    pub(crate) fn is_without_answer(&self) -> bool {
        matches!(self, HubError::Unreachable { .. } | HubError::Silent { .. })
    }

    /// The client's error in this host's words. `received` says how much of the file had come.
    pub(crate) fn of(error: HFError, wanted: &Wanted, received: u64, with_token: bool, folder: PathBuf) -> HubError {
        let wanted = Box::new(wanted.clone());
        let refused = |status: u16, code: Option<&str>, wanted| match code {
            Some("GatedRepo") => HubError::Gated { wanted, status, with_token },
            _ => HubError::Refused { wanted, status, with_token },
        };
        match error {
            HFError::AuthRequired { context } => refused(401, context.error_code.as_deref(), wanted),
            HFError::Forbidden { context } => refused(403, context.error_code.as_deref(), wanted),
            HFError::RepoNotFound { .. } => HubError::NoRepository { wanted },
            HFError::RevisionNotFound { context, .. } => match context.and_then(|context| context.error_code) {
                Some(code) if code == "RepoNotFound" => HubError::NoRepository { wanted },
                _ => HubError::NoRevision { wanted },
            },
            HFError::EntryNotFound { .. } | HFError::LocalEntryNotFound { .. } => HubError::NoFile { wanted },
            // A list of files that is not given comes as a bare status.
            HFError::Http { context } if matches!(context.status.as_u16(), 401 | 403) => {
                refused(context.status.as_u16(), context.error_code.as_deref(), wanted)
            }
            HFError::Http { context } if context.status.as_u16() == 404 => match context.error_code.as_deref() {
                Some("RepoNotFound") => HubError::NoRepository { wanted },
                Some("RevisionNotFound") => HubError::NoRevision { wanted },
                _ => HubError::NoFile { wanted },
            },
            HFError::RateLimited { retry_after, .. } => {
                let retry_after = retry_after.map(|time| time.as_secs());
                HubError::RateLimited { wanted, retry_after, with_token }
            }
            HFError::Http { context } | HFError::Conflict { context } => {
                HubError::Status { wanted, status: context.status.as_u16(), message: context.server_message.clone() }
            }
            HFError::Request { source, .. } if source.is_connect() => {
                HubError::Unreachable { wanted, reason: root_cause(&source) }
            }
            HFError::Request { source, .. } if source.is_redirect() => {
                HubError::Redirect { wanted, reason: root_cause(&source) }
            }
            HFError::Request { source, .. } => HubError::Cut { wanted, received, reason: root_cause(&source) },
            HFError::Io(source) => HubError::Disk { wanted, folder, source },
            source => HubError::Other { wanted, source: Box::new(source) },
        }
    }
}

/// The innermost error's words: the HTTP client wraps "connection refused" in four layers that say nothing.
fn root_cause(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
