//! Reports of runs and comparisons on a terminal.

use super::style::Style;
use super::table;
use super::text::harmless;
use crate::report::compare::{Comparison, Side};
use crate::report::figures;
use crate::report::overview;
use crate::report::run_report::RunReport;
use crate::report::sheet;

/// Each run with its tables and notes; where there are several, a table of all of them comes last.
pub fn render(runs: &[RunReport], style: Style) -> String {
    let mut parts: Vec<String> = runs.iter().map(|run| of_run(run, style)).collect();
    if runs.len() > 1 {
        let overview = overview::of_runs(runs);
        parts.push(format!("{}\n{}", style.strong(&overview.title), table::render(&overview, None, style)));
    }
    parts.join("\n")
}

fn of_run(run: &RunReport, style: Style) -> String {
    let mut out = format!("{}\n", style.strong(&harmless(&run.name)));
    for (name, value) in run.facts() {
        out += &format!("  {name:10} {}\n", harmless(&value));
    }
    out.push('\n');
    let mut sheets = sheet::of_run(&run.analysis, &run.seconds);
    sheets.extend(sheet::confusion(&run.analysis));
    out += &table::render_all(&sheets, None, style);
    out + &notes(&run.notes)
}

/// Both accuracies, their difference and how sure it is, and in what the runs differ.
pub fn comparison(comparison: &Comparison, style: Style) -> String {
    let Comparison { a, b, n, seeds, versus, differences, .. } = comparison;
    let side = |letter: &str, side: &Side| {
        let mut steps = side.steps.clone();
        steps.dedup();
        let steps: Vec<String> = steps.into_iter().map(figures::step).collect();
        let (name, accuracy) = (harmless(&side.name), figures::percent(side.accuracy));
        let head = style.strong(&format!("{letter}: {name}"));
        format!("{head}, step {}: {accuracy} ({})\n", steps.join(", "), figures::range(side.interval))
    };
    let mut out = side("a", a) + &side("b", b);
    let over = if seeds.len() > 1 { format!("{n} pairs over {} seeds", seeds.len()) } else { format!("{n} pairs") };
    out += &format!(
        "a - b: {} points (95 % bootstrap {}; McNemar p{}) in {over}\n",
        figures::points(versus.difference),
        figures::points_range(versus.interval),
        figures::p_value(versus.p_value)
    );
    out += &format!("only a is right: {}; only b is right: {}\n", versus.wins, versus.losses);
    if differences.is_empty() {
        out += "the plans do not differ\n";
    } else {
        out += "the plans differ (a / b):\n";
        differences.iter().for_each(|difference| out += &format!("  {}\n", harmless(&difference.sentence(" / "))));
    }
    out + &notes(&comparison.notes)
}

fn notes(notes: &[String]) -> String {
    notes.iter().map(|note| format!("note: {}\n", harmless(note))).collect()
}
