//! What `plugin test` does: the plugin is run as a run would run it, over fixtures and rows, and what it gives is held
//! to what a run relies on.

mod fixtures;
mod optimizer;
mod rows;
mod task;
mod trial;

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use fixtures::Fixtures;
use trial::Trial;

use super::{AuthorError, PluginCard, validate};
use crate::run::{PluginUsage, Plugins, RunError};
use ft_sandbox::{ErrorKind, Failure, Limits, OptionKind, OptionValue, PluginError, Usage};
use ft_store::datasets::location::{Access, DataLocation};

/// A budget of which more than this is used leaves nothing for larger data.
const NEARLY_ALL: f64 = 0.8;

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

/// One check.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// What came of it.
    pub verdict: Verdict,
}

/// All checks of a plugin.
#[derive(Debug, Serialize)]
pub struct CheckReport {
    /// What it is; none for one that cannot say so.
    pub plugin: Option<PluginCard>,
    /// The checks, in the order in which they were made.
    pub checks: Vec<Check>,
    /// What it used of its limits; none for one that does not start.
    #[serde(skip)]
    pub usage: Option<PluginUsage>,
}

impl CheckReport {
    /// Whether nothing failed.
    pub fn passed(&self) -> bool {
        !self.checks.iter().any(|check| matches!(check.verdict, Verdict::Failed(_)))
    }
}

/// What is checked, and with what.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Loads plugins.
    pub plugins: &'a Plugins,
    /// The plugin's file.
    pub file: &'a Path,
    /// Options, as the user set them.
    pub options: &'a [(String, String)],
    /// What it may use.
    pub limits: &'a Limits,
    /// Where a task's rows come from; where it is left open, `data/` beside the plugin, or the bundled sample.
    pub data: Option<&'a DataLocation>,
    /// The file of fixtures; where it is left open, `NAME.fixtures.toml` or `fixtures.toml` beside the plugin.
    pub fixtures: Option<&'a Path>,
    /// How rows are had.
    pub access: Access<'a>,
}

impl Subject<'_> {
    /// The folder of the plugin.
    fn folder(&self) -> PathBuf {
        self.file.parent().map_or_else(PathBuf::new, Path::to_owned)
    }
}

/// Makes all checks of a plugin.
///
/// # Errors
/// A file that is no plugin, options that are not taken, and fixtures that cannot be read. What a check finds is in the
/// report, and so is a plugin's own failure to start.
pub fn check(subject: Subject<'_>) -> Result<CheckReport, AuthorError> {
    let mut checks = Checks::default();
    let validated = match validate(subject.plugins, subject.file, subject.options, subject.limits) {
        Err(RunError::Plugin(error)) if is_its_own(&error, subject) => {
            checks.record("start", Err(error.to_string()));
            // What was not compiled within the limits is not tried a second time.
            let inspected = error.call().and_then(|_| subject.plugins.inspect(subject.file, subject.limits).ok());
            let plugin = inspected.map(|it| PluginCard::new(subject.file.display().to_string(), it));
            return Ok(CheckReport { plugin, checks: checks.0, usage: None });
        }
        validated => validated?,
    };
    let fixtures = Fixtures::find(subject)?;
    checks.passed(
        "contract",
        format!("{} of forward-tuning:plugin@{}", validated.card.world, validated.card.package_version),
    );
    let used = RefCell::new(validated.usage.usage);
    let trial = Trial::new(subject, &used);
    match validated.card.kind.as_str() {
        "task" => task::check(trial, fixtures.as_ref(), &mut checks),
        _ => optimizer::check(trial, fixtures.as_ref(), &mut checks),
    }
    let usage = PluginUsage { usage: used.into_inner(), ..validated.usage };
    checks.record("limits", within(&usage.usage, subject.limits));
    Ok(CheckReport { plugin: Some(validated.card), checks: checks.0, usage: Some(usage) })
}

/// Whether it is the plugin that failed, not what it was given.
fn is_its_own(error: &PluginError, subject: Subject<'_>) -> bool {
    match error.failure() {
        Failure::Returned { kind: ErrorKind::InvalidOption, .. } => subject.options.is_empty(),
        Failure::NotAComponent(_)
        | Failure::WrongWorld(_)
        | Failure::Interface { .. }
        | Failure::Compile { .. }
        | Failure::Device { .. }
        | Failure::Rows(_) => false,
        _ => true,
    }
}

/// The checks so far.
#[derive(Default)]
struct Checks(Vec<Check>);

impl Checks {
    fn add(&mut self, name: impl Into<String>, verdict: Verdict) {
        self.0.push(Check { name: name.into(), verdict });
    }

    fn passed(&mut self, name: &str, what: String) {
        self.add(name, Verdict::Passed(what));
    }

    /// That there is no fixture of the plugin's kind. A file of the other kind's alone is a mistake.
    fn without_fixtures(&mut self, wanted: &str, fixtures: Option<&Fixtures>) {
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

    fn skipped(&mut self, name: &str, why: String) {
        self.add(name, Verdict::Skipped(why));
    }

    fn record(&mut self, name: impl Into<String>, outcome: Result<String, String>) {
        self.add(name, outcome.map_or_else(Verdict::Failed, Verdict::Passed));
    }
}

/// Whether the heaviest call left room for more.
fn within(usage: &Usage, limits: &Limits) -> Result<String, String> {
    let shares = [
        ("fuel", usage.most_fuel as f64 / limits.fuel as f64),
        ("time", usage.most_time.as_secs_f64() / limits.time.as_secs_f64()),
        ("memory", usage.peak_memory as f64 / limits.memory as f64),
        ("tables", usage.peak_table_elements as f64 / limits.table_elements as f64),
        ("call bytes", usage.most_moved as f64 / limits.call_bytes as f64),
        ("tensors", usage.peak_tensor_bytes as f64 / limits.tensor_bytes as f64),
    ];
    let told: Vec<String> = shares.iter().map(|(name, share)| format!("{name} {:.1} %", 100.0 * share)).collect();
    let told = format!("at most {} of the limits", told.join(", "));
    match shares.iter().any(|(_, share)| *share > NEARLY_ALL) {
        true => Err(told),
        false => Ok(told),
    }
}

/// Every value that a plugin says an option takes and that can be listed: both booleans, all choices, both bounds.
fn listed_values(kind: &OptionKind) -> Vec<OptionValue> {
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
