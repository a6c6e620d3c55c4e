//! Reports of runs and comparisons on a terminal.

use super::screen::{Page, Screen};
use super::table;
use ft_record::analysis::compare::{Comparison, Side};
use ft_record::analysis::differences::Difference;
use ft_record::analysis::run_report::RunReport;
use ft_record::present::facts;
use ft_record::present::format;
use ft_record::present::overview;
use ft_record::present::table_model;

/// Each run with its tables and notes; where there are several, a table of all of them comes last.
pub fn render(runs: &[RunReport], screen: Screen) -> Page {
    let mut parts: Vec<Page> = runs.iter().map(|run| of_run(run, screen)).collect();
    if runs.len() > 1 {
        let overview = overview::of_runs(runs);
        parts.push(screen.headed(&overview.title, "", 0) + table::render(&overview, screen));
    }
    Page::apart(parts)
}

fn of_run(run: &RunReport, screen: Screen) -> Page {
    let mut out = screen.headed(&run.name.harmless(), "", 0);
    for (name, value) in facts::of_run(run) {
        out += screen.line(&format!("  {name:10} {value}"), 13);
    }
    out += Page::blank();
    let mut tables = table_model::of_run(&run.analysis, &run.seconds);
    tables.extend(table_model::confusion(&run.analysis));
    out += table::render_all(&tables, screen);
    out + run.notes.iter().map(|note| screen.note(&note.harmless())).collect::<Page>()
}

/// Both accuracies, their difference and how sure it is, and in what the runs differ.
pub fn comparison(comparison: &Comparison, screen: Screen) -> Page {
    let Comparison { a, b, n, seeds, versus, differences, .. } = comparison;
    let side = |letter: &str, side: &Side| {
        let mut steps = side.steps.clone();
        steps.dedup();
        let steps: Vec<String> = steps.into_iter().map(format::step).collect();
        let (name, accuracy) = (side.name.harmless(), format::percent(side.accuracy));
        let rest = format!(", step {}: {accuracy} ({})", steps.join(", "), format::range(side.interval));
        screen.headed(&format!("{letter}: {name}"), &rest, 2)
    };
    let mut out = side("a", a) + side("b", b);
    let over = if seeds.len() > 1 { format!("{n} pairs over {} seeds", seeds.len()) } else { format!("{n} pairs") };
    let difference = format!(
        "a - b: {} points (95 % bootstrap {}; McNemar p{}) in {over}",
        format::points(versus.difference),
        format::points_range(versus.interval),
        format::p_value(versus.p_value)
    );
    out += screen.line(&difference, 2);
    out += screen.line(&format!("only a is right: {}; only b is right: {}", versus.wins, versus.losses), 2);
    if differences.is_empty() {
        out += screen.line("the plans do not differ", 2);
    } else {
        out += screen.line("the plans differ (a / b):", 2);
        let line = |difference: &Difference| screen.line(&format!("  {}", difference.sentence(" / ")), 4);
        out += differences.iter().map(line).collect::<Page>();
    }
    out + comparison.notes.iter().map(|note| screen.note(&note.harmless())).collect::<Page>()
}
