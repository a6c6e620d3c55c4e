//! What `plugin test` does: the plugin is run as a run would run it, over fixtures and rows, and what it gives is held
//! to what a run relies on.

mod candidate;
mod checks;
mod fixtures;
mod harness;
mod optimizer;
mod questions;
mod rows;
mod task;
mod trial;
mod unlabelled;

use std::cell::RefCell;

use serde::Serialize;

pub use candidate::Candidate;
use checks::Checks;
pub use checks::{Check, Verdict};
pub use fixtures::Fixtures;
use harness::Harness;

use super::{PluginCard, PluginDevError, validate};
use crate::run::{PluginUsage, RunError};
use ft_sandbox::{ErrorKind, Failure, Limits, PluginError, Usage};
use ft_store::datasets::location::DataLocation;

/// The share of a limit beyond which a plugin leaves nothing for larger data.
const NEARLY_ALL: f64 = 0.8;

/// All checks of a plugin.
#[derive(Debug, Serialize)]
pub struct CheckReport {
    /// What it is; none for one that cannot say so.
    pub plugin: Option<PluginCard>,
    /// The checks, in the order in which they were made.
    pub checks: Vec<Check>,
    /// Where a task's rows came from; `None` for an optimizer, and for a task without any.
    #[serde(skip)]
    pub data: Option<DataLocation>,
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

/// Makes all checks of a plugin.
///
/// # Errors
/// A file that is no plugin, options that are not taken, and fixtures that cannot be read. What a check finds is in the
/// report, and so is a plugin's own failure to start.
pub fn check(candidate: Candidate<'_>) -> Result<CheckReport, PluginDevError> {
    let mut checks = Checks::default();
    let validated = match validate(candidate.plugins, candidate.spec(candidate.options)) {
        Err(RunError::Plugin(error)) if is_its_own(&error, candidate) => {
            checks.record("start", Err(error.to_string()));
            // What was not compiled within the limits is not tried a second time.
            let inspected = error.call().and_then(|_| candidate.plugins.inspect(candidate.file, candidate.limits).ok());
            let plugin = inspected.map(|it| PluginCard::new(candidate.file.display().to_string(), it));
            return Ok(CheckReport { plugin, checks: checks.0, data: None, usage: None });
        }
        validated => validated?,
    };
    let fixtures = Fixtures::find(candidate)?;
    checks.passed(
        "contract",
        format!("{} of forward-tuning:plugin@{}", validated.card.world, validated.card.package_version),
    );
    let used = RefCell::new(validated.usage.usage);
    let harness = Harness::new(candidate, &used);
    let data = match validated.card.kind.as_str() {
        "task" => task::check(harness, fixtures.as_ref(), &mut checks),
        _ => {
            optimizer::check(harness, fixtures.as_ref(), &mut checks);
            None
        }
    };
    let usage = PluginUsage { usage: used.into_inner(), ..validated.usage };
    checks.record("limits", within(&usage.usage, candidate.limits));
    Ok(CheckReport { plugin: Some(validated.card), checks: checks.0, data, usage: Some(usage) })
}

/// Whether it is the plugin that failed, not what it was given.
fn is_its_own(error: &PluginError, candidate: Candidate<'_>) -> bool {
    match error.failure() {
        Failure::Returned { kind: ErrorKind::InvalidOption, .. } => candidate.options.is_empty(),
        Failure::NotAComponent(_)
        | Failure::WrongWorld(_)
        | Failure::Interface { .. }
        | Failure::Compile { .. }
        | Failure::Device { .. }
        | Failure::NoMemory { .. }
        | Failure::Model(_)
        | Failure::Rows(_) => false,
        _ => true,
    }
}

/// Whether the heaviest call left room for more.
fn within(usage: &Usage, limits: &Limits) -> Result<String, String> {
    // Passes are not among them: how many a step asks for does not grow with the data.
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
