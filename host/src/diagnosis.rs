//! Whose fault an error is and what to do next, for every error that a command can end with. The command line makes the
//! exit status and the hint of it, and takes no error of which it is not said.

use crate::options::{PrintError, RunFileError};
use ft_engine::model::ModelError;
use ft_engine::tune::TuneError;
use ft_guest_build::BuildError;
use ft_record::analysis::AnalysisError;
use ft_record::analysis::compare::CompareError;
use ft_record::analysis::group_report::GroupReportError;
use ft_record::analysis::run_report::ReportError;
use ft_sandbox::options::OptionError;
use ft_sandbox::{EngineError, ErrorKind, Failure, PluginError};
use ft_store::datasets::error::DataError;
use ft_store::fs::error::FileError;
use ft_store::hub::error::HubError;
use ft_store::hub::fetch::FetchError;
use ft_store::table::RowError;

/// Where the cause of an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The user's input is wrong.
    Input,
    /// A plugin failed or exceeded a limit.
    Plugin,
    /// The host or the system failed.
    Host,
    /// Nowhere: the user wanted to stop.
    Interrupted,
}

/// An error that a command can end with.
pub trait Diagnosis: std::error::Error + Send + Sync + 'static {
    /// Where the cause is.
    fn fault(&self) -> Fault;

    /// What to do next; `None` if nothing is known to help.
    fn hint(&self) -> Option<String>;
}

/// The hint for single bad rows.
pub(crate) const SKIP_BAD_ROWS: &str = "`--skip-bad-rows` leaves such rows out and counts them";

impl Diagnosis for PluginError {
    /// A file that is no plugin of the right kind is the user's choice; what happens once it runs is the plugin's.
    fn fault(&self) -> Fault {
        match self.failure() {
            Failure::NotAComponent(_)
            | Failure::WrongWorld(_)
            | Failure::Compile { .. }
            | Failure::Interface { .. } => Fault::Input,
            Failure::Rows(_) => Fault::Input,
            // The orderly way to say that what it was given is wrong.
            Failure::Returned { kind: ErrorKind::InvalidOption | ErrorKind::InvalidData, .. } => Fault::Input,
            Failure::NoCompiler { .. } | Failure::NoMemory { .. } | Failure::Model(_) => Fault::Host,
            Failure::Interrupted => Fault::Interrupted,
            _ => Fault::Plugin,
        }
    }

    fn hint(&self) -> Option<String> {
        match self.failure() {
            Failure::Rows(source) => {
                source.downcast_ref::<RowError>().map_or(Some(SKIP_BAD_ROWS.into()), Diagnosis::hint)
            }
            _ => self.hint(),
        }
    }
}

impl Diagnosis for OptionError {
    fn fault(&self) -> Fault {
        Fault::Input
    }

    fn hint(&self) -> Option<String> {
        Some(self.hint())
    }
}

impl Diagnosis for EngineError {
    fn fault(&self) -> Fault {
        Fault::Host
    }

    fn hint(&self) -> Option<String> {
        None
    }
}

impl Diagnosis for ModelError {
    fn fault(&self) -> Fault {
        match self {
            Self::Candle(_) => Fault::Host,
            _ => Fault::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        self.hint().map(str::to_owned)
    }
}

impl Diagnosis for TuneError {
    fn fault(&self) -> Fault {
        match self {
            Self::Model(error) => error.fault(),
            // A value of an option that only the model's layers or positions show to be wrong.
            Self::Optimizer { source, .. } => {
                source.downcast_ref::<PluginError>().map_or(Fault::Plugin, Diagnosis::fault)
            }
            _ => Fault::Plugin,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Model(error) => Diagnosis::hint(error),
            // Not `Diagnosis::hint`: an optimizer is given no rows.
            Self::Optimizer { source, .. } => source.downcast_ref::<PluginError>().and_then(PluginError::hint),
            _ => None,
        }
    }
}

impl Diagnosis for FetchError {
    /// A source that does not answer is not the user's fault.
    fn fault(&self) -> Fault {
        match self {
            Self::NoSource { .. } => Fault::Host,
            Self::Hub(error) => match error {
                HubError::Offline { .. }
                | HubError::OpenTokenizer { .. }
                | HubError::Adapter { .. }
                | HubError::Gated { .. }
                | HubError::Refused { .. }
                | HubError::NoRepository { .. }
                | HubError::NoRevision { .. }
                | HubError::NoFile { .. }
                | HubError::OnlyGguf { .. }
                | HubError::NoWeights { .. } => Fault::Input,
                _ => Fault::Host,
            },
            _ => Fault::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        self.hint()
    }
}

impl Diagnosis for DataError {
    fn fault(&self) -> Fault {
        Fault::Input
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Row(error) => Diagnosis::hint(error),
            _ => self.hint(),
        }
    }
}

impl Diagnosis for RowError {
    fn fault(&self) -> Fault {
        Fault::Input
    }

    fn hint(&self) -> Option<String> {
        match (self.hint(), self.can_be_skipped()) {
            (Some(hint), true) => Some(format!("{hint}; {SKIP_BAD_ROWS}")),
            (None, true) => Some(SKIP_BAD_ROWS.into()),
            (hint, false) => hint,
        }
    }
}

impl Diagnosis for RunFileError {
    fn fault(&self) -> Fault {
        Fault::Input
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::Malformed { .. } => None,
        }
    }
}

/// Errors about files, folders and sources that the user named.
macro_rules! of_input {
    ($($error:ty),*) => {$(
        impl Diagnosis for $error {
            fn fault(&self) -> Fault {
                Fault::Input
            }

            fn hint(&self) -> Option<String> {
                self.hint()
            }
        }
    )*};
}

of_input!(BuildError, CompareError, FileError, GroupReportError, ReportError);

/// Errors of this program and of the system, for which no user can do anything.
macro_rules! of_host {
    ($($error:ty),*) => {$(
        impl Diagnosis for $error {
            fn fault(&self) -> Fault {
                Fault::Host
            }

            fn hint(&self) -> Option<String> {
                None
            }
        }
    )*};
}

of_host!(AnalysisError, PrintError, ctrlc::Error, serde_json::Error, std::io::Error, std::string::FromUtf8Error);
