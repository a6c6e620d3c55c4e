//! Messages of plugins to the person who runs them.

use std::fmt;
use std::sync::Arc;

use super::bindings::log;
use super::host::HostState;
use super::limits::Limits;
use ft_engine::text::harmless_within;

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For the plugin's author.
    Debug,
    /// Worth knowing.
    Info,
    /// Something is odd, and the run goes on.
    Warn,
    /// Something is wrong.
    Error,
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        })
    }
}

/// One message, fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// The plugin's name, or its file before it has said its name.
    pub plugin: String,
    /// How much it matters.
    pub level: LogLevel,
    /// The message, on one line.
    pub message: String,
}

/// Where messages go. It is called while the plugin runs, and its time counts as the plugin's.
pub type LogSink = Arc<dyn Fn(LogRecord) + Send + Sync>;

/// The messages of one plugin.
pub(super) struct LogBook {
    sink: LogSink,
    plugin: String,
    left: usize,
    characters: usize,
    last_error: Option<String>,
}

impl LogBook {
    pub(super) fn new(plugin: String, limits: &Limits, sink: LogSink) -> Self {
        Self { sink, plugin, left: limits.log_messages, characters: limits.log_characters, last_error: None }
    }

    /// From now on messages name the plugin so.
    pub(super) fn rename(&mut self, plugin: &str) {
        plugin.clone_into(&mut self.plugin);
    }

    /// The last error message since this was asked before.
    pub(super) fn take_last_error(&mut self) -> Option<String> {
        self.last_error.take()
    }

    /// Sends a message on, if there is room for one more.
    pub(super) fn write(&mut self, level: LogLevel, message: &str) {
        if level < LogLevel::Error && self.left == 0 {
            return;
        }
        let message = harmless_within(message, self.characters);
        if level == LogLevel::Error {
            // Kept even in a flood: a guest's panic message comes this way.
            self.last_error = Some(message.clone());
        }
        match self.left {
            0 => {}
            1 => self.send(LogLevel::Warn, "further messages dropped".to_owned()),
            _ => self.send(level, message),
        }
        self.left = self.left.saturating_sub(1);
    }

    fn send(&self, level: LogLevel, message: String) {
        (self.sink)(LogRecord { plugin: self.plugin.clone(), level, message });
    }
}

impl log::Host for HostState {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        self.clock.check()?;
        let level = match level {
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Error => LogLevel::Error,
        };
        self.moved(message.len() as u64);
        self.log.write(level, &message);
        Ok(())
    }
}
