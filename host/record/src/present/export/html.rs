//! One HTML page that loads nothing and runs nothing.

use std::collections::BTreeMap;

use super::likelihoods;
use super::plot::{Line, Plot, Point, Reference, Values, confusion};
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
use crate::present::table_model::{self, RowKind, TableModel};
use ft_engine::text::Untrusted;

/// What a page of this one's own could do is forbidden in it as well.
const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
    <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>ft-host report</title>\n";

/// The page with a section for each run and each group; where there are several, a table of all of them comes last.
pub(crate) fn render(runs: &[RunReport], groups: &[GroupReport]) -> String {
    let mut out =
        format!("{HEAD}<style>\n{}</style>\n</head>\n<body>\n<h1>Forward tuning</h1>\n", include_str!("style.css"));
    runs.iter().for_each(|run| out += &section(run));
    groups.iter().for_each(|group| out += &section_of_group(group));
    if runs.len() + groups.len() > 1 {
        let overview = overview::of_all(runs, groups);
        out +=
            &format!("<h2>{}</h2>\n{}", overview.title, table_html(&TableModel { title: String::new(), ..overview }));
    }
    out + "</body>\n</html>\n"
}

/// The beginning of a section: its name, facts and notes.
fn head(name: &Untrusted, facts: Vec<(&'static str, String)>, notes: &[Untrusted]) -> String {
    let mut out = format!("<h2>{}</h2>\n<dl>\n", html(name.raw()));
    for (name, value) in facts {
        out += &format!("<dt>{name}</dt><dd>{}</dd>\n", html(&value));
    }
    out += "</dl>\n";
    if !notes.is_empty() {
        let notes: String = notes.iter().map(|note| format!("<li>note: {}</li>\n", html(note.raw()))).collect();
        out += &format!("<ul class=\"notes\">\n{notes}</ul>\n");
    }
    out
}

fn section_of_group(of_group: &GroupReport) -> String {
    let head = head(&of_group.name, facts::of_group(of_group), &of_group.notes);
    head + &group::of_group(of_group).iter().map(table_html).collect::<String>()
}

fn section(run: &RunReport) -> String {
    let mut out = head(&run.name, facts::of_run(run), &run.notes);
    out += "<h3>Accuracy at every step, with 95 % Wilson intervals</h3>\n";
    out += &accuracy(run).svg();
    table_model::of_run(&run.analysis, &run.seconds).iter().for_each(|table| out += &table_html(table));
    out += &likelihoods::figures(run);
    if !run.trace.is_empty() {
        out += "<h3>How far each step moves the cache</h3>\n";
        out += &norms(run, "pseudo-gradient norm, over the whole cache", TraceRecord::pseudo_gradient_norm);
        out += &norms(run, "update norm, over the whole cache", TraceRecord::update_norm);
    }
    if let (Some(matrix), Some(table)) = (&run.analysis.confusion, table_model::confusion(&run.analysis)) {
        out += &format!("<h3>{}</h3>\n{}", html(&table.title), confusion(&matrix.labels, &matrix.counts));
        out += &legend(&table);
    }
    let plan = &run.results.plan;
    for draw in std::iter::once(&plan.draw).chain(&plan.further_draws) {
        let lines: Vec<String> = draw.demonstrations.raw().lines().map(html).collect();
        let text = lines.join("\n");
        out += &format!(
            "<details><summary>Demonstrations of seed {}</summary>\n<pre>{text}</pre>\n</details>\n",
            draw.seed
        );
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
        let point = Point { step: step.step, value: step.accuracy, interval: Some(step.interval), marked };
        if let Some((_, points)) = seeds.last_mut() {
            points.push(point);
        }
    }
    let mean = |wanted: u32| {
        let all: Vec<&StepScores> = run.analysis.steps.iter().filter(|step| step.step == wanted).collect();
        (!all.is_empty()).then(|| all.iter().map(|step| step.accuracy).sum::<f64>() / all.len() as f64)
    };
    let reference = |(step, name): (u32, &str)| Some(Reference { name: name.into(), value: mean(step)? });
    let lines = seeds.into_iter().map(|(seed, points)| Line { name: format!("seed {seed}"), points });
    Plot {
        title: "accuracy at every step".into(),
        lines: lines.collect(),
        references: [(0, "zero-shot"), (1, "in-context")]
            .into_iter()
            .filter_map(reference)
            .chain(baselines(run))
            .collect(),
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
        let point = Point { step: record.step, value: norm(record), interval: None, marked: false };
        seeds.entry(record.seed).or_default().push(point);
    }
    let lines = seeds.into_iter().map(|(seed, points)| Line { name: format!("seed {seed}"), points });
    let plot = Plot { title: title.into(), lines: lines.collect(), references: Vec::new(), values: Values::Sizes };
    format!("<figure>\n<figcaption>{title}</figcaption>\n{}</figure>\n", plot.svg())
}

fn table_html(table: &TableModel) -> String {
    let cells = |tag: &str, cells: &[String]| {
        cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", html(cell))).collect::<String>()
    };
    let mut out = if table.title.is_empty() { String::new() } else { format!("<h3>{}</h3>\n", html(&table.title)) };
    out += &format!("<div class=\"scroll\"><table>\n<tr>{}</tr>\n", cells("th", &table.headings));
    for row in &table.rows {
        let class = match row.kind {
            RowKind::Plain => "",
            RowKind::Result => " class=\"result\"",
            RowKind::Oracle => " class=\"oracle\"",
        };
        out += &format!("<tr{class}>{}</tr>\n", cells("td", &row.cells));
    }
    out + "</table></div>\n" + &legend(table)
}

fn legend(table: &TableModel) -> String {
    table.legend.iter().map(|line| format!("<p class=\"legend\">{}</p>\n", html(line))).collect()
}
