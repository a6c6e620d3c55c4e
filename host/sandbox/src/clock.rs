//! When a call into a plugin has to be over.

use std::time::{Duration, Instant};

use crate::limits::Limit;
use crate::stop::Stop;
use crate::trap::HostTrap;

/// The time of one call, which stands still while the host works on a question of the guest. Guest code asks at every
/// epoch, and every host function when it begins; those that can be long ask in between.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    /// None if that lies beyond what the system's clock can say.
    pub(crate) deadline: Option<Instant>,
    /// The time that the call was given.
    pub(crate) limit: Duration,
    /// Ends the call before its time.
    pub(crate) stop: Stop,
    /// How long the host worked in this call on what it was asked, which is not the call's time.
    pub(crate) stood_still: Duration,
}

impl Clock {
    /// The time of calls that may take so long each.
    pub(crate) fn new(limit: Duration, stop: Stop) -> Self {
        Self { deadline: None, limit, stop, stood_still: Duration::ZERO }
    }

    /// Begins a call.
    pub(crate) fn start(&mut self, now: Instant) {
        self.deadline = now.checked_add(self.limit);
        self.stood_still = Duration::ZERO;
    }

    /// Leaves out a time in which the host worked on a question of the guest.
    pub(crate) fn stand_still(&mut self, time: Duration) {
        self.deadline = self.deadline.and_then(|deadline| deadline.checked_add(time));
        self.stood_still += time;
    }

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
