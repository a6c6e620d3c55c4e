//! Saved contexts as they are shown: what one is, in a few words, and tables of what two differ in.

use super::facts;
use super::format;
use super::table_model::{Row, RowKind, TableModel, headings};
use crate::analysis::contexts::ContextComparison;
use crate::analysis::differences::Difference;
use crate::files::context::{ContextRecord, TensorsRecord};
use crate::files::scores::StepScores;
use ft_engine::model::saved_context::{ContextDistance, Distance};

/// The step of a context, and how it was selected.
pub fn step(record: &ContextRecord) -> String {
    let config = &record.plan.config;
    let select = config.select.harmless();
    let held_out = config.held_out.as_ref().map_or_else(String::new, |held_out| format!(", {}", held_out.harmless()));
    format!("step {} of seed {}, selected by {select}{held_out}", record.selected.step, record.selected.seed)
}

/// The sizes and number formats of a context's tensors.
pub fn tensors(tensors: &TensorsRecord) -> String {
    let TensorsRecord { layers, kv_heads, head_dim, positions, next_position, shared_start, .. } = tensors;
    let (held, stored) = (tensors.dtype.harmless(), tensors.stored_dtype.harmless());
    let format = if held == stored { held } else { format!("{held}, stored in {stored}") };
    let shared = if *shared_start == 0 { String::new() } else { format!(", {shared_start} of them a shared start") };
    format!(
        "{layers} layers, {kv_heads} key/value heads of {head_dim}, {positions} positions{shared}, next position \
         {next_position}, {format}"
    )
}

/// What the evaluation rows came to behind a context, if they were scored.
pub fn measured(scores: Option<&StepScores>) -> String {
    let Some(scores) = scores else { return "not scored".to_owned() };
    let accuracy = format::percent(scores.accuracy);
    let likelihood = match scores.right_loglik {
        Some(nats) => format!(", log-likelihood of the right choice {nats:.3} nats"),
        None => String::new(),
    };
    let versus = match &scores.versus_icl {
        Some(versus) => format!(
            ", {} points to in-context learning (p{})",
            format::points(versus.difference),
            format::p_value(versus.p_value)
        ),
        None => String::new(),
    };
    format!("{accuracy} of {} rows ({}){likelihood}{versus}", scores.n, format::range(scores.interval))
}

/// How far the second context is from the first: a row for each layer, then the last hidden states.
pub fn distances(distance: &ContextDistance) -> TableModel {
    let cells = |name: String, [first, second]: [Option<Distance>; 2]| {
        let of = |distance: Option<Distance>| {
            let (relative, cosine) = distance.map_or((None, None), |distance| (distance.relative, distance.cosine));
            [decimals(relative, 4), decimals(cosine, 6)]
        };
        plain([vec![name], of(first).to_vec(), of(second).to_vec()].concat())
    };
    let mut rows: Vec<Row> = (distance.layers.iter().enumerate())
        .map(|(layer, moved)| cells(layer.to_string(), [Some(moved.keys), Some(moved.values)]))
        .collect();
    rows.push(cells("last hidden state".to_owned(), [Some(distance.last_hidden), None]));
    let legend = vec![
        "moved: ||a - b|| / ||a|| over all heads and positions; cosine: of the angle between a and b".to_owned(),
        "the last hidden state has no keys and values: its one vector is in their place".to_owned(),
    ];
    let headings = headings(["layer", "keys moved", "cosine", "values moved", "cosine"]);
    TableModel { title: String::new(), headings, rows, legend }
}

/// What two contexts are and where they came from, side by side.
pub(crate) fn sides(comparison: &ContextComparison, records: [&ContextRecord; 2]) -> TableModel {
    let of = |record: &ContextRecord| {
        let draw = &record.plan.draw;
        let (tokens, rows) = (draw.demonstration_ids.len(), draw.demonstration_rows.len());
        let mut facts = vec![
            ("context", step(record)),
            ("tensors", tensors(&record.tensors)),
            ("measured", measured(record.scores.as_ref())),
            ("demonstrations", format!("{tokens} tokens of {rows} rows")),
        ];
        facts.extend(facts::of_plan(&record.plan));
        facts
    };
    let names = [&comparison.a, &comparison.b].map(|side| side.name.harmless());
    let mut rows = vec![plain([&["folder".to_owned()][..], &names].concat())];
    let [a, b] = records.map(of);
    rows.extend(a.into_iter().zip(b).map(|((name, a), (_, b))| plain(vec![name.to_owned(), a, b])));
    TableModel { title: String::new(), headings: headings(["part", "a", "b"]), rows, legend: Vec::new() }
}

/// In what the plans of two contexts differ, as far as a context follows from it.
pub(crate) fn differences(differences: &[Difference]) -> TableModel {
    let rows = differences.iter().map(|difference| plain(difference.cells().into())).collect();
    TableModel { title: String::new(), headings: headings(["part of the plan", "a", "b"]), rows, legend: Vec::new() }
}

fn plain(cells: Vec<String>) -> Row {
    Row { cells, kind: RowKind::Plain }
}

fn decimals(number: Option<f64>, digits: usize) -> String {
    number.map_or_else(|| format::NONE.to_owned(), |number| format!("{number:.digits$}"))
}
