//! Reports as JSON, with all digits.

use std::collections::HashMap;

use serde::Serialize;

use crate::analysis::group::{Average, StepAverages};
use crate::analysis::group_report::GroupReport;
use crate::analysis::run_report::RunReport;
use crate::analysis::{Analysis, StepLikelihood};
use crate::files::controls::Baseline;
use crate::files::group::SubtaskRecord;
use crate::files::schema::PlanRecord;
use crate::present::escape;
use ft_engine::text::Untrusted;

#[derive(Serialize)]
struct Report<'a> {
    runs: Vec<Run<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<Group<'a>>,
}

#[derive(Serialize)]
struct Group<'a> {
    name: &'a Untrusted,
    /// The group's own name.
    group: &'a Untrusted,
    /// Whether all subtasks are complete.
    complete: bool,
    notes: &'a [Untrusted],
    averages: &'a [Average],
    steps: &'a [StepAverages],
    /// All subtasks of the group in their order.
    subtasks: Vec<Subtask<'a>>,
}

#[derive(Serialize)]
struct Subtask<'a> {
    #[serde(flatten)]
    record: &'a SubtaskRecord,
    /// Null where there is none.
    run: Option<Run<'a>>,
}

#[derive(Serialize)]
struct Run<'a> {
    name: &'a Untrusted,
    complete: bool,
    notes: &'a [Untrusted],
    plan: &'a PlanRecord,
    analysis: &'a Analysis,
    times: Vec<Time>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    baseline_times: Vec<BaselineTime>,
    norms: Vec<Norms>,
    #[serde(skip_serializing_if = "<[StepLikelihood]>::is_empty")]
    held_out: &'a [StepLikelihood],
}

/// What a step took, pass and scoring together.
#[derive(Serialize)]
struct Time {
    seed: u64,
    step: u32,
    seconds: f64,
}

/// What a baseline took, pass and scoring together.
#[derive(Serialize)]
struct BaselineTime {
    seed: u64,
    baseline: Baseline,
    seconds: f64,
}

/// Norms over the whole cache, and what the optimizer says of the step.
#[derive(Serialize)]
struct Norms {
    seed: u64,
    step: u32,
    pseudo_gradient: f64,
    update: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    passes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    loss: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<bool>,
}

/// Writes one object with the runs in `runs` and, if there are any, the groups in `groups`.
pub(crate) fn render(runs: &[RunReport], groups: &[GroupReport]) -> Result<String, serde_json::Error> {
    let report = Report { runs: runs.iter().map(of_run).collect(), groups: groups.iter().map(of_group).collect() };
    Ok(escape::json(&serde_json::to_string_pretty(&report)?) + "\n")
}

fn of_group(group: &GroupReport) -> Group<'_> {
    let mut runs: HashMap<usize, &RunReport> = group.runs.iter().map(|(index, run)| (*index, run)).collect();
    let subtasks = group.record.subtasks.iter().zip(0..);
    Group {
        name: &group.name,
        group: &group.record.name,
        complete: group.complete().count() == group.record.subtasks.len(),
        notes: &group.notes,
        averages: &group.averages,
        steps: &group.steps,
        subtasks: subtasks.map(|(record, index)| Subtask { record, run: runs.remove(&index).map(of_run) }).collect(),
    }
}

fn of_run(run: &RunReport) -> Run<'_> {
    Run {
        name: &run.name,
        complete: run.results.complete,
        notes: &run.notes,
        plan: &run.results.plan,
        analysis: &run.analysis,
        times: run.seconds.steps.iter().map(|(&(seed, step), &seconds)| Time { seed, step, seconds }).collect(),
        baseline_times: (run.seconds.baselines.iter())
            .map(|(&(seed, baseline), &seconds)| BaselineTime { seed, baseline, seconds })
            .collect(),
        norms: (run.trace.iter())
            .map(|record| Norms {
                seed: record.seed,
                step: record.step,
                pseudo_gradient: record.pseudo_gradient_norm(),
                update: record.update_norm(),
                passes: record.passes,
                loss: record.loss,
                accepted: record.accepted,
            })
            .collect(),
        held_out: &run.held_out,
    }
}
