//! CSV (RFC 4180, but for its line ends): what a spreadsheet or a data frame reads.

use std::collections::{HashMap, HashSet};

use crate::analysis::run_report::RunReport;
use crate::files::scores::StepScores;
use crate::files::trace::TraceRecord;
use crate::present::escape::csv;

const COLUMNS: [&str; 27] = [
    "run",
    "task",
    "optimizer",
    "model",
    "seed",
    "step",
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
    "macro_f1",
    "icl_difference",
    "icl_difference_low",
    "icl_difference_high",
    "icl_p_value",
    "icl_wins",
    "icl_losses",
    "seconds",
    "pseudo_gradient_norm",
    "update_norm",
    "notes",
];

/// A line for each run, seed and step.
pub(crate) fn render(runs: &[RunReport]) -> String {
    let mut out = COLUMNS.join(",") + "\n";
    for run in runs {
        // The first of a step's, should there be several.
        let trace: Trace<'_> = run.trace.iter().rev().map(|record| ((record.seed, record.step), record)).collect();
        let oracles: HashSet<(u64, u32)> = run.analysis.oracle.iter().map(|best| (best.seed, best.step)).collect();
        let notes = csv(&run.notes.iter().map(|note| note.raw().as_str()).collect::<Vec<_>>().join("; "));
        for step in &run.analysis.steps {
            let at = (step.seed, step.step);
            let cells = line(run, step, trace.get(&at).copied(), oracles.contains(&at));
            out += &format!("{},{notes}\n", cells.join(","));
        }
    }
    out
}

type Trace<'a> = HashMap<(u64, u32), &'a TraceRecord>;

/// All cells of a line but the notes, which are the run's.
fn line(run: &RunReport, step: &StepScores, trace: Option<&TraceRecord>, oracle: bool) -> Vec<String> {
    let plan = &run.results.plan;
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let count = |value: Option<usize>| value.map_or_else(String::new, |value| value.to_string());
    let versus = step.versus_icl;
    vec![
        csv(run.name.raw()),
        csv(plan.task.name.raw()),
        csv(plan.optimizer.name.raw()),
        csv(plan.model.asked.raw()),
        step.seed.to_string(),
        step.step.to_string(),
        run.analysis.is_selected(step.seed, step.step).to_string(),
        oracle.to_string(),
        step.n.to_string(),
        step.correct.to_string(),
        step.accuracy.to_string(),
        step.standard_error.to_string(),
        step.interval[0].to_string(),
        step.interval[1].to_string(),
        step.accuracy_tokens.to_string(),
        step.accuracy_norm.to_string(),
        number(step.macro_f1),
        number(versus.map(|versus| versus.difference)),
        number(versus.map(|versus| versus.interval[0])),
        number(versus.map(|versus| versus.interval[1])),
        number(versus.map(|versus| versus.p_value)),
        count(versus.map(|versus| versus.wins)),
        count(versus.map(|versus| versus.losses)),
        number(run.seconds.get(&(step.seed, step.step)).copied()),
        number(trace.map(|record| record.pseudo_gradient_norm())),
        number(trace.map(|record| record.update_norm())),
    ]
}
