//! Panics on their way out.

use std::sync::Once;

/// Makes panics log their message and place before they trap; the host would see a bare `unreachable` otherwise.
pub(super) fn log_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(|panic| crate::log::error(panic.to_string().replace('\n', " ")))));
}
