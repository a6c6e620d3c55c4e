//! Messages to the person who runs the plugin. The host bounds their number and length.
//! In a plugin's native tests they go to standard error.

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For the plugin's author.
    Debug,
    /// Worth knowing.
    Info,
    /// Something is odd, and the run goes on.
    Warn,
    /// Something is wrong.
    Error,
}

/// Writes one message.
pub fn write(level: Level, message: &str) {
    #[cfg(target_arch = "wasm32")]
    crate::component::log(level, message);
    #[cfg(not(target_arch = "wasm32"))]
    eprintln!("{level:?}: {message}");
}

/// Says what the plugin is about to do, like the row and the template that it renders: if a trap or a limit ends the call
/// meanwhile, the host's error says it. Of several the last one counts.
pub fn work_on(what: &str) {
    #[cfg(target_arch = "wasm32")]
    crate::component::work_on(what);
    #[cfg(not(target_arch = "wasm32"))]
    let _ = what;
}

/// For the plugin's author.
pub fn debug(message: impl AsRef<str>) {
    write(Level::Debug, message.as_ref());
}

/// Worth knowing.
pub fn info(message: impl AsRef<str>) {
    write(Level::Info, message.as_ref());
}

/// Something is odd, and the run goes on.
pub fn warn(message: impl AsRef<str>) {
    write(Level::Warn, message.as_ref());
}

/// Something is wrong. Logging ends nothing: return an [`Error`](crate::Error) for that.
pub fn error(message: impl AsRef<str>) {
    write(Level::Error, message.as_ref());
}
