//! Tables of results as texts in cells; terminal, Markdown and HTML each draw them in their own way.

use std::collections::BTreeMap;

use super::format;
use crate::analysis::seconds::Seconds;
use crate::analysis::{Analysis, BaselineScores, BaselineSeeds, SeedsScores};
use crate::files::controls::Baseline;
use crate::files::scores::StepScores;
use crate::files::spread::SpreadRecord;
use ft_engine::text::Untrusted;

/// The line that explains an oracle, wherever one is shown.
pub(crate) const ORACLE: &str = "oracle: best step chosen with the test labels; not a valid result";
/// The line that explains the mark of a step.
pub(crate) const SELECTED: &str = "*: the step that is the result";

/// The line that explains accuracies by contextual calibration.
const CALIBRATED_LEGEND: &str = "calibrated: divided by what the model gives each class for inputs without content";
/// The line that explains accuracies by prior matching.
const PRIOR_MATCHED_LEGEND: &str = "prior-matched: weighted so that all classes are equally probable over the scored rows, whose answers it does not see";

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

/// The tables of a run: for one seed its steps, for several the steps over all seeds and each seed at its result; for tasks
/// with classes calibrated accuracies; then further scores.
pub fn of_run(analysis: &Analysis, seconds: &Seconds) -> Vec<TableModel> {
    let mut tables = if analysis.over_seeds.is_empty() {
        vec![of_seed(analysis, seconds)]
    } else {
        vec![over_seeds(analysis), at_results(analysis, seconds)]
    };
    tables.extend(calibration(analysis));
    tables.extend(further_scores(analysis));
    tables
}

const SCORES: [&str; 8] = [
    "accuracy",
    "n",
    "95 % Wilson",
    "per token",
    "per character",
    "vs in-context",
    "log-likelihood",
    "vs in-context (nats)",
];

/// The scores before those that compare a step with another.
const UNCOMPARED: usize = 5;

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
        scores.right_loglik.map_or_else(|| format::NONE.into(), format::nats),
        format::loglik_versus(scores.right_loglik_versus_icl.as_ref()),
    ]
}

fn time(seconds: Option<&f64>) -> String {
    seconds.map_or_else(String::new, |seconds| format::duration(*seconds))
}

fn step_time(seconds: &Seconds, scores: &StepScores) -> String {
    time(seconds.steps.get(&(scores.seed, scores.step)))
}

/// Rows of steps with those of baselines behind zero-shot and in-context learning, `place` telling the number of a step.
fn with_baselines<T>(
    steps: &[T],
    place: impl Fn(&T) -> u32,
    row: impl Fn(&T) -> Row,
    baselines: impl Iterator<Item = Row>,
) -> Vec<Row> {
    let first = steps.iter().take_while(|step| place(step) <= 1).count();
    let (before, behind) = steps.split_at(first);
    before.iter().map(&row).chain(baselines).chain(behind.iter().map(&row)).collect()
}

/// A step's number or name, with the mark of a result.
pub(super) fn marked(step: u32, selected: bool) -> String {
    format!("{}{}", format::step(step), if selected { "*" } else { "" })
}

/// The step of the results, or from which to which they are.
pub(super) fn result_steps(analysis: &Analysis) -> String {
    let results = &analysis.results;
    let steps = || results.iter().map(|result| result.step);
    let mark = if results.iter().all(|result| result.selected) { "*" } else { "" };
    match (steps().min(), steps().max()) {
        (Some(first), Some(last)) if first < last => format!("{first}-{last}{mark}"),
        (Some(step), _) => format!("{step}{mark}"),
        _ => format::NONE.into(),
    }
}

/// A row of its first cells and the others.
pub(super) fn row(kind: RowKind, first: impl IntoIterator<Item = String>, rest: Vec<String>) -> Row {
    Row { cells: first.into_iter().chain(rest).collect(), kind }
}

/// The role of a step's row.
pub(super) fn kind(selected: bool) -> RowKind {
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
        cells.push(step_time(seconds, step));
        row(kind(selected), [marked(step.step, selected)], cells)
    };
    let baselines = analysis.baselines.iter().map(|BaselineScores { baseline, scores: of }| {
        let mut cells = scores(of);
        cells.push(time(seconds.baselines.get(&(of.seed, *baseline))));
        row(RowKind::Plain, [format::baseline(*baseline)], cells)
    });
    let mut rows = with_baselines(&analysis.steps, |step| step.step, of_step, baselines);
    let oracle = analysis.oracle.first().and_then(|best| analysis.step(best.seed, best.step));
    rows.extend(oracle.map(|best| {
        let mut cells = scores(best);
        // A test of a step that was picked for its answers would claim too much.
        cells.truncate(UNCOMPARED);
        cells.resize(SCORES.len() + 1, String::new());
        row(RowKind::Oracle, [format!("oracle (step {})", best.step)], cells)
    }));
    let headings = headings(std::iter::once("step").chain(SCORES).chain(["time"]));
    TableModel { title: "Steps".into(), headings, legend: legend(&rows), rows }
}

fn over_seeds(analysis: &Analysis) -> TableModel {
    let cells = |scores: &SeedsScores| {
        let SpreadRecord { seeds, min, max, .. } = scores.accuracy;
        vec![
            format::spread(&scores.accuracy),
            seeds.to_string(),
            format::range([min, max]),
            format::spread(&scores.accuracy_tokens),
            format::spread(&scores.accuracy_norm),
            format::points_spread(scores.difference.as_ref()),
            format::nats_spread(scores.right_loglik.as_ref(), format::nats),
            format::nats_spread(scores.right_loglik_difference.as_ref(), format::nats_difference),
        ]
    };
    let of_step = |step: &SeedsScores| {
        let selected = is_result(analysis, step.step);
        row(kind(selected), [marked(step.step, selected)], cells(step))
    };
    let baselines = analysis
        .baselines_over_seeds
        .iter()
        .map(|BaselineSeeds { baseline, scores }| row(RowKind::Plain, [format::baseline(*baseline)], cells(scores)));
    let mut rows = with_baselines(&analysis.over_seeds, |step| step.step, of_step, baselines);
    rows.extend(analysis.oracle_of_means.map(|best| {
        let mut cells = vec![format::percent(best.mean)];
        cells.resize(SCORES.len(), String::new());
        row(RowKind::Oracle, [format!("oracle (step {})", best.step)], cells)
    }));
    let mut headings = headings(std::iter::once("step").chain(SCORES));
    headings[2..4].clone_from_slice(&["seeds".into(), "range".into()]);
    TableModel { title: "Steps: mean ± standard deviation over seeds".into(), headings, legend: legend(&rows), rows }
}

/// Whether this step is the result of every seed.
fn is_result(analysis: &Analysis, step: u32) -> bool {
    analysis.results.iter().all(|result| result.selected && result.step == step)
}

/// A column of a table of [`rows_at_milestones`].
struct Column {
    heading: &'static str,
    /// The line that explains it; empty for none.
    legend: &'static str,
    value: fn(&SeedsScores) -> Option<&SpreadRecord>,
    shown: fn(&SpreadRecord) -> String,
}

const ACCURACY: Column =
    Column { heading: "accuracy", legend: "", value: |scores| Some(&scores.accuracy), shown: format::spread };

const CALIBRATED: [Column; 2] = [
    Column {
        heading: "calibrated",
        legend: CALIBRATED_LEGEND,
        value: |scores| scores.contextual.as_ref(),
        shown: format::spread,
    },
    Column {
        heading: "prior-matched",
        legend: PRIOR_MATCHED_LEGEND,
        value: |scores| scores.prior_matched.as_ref(),
        shown: format::spread,
    },
];

const FURTHER_SCORES: [Column; 4] = [
    Column {
        heading: "per byte",
        legend: "per byte: accuracy by log-likelihood per byte of the choice in UTF-8",
        value: |scores| scores.accuracy_bytes.as_ref(),
        shown: format::spread,
    },
    Column {
        heading: "mutual information",
        legend: "mutual information: accuracy by log-likelihood less that of the choice without its query",
        value: |scores| scores.accuracy_mutual_information.as_ref(),
        shown: format::spread,
    },
    Column {
        heading: "Brier",
        legend: "Brier: squared error of the probabilities of all choices, from 0 to 2; 0 is best",
        value: |scores| scores.brier_score.as_ref(),
        shown: format::share_spread,
    },
    Column {
        heading: "calibration error",
        legend: "calibration error: how far the predicted choices' probabilities are from the share that is right, over 15 bins",
        value: |scores| scores.calibration_error.as_ref(),
        shown: format::share_spread,
    },
];

/// Scores besides those of the steps' own table, at the same places as [`calibration`]; `None` where there is none.
fn further_scores(analysis: &Analysis) -> Option<TableModel> {
    at_milestones("Further scores", analysis, &[], &FURTHER_SCORES)
}

/// Accuracies as they are and calibrated, at zero-shot and in-context learning, behind baselines, and at the results; `None` for
/// tasks without classes.
fn calibration(analysis: &Analysis) -> Option<TableModel> {
    at_milestones("Accuracy, as it is and calibrated", analysis, &[ACCURACY], &CALIBRATED)
}

/// A table of these columns: `first`, and each of `others` that a row has; `None` where no row has any of those.
fn at_milestones(title: &str, analysis: &Analysis, first: &[Column], others: &[Column]) -> Option<TableModel> {
    let rows = rows_at_milestones(analysis);
    let has = |column: &&Column| rows.iter().any(|(_, _, scores)| (column.value)(scores).is_some());
    let others: Vec<&Column> = others.iter().filter(has).collect();
    if others.is_empty() {
        return None;
    }
    let columns: Vec<&Column> = first.iter().chain(others).collect();
    let cell = |column: &&Column, scores: &SeedsScores| {
        of_all_seeds((column.value)(scores), scores).map_or_else(|| format::NONE.into(), column.shown)
    };
    let of_row = |(name, kind, scores): &(String, RowKind, SeedsScores)| {
        row(*kind, [name.clone()], columns.iter().map(|column| cell(column, scores)).collect())
    };
    let rows: Vec<Row> = rows.iter().map(of_row).collect();
    let lines = columns.iter().map(|column| column.legend.to_owned()).filter(|line| !line.is_empty());
    let legend = legend(&rows).into_iter().chain(lines).collect();
    let headings = headings(std::iter::once("step").chain(columns.iter().map(|column| column.heading)));
    Some(TableModel { title: title.into(), headings, rows, legend })
}

/// A number, where it is one over as many seeds as the accuracy: a mean over fewer says nothing of the difference to what stands
/// beside it.
fn of_all_seeds<'a>(spread: Option<&'a SpreadRecord>, scores: &SeedsScores) -> Option<&'a SpreadRecord> {
    spread.filter(|spread| spread.seeds == scores.accuracy.seeds)
}

/// Names, roles and numbers, over the seeds, of zero-shot and in-context learning, baselines, and the results.
fn rows_at_milestones(analysis: &Analysis) -> Vec<(String, RowKind, SeedsScores)> {
    let of_step = |wanted: u32| {
        let all: Vec<&StepScores> = analysis.steps.iter().filter(|step| step.step == wanted).collect();
        let selected = is_result(analysis, wanted);
        Some((marked(wanted, selected), kind(selected), SeedsScores::of(&all)?))
    };
    let mut baselines: BTreeMap<Baseline, Vec<&StepScores>> = BTreeMap::new();
    for BaselineScores { baseline, scores } in &analysis.baselines {
        baselines.entry(*baseline).or_default().push(scores);
    }
    let of_baseline = |(baseline, all): (&Baseline, &Vec<&StepScores>)| {
        Some((format::baseline(*baseline), RowKind::Plain, SeedsScores::of(all)?))
    };
    let results: Vec<&StepScores> = analysis.at_results().collect();
    let at_results = results.first().and_then(|first| {
        let (same, selected) = (results.iter().all(|step| step.step == first.step), is_result(analysis, first.step));
        let name = if same { marked(first.step, selected) } else { "results".into() };
        let is_further = !same || first.step > 1;
        is_further.then_some((name, kind(selected || !same), SeedsScores::of(&results)?))
    });
    [0, 1].into_iter().filter_map(of_step).chain(baselines.iter().filter_map(of_baseline)).chain(at_results).collect()
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
        cells.push(step_time(seconds, step));
        let selected = analysis.is_selected(step.seed, step.step);
        row(kind(selected), [step.seed.to_string(), marked(step.step, selected)], cells)
    };
    let mut rows: Vec<Row> = analysis.at_results().map(of_seed).collect();
    let results: Vec<&StepScores> = analysis.at_results().collect();
    if let (Some(result), Some(over)) = (&analysis.result, SeedsScores::at_results(&results)) {
        let cells = vec![
            format::spread(result),
            String::new(),
            String::new(),
            format::spread(&over.accuracy_tokens),
            format::spread(&over.accuracy_norm),
            format::points_spread(over.difference.as_ref()),
            format::nats_spread(over.right_loglik.as_ref(), format::nats),
            format::nats_spread(over.right_loglik_difference.as_ref(), format::nats_difference),
            String::new(),
        ];
        rows.push(row(RowKind::Plain, ["mean".into(), String::new()], cells));
    }
    let headings = headings(["seed", "step"].into_iter().chain(SCORES).chain(["time"]));
    TableModel { title: "Each seed at its result".into(), headings, legend: legend(&rows), rows }
}
