//! CSV (RFC 4180, but for its line ends): what a spreadsheet or a data frame reads.

use std::collections::{HashMap, HashSet};

use crate::analysis::BaselineScores;
use crate::analysis::group::{Average, SeedAverage, SeedScore};
use crate::analysis::group_report::GroupReport;
use crate::analysis::run_report::RunReport;
use crate::files::controls::Baseline;
use crate::files::scores::StepScores;
use crate::files::trace::TraceRecord;
use crate::present::escape::csv;
use ft_engine::metrics::accuracy::CorrectCount;
use ft_engine::text::Untrusted;

const COLUMNS: [&str; 39] = [
    "run",
    "task",
    "optimizer",
    "model",
    "seed",
    "step",
    "baseline",
    "average",
    "is_result",
    "is_oracle",
    "n",
    "correct",
    "accuracy",
    "standard_error",
    "interval_low",
    "interval_high",
    "accuracy_tokens",
    "accuracy_norm",
    "accuracy_bytes",
    "accuracy_mutual_information",
    "macro_f1",
    "calibrated_accuracy",
    "prior_matched_accuracy",
    "right_loglik",
    "brier_score",
    "calibration_error",
    "icl_difference",
    "icl_difference_low",
    "icl_difference_high",
    "icl_p_value",
    "icl_wins",
    "icl_losses",
    "icl_loglik_difference",
    "icl_loglik_difference_low",
    "icl_loglik_difference_high",
    "seconds",
    "pseudo_gradient_norm",
    "update_norm",
    "notes",
];

/// A line for each run, seed and step, those of baselines at the end of their run; of a group the lines of its subtasks' runs, then
/// those of its averages.
pub(crate) fn render(runs: &[RunReport], groups: &[GroupReport]) -> String {
    let mut out = COLUMNS.join(",") + "\n";
    runs.iter().for_each(|run| out += &lines_of_run(run));
    for group in groups {
        group.runs.iter().for_each(|(_, run)| out += &lines_of_run(run));
        group.averages.iter().for_each(|average| out += &lines_of_average(group, average));
    }
    out
}

fn lines_of_run(run: &RunReport) -> String {
    let mut out = String::new();
    // The first of a step's, should there be several.
    let trace: Trace<'_> = run.trace.iter().rev().map(|record| ((record.seed, record.step), record)).collect();
    let oracles: HashSet<(u64, u32)> = run.analysis.oracle.iter().map(|best| (best.seed, best.step)).collect();
    let notes = joined(&run.notes);
    for step in &run.analysis.steps {
        let at = (step.seed, step.step);
        let row = Row { trace: trace.get(&at).copied(), oracle: oracles.contains(&at), ..Row::default() };
        out += &format!("{},{notes}\n", line(run, step, row).join(","));
    }
    for BaselineScores { baseline, scores } in &run.analysis.baselines {
        let cells = line(run, scores, Row { baseline: Some(*baseline), ..Row::default() });
        out += &format!("{},{notes}\n", cells.join(","));
    }
    out
}

fn joined(notes: &[Untrusted]) -> String {
    csv(&notes.iter().map(|note| note.raw().as_str()).collect::<Vec<_>>().join("; "))
}

/// Two lines for each seed and step, and for the results where they stand at different steps: micro and macro.
fn lines_of_average(group: &GroupReport, average: &Average) -> String {
    let line = |(seed, is_micro): (&SeedAverage, bool)| average_cells(group, average, seed, is_micro).join(",") + "\n";
    average.seeds.iter().flat_map(|seed| [(seed, true), (seed, false)]).map(line).collect()
}

/// All cells of a line of an average. Model and optimizer are those of the group's first run.
fn average_cells(group: &GroupReport, average: &Average, seed: &SeedAverage, is_micro: bool) -> Vec<String> {
    let plan = group.runs.first().map(|(_, run)| &run.results.plan);
    let task = match &average.record.group {
        Some(smaller) => format!("{}/{}", group.record.name.raw(), smaller.raw()),
        None => group.record.name.raw().clone(),
    };
    let SeedScore { accuracy, interval, difference, versus_icl } =
        if is_micro { seed.micro_average } else { seed.macro_average };
    let cell = |column: &str| match column {
        "run" => Some(csv(group.name.raw())),
        "task" => Some(csv(&task)),
        "optimizer" => plan.map(|plan| csv(plan.optimizer.name.raw())),
        "model" => plan.map(|plan| csv(plan.model.asked.raw())),
        "seed" => Some(seed.seed.to_string()),
        "step" => seed.step.map(|step| step.to_string()),
        "average" => Some(if is_micro { "micro" } else { "macro" }.into()),
        "is_result" => Some(seed.is_result.to_string()),
        "is_oracle" => Some(false.to_string()),
        "n" => Some(seed.n.to_string()),
        "correct" => is_micro.then(|| seed.correct.to_string()),
        "accuracy" => Some(accuracy.to_string()),
        "standard_error" if is_micro => {
            let pooled = CorrectCount { correct: seed.correct, n: seed.n };
            pooled.standard_error().map(|error| error.to_string())
        }
        "interval_low" => Some(interval[0].to_string()),
        "interval_high" => Some(interval[1].to_string()),
        "icl_difference" => difference.map(|difference| difference.to_string()),
        "icl_difference_low" => versus_icl.map(|versus| versus.interval[0].to_string()),
        "icl_difference_high" => versus_icl.map(|versus| versus.interval[1].to_string()),
        "icl_p_value" => versus_icl.map(|versus| versus.p_value.to_string()),
        "icl_wins" => versus_icl.map(|versus| versus.wins.to_string()),
        "icl_losses" => versus_icl.map(|versus| versus.losses.to_string()),
        "notes" => Some(joined(&group.notes)),
        // Averages are of accuracies by log-likelihood alone.
        _ => None,
    };
    COLUMNS.map(|column| cell(column).unwrap_or_default()).to_vec()
}

type Trace<'a> = HashMap<(u64, u32), &'a TraceRecord>;

/// What a line says besides its scores.
#[derive(Clone, Copy, Default)]
struct Row<'a> {
    trace: Option<&'a TraceRecord>,
    oracle: bool,
    baseline: Option<Baseline>,
}

/// All cells of a line but the notes, which are the run's.
fn line(run: &RunReport, step: &StepScores, Row { trace, oracle, baseline }: Row<'_>) -> Vec<String> {
    let plan = &run.results.plan;
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let count = |value: Option<usize>| value.map_or_else(String::new, |value| value.to_string());
    let (versus, loglik_versus) = (step.versus_icl, step.right_loglik_versus_icl);
    let loglik_end = |end: usize| loglik_versus.and_then(|versus| versus.interval).map(|interval| interval[end]);
    let seconds = match baseline {
        Some(baseline) => run.seconds.baselines.get(&(step.seed, baseline)),
        None => run.seconds.steps.get(&(step.seed, step.step)),
    };
    let is_result = baseline.is_none() && run.analysis.is_selected(step.seed, step.step);
    vec![
        csv(run.name.raw()),
        csv(plan.task.name.raw()),
        csv(plan.optimizer.name.raw()),
        csv(plan.model.asked.raw()),
        step.seed.to_string(),
        step.step.to_string(),
        baseline.map_or_else(String::new, |baseline| baseline.to_string()),
        // None of a group's averages.
        String::new(),
        is_result.to_string(),
        oracle.to_string(),
        step.n.to_string(),
        step.correct.to_string(),
        step.accuracy.to_string(),
        step.standard_error.to_string(),
        step.interval[0].to_string(),
        step.interval[1].to_string(),
        step.accuracy_tokens.to_string(),
        step.accuracy_norm.to_string(),
        number(step.accuracy_bytes),
        number(step.accuracy_mutual_information),
        number(step.macro_f1),
        number(step.calibrated.and_then(|calibrated| calibrated.contextual)),
        number(step.calibrated.and_then(|calibrated| calibrated.prior_matched)),
        number(step.right_loglik),
        number(step.brier_score),
        number(step.calibration_error),
        number(versus.map(|versus| versus.difference)),
        number(versus.map(|versus| versus.interval[0])),
        number(versus.map(|versus| versus.interval[1])),
        number(versus.map(|versus| versus.p_value)),
        count(versus.map(|versus| versus.wins)),
        count(versus.map(|versus| versus.losses)),
        number(loglik_versus.map(|versus| versus.difference)),
        number(loglik_end(0)),
        number(loglik_end(1)),
        number(seconds.copied()),
        number(trace.map(|record| record.pseudo_gradient_norm())),
        number(trace.map(|record| record.update_norm())),
    ]
}
