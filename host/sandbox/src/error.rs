//! What can go wrong with a plugin, and whose fault it is.

use std::fmt;

use crate::component::binary::NotAComponent;
use crate::component::contract::WrongWorld;
use crate::description::InvalidDescription;
use crate::limits::Limit;
use crate::rows::RowSourceError;
use crate::task::invalid_answer::InvalidAnswer;
use ft_engine::model::ModelError;

/// A failure of a plugin: which plugin, in which call, and what. All text in it is fit to be shown.
#[derive(Debug)]
pub struct PluginError(Box<Parts>);

#[derive(Debug)]
struct Parts {
    identity: Identity,
    call: Option<&'static str>,
    /// What the call was about, like "example `7`".
    about: Option<String>,
    failure: Failure,
}

/// Which plugin: its file, and its name and version once it has said them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The file as the host was given it.
    pub file: String,
    /// Name and version of the plugin's description.
    pub name_and_version: Option<(String, String)>,
    /// What messages call the definition that the plugin interprets; `None` for a plugin that has none.
    pub definition: Option<String>,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(definition) = &self.definition {
            write!(f, "{definition}: ")?;
        }
        match &self.name_and_version {
            Some((name, version)) => write!(f, "plugin {name} {version} ({})", self.file),
            None => write!(f, "plugin {}", self.file),
        }
    }
}

/// What went wrong with a plugin.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The file is not a component.
    #[error(transparent)]
    NotAComponent(NotAComponent),
    /// A component for something else, or for another version.
    #[error(transparent)]
    WrongWorld(WrongWorld),
    /// wasmtime takes the bytes for no valid component, or one that needs what this host has switched off, or there is
    /// so much to compile that it would take long.
    #[error("cannot be compiled: {reason}")]
    Compile {
        /// The reason, in wasmtime's words or this host's.
        reason: String,
    },
    /// The process that compiles plugins could not be had, or somebody killed it; the plugin is not to blame.
    #[error("the plugin compiler failed")]
    NoCompiler {
        /// The error of the system.
        source: std::io::Error,
    },
    /// The system had no memory, or no addresses, for an instance, its compilation or its thread; the plugin is not to blame.
    #[error("not enough memory: {reason}")]
    NoMemory {
        /// The error of the system.
        reason: String,
    },
    /// The user wanted to stop; the plugin is not to blame.
    #[error("interrupted")]
    Interrupted,
    /// Imports or exports have other types than the WIT package says.
    #[error("interface does not match the WIT package: {reason}")]
    Interface {
        /// The reason, in wasmtime's words or this host's.
        reason: String,
    },
    /// The description makes no sense.
    #[error(transparent)]
    Description(InvalidDescription),
    /// The plugin stopped by itself: a panic, a wild pointer, a stack too deep.
    #[error("trapped: {reason}{}{}", said(.message), within(.frames))]
    Trap {
        /// What happened, in wasmtime's words.
        reason: String,
        /// The last error message that the plugin logged in this call; guests made with the SDK log their panics.
        message: Option<String>,
        /// The functions it happened in, the innermost first.
        frames: Vec<String>,
    },
    /// The plugin reported an error in the orderly way.
    #[error("reported ({kind}): {message}")]
    Returned {
        /// The kind of error that the plugin names.
        kind: ErrorKind,
        /// The plugin's message, fit to be shown.
        message: String,
    },
    /// The plugin exceeded a limit.
    #[error(transparent)]
    LimitExceeded(Limit),
    /// A host function was called with arguments that do not fit together.
    #[error("invalid arguments to `{operation}`: {problem}")]
    InvalidArguments {
        /// Name of the host function.
        operation: &'static str,
        /// What does not fit, with the shapes.
        problem: String,
    },
    /// The device failed in a tensor operation.
    #[error("the device failed in `{operation}`")]
    Device {
        /// Name of the host function.
        operation: &'static str,
        /// The tensor library's error.
        #[source]
        source: candle_core::Error,
    },
    /// The plugin ended itself by WASI's `exit`, where it was to answer.
    #[error("exited with status {status} instead of returning{}", said(.message))]
    Exit {
        /// Status that the plugin exited with.
        status: u8,
        /// The last line that it wrote to standard error in this call, or logged as an error.
        message: Option<String>,
    },
    /// A function of WASI was called that would reach out of the sandbox; such functions are linked and refuse.
    #[error("called `{function}`: plugins have no access to the system")]
    SystemAccess {
        /// Name of the WASI function, with interface and version.
        function: String,
    },
    /// The rows could not be read; the plugin is not to blame.
    #[error("cannot read the rows of the table")]
    Rows(#[source] RowSourceError),
    /// The model failed at what an optimizer asked for; the plugin is not to blame.
    #[error("the model failed at what the optimizer asked for")]
    Model(#[source] ModelError),
    /// The answer is not what the package asks for.
    #[error(transparent)]
    Answer(InvalidAnswer),
    /// An earlier call trapped or ran over a limit, and what it left behind is undefined.
    #[error("cannot be called after it failed in `{earlier}`")]
    Dead {
        /// Name of the call that failed.
        earlier: &'static str,
    },
    /// A step was asked for before the optimizer was opened with its options.
    #[error("no session is open")]
    NotOpen,
}

fn said(message: &Option<String>) -> String {
    message.as_ref().map(|message| format!("; it said: {message}")).unwrap_or_default()
}

fn within(frames: &[String]) -> String {
    if frames.is_empty() { String::new() } else { format!(" [in {}]", frames.join(", called by ")) }
}

/// What kind of error a plugin reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// An option has a value that it cannot work with.
    InvalidOption,
    /// The data do not have the form that it expects.
    InvalidData,
    /// It does not do what was asked of it.
    Unsupported,
    /// An error of no other kind.
    Failed,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidOption => "invalid option",
            Self::InvalidData => "invalid data",
            Self::Unsupported => "unsupported",
            Self::Failed => "failed",
        })
    }
}

impl PluginError {
    pub(crate) fn new(identity: Identity, call: Option<&'static str>, failure: Failure) -> Self {
        Self(Box::new(Parts { identity, call, about: None, failure }))
    }

    /// The error with what the call was about, behind what it is known to be about already.
    pub(crate) fn about(mut self, what: String) -> Self {
        self.0.about = Some(match self.0.about.take() {
            Some(known) => format!("{known}, {what}"),
            None => what,
        });
        self
    }

    /// What the model failed with, if it was the model that failed.
    pub(crate) fn into_model_error(self) -> Result<ModelError, Self> {
        match *self.0 {
            Parts { failure: Failure::Model(error), .. } => Ok(error),
            parts => Err(Self(Box::new(parts))),
        }
    }

    /// The plugin that failed.
    pub fn plugin(&self) -> &Identity {
        &self.0.identity
    }

    /// The call in which it happened, like `prompt.render-query`; none while the plugin was read and compiled.
    pub fn call(&self) -> Option<&'static str> {
        self.0.call
    }

    /// What went wrong in the call, or while the plugin was loaded.
    pub fn failure(&self) -> &Failure {
        &self.0.failure
    }

    /// What a person may do next, where there is something to say.
    pub fn hint(&self) -> Option<String> {
        let file = &self.0.identity.file;
        Some(match &self.0.failure {
            Failure::NotAComponent(NotAComponent::CoreModule | NotAComponent::WebAssemblyText) => {
                "`ft-host plugin build DIR` makes a component of a plugin's folder; a module is made one by `wasm-tools component new`".to_owned()
            }
            Failure::NotAComponent(NotAComponent::Truncated { .. } | NotAComponent::Damaged { .. }) => {
                format!("build or download `{file}` again")
            }
            Failure::NotAComponent(_) => "name a plugin's `.wasm` file".to_owned(),
            Failure::WrongWorld(WrongWorld::OtherKind { found, .. }) => {
                format!("give it as `{} {file}`", found.flag())
            }
            Failure::WrongWorld(WrongWorld::Version { .. }) => {
                "build the plugin against this host's `wit/`, or take the host that it was made for".to_owned()
            }
            Failure::WrongWorld(_) | Failure::Interface { .. } => {
                "build the plugin against this host's `wit/`".to_owned()
            }
            Failure::LimitExceeded(limit) => format!("if you trust the plugin, raise the limit with `{}`", limit.flag()),
            Failure::Returned { kind: ErrorKind::InvalidOption, .. } => {
                "change the option that the message names, or leave it out".to_owned()
            }
            Failure::Returned { kind: ErrorKind::InvalidData, .. } => {
                "check that the data are those that the plugin is made for".to_owned()
            }
            Failure::Returned { .. }
            | Failure::Rows(_)
            | Failure::Model(_)
            | Failure::Device { .. }
            | Failure::NoCompiler { .. }
            | Failure::Interrupted
            | Failure::NotOpen => return None,
            Failure::NoMemory { .. } => {
                "an instance reserves addresses for the memory that it may grow to: raise the limit that this process is under (`ulimit \
                 -v`), or free some memory"
                    .to_owned()
            }
            Failure::Dead { .. } => "load the plugin again".to_owned(),
            Failure::Compile { .. }
            | Failure::Description(_)
            | Failure::Trap { .. }
            | Failure::InvalidArguments { .. }
            | Failure::Exit { .. }
            | Failure::SystemAccess { .. }
            | Failure::Answer(_) => "this is a bug in the plugin; please report it to its author".to_owned(),
        })
    }
}

impl fmt::Display for PluginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { identity, call, about, failure } = &*self.0;
        match call {
            Some(call) => write!(f, "{identity}, in `{call}`: {failure}")?,
            None => write!(f, "{identity}: {failure}")?,
        }
        match about {
            // A wrong answer names its example by itself.
            Some(about) if !matches!(failure, Failure::Answer(_)) => write!(f, " ({about})"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for PluginError {
    /// What the failure itself is due to; its own words are in this error's message already.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0.failure)
    }
}
