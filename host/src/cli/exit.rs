//! Exit statuses and how failures are printed.

use std::process::ExitCode;

use crate::author::AuthorError;
use crate::run::{RunError, RunErrorKind};
use crate::ui::screen::{Page, Screen};
use crate::ui::style::Emphasis;
use ft_record::analysis::compare::CompareError;
use ft_record::analysis::run_report::ReportError;
use ft_store::fs::error::FileError;
use ft_store::hub::fetch;

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
        } else if let Some(error) = error.downcast_ref::<fetch::FetchError>() {
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

/// A failure, its causes and what to do next.
pub fn told(error: &anyhow::Error, screen: Screen) -> Page {
    let mut said = error.to_string();
    let mut page = screen.message("error:", Emphasis::Error, &said);
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Some errors repeat their cause in their own message.
        if !said.contains(&cause) {
            page += screen.message("  because:", Emphasis::Faint, &cause);
        }
        said = cause;
    }
    if let Some(hint) = hint(error) {
        page += screen.message("hint:", Emphasis::Strong, &hint);
    }
    page
}

/// What to do next, where the error knows.
fn hint(error: &anyhow::Error) -> Option<String> {
    let of_run = error.downcast_ref().and_then(RunError::hint);
    let of_author = || error.downcast_ref().and_then(AuthorError::hint);
    let of_model = || error.downcast_ref().and_then(fetch::FetchError::hint);
    let of_report = || error.downcast_ref().and_then(ReportError::hint);
    let of_comparison = || error.downcast_ref().and_then(CompareError::hint);
    let of_file = || error.downcast_ref().and_then(FileError::hint);
    of_run.or_else(of_author).or_else(of_model).or_else(of_report).or_else(of_comparison).or_else(of_file)
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;
    use ft_engine::model::ModelError;
    use ft_engine::text::is_harmless;
    use ft_record::files::lines::LineError;
    use ft_store::hub::error::{HubError, Wanted};
    use ft_store::hub_id::HubId;
    use ft_store::table::{RowError, RowProblem, Unit};

    const EVIL: &str = "a\u{1b}[2J\u{202e}b\u{2028}c\nhint: do this\r\nerror: d";

    /// An error with a stranger's text in it, from every layer that reads what strangers wrote.
    fn errors() -> Vec<anyhow::Error> {
        let text = || EVIL.to_owned();
        let row = RowError::Malformed {
            name: text(),
            unit: Unit::Line,
            number: 3,
            problem: RowProblem::DuplicateKey { key: text() },
        };
        let tensors = ModelError::UnusedTensors { file: text(), count: "1 tensor".into(), named: text() };
        let id = HubId::parse("owner/name").unwrap();
        let wanted = Box::new(Wanted { id, file: text(), endpoint: text() });
        let hub = HubError::Unreachable { wanted, reason: text() };
        let line = LineError { line: 7, source: EVIL.into() };
        vec![
            anyhow!("{EVIL}").context(EVIL),
            RunError::Rejected { place: text(), column: Some(text()), message: text(), takes_none: false }.into(),
            RunError::RunFile { path: EVIL.into(), message: text() }.into(),
            RunError::Changed { folder: EVIL.into(), changes: vec![text(), text()] }.into(),
            RunError::from(row).into(),
            RunError::from(tensors).into(),
            RunError::from(fetch::FetchError::Hub(hub)).into(),
            AuthorError::Fixtures { path: EVIL.into(), message: text() }.into(),
            ReportError::Line { name: EVIL.into(), file: "samples.jsonl", source: line }.into(),
            CompareError::OtherData { a: EVIL.into(), b: EVIL.into() }.into(),
            FileError::io("open", EVIL, std::io::Error::other(EVIL)).into(),
        ]
    }

    #[test]
    fn an_error_acts_on_no_terminal_and_speaks_for_nobody_else() {
        for error in errors() {
            for width in [None, Some(40)] {
                let page = told(&error, Screen { width, ..Screen::PLAIN });
                let shown = page.as_str();
                assert!(is_harmless(&shown.replace('\n', "")) && shown.starts_with("error:"), "{shown:?}");
                let own = shown.lines().filter(|line| line.starts_with("error:") || line.starts_with("hint:"));
                let hints = usize::from(hint(&error).is_some());
                assert_eq!(own.count(), 1 + hints, "{shown}");
                assert!(shown.contains("\\u{202e}"), "{shown}");
            }
        }
    }
}
