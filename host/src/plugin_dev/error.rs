//! Why a command for plugin authors did not do what it was to do.

use std::path::PathBuf;

use ft_guest_build::BuildError;

use crate::diagnosis::{Diagnosis, Fault};
use crate::run::RunError;
use ft_store::fs::error::FileError;

/// Why there is no new plugin, no component, or no answer about one.
#[derive(Debug, thiserror::Error)]
pub enum PluginDevError {
    /// A name that a plugin cannot have.
    #[error(
        "expected a plugin's name of 1 to 40 of the characters a-z, 0-9 and `-`, with a letter first, no `-` last, and other than the SDK's `ft-plugin`, got `{name}`"
    )]
    Name {
        /// The name that was asked for.
        name: String,
    },
    /// Something is where the new folder is to be.
    #[error("`{}`: expected the name of a new folder, got one that is there", folder.display())]
    Exists {
        /// The folder that is there already.
        folder: PathBuf,
    },
    /// A folder that is not there.
    #[error("`{}`: expected a folder with a plugin's sources, got none", folder.display())]
    NoFolder {
        /// The folder that was named.
        folder: PathBuf,
    },
    /// A folder without sources of a plugin.
    #[error("`{}`: expected a Cargo.toml or an app.py, got neither", folder.display())]
    NoSources {
        /// The folder that was named.
        folder: PathBuf,
    },
    /// A crate without a plugin in it.
    #[error("`{}`: expected a crate that becomes a WebAssembly module, got none", folder.display())]
    NoPlugin {
        /// The crate's folder.
        folder: PathBuf,
    },
    /// A Python plugin without the SDK beside it.
    #[error("`{}`: expected the folder of the SDK, got none", folder.display())]
    NoSdk {
        /// The folder that the plugin's sources expect the SDK in.
        folder: PathBuf,
    },
    /// The build failed.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A file of fixtures that cannot be read as one.
    #[error("`{}`: {message}", path.display())]
    Fixtures {
        /// The file of fixtures.
        path: PathBuf,
        /// What is wrong with it, with the line.
        message: String,
    },
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The plugin or its data are not what a run would take.
    #[error(transparent)]
    Run(Box<RunError>),
}

impl From<RunError> for PluginDevError {
    fn from(error: RunError) -> Self {
        Self::Run(Box::new(error))
    }
}

impl Diagnosis for PluginDevError {
    fn fault(&self) -> Fault {
        match self {
            Self::Run(error) => error.fault(),
            _ => Fault::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Exists { .. } => Some("choose another name, or another folder with `--dir`".into()),
            Self::NoFolder { .. } | Self::NoSources { .. } => {
                Some("`ft-host plugin new task NAME` makes such a folder".into())
            }
            Self::NoPlugin { .. } => Some("its manifest needs `[lib]` with `crate-type = [\"cdylib\"]`".into()),
            Self::NoSdk { .. } => {
                Some("`ft-host plugin new task NAME --lang python` makes a folder with it; copy its `vendor`".into())
            }
            Self::Build(error) => error.hint(),
            Self::Fixtures { .. } => Some("docs/plugin-guide.md has an example".into()),
            Self::File(error) => error.hint(),
            Self::Run(error) => error.hint(),
            Self::Name { .. } => None,
        }
    }
}
