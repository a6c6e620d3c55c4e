//! Why a guest was not built.

use std::io;
use std::path::PathBuf;

/// Why a guest was not built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No compiler for guests, and no way to get one.
    #[error("no compiler for {target}{}", .tried.as_ref().map(|tried| format!(": {tried}")).unwrap_or_default())]
    NoCompiler {
        /// The target of all Rust guests, as compilers name it.
        target: &'static str,
        /// What was tried to get a compiler, and how it failed; `None` if nothing could be tried.
        tried: Option<String>,
    },
    /// A toolchain without its linker.
    #[error("the active toolchain has no linker at `{}`", linker.display())]
    NoLinker {
        /// The path at which the linker should be.
        linker: PathBuf,
    },
    /// A program that is not there.
    #[error("cannot start {words}: {source}")]
    Start {
        /// The command line, in backticks.
        words: String,
        /// The system's error.
        source: io::Error,
    },
    /// A program that reported a failure; what it printed has gone to the terminal.
    #[error("{words} ended with {status}")]
    Ended {
        /// The command line, in backticks.
        words: String,
        /// The exit status, as the system words it.
        status: String,
    },
    /// A program that answered something else than expected.
    #[error("{words}: expected {expected}, got another answer")]
    Answer {
        /// The command line, in backticks.
        words: String,
        /// What the answer should have been.
        expected: &'static str,
    },
    /// A file that the system refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    File {
        /// The operation, as in "cannot `action` ...".
        action: &'static str,
        /// The file that the operation was tried on.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A crate that makes no core module.
    #[error("`{package}`: expected a WebAssembly module, got none")]
    NoModule {
        /// The name of the package.
        package: String,
    },
    /// No componentize-py, and no way to get it.
    #[error("no componentize-py {version}: {why}")]
    NoComponentizer {
        /// The version that is needed.
        version: &'static str,
        /// Why there is no componentize-py, and what pip said.
        why: String,
    },
    /// A Python module that is no plugin.
    #[error("`{}`: expected a task or an optimizer, got neither", app.display())]
    NoExport {
        /// The file of the Python module.
        app: PathBuf,
    },
    /// A Python module that is two plugins.
    #[error("`{}`: expected a task or an optimizer, got both", app.display())]
    TwoExports {
        /// The file of the Python module.
        app: PathBuf,
    },
    /// A core module that does not fit its world.
    #[error("cannot make a component of `{package}`: {reason}")]
    NoComponent {
        /// The name of the package.
        package: String,
        /// The reason in the encoder's words.
        reason: String,
    },
    /// A Python module that componentize-py fails on.
    #[error("cannot make a component of `{}`: {reason}", app.display())]
    NotComponentized {
        /// The file of the Python module.
        app: PathBuf,
        /// The reason in componentize-py's words.
        reason: String,
    },
}

impl BuildError {
    /// What to do about the error; `None` if nothing is known to help.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoCompiler { target, .. } => Some(format!(
                "`rustup target add {target}` gets one; without rustup, install your distribution's standard library for that target"
            )),
            Self::NoLinker { .. } => Some("use a toolchain of rustup".into()),
            Self::Start { source, words } if source.kind() == io::ErrorKind::NotFound => {
                ["`cargo", "`rustc"].iter().any(|start| words.starts_with(start)).then(|| {
                    "install Rust (https://rustup.rs, or your distribution's `cargo` and `rustc`), or have it on the path"
                        .into()
                })
            }
            Self::NoModule { .. } => Some("set `crate-type = [\"cdylib\"]` in `[lib]` of the manifest".into()),
            Self::NoComponent { .. } => {
                Some("call `export_task!` or `export_optimizer!` of ft-plugin in the crate, once".into())
            }
            Self::NoComponentizer { version, .. } => Some(format!(
                "install Python 3.9 or later with pip (on Debian: `apt install python3 python3-pip`), or have \
                 `componentize-py` on the path: `pip install componentize-py=={version}`"
            )),
            Self::NoExport { .. } => Some(
                "end it with the line `Info, Dataset, Prompt = export_task(...)` or `Info, MetaOptimizer = export_optimizer(...)`"
                    .into(),
            ),
            _ => None,
        }
    }
}
