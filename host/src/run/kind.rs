//! Whose fault it is that there is no run, or no whole one.

use super::error::RunError;
use super::plan::usable::Unusable;
use ft_engine::model::ModelError;
use ft_engine::tune::TuneError;
use ft_record::files::samples::SampleError;
use ft_sandbox::{ErrorKind, Failure, PluginError};
use ft_store::hub::error::HubError;
use ft_store::hub::fetch;

/// Whose fault a failure is; the command line makes an exit status of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunErrorKind {
    /// The user's input is wrong.
    Input,
    /// A plugin failed or ran over a limit.
    Plugin,
    /// The host failed.
    Host,
    /// Nobody's: the user wanted to stop.
    Interrupted,
}

impl RunErrorKind {
    /// Whose fault it is that a model could not be had: a source that does not answer is not the user's.
    pub fn of_fetch(error: &fetch::FetchError) -> Self {
        match error {
            fetch::FetchError::NoSource { .. } => Self::Host,
            fetch::FetchError::Hub(error) => match error {
                HubError::Offline { .. }
                | HubError::OpenTokenizer { .. }
                | HubError::Adapter { .. }
                | HubError::Gated { .. }
                | HubError::Refused { .. }
                | HubError::NoRepository { .. }
                | HubError::NoRevision { .. }
                | HubError::NoFile { .. }
                | HubError::OnlyGguf { .. }
                | HubError::NoWeights { .. } => Self::Input,
                _ => Self::Host,
            },
            _ => Self::Input,
        }
    }
}

impl RunError {
    /// Whose fault it is.
    pub fn kind(&self) -> RunErrorKind {
        match self {
            Self::Plugin(error) => plugin_kind(error),
            Self::Tune(TuneError::Model(error)) | Self::Model(error) => match error {
                ModelError::Candle(_) => RunErrorKind::Host,
                _ => RunErrorKind::Input,
            },
            // A value of an option that only the model's layers or positions show to be wrong.
            Self::Tune(TuneError::Optimizer { source, .. }) => {
                source.downcast_ref().map_or(RunErrorKind::Plugin, plugin_kind)
            }
            Self::Tune(_) | Self::BadUpdate { .. } => RunErrorKind::Plugin,
            Self::Unusable { reason, .. } => match &**reason {
                Unusable::Prompt(error) => plugin_kind(error),
                _ => RunErrorKind::Input,
            },
            // Scores of the first steps are finite, or it is told as the model's failure: later ones are of the rule's making.
            Self::Sample { source: SampleError::NotFinite { .. }, .. } => RunErrorKind::Plugin,
            Self::Engine(_) | Self::Sample { .. } => RunErrorKind::Host,
            Self::Interrupted => RunErrorKind::Interrupted,
            Self::Fetch(error) => RunErrorKind::of_fetch(error),
            _ => RunErrorKind::Input,
        }
    }
}

/// A file that is no plugin of the right kind is the user's choice; what happens once it runs is the plugin's.
fn plugin_kind(error: &PluginError) -> RunErrorKind {
    match error.failure() {
        Failure::NotAComponent(_) | Failure::WrongWorld(_) | Failure::Compile { .. } | Failure::Interface { .. } => {
            RunErrorKind::Input
        }
        Failure::Rows(_) => RunErrorKind::Input,
        // The orderly way to say that what it was given is wrong.
        Failure::Returned { kind: ErrorKind::InvalidOption | ErrorKind::InvalidData, .. } => RunErrorKind::Input,
        Failure::NoCompiler { .. } | Failure::NoMemory { .. } => RunErrorKind::Host,
        Failure::Interrupted => RunErrorKind::Interrupted,
        _ => RunErrorKind::Plugin,
    }
}
