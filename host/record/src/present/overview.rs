//! A table of several runs at their results.

use super::format;
use super::table_model::{Row, RowKind, SELECTED, TableModel, headings};
use crate::analysis::SpreadRecord;
use crate::analysis::run_report::RunReport;
use crate::files::scores::StepScores;

/// A row for each run at its result: over its seeds where it has several.
pub fn of_runs(runs: &[RunReport]) -> TableModel {
    let rows: Vec<Row> = runs.iter().map(|run| Row { cells: cells(run), kind: RowKind::Plain }).collect();
    let names = ["run", "task", "seeds", "step", "accuracy", "n", "95 % Wilson", "vs in-context"];
    TableModel {
        title: "All runs at their results".into(),
        headings: headings(names),
        rows,
        legend: vec![SELECTED.into()],
    }
}

fn cells(run: &RunReport) -> Vec<String> {
    let results: Vec<&StepScores> = run.analysis.at_results().collect();
    let mut cells = vec![run.name.harmless(), run.results.plan.task.name.harmless(), results.len().to_string()];
    match (results.as_slice(), &run.analysis.result) {
        ([one], None) => cells.extend([
            steps(run),
            format::percent(one.accuracy),
            one.n.to_string(),
            format::range(one.interval),
            format::versus(one.versus_icl.as_ref()),
        ]),
        (several, Some(result)) => {
            let differences = several.iter().filter_map(|step| Some(step.versus_icl?.difference)).collect::<Vec<f64>>();
            let differences = SpreadRecord::of(&differences);
            let n: usize = several.iter().map(|step| step.n).max().unwrap_or_default();
            cells.extend([
                steps(run),
                format::spread(result),
                n.to_string(),
                format::NONE.into(),
                format::points_spread(differences.as_ref()),
            ]);
        }
        _ => cells.resize(8, format::NONE.into()),
    }
    cells
}

/// The step of the results, or from which to which they are.
fn steps(run: &RunReport) -> String {
    let results = &run.analysis.results;
    let steps = || results.iter().map(|result| result.step);
    let mark = if results.iter().all(|result| result.selected) { "*" } else { "" };
    match (steps().min(), steps().max()) {
        (Some(first), Some(last)) if first < last => format!("{first}-{last}{mark}"),
        (Some(step), _) => format!("{step}{mark}"),
        _ => format::NONE.into(),
    }
}
