//! The tables of a group: its subtasks with their averages, and the averages at every step.

use std::collections::BTreeSet;

use super::format;
use super::table_model::{Row, RowKind, SELECTED, TableModel, headings, kind, legend, marked, result_steps, row};
use crate::analysis::SeedsScores;
use crate::analysis::group::{Average, StepAverages};
use crate::analysis::group_report::GroupReport;
use crate::analysis::run_report::RunReport;
use crate::files::group::{AverageAccuracy, AverageDifference, AverageScores, SubtaskRecord};
use crate::files::scores::StepScores;

/// The line that explains micro averages.
const MICRO: &str = "micro: every row of data counts the same";
/// The line that explains macro averages.
const MACRO: &str = "macro: every subtask counts the same";
/// The line that explains the intervals of a single seed.
const INTERVALS: &str =
    "95 % interval: Wilson; of macro averages, the subtasks' Wilson intervals combined by squares (MOVER)";

/// The tables of a group: its complete subtasks at their results, with micro and macro averages below them, and the averages at
/// every step where there are several. None where no subtask is complete.
pub fn of_group(group: &GroupReport) -> Vec<TableModel> {
    if group.complete().next().is_none() {
        return Vec::new();
    }
    let several = group.complete().any(|(_, run)| run.analysis.results.len() > 1);
    let mut tables = vec![subtasks(group, several)];
    if group.steps.len() > 1 {
        tables.push(averages_at_steps(&group.steps, several));
    }
    tables
}

fn subtasks(group: &GroupReport, several: bool) -> TableModel {
    let of_subtask = |(subtask, run): (&SubtaskRecord, &RunReport)| {
        row(RowKind::Plain, [subtask.name.harmless()], of_run(run, several))
    };
    let of_averages = |average: &Average| {
        let averages = [("micro", &average.record.micro_average), ("macro", &average.record.macro_average)];
        averages.map(|(word, scores)| {
            row(RowKind::Plain, [label(group, average, word)], of_average(average, scores, several))
        })
    };
    let interval = if several { "range" } else { "95 % interval" };
    let names = ["subtask", "n", "zero-shot", "in-context", "step", "accuracy", interval, "vs in-context"];
    let intervals = if several { None } else { Some(INTERVALS) };
    TableModel {
        title: "Subtasks at their results, and averages".into(),
        headings: headings(names),
        rows: group.complete().map(of_subtask).chain(group.averages.iter().flat_map(of_averages)).collect(),
        legend: [SELECTED, MICRO, MACRO].into_iter().chain(intervals).map(str::to_owned).collect(),
    }
}

/// What an average's row is called: the group, the kind of average, and of how many subtasks where not of all.
fn label(group: &GroupReport, average: &Average, word: &str) -> String {
    let record = &average.record;
    let name = record.group.as_ref().unwrap_or(&group.record.name).harmless();
    let part = (record.subtasks < record.of).then(|| format!(" ({} of {})", record.subtasks, record.of));
    format!("{name}, {word}{}", part.unwrap_or_default())
}

/// The cells of a subtask behind its name.
fn of_run(run: &RunReport, several: bool) -> Vec<String> {
    let results: Vec<&StepScores> = run.analysis.at_results().collect();
    let at_step = |step: u32| {
        let all: Vec<&StepScores> = run.analysis.steps.iter().filter(|scores| scores.step == step).collect();
        // A mean over fewer seeds would not compare with the result.
        let all = SeedsScores::of(&all).filter(|scores| scores.accuracy.seeds == results.len());
        all.map_or_else(|| format::NONE.into(), |scores| format::spread(&scores.accuracy))
    };
    let n = results.iter().map(|scores| scores.n).max().unwrap_or_default();
    let Some(over) = SeedsScores::at_results(&results) else { return vec![format::NONE.into(); 7] };
    let (interval, versus) = match results.as_slice() {
        [one] if !several => (one.interval, format::versus(one.versus_icl.as_ref())),
        _ => ([over.accuracy.min, over.accuracy.max], format::points_spread(over.difference.as_ref())),
    };
    vec![
        n.to_string(),
        at_step(0),
        at_step(1),
        result_steps(&run.analysis),
        format::spread(&over.accuracy),
        format::range(interval),
        versus,
    ]
}

/// The cells of an average behind its name.
fn of_average(average: &Average, scores: &AverageScores, several: bool) -> Vec<String> {
    let at_step = |accuracy: Option<&AverageAccuracy>| {
        accuracy.map_or_else(|| format::NONE.into(), |accuracy| format::spread(&accuracy.spread))
    };
    let AverageAccuracy { spread, interval } = &scores.result;
    let interval = interval.filter(|_| !several).unwrap_or([spread.min, spread.max]);
    vec![
        average.record.n.to_string(),
        at_step(scores.zero_shot.as_ref()),
        at_step(scores.in_context.as_ref()),
        result_step(average),
        format::spread(spread),
        format::range(interval),
        average_versus(scores.difference.as_ref()),
    ]
}

/// The step at which all results stand that an average is of; a dash where they stand at several.
pub(super) fn result_step(average: &Average) -> String {
    let results = average.seeds.iter().filter(|seed| seed.is_result);
    let steps: BTreeSet<Option<u32>> = results.map(|seed| seed.step).collect();
    match (steps.len(), steps.first()) {
        (1, Some(Some(step))) => format!("{step}*"),
        _ => format::NONE.into(),
    }
}

/// An average of differences to in-context learning, with the test of a single seed.
pub(super) fn average_versus(difference: Option<&AverageDifference>) -> String {
    match difference {
        Some(AverageDifference { spread, p_value: Some(p), .. }) => {
            format!("{} (p{})", format::points(spread.mean), format::p_value(*p))
        }
        difference => format::points_spread(difference.map(|difference| &difference.spread)),
    }
}

fn averages_at_steps(steps: &[StepAverages], several: bool) -> TableModel {
    let of_step = |step: &StepAverages| {
        let mut cells = vec![format::spread(&step.micro_average), format::spread(&step.macro_average)];
        if several {
            cells.push(step.micro_average.seeds.to_string());
        }
        row(kind(step.is_result), [marked(step.step, step.is_result)], cells)
    };
    let rows: Vec<Row> = steps.iter().map(of_step).collect();
    let names = ["step", "micro", "macro"].into_iter().chain(several.then_some("seeds"));
    TableModel { title: "Averages at every step".into(), headings: headings(names), legend: legend(&rows), rows }
}

#[cfg(test)]
mod tests;
