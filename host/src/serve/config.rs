//! What the server is told.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use subtle::ConstantTimeEq;

use crate::diagnosis::{Diagnosis, Fault};
use crate::options::LimitOptions;
use crate::run::{RunError, SharedWeights};
use ft_engine::model::device::DeviceChoice;
use ft_sandbox::{EngineOptions, Stop};
use ft_store::machine::environment::Environment;
use ft_store::plugin_path::PluginPath;

/// What a server serves, and to whom.
#[derive(Clone, Debug)]
pub struct ServeConfig {
    /// The address and port to listen on; port 0 for a free one.
    pub listen: String,
    /// What a request has to know; none has to know anything where it is left open and the address is a loopback one.
    pub token: Option<Token>,
    /// Names by which the server is reached besides its address.
    pub hosts: Vec<String>,
    /// The folder of runs and of saved contexts.
    pub folder: PathBuf,
    /// Contexts that are served besides those of the folder.
    pub contexts: Vec<NamedFolder>,
    /// The models that runs may name, as a user names them.
    pub models: Vec<String>,
    /// Where rows may come from besides the task's own data and the bundled sample.
    pub data: Vec<NamedFolder>,
    /// Tasks besides those of the plugin path: components or definitions.
    pub tasks: Vec<PathBuf>,
    /// How much is taken on.
    pub limits: ServeLimits,
}

/// How much a server takes on.
#[derive(Clone, Copy, Debug)]
pub struct ServeLimits {
    /// Rows that wait to be scored, all requests together, counted once for each context.
    pub queue_rows: usize,
    /// Rows that are scored in one pass at most.
    pub pack_rows: usize,
    /// How long an idle server waits at most for as many requests as were scored together the last time.
    pub pack_wait: Duration,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// How long a request may take, and its body to arrive.
    pub request_time: Duration,
    /// Connections at a time.
    pub connections: usize,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            queue_rows: 4096,
            pack_rows: 64,
            pack_wait: Duration::from_millis(5),
            body_bytes: 1 << 20,
            request_time: Duration::from_secs(60),
            connections: 256,
        }
    }
}

/// How the server computes, and what plugins may use.
#[derive(Clone)]
pub struct Surroundings {
    /// The process's environment.
    pub environment: Environment,
    /// Where plugins are found by their names.
    pub plugin_path: PluginPath,
    /// How plugins are compiled.
    pub engine: EngineOptions,
    /// What every plugin may use.
    pub limits: LimitOptions,
    /// Threads for computing.
    pub threads: usize,
    /// Where predictions are computed; runs say so themselves.
    pub device: DeviceChoice,
    /// Query tokens that run together; `None` for the defaults of runs and predictions.
    pub batch_tokens: Option<usize>,
    /// The weights that are in memory.
    pub weights: SharedWeights,
}

impl Surroundings {
    /// How plugins are run for somebody who can end their calls.
    pub(super) fn engine_with(&self, stop: &Stop) -> EngineOptions {
        EngineOptions { stop: stop.clone(), ..self.engine.clone() }
    }
}

/// A folder that requests know by a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFolder {
    /// What requests call it.
    pub name: String,
    /// Where it is.
    pub folder: PathBuf,
}

impl FromStr for NamedFolder {
    type Err = String;

    /// `NAME=DIR`, or `DIR` alone, which is called as the folder is.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, folder) = match text.split_once('=') {
            Some((name, folder)) => (name.to_owned(), PathBuf::from(folder)),
            None => {
                let folder = Path::new(text);
                let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
                (whole.file_name().unwrap_or_default().to_string_lossy().into_owned(), folder.to_owned())
            }
        };
        if !is_name(&name) {
            return Err(format!("expected NAME=DIR with a name of {NAME}, got `{text}`"));
        }
        Ok(Self { name, folder })
    }
}

/// What names consist of, for messages.
pub(super) const NAME: &str = "1 to 64 letters, digits, `-`, `_` and `.`, the first of them neither `-` nor `.`";

/// Whether something may be called so: such a name is one part of a path, of an address and of a command line.
pub(super) fn is_name(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=64).contains(&text.len()) && !text.starts_with(['.', '-']) && text.bytes().all(is_part)
}

/// A secret that requests have to know. It is shown by neither `Debug` nor `Display`.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A new one that nobody can guess.
    ///
    /// # Errors
    /// [`ServeError::NoRandom`] where the system has no random bytes.
    pub fn made() -> Result<Self, ServeError> {
        let mut bytes = [0; 24];
        getrandom::fill(&mut bytes).map_err(|source| ServeError::NoRandom { reason: source.to_string() })?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// The secret itself, for the one who starts the server.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether a request knows it. How long that takes says nothing of how much of it was right.
    pub(super) fn is(&self, found: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(found).into()
    }
}

impl FromStr for Token {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // What a header, an address and a shell take as it is, and nobody guesses.
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
        match text.len() {
            16..=256 if text.bytes().all(is_part) => Ok(Self(text.to_owned())),
            _ => Err("expected a token of 16 to 256 letters, digits, `-`, `_`, `.` and `~`, got another".to_owned()),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on `{address}`: {source}")]
    Listen {
        /// The address as it was given.
        address: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// The system has no random bytes for a token.
    #[error("expected random bytes of the system for a token, got none: {reason}")]
    NoRandom {
        /// The system's error.
        reason: String,
    },
    /// Another server has the folder.
    #[error("`{}`: expected a folder that no other server uses, got one that is in use", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// A context's folder with another context in it.
    #[error("`{name}`: expected the context that was in `{}` when it was named, got another", folder.display())]
    OtherContext {
        /// The context's name.
        name: String,
        /// Its folder.
        folder: PathBuf,
    },
    /// A variable with no token in it.
    #[error("`FT_SERVE_TOKEN`: {reason}")]
    Token {
        /// What is wrong with it.
        reason: String,
    },
    /// Two things of one name.
    #[error("expected {what} of different names, got `{name}` twice")]
    Twice {
        /// What they are.
        what: &'static str,
        /// The name of both.
        name: String,
    },
    /// A thread or the runtime cannot be started.
    #[error("cannot start the server: {0}")]
    Start(std::io::Error),
    /// A context that cannot be opened, a folder that cannot be written.
    #[error(transparent)]
    Run(Box<RunError>),
    /// A thread of the server ended before the server did.
    #[error("the thread that {0} has ended")]
    Ended(&'static str),
}

impl From<RunError> for ServeError {
    fn from(error: RunError) -> Self {
        Self::Run(Box::new(error))
    }
}

impl Diagnosis for ServeError {
    fn fault(&self) -> Fault {
        match self {
            Self::Listen { .. }
            | Self::InUse { .. }
            | Self::Twice { .. }
            | Self::OtherContext { .. }
            | Self::Token { .. } => Fault::Input,
            Self::Run(error) => error.fault(),
            Self::NoRandom { .. } | Self::Start(_) | Self::Ended(_) => Fault::Host,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Listen { .. } => {
                Some("name another address and port with `--listen`; port 0 takes a free one".into())
            }
            Self::NoRandom { .. } => Some("give a token with `--token` or FT_SERVE_TOKEN".into()),
            Self::InUse { .. } => Some("name another folder with `--folder`".into()),
            Self::Twice { .. } => Some("give one of them another name: `NAME=DIR`".into()),
            Self::Run(error) => error.hint(),
            Self::OtherContext { .. } => Some("start the server again to serve it".into()),
            Self::Token { .. } | Self::Start(_) | Self::Ended(_) => None,
        }
    }
}

/// Whether an address is reached from this machine alone.
pub(super) fn is_own(address: SocketAddr) -> bool {
    address.ip().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_the_name_that_it_is_given_or_its_own() {
        let named = |text: &str| text.parse::<NamedFolder>().ok().map(|named| (named.name, named.folder));
        assert_eq!(named("moods=a/b=c"), Some(("moods".into(), "a/b=c".into())));
        assert_eq!(named("contexts/moods"), Some(("moods".into(), "contexts/moods".into())));
        assert_eq!(named("./contexts/moods/"), Some(("moods".into(), "./contexts/moods/".into())));
        for bad in ["", "/", "a b=c", "../x=y", ".hidden=x", "-O=x", "a/b=c/../d=", "runs/r1=x"] {
            assert_eq!(named(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_token_is_long_and_shown_nowhere() {
        for bad in ["", "short", "with spaces in it, long enough", "a\nb, and sixteen more"] {
            assert!(bad.parse::<Token>().is_err(), "{bad:?}");
        }
        let token: Token = "0123456789abcdef".parse().unwrap();
        assert!(token.is(b"0123456789abcdef") && !token.is(b"0123456789abcdeg") && !token.is(b"") && !token.is(b"0"));
        assert!(!format!("{token:?}").contains("0123"));
        let (one, two) = (Token::made().unwrap(), Token::made().unwrap());
        assert_ne!(one.reveal(), two.reveal());
        assert!(one.reveal().parse::<Token>().is_ok());
    }
}
