//! Exit statuses and how failures are printed.

use std::process::ExitCode;

use crate::run::{RunError, RunErrorKind};
use crate::store::fetch;
use crate::ui::style::Style;
use crate::ui::text::harmless;

use super::terminal::say;

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// Everything was done.
    Done,
    /// The user's input is wrong.
    Input,
    /// A plugin failed or ran over a limit.
    Plugin,
    /// The host failed.
    Host,
    /// The user interrupted it.
    Interrupted,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        ExitCode::from(status.code())
    }
}

impl ExitStatus {
    /// The number that the shell sees. 1 is left for checks that a run did not pass.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Input => 2,
            Self::Plugin => 3,
            Self::Host => 4,
            Self::Interrupted => 130,
        }
    }

    /// The status for a failure.
    pub fn of(error: &anyhow::Error) -> Self {
        let kind = match (error.downcast_ref::<RunError>(), error.downcast_ref::<fetch::ModelError>()) {
            (Some(error), _) => error.kind(),
            (_, Some(error)) => RunErrorKind::of_fetch(error),
            _ => RunErrorKind::Host,
        };
        match kind {
            RunErrorKind::Input => Self::Input,
            RunErrorKind::Plugin => Self::Plugin,
            RunErrorKind::Host => Self::Host,
        }
    }
}

/// Prints a failure, its causes and what to do next.
pub fn print_error(error: &anyhow::Error, style: Style) {
    let mut said = error.to_string();
    say(&format!("{} {}", style.error("error:"), shown(&said)));
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Some errors repeat their cause in their own message.
        if !said.contains(&cause) {
            say(&format!("  {} {}", style.faint("because:"), shown(&cause)));
        }
        said = cause;
    }
    let hint = match (error.downcast_ref::<RunError>(), error.downcast_ref::<fetch::ModelError>()) {
        (Some(error), _) => error.hint(),
        (_, Some(error)) => error.hint(),
        _ => None,
    };
    if let Some(hint) = hint {
        say(&format!("{} {}", style.strong("hint:"), shown(&hint)));
    }
}

/// A message with its line breaks, and with nothing in it that acts on a terminal: model files and folders have names
/// that somebody else chose.
fn shown(message: &str) -> String {
    message.lines().map(harmless).collect::<Vec<_>>().join("\n")
}
