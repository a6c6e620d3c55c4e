//! How a host function ends a plugin's call.

use crate::limits::Limit;
use ft_engine::model::ModelError;

/// What a host function raises to end the plugin's call; it travels through the guest's frames as a trap.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostTrap {
    /// A limit is exceeded.
    #[error(transparent)]
    LimitExceeded(Limit),
    /// Arguments that do not fit.
    #[error("`{operation}`: {problem}")]
    InvalidArguments { operation: &'static str, problem: String },
    /// A tensor operation failed on the device.
    #[error("`{operation}` failed")]
    Device {
        operation: &'static str,
        #[source]
        source: candle_core::Error,
    },
    /// A function that is linked and gives nothing.
    #[error("`{function}` is not available")]
    SystemAccess { function: String },
    /// The guest ended itself.
    #[error("`exit` with status {status}")]
    Exit { status: u8 },
    /// The user wants to stop.
    #[error("interrupted")]
    Interrupted,
    /// The model failed at a question of the guest.
    #[error("the model failed")]
    Model(#[source] ModelError),
    /// The row source failed; its error is kept in the host's state.
    #[error("cannot read the rows")]
    Rows,
}

impl From<Limit> for HostTrap {
    fn from(limit: Limit) -> Self {
        Self::LimitExceeded(limit)
    }
}
