//! Tables of results as texts in cells; terminal, Markdown and HTML each draw them in their own way.

use super::format;
use crate::analysis::seconds::Seconds;
use crate::analysis::{Analysis, SpreadRecord};
use crate::files::scores::StepScores;
use ft_engine::text::Untrusted;

/// The line that explains an oracle, wherever one is shown.
pub(crate) const ORACLE: &str = "oracle: best step chosen with the test labels; not a valid result";
/// The line that explains the mark of a step.
pub(crate) const SELECTED: &str = "*: the step that is the result";

/// A table of results, with texts in its cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableModel {
    /// The title, which is shown if there are several tables.
    pub title: String,
    /// The headings of the columns.
    pub headings: Vec<String>,
    /// The rows, with as many cells as there are headings.
    pub rows: Vec<Row>,
    /// Lines that explain the marks in the table.
    pub legend: Vec<String>,
}

/// A row of a table of results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The texts of the cells; empty where there is nothing to say.
    pub cells: Vec<String>,
    /// The role of the row, by which it is emphasised.
    pub kind: RowKind,
}

/// The role of a row in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// A row like others.
    Plain,
    /// The step that is the result.
    Result,
    /// The best step, chosen with the test labels.
    Oracle,
}

/// The tables of a run: for one seed its steps, for several the steps over all seeds and each seed at its result.
pub fn of_run(analysis: &Analysis, seconds: &Seconds) -> Vec<TableModel> {
    if analysis.over_seeds.is_empty() {
        vec![of_seed(analysis, seconds)]
    } else {
        vec![over_seeds(analysis), at_results(analysis, seconds)]
    }
}

const SCORES: [&str; 6] = ["accuracy", "n", "95 % Wilson", "per token", "per character", "vs in-context"];

/// What stands above the columns.
pub(super) fn headings<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}

fn scores(scores: &StepScores) -> Vec<String> {
    vec![
        format::percent(scores.accuracy),
        scores.n.to_string(),
        format::range(scores.interval),
        format::percent(scores.accuracy_tokens),
        format::percent(scores.accuracy_norm),
        format::versus(scores.versus_icl.as_ref()),
    ]
}

fn time(seconds: &Seconds, scores: &StepScores) -> String {
    let seconds = seconds.get(&(scores.seed, scores.step));
    seconds.map_or_else(String::new, |seconds| format::duration(*seconds))
}

fn marked(step: u32, selected: bool) -> String {
    format!("{}{}", format::step(step), if selected { "*" } else { "" })
}

fn row(kind: RowKind, first: impl IntoIterator<Item = String>, rest: Vec<String>) -> Row {
    Row { cells: first.into_iter().chain(rest).collect(), kind }
}

fn kind(selected: bool) -> RowKind {
    if selected { RowKind::Result } else { RowKind::Plain }
}

/// What explains the marks that the rows have.
pub(super) fn legend(rows: &[Row]) -> Vec<String> {
    let has = |kind| rows.iter().any(|row| row.kind == kind);
    let lines = [(RowKind::Result, SELECTED), (RowKind::Oracle, ORACLE)];
    lines.into_iter().filter(|(kind, _)| has(*kind)).map(|(_, line)| line.to_owned()).collect()
}

fn of_seed(analysis: &Analysis, seconds: &Seconds) -> TableModel {
    let of_step = |step: &StepScores| {
        let selected = analysis.is_selected(step.seed, step.step);
        let mut cells = scores(step);
        cells.push(time(seconds, step));
        row(kind(selected), [marked(step.step, selected)], cells)
    };
    let mut rows: Vec<Row> = analysis.steps.iter().map(of_step).collect();
    let oracle = analysis.oracle.first().and_then(|best| analysis.step(best.seed, best.step));
    rows.extend(oracle.map(|best| {
        let mut cells = scores(best);
        // A test of a step that was picked for its answers would claim too much.
        cells.truncate(5);
        cells.extend([String::new(), String::new()]);
        row(RowKind::Oracle, [format!("oracle (step {})", best.step)], cells)
    }));
    let headings = headings(std::iter::once("step").chain(SCORES).chain(["time"]));
    TableModel { title: "Steps".into(), headings, legend: legend(&rows), rows }
}

fn over_seeds(analysis: &Analysis) -> TableModel {
    let mut rows: Vec<Row> = Vec::new();
    for step in &analysis.over_seeds {
        let selected = analysis.results.iter().all(|result| result.selected && result.step == step.step);
        let SpreadRecord { seeds, min, max, .. } = step.accuracy;
        let cells = vec![
            format::spread(&step.accuracy),
            seeds.to_string(),
            format::range([min, max]),
            format::spread(&step.accuracy_tokens),
            format::spread(&step.accuracy_norm),
            format::points_spread(step.difference.as_ref()),
        ];
        rows.push(row(kind(selected), [marked(step.step, selected)], cells));
    }
    rows.extend(analysis.oracle_of_means.map(|best| {
        let mut cells = vec![format::percent(best.mean)];
        cells.resize(6, String::new());
        row(RowKind::Oracle, [format!("oracle (step {})", best.step)], cells)
    }));
    let headings = headings(["step", "accuracy", "seeds", "range", "per token", "per character", "vs in-context"]);
    TableModel { title: "Steps: mean ± standard deviation over seeds".into(), headings, legend: legend(&rows), rows }
}

/// Which class was taken for which at the results, with macro-F1 below; `None` for tasks without classes.
pub fn confusion(analysis: &Analysis) -> Option<TableModel> {
    let confusion = analysis.confusion.as_ref()?;
    let of_class = |(label, counts): (&Untrusted, &Vec<usize>)| {
        row(RowKind::Plain, [label.harmless()], counts.iter().map(usize::to_string).collect())
    };
    let f1: Vec<f64> = analysis.at_results().filter_map(|step| step.macro_f1).collect();
    let f1 = SpreadRecord::of(&f1).map(|f1| format!("macro-F1 {}", format::share_spread(&f1)));
    Some(TableModel {
        title: "Classes (rows) and what was predicted (columns), at the results".into(),
        headings: std::iter::once("class".to_owned()).chain(confusion.labels.iter().map(Untrusted::harmless)).collect(),
        rows: confusion.labels.iter().zip(&confusion.counts).map(of_class).collect(),
        legend: f1.into_iter().collect(),
    })
}

fn at_results(analysis: &Analysis, seconds: &Seconds) -> TableModel {
    let of_seed = |step: &StepScores| {
        let mut cells = scores(step);
        cells.push(time(seconds, step));
        let selected = analysis.is_selected(step.seed, step.step);
        row(kind(selected), [step.seed.to_string(), marked(step.step, selected)], cells)
    };
    let mut rows: Vec<Row> = analysis.at_results().map(of_seed).collect();
    if let Some(result) = &analysis.result {
        let over = |value: fn(&StepScores) -> f64| {
            let values: Vec<f64> = analysis.at_results().map(value).collect();
            SpreadRecord::of(&values).map_or_else(String::new, |all| format::spread(&all))
        };
        let differences: Vec<f64> =
            analysis.at_results().filter_map(|step| Some(step.versus_icl?.difference)).collect();
        let cells = vec![
            format::spread(result),
            String::new(),
            String::new(),
            over(|step| step.accuracy_tokens),
            over(|step| step.accuracy_norm),
            format::points_spread(SpreadRecord::of(&differences).as_ref()),
            String::new(),
        ];
        rows.push(row(RowKind::Plain, ["mean".into(), String::new()], cells));
    }
    let headings = headings(["seed", "step"].into_iter().chain(SCORES).chain(["time"]));
    TableModel { title: "Each seed at its result".into(), headings, legend: legend(&rows), rows }
}
