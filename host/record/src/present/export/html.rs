//! One HTML page that loads nothing and runs nothing.

use std::collections::BTreeMap;

use super::likelihoods;
use super::page;
use super::plot::{Axis, Line, Plot, Point, Reference, Values, confusion};
use crate::analysis::BaselineScores;
use crate::analysis::group_report::GroupReport;
use crate::analysis::run_report::RunReport;
use crate::files::controls::Baseline;
use crate::files::scores::StepScores;
use crate::files::trace::TraceRecord;
use crate::present::escape::html;
use crate::present::facts;
use crate::present::format;
use crate::present::group;
use crate::present::overview;
use crate::present::table_model::{self, TableModel};
use ft_engine::text::Untrusted;

/// The page with a section for each run and each group; where there are several, a table of all of them comes last.
pub(crate) fn render(runs: &[RunReport], groups: &[GroupReport]) -> String {
    let mut out = String::new();
    runs.iter().for_each(|run| out += &section(run));
    groups.iter().for_each(|group| out += &section_of_group(group));
    if runs.len() + groups.len() > 1 {
        let overview = overview::of_all(runs, groups);
        out +=
            &format!("<h2>{}</h2>\n{}", overview.title, page::table(&TableModel { title: String::new(), ..overview }));
    }
    page::page("ft-host report", "Forward tuning", "", &out)
}

/// The beginning of a section: its name, facts and notes.
fn head(name: &Untrusted, facts: Vec<(&'static str, String)>, notes: &[Untrusted]) -> String {
    let mut out = format!("<h2>{}</h2>\n<dl>\n", html(name.raw()));
    for (name, value) in facts {
        out += &format!("<dt>{name}</dt><dd>{}</dd>\n", html(&value));
    }
    out + "</dl>\n" + &page::notes(notes)
}

fn section_of_group(of_group: &GroupReport) -> String {
    let head = head(&of_group.name, facts::of_group(of_group), &of_group.notes);
    head + &group::of_group(of_group).iter().map(page::table).collect::<String>()
}

fn section(run: &RunReport) -> String {
    let mut out = head(&run.name, facts::of_run(run), &run.notes);
    out += "<h3>Accuracy at every step, with 95 % Wilson intervals</h3>\n";
    out += &accuracy(run).svg();
    table_model::of_run(&run.analysis, &run.seconds).iter().for_each(|table| out += &page::table(table));
    out += &likelihoods::figures(run);
    if !run.trace.is_empty() {
        out += "<h3>How far each step moves the cache</h3>\n";
        out += &norms(run, "pseudo-gradient norm, over the whole cache", TraceRecord::pseudo_gradient_norm);
        out += &norms(run, "update norm, over the whole cache", TraceRecord::update_norm);
    }
    if let (Some(matrix), Some(table)) = (&run.analysis.confusion, table_model::confusion(&run.analysis)) {
        out += &format!("<h3>{}</h3>\n{}", html(&table.title), confusion(&matrix.labels, &matrix.counts));
        out += &page::legend(&table);
    }
    let plan = &run.results.plan;
    for draw in std::iter::once(&plan.draw).chain(&plan.further_draws) {
        out += &page::unfolded(&format!("Demonstrations of seed {}", draw.seed), &draw.demonstrations);
    }
    out
}

/// A line for each seed from step 1 on. Zero-shot, in-context learning and baselines are the same at every step: their means
/// over the seeds are references.
fn accuracy(run: &RunReport) -> Plot {
    let mut seeds: Vec<(u64, Vec<Point>)> = Vec::new();
    for step in run.analysis.steps.iter().filter(|step| step.step > 0) {
        if seeds.last().is_none_or(|(seed, _)| *seed != step.seed) {
            seeds.push((step.seed, Vec::new()));
        }
        let marked = run.analysis.is_selected(step.seed, step.step);
        let point = Point { at: step.step, value: step.accuracy, interval: Some(step.interval), marked };
        if let Some((_, points)) = seeds.last_mut() {
            points.push(point);
        }
    }
    let mean = |wanted: u32| {
        let all: Vec<&StepScores> = run.analysis.steps.iter().filter(|step| step.step == wanted).collect();
        (!all.is_empty()).then(|| all.iter().map(|step| step.accuracy).sum::<f64>() / all.len() as f64)
    };
    let reference = |(step, name): (u32, &str)| Some(Reference { name: name.into(), value: mean(step)? });
    let lines = seeds.into_iter().map(|(seed, points)| Line::new(format!("seed {seed}"), points));
    Plot {
        title: "accuracy at every step".into(),
        lines: lines.collect(),
        references: [(0, "zero-shot"), (1, "in-context")]
            .into_iter()
            .filter_map(reference)
            .chain(baselines(run))
            .collect(),
        axis: Axis::Steps,
        values: Values::Shares,
    }
}

/// The mean accuracy over the seeds behind each baseline.
fn baselines(run: &RunReport) -> impl Iterator<Item = Reference> {
    let mut accuracies: BTreeMap<Baseline, Vec<f64>> = BTreeMap::new();
    for BaselineScores { baseline, scores } in &run.analysis.baselines {
        accuracies.entry(*baseline).or_default().push(scores.accuracy);
    }
    accuracies.into_iter().map(|(baseline, all)| Reference {
        name: format::baseline(baseline),
        value: all.iter().sum::<f64>() / all.len() as f64,
    })
}

/// A norm over the steps, a line for each seed.
fn norms(run: &RunReport, title: &str, norm: fn(&TraceRecord) -> f64) -> String {
    let mut seeds: BTreeMap<u64, Vec<Point>> = BTreeMap::new();
    for record in &run.trace {
        let point = Point { at: record.step, value: norm(record), interval: None, marked: false };
        seeds.entry(record.seed).or_default().push(point);
    }
    let lines = seeds.into_iter().map(|(seed, points)| Line::new(format!("seed {seed}"), points));
    let plot = Plot {
        title: title.into(),
        lines: lines.collect(),
        references: Vec::new(),
        axis: Axis::Steps,
        values: Values::Sizes,
    };
    plot.figure()
}
