//! Exit statuses and how failures are printed.

use std::process::ExitCode;

use crate::author::AuthorError;
use crate::report::compare::CompareError;
use crate::report::run_report::ReportError;
use crate::run::{RunError, RunErrorKind};
use crate::store::fetch;
use crate::store::file::FileError;
use crate::ui::screen::{Screen, emphasised};
use crate::ui::text::harmless;

use super::terminal::say_as_it_is;

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// Everything was done.
    Done,
    /// It was done, and a check did not hold.
    Failed,
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
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Input => 2,
            Self::Plugin => 3,
            Self::Host => 4,
            Self::Interrupted => 130,
        }
    }

    /// The status for a failure.
    pub fn of(error: &anyhow::Error) -> Self {
        let kind = if let Some(error) = error.downcast_ref::<RunError>() {
            error.kind()
        } else if let Some(error) = error.downcast_ref::<AuthorError>() {
            match error {
                AuthorError::Run(error) => error.kind(),
                _ => RunErrorKind::Input,
            }
        } else if let Some(error) = error.downcast_ref::<fetch::ModelError>() {
            RunErrorKind::of_fetch(error)
        } else if error.is::<ReportError>() || error.is::<CompareError>() || error.is::<FileError>() {
            // Folders and files that the user named.
            RunErrorKind::Input
        } else {
            RunErrorKind::Host
        };
        match kind {
            RunErrorKind::Input => Self::Input,
            RunErrorKind::Plugin => Self::Plugin,
            RunErrorKind::Host => Self::Host,
            RunErrorKind::Interrupted => Self::Interrupted,
        }
    }
}

/// Prints a failure, its causes and what to do next.
pub fn print_error(error: &anyhow::Error, screen: Screen) {
    let style = screen.style;
    let say = |word: &str, styled: String, text: &str| {
        say_as_it_is(&emphasised(screen.prose(&format!("{word}{text}")), word, &styled));
    };
    let mut said = error.to_string();
    say("error:", style.error("error:"), &format!(" {}", shown(&said)));
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Some errors repeat their cause in their own message.
        if !said.contains(&cause) {
            say("  because:", format!("  {}", style.faint("because:")), &format!(" {}", shown(&cause)));
        }
        said = cause;
    }
    if let Some(hint) = hint(error) {
        say("hint:", style.strong("hint:"), &format!(" {}", shown(&hint)));
    }
}

/// What to do next, where the error knows.
fn hint(error: &anyhow::Error) -> Option<String> {
    let of_run = error.downcast_ref().and_then(RunError::hint);
    let of_author = || error.downcast_ref().and_then(AuthorError::hint);
    let of_model = || error.downcast_ref().and_then(fetch::ModelError::hint);
    let of_report = || error.downcast_ref().and_then(ReportError::hint);
    let of_comparison = || error.downcast_ref().and_then(CompareError::hint);
    let of_file = || error.downcast_ref().and_then(FileError::hint);
    of_run.or_else(of_author).or_else(of_model).or_else(of_report).or_else(of_comparison).or_else(of_file)
}

/// A message with its line breaks, and with nothing in it that acts on a terminal: model files and folders have names
/// that somebody else chose.
fn shown(message: &str) -> String {
    message.lines().map(harmless).collect::<Vec<_>>().join("\n")
}
