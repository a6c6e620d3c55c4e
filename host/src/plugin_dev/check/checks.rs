//! What checks come to.

use serde::Serialize;

use super::fixtures::Fixtures;
use ft_sandbox::{OptionKind, OptionValue};

/// What came of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It holds; what was looked at.
    Passed(String),
    /// It does not; what was expected and what came.
    Failed(String),
    /// There was nothing to check; what is missing.
    Skipped(String),
}

/// A check of a plugin, and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// What came of it.
    pub verdict: Verdict,
}

/// The checks so far.
#[derive(Default)]
pub(super) struct Checks(pub(super) Vec<Check>);

impl Checks {
    pub(super) fn add(&mut self, name: impl Into<String>, verdict: Verdict) {
        self.0.push(Check { name: name.into(), verdict });
    }

    pub(super) fn passed(&mut self, name: &str, what: String) {
        self.add(name, Verdict::Passed(what));
    }

    /// That there is no fixture of the plugin's kind. A file of the other kind's alone is a mistake.
    pub(super) fn without_fixtures(&mut self, wanted: &str, fixtures: Option<&Fixtures>) {
        match fixtures {
            Some(Fixtures { path, .. }) => {
                let path = path.display();
                self.add(
                    "fixtures",
                    Verdict::Failed(format!("`{path}` has no `{wanted}`, and this plugin needs such")),
                );
            }
            None => self.skipped("fixtures", format!("no `{wanted}` in a fixtures.toml beside it")),
        }
    }

    pub(super) fn skipped(&mut self, name: &str, why: String) {
        self.add(name, Verdict::Skipped(why));
    }

    pub(super) fn record(&mut self, name: impl Into<String>, outcome: Result<String, String>) {
        self.add(name, outcome.map_or_else(Verdict::Failed, Verdict::Passed));
    }
}

/// Every value that a plugin says an option takes and that can be listed: both booleans, all choices, both bounds.
pub(super) fn listed_values(kind: &OptionKind) -> Vec<OptionValue> {
    match kind {
        OptionKind::Boolean => vec![OptionValue::Boolean(false), OptionValue::Boolean(true)],
        OptionKind::Integer { minimum, maximum } => {
            minimum.iter().chain(maximum).map(|bound| OptionValue::Integer(*bound)).collect()
        }
        OptionKind::Number { minimum, maximum } => {
            minimum.iter().chain(maximum).map(|bound| OptionValue::Number(*bound)).collect()
        }
        OptionKind::Text => Vec::new(),
        OptionKind::Choice(choices) => choices.iter().cloned().map(OptionValue::Text).collect(),
    }
}
