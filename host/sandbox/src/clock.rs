//! When a call into a plugin has to be over.

use std::time::{Duration, Instant};

use crate::limits::Limit;
use crate::stop::Stop;
use crate::trap::HostTrap;

/// The time of one call. Guest code asks at every epoch, and every host function when it begins; those that can be long
/// ask in between.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    /// None if that lies beyond what the system's clock can say.
    pub(crate) deadline: Option<Instant>,
    /// The time that the call was given.
    pub(crate) limit: Duration,
    /// Ends the call before its time.
    pub(crate) stop: Stop,
}

impl Clock {
    /// Ends the call if its time is up or the user wants to stop.
    pub(crate) fn check(&self) -> Result<(), HostTrap> {
        if self.stop.is_asked() {
            return Err(HostTrap::Interrupted);
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(Limit::Time { limit: self.limit }.into()),
            _ => Ok(()),
        }
    }
}
