//! Ctrl-C: a run ends at the next batch and keeps what it has; anything else, and a second Ctrl-C, ends at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::exit::ExitStatus;
use super::terminal::say;

/// What the handler and the run share.
#[derive(Clone, Default)]
pub struct Interrupt {
    stop: Arc<AtomicBool>,
    gentle: Arc<AtomicBool>,
}

impl Interrupt {
    /// Installs the handler. Until [`Self::gently`], an interrupt ends the program at once.
    pub fn install() -> anyhow::Result<Self> {
        let interrupt = Self::default();
        let shared = interrupt.clone();
        ctrlc::set_handler(move || {
            if !shared.gentle.load(Ordering::Relaxed) || shared.stop.swap(true, Ordering::Relaxed) {
                std::process::exit(ExitStatus::Interrupted.code().into());
            }
            say("\nstopping after this batch; once more to stop at once");
        })?;
        Ok(interrupt)
    }

    /// From here on an interrupt asks the run to stop.
    pub fn gently(&self) -> &AtomicBool {
        self.gentle.store(true, Ordering::Relaxed);
        &self.stop
    }
}
