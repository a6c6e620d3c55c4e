//! Why a guest was not built.

use std::io;
use std::path::PathBuf;

use crate::TARGET;

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No compiler for guests, and no way to get one.
    #[error("no compiler for {TARGET}{}", .tried.as_ref().map(|tried| format!(": {tried}")).unwrap_or_default())]
    NoCompiler {
        /// What was tried to get one, and how it failed.
        tried: Option<String>,
    },
    /// A toolchain without its linker.
    #[error("the active toolchain has no linker at `{}`", linker.display())]
    NoLinker {
        /// Where it was looked for.
        linker: PathBuf,
    },
    /// A program that is not there.
    #[error("cannot start {words}: {source}")]
    Start {
        /// The call.
        words: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A program that reported a failure; what it printed has gone to the terminal.
    #[error("{words} ended with {status}")]
    Ended {
        /// The call.
        words: String,
        /// Its status.
        status: String,
    },
    /// A program that answered something else than expected.
    #[error("{words} answered with something else than {expected}")]
    Answer {
        /// The call.
        words: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A file that the system refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A crate that makes no core module.
    #[error("`{package}` makes no WebAssembly module")]
    NoModule {
        /// The package.
        package: String,
    },
    /// No componentize-py, and no way to get it.
    #[error("no componentize-py {}: {why}", crate::python::VERSION)]
    NoComponentizer {
        /// What is missing.
        why: String,
    },
    /// A Python module that is no plugin.
    #[error("`{}` exports neither a task nor an optimizer", app.display())]
    NoExport {
        /// The module.
        app: PathBuf,
    },
    /// A Python module that is two plugins.
    #[error("`{}` exports a task and an optimizer: a component is one of them", app.display())]
    TwoExports {
        /// The module.
        app: PathBuf,
    },
    /// A core module that does not fit the world that it names.
    #[error("`{package}` makes no component: {reason}")]
    NoComponent {
        /// The package.
        package: String,
        /// What the encoder said.
        reason: String,
    },
}

impl BuildError {
    /// What to do next, where something is known to help.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoCompiler { .. } => Some(format!(
                "`rustup target add {TARGET}` gets one; without rustup, install your distribution's standard library for that target"
            )),
            Self::NoLinker { .. } => Some("use a toolchain of rustup's".into()),
            Self::Start { source, words } if source.kind() == io::ErrorKind::NotFound => {
                ["`cargo", "`rustc"].iter().any(|start| words.starts_with(start)).then(|| {
                    "install Rust (https://rustup.rs, or your distribution's `cargo` and `rustc`), or have it on the path"
                        .into()
                })
            }
            Self::NoModule { .. } => Some("the manifest needs `[lib]` with `crate-type = [\"cdylib\"]`".into()),
            Self::NoComponent { package, .. } if !package.ends_with(crate::python::APP) => {
                Some("does the crate call `export_task!` or `export_optimizer!` of ft-plugin, once?".into())
            }
            Self::NoComponentizer { .. } => Some(format!(
                "install Python 3.9 or later with pip (on Debian: `apt install python3 python3-pip`), or have \
                 `componentize-py` on the path: `pip install componentize-py=={}`",
                crate::python::VERSION
            )),
            Self::NoExport { .. } => Some(
                "its last line is `Info, Dataset, Prompt = export_task(...)` or `Info, MetaOptimizer = export_optimizer(...)`"
                    .into(),
            ),
            _ => None,
        }
    }
}
