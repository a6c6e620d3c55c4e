//! Messages of plugins to the person who runs them.

use std::fmt;
use std::sync::Arc;

use crate::limits::Limits;
use ft_engine::text::harmless_within;

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// A message for the plugin's author.
    Debug,
    /// A message worth knowing.
    Info,
    /// Something is odd, and the run goes on.
    Warn,
    /// Something went wrong.
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
    /// How much the message matters.
    pub level: LogLevel,
    /// The message, on one line.
    pub message: String,
}

/// Where messages go. It is called while the plugin runs, and its time counts as the plugin's.
pub type LogSink = Arc<dyn Fn(LogRecord) + Send + Sync>;

/// The messages of one plugin.
pub(crate) struct LogBook {
    sink: LogSink,
    plugin: String,
    left: usize,
    characters: usize,
    last_error: Option<String>,
}

impl LogBook {
    pub(crate) fn new(plugin: String, limits: &Limits, sink: LogSink) -> Self {
        Self { sink, plugin, left: limits.log_messages, characters: limits.log_characters, last_error: None }
    }

    /// From now on messages name the plugin so.
    pub(crate) fn rename(&mut self, plugin: &str) {
        plugin.clone_into(&mut self.plugin);
    }

    /// The last error message since this was asked before.
    pub(crate) fn take_last_error(&mut self) -> Option<String> {
        self.last_error.take()
    }

    /// Sends a message on, if there is room for one more.
    pub(crate) fn write(&mut self, level: LogLevel, message: &str) {
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
