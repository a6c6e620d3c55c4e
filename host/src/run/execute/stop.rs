//! Whether the user wants a run to end.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::run::error::RunError;

/// The user's wish to stop. It is looked at before every step, every question of an optimizer and every batch, so that a run
/// ends between two of them.
#[derive(Clone, Copy)]
pub(super) struct StopFlag<'a>(pub &'a AtomicBool);

impl StopFlag<'_> {
    /// Goes on, unless the user wants the run to end.
    ///
    /// # Errors
    /// [`RunError::Interrupted`].
    pub fn check(self) -> Result<(), RunError> {
        if self.0.load(Ordering::Relaxed) { Err(RunError::Interrupted) } else { Ok(()) }
    }
}
