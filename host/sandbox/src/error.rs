//! What can go wrong with a plugin, and whose fault it is.

use std::fmt;
use std::time::Duration;

use super::answer::BadAnswer;
use super::binary::NotAComponent;
use super::contract::WrongWorld;
use super::description::BadDescription;
use super::table::RowSourceError;
use ft_engine::text::bytes;

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
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name_and_version {
            Some((name, version)) => write!(f, "plugin {name} {version} ({})", self.file),
            None => write!(f, "plugin {}", self.file),
        }
    }
}

/// What went wrong.
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
    #[error("it cannot be compiled: {reason}")]
    Compile {
        /// What wasmtime said.
        reason: String,
    },
    /// The process that compiles plugins could not be had, or somebody killed it; the plugin is not to blame.
    #[error("the compiler of plugins failed")]
    NoCompiler {
        /// The system's reason.
        source: std::io::Error,
    },
    /// The system had no memory, or no addresses, for an instance; the plugin is not to blame.
    #[error("the system has no memory for it: {reason}")]
    NoMemory {
        /// The system's reason.
        reason: String,
    },
    /// The user wanted to stop; the plugin is not to blame.
    #[error("interrupted")]
    Interrupted,
    /// Imports or exports have other types than the WIT package says.
    #[error("its interface is not that of the package: {reason}")]
    Interface {
        /// What wasmtime said.
        reason: String,
    },
    /// The description makes no sense.
    #[error(transparent)]
    Description(BadDescription),
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
        /// What kind of error it says it is.
        kind: ErrorKind,
        /// Its message.
        message: String,
    },
    /// The plugin used up what it may use.
    #[error(transparent)]
    Spent(Budget),
    /// A host function was called with arguments that do not fit together.
    #[error("called `{operation}` wrongly: {problem}")]
    Misuse {
        /// The host function.
        operation: &'static str,
        /// What does not fit, with the shapes.
        problem: String,
    },
    /// The device failed in a tensor operation.
    #[error("the device failed in `{operation}`")]
    Device {
        /// The host function.
        operation: &'static str,
        /// What candle said.
        #[source]
        source: candle_core::Error,
    },
    /// The plugin ended itself by WASI's `exit`, where it was to answer.
    #[error("ended itself with exit status {status}, and did not answer{}", said(.message))]
    Exit {
        /// The exit status.
        status: u8,
        /// The last line that it wrote to standard error in this call, or logged as an error.
        message: Option<String>,
    },
    /// A function of WASI was called that would reach out of the sandbox; such functions are linked and refuse.
    #[error("called `{function}`, and plugins have no access to the system")]
    System {
        /// The function's name.
        function: String,
    },
    /// The rows could not be read; the plugin is not to blame.
    #[error("the rows of the table could not be read")]
    Rows(#[source] RowSourceError),
    /// The answer is not what the package asks for.
    #[error(transparent)]
    Answer(BadAnswer),
    /// An earlier call trapped or ran over a limit, and what it left behind is undefined.
    #[error("not called: it failed in `{earlier}` before, and cannot be used again")]
    Dead {
        /// The call that failed.
        earlier: &'static str,
    },
    /// A step was asked for before the rule was opened with its options.
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
    /// Anything else.
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

/// The budget that a plugin used up, with its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Budget {
    /// Instructions.
    #[error("used up its fuel: more than {limit} units in one call")]
    Fuel {
        /// Units for each call.
        limit: u64,
    },
    /// Wall clock.
    #[error("used up its time: more than {limit:?} in one call")]
    Time {
        /// Time for each call.
        limit: Duration,
    },
    /// Wall clock of the compiler.
    #[error("takes too long to compile: more than {limit:?}")]
    CompileTime {
        /// Time for the whole component.
        limit: Duration,
    },
    /// Memory of the compiler.
    #[error("takes too much memory to compile: more than {}", bytes(*.limit))]
    CompileMemory {
        /// Bytes of address space for the compiler.
        limit: u64,
    },
    /// Linear memory.
    #[error("used up its memory: asked for {}, and {} are allowed", bytes(*.asked), bytes(*.limit))]
    Memory {
        /// Bytes for all memories.
        limit: u64,
        /// Bytes that there would have been.
        asked: u64,
    },
    /// Table elements.
    #[error("used up its tables: asked for {asked} elements, and {limit} are allowed")]
    TableElements {
        /// Elements for all tables.
        limit: usize,
        /// Elements that there would have been.
        asked: usize,
    },
    /// Handles to resources.
    #[error("used up its handles: more than {limit} at once")]
    Handles {
        /// Handles at once.
        limit: usize,
    },
    /// Core instances, tables, memories.
    #[error("is made of too many parts: more than {limit} instances, tables or memories")]
    Instances {
        /// So many of each.
        limit: usize,
    },
    /// Bytes across the boundary.
    #[error("moved too much at once: more than {} in one host call", bytes(*.limit))]
    CallBytes {
        /// Bytes for each host call.
        limit: u64,
    },
    /// Tensors on the device.
    #[error("used up its tensors: {} are in use, {} more were asked for, and {} are allowed", bytes(*.live), bytes(*.asked), bytes(*.limit))]
    TensorBytes {
        /// Bytes for all tensors.
        limit: u64,
        /// Bytes in use.
        live: u64,
        /// Bytes that were to come on top.
        asked: u64,
    },
}

impl Budget {
    /// The flag that raises this budget.
    pub fn flag(&self) -> &'static str {
        match self {
            Self::Fuel { .. } => "--plugin-fuel",
            Self::Time { .. } => "--plugin-time",
            Self::CompileTime { .. } => "--plugin-compile-time",
            Self::CompileMemory { .. } => "--plugin-compile-memory",
            Self::Memory { .. } => "--plugin-memory",
            Self::TableElements { .. } | Self::Handles { .. } | Self::Instances { .. } => "--plugin-tables",
            Self::CallBytes { .. } => "--plugin-call-bytes",
            Self::TensorBytes { .. } => "--plugin-tensor-bytes",
        }
    }
}

impl PluginError {
    pub(super) fn new(identity: Identity, call: Option<&'static str>, failure: Failure) -> Self {
        Self(Box::new(Parts { identity, call, about: None, failure }))
    }

    /// The error with what the call was about.
    pub(super) fn about(mut self, what: String) -> Self {
        self.0.about = Some(what);
        self
    }

    /// Which plugin it was.
    pub fn plugin(&self) -> &Identity {
        &self.0.identity
    }

    /// The call in which it happened, like `prompt.render-query`; none while the plugin was read and compiled.
    pub fn call(&self) -> Option<&'static str> {
        self.0.call
    }

    /// What went wrong.
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
            Failure::Spent(budget) => format!("if you trust the plugin, raise the limit with `{}`", budget.flag()),
            Failure::Returned { kind: ErrorKind::InvalidOption, .. } => {
                "change the option that the message names, or leave it out".to_owned()
            }
            Failure::Returned { kind: ErrorKind::InvalidData, .. } => {
                "check that the data are those that the plugin is made for".to_owned()
            }
            Failure::Returned { .. }
            | Failure::Rows(_)
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
            | Failure::Misuse { .. }
            | Failure::Exit { .. }
            | Failure::System { .. }
            | Failure::Answer(_) => "this is a fault of the plugin, for its author to mend".to_owned(),
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
