//! Exit statuses and how failures are printed.

use std::process::ExitCode;

use crate::diagnosis::{Diagnosis, Fault};
use crate::ui::screen::{Page, Screen};
use crate::ui::style::Emphasis;

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

    /// The status for an error by whose fault it is.
    fn of(fault: Fault) -> Self {
        match fault {
            Fault::Input => Self::Input,
            Fault::Plugin => Self::Plugin,
            Fault::Host => Self::Host,
            Fault::Interrupted => Self::Interrupted,
        }
    }
}

/// Why a command did not do what it was to do. It is made of errors alone of which a [`Diagnosis`] says whose fault they
/// are.
#[derive(Debug)]
pub struct CommandError(Box<dyn Diagnosis>);

impl<E: Diagnosis> From<E> for CommandError {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl CommandError {
    /// How the program ends.
    pub fn status(&self) -> ExitStatus {
        ExitStatus::of(self.0.fault())
    }

    /// The error, its causes and what to do next.
    pub fn page(&self, screen: Screen) -> Page {
        let mut said = self.0.to_string();
        let mut page = screen.message("error:", Emphasis::Error, &said);
        let causes = std::iter::successors(self.0.source(), |cause| cause.source());
        for cause in causes.map(ToString::to_string) {
            // Some errors repeat their cause in their own message.
            if !said.contains(&cause) {
                page += screen.message("  because:", Emphasis::Faint, &cause);
            }
            said = cause;
        }
        if let Some(hint) = self.0.hint() {
            page += screen.message("hint:", Emphasis::Strong, &hint);
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::RunFileError;
    use crate::plugin_dev::PluginDevError;
    use crate::run::{FolderError, RunError, SplitError};
    use crate::task_dev::new::NewTaskError;
    use ft_engine::model::ModelError;
    use ft_engine::text::is_harmless;
    use ft_record::analysis::compare::CompareError;
    use ft_record::analysis::run_report::ReportError;
    use ft_record::files::lines::LineError;
    use ft_store::fs::error::FileError;
    use ft_store::hub::error::{HubError, Wanted};
    use ft_store::hub::fetch::FetchError;
    use ft_store::hub_id::HubId;
    use ft_store::table::{RowError, RowProblem, Unit};

    const EVIL: &str = "a\u{1b}[2J\u{202e}b\u{2028}c\nhint: do this\r\nerror: d";

    /// An error with a stranger's text in it, from every layer that reads what strangers wrote.
    fn errors() -> Vec<CommandError> {
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
            std::io::Error::other(EVIL).into(),
            RunError::from(SplitError::Rejected {
                place: text(),
                column: Some(text()),
                message: text(),
                takes_none: false,
            })
            .into(),
            RunFileError::Malformed { path: EVIL.into(), message: text() }.into(),
            FolderError::Changed { folder: EVIL.into(), changes: vec![text(), text()] }.into(),
            RunError::from(row).into(),
            RunError::from(tensors).into(),
            RunError::from(FetchError::Hub(hub)).into(),
            PluginDevError::Fixtures { path: EVIL.into(), message: text() }.into(),
            NewTaskError::Spellings { column: text(), first: text(), second: text(), labels: vec![text()] }.into(),
            ReportError::Line { name: EVIL.into(), file: "samples.jsonl", source: line }.into(),
            CompareError::OtherData { a: EVIL.into(), b: EVIL.into() }.into(),
            FileError::io("open", EVIL, std::io::Error::other(EVIL)).into(),
        ]
    }

    #[test]
    fn an_error_acts_on_no_terminal_and_speaks_for_nobody_else() {
        for error in errors() {
            for width in [None, Some(40)] {
                let page = error.page(Screen { width, ..Screen::PLAIN });
                let shown = page.as_str();
                assert!(is_harmless(&shown.replace('\n', "")) && shown.starts_with("error:"), "{shown:?}");
                let own = shown.lines().filter(|line| line.starts_with("error:") || line.starts_with("hint:"));
                let hints = usize::from(error.0.hint().is_some());
                assert_eq!(own.count(), 1 + hints, "{shown}");
                assert!(shown.contains("\\u{202e}"), "{shown}");
            }
        }
    }
}
