//! When a call into a plugin has to be over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::error::Budget;
use super::fault::Fault;

/// Whether the user wants the program to stop. Clones share one answer.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks for it; says whether it was asked before.
    pub fn ask(&self) -> bool {
        self.0.swap(true, Ordering::Relaxed)
    }

    /// The answer itself, for those that know nothing of plugins.
    pub fn flag(&self) -> &AtomicBool {
        &self.0
    }

    /// Whether it has been asked for.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The time of one call. Guest code asks at every epoch, and every host function when it begins; those that can be long
/// ask in between.
#[derive(Clone, Debug)]
pub struct Clock {
    /// None if that lies beyond what the system's clock can say.
    pub deadline: Option<Instant>,
    /// The time that the call was given.
    pub limit: Duration,
    /// Ends the call before its time.
    pub stop: Stop,
}

impl Clock {
    /// Ends the call if its time is up or the user wants to stop.
    pub fn check(&self) -> Result<(), Fault> {
        if self.stop.is_asked() {
            return Err(Fault::Interrupted);
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(Budget::Time { limit: self.limit }.into()),
            _ => Ok(()),
        }
    }
}
