//! A table of several runs and groups at their results.

use super::format;
use super::group::{average_versus, result_step};
use super::table_model::{Row, RowKind, SELECTED, TableModel, headings, result_steps};
use crate::analysis::group_report::GroupReport;
use crate::analysis::run_report::RunReport;
use crate::files::scores::StepScores;
use crate::files::spread::SpreadRecord;

/// The line that explains the rows of groups.
const OF_GROUPS: &str =
    "a group's row is the micro average of its complete subtasks: every row of data counts the same";

/// A row for each run at its result, over its seeds where it has several, and for each group its micro average.
pub fn of_all(runs: &[RunReport], groups: &[GroupReport]) -> TableModel {
    let cells = runs.iter().map(cells).chain(groups.iter().map(cells_of_group));
    let rows: Vec<Row> = cells.map(|cells| Row { cells, kind: RowKind::Plain }).collect();
    let of_groups = (!groups.is_empty()).then_some(OF_GROUPS);
    let names = ["run", "task", "seeds", "step", "accuracy", "n", "95 % Wilson", "vs in-context"];
    TableModel {
        title: "All runs at their results".into(),
        headings: headings(names),
        rows,
        legend: std::iter::once(SELECTED).chain(of_groups).map(str::to_owned).collect(),
    }
}

fn cells(run: &RunReport) -> Vec<String> {
    let results: Vec<&StepScores> = run.analysis.at_results().collect();
    let mut cells = vec![run.name.harmless(), run.results.plan.task.name.harmless(), results.len().to_string()];
    match (results.as_slice(), &run.analysis.result) {
        ([one], None) => cells.extend([
            result_steps(&run.analysis),
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
                result_steps(&run.analysis),
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

/// A group's cells: its micro average, or none where no subtask is complete.
fn cells_of_group(group: &GroupReport) -> Vec<String> {
    let mut cells = vec![group.name.harmless(), group.record.name.harmless()];
    let whole = group.averages.last().filter(|average| average.record.group.is_none());
    cells.extend(whole.into_iter().flat_map(|average| {
        let (record, micro) = (&average.record, &average.record.micro_average);
        let interval = micro.result.interval.map_or_else(|| format::NONE.into(), format::range);
        let seeds = micro.result.spread.seeds.to_string();
        let (accuracy, versus) = (format::spread(&micro.result.spread), average_versus(micro.difference.as_ref()));
        [seeds, result_step(average), accuracy, record.n.to_string(), interval, versus]
    }));
    cells.resize(8, format::NONE.into());
    cells
}
