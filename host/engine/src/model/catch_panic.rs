//! Catches the panics of libraries that give up over an untrusted file instead of returning an error.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Calls `work`. What it worked on is not to be used after a panic.
///
/// # Errors
/// The message of a panic in it, which is printed nowhere.
pub fn catch_panic<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                before(panic);
            }
        }));
    });
    let before = QUIET.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    QUIET.set(before);
    done.map_err(|panic| match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => panic.downcast_ref::<&str>().copied().unwrap_or("no reason is given").to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message() {
        assert_eq!(catch_panic(|| 3), Ok(3));
        assert_eq!(catch_panic(|| -> u8 { panic!("a plain one") }), Err("a plain one".to_owned()));
        let number = 7;
        assert_eq!(catch_panic(|| -> u8 { panic!("number {number}") }), Err("number 7".to_owned()));
        assert_eq!(catch_panic(|| -> u8 { std::panic::panic_any(7) }), Err("no reason is given".to_owned()));
    }
}
