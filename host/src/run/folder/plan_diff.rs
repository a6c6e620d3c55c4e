//! What differs between an earlier run's plan and this one's, as far as results depend on it.

use crate::options::{Effect, RunOptions};
use ft_record::analysis::differences::{Difference, differences_but};
use ft_record::files::schema::PlanRecord;

/// Parts of a plan, besides options, that no result depends on: where things lie, and what is said about them. Plugins,
/// models and data are compared by their digests; content-free queries follow from the task, and earlier versions had none.
const WITHOUT_EFFECT: [&str; 8] = [
    "content_free",
    "memory",
    "model.asked",
    "model.source",
    "model.files.name",
    "data.file",
    "data.further_files.name",
    "notes",
];

/// Parts that follow from others: named only where no cause of theirs is.
const CONSEQUENCES: [&str; 13] = [
    "seed",
    "demonstrations",
    "demonstration_ids",
    "demonstration_rows",
    "held_out_rows",
    "overlapping_rows",
    "unusable_rows",
    "scored_rows",
    "further_draws",
    "evaluation_rows",
    "longest_query",
    "score_steps",
    "unconditional_rows",
];

/// What differs, each as `name: before -> now`; nothing if one run can go on where the other ended.
///
/// # Errors
/// If a plan cannot be serialized.
pub(super) fn plan_diff(before: &PlanRecord, now: &PlanRecord) -> Result<Vec<String>, serde_json::Error> {
    let options = RunOptions::recorded_of(&[Effect::Source, Effect::Nothing]);
    let found = differences_but(before, now, &[&WITHOUT_EFFECT[..], &options].concat())?;
    let (causes, consequences): (Vec<Difference>, Vec<Difference>) =
        found.into_iter().partition(|difference| !CONSEQUENCES.contains(&difference.name.raw().as_str()));
    let told = if causes.is_empty() { consequences } else { causes };
    Ok(told.iter().map(|difference| difference.sentence(" -> ")).collect())
}
