//! Reports of runs and comparisons on a terminal.

use super::screen::{Page, Screen};
use super::table;
use ft_engine::text::Untrusted;
use ft_record::analysis::compare::{Comparison, Side};
use ft_record::analysis::differences::Difference;
use ft_record::analysis::group_report::GroupReport;
use ft_record::analysis::run_report::RunReport;
use ft_record::present::facts;
use ft_record::present::format;
use ft_record::present::group;
use ft_record::present::overview;
use ft_record::present::table_model;

/// Each run, then each group, with its tables and notes; where there are several, a table of all of them comes last.
pub fn render(runs: &[RunReport], groups: &[GroupReport], screen: Screen) -> Page {
    let mut parts: Vec<Page> = runs.iter().map(|run| of_run(run, screen)).collect();
    parts.extend(groups.iter().map(|group| of_group(group, screen)));
    if parts.len() > 1 {
        let overview = overview::of_all(runs, groups);
        parts.push(screen.headed(&overview.title, "", 0) + table::render(&overview, screen));
    }
    Page::apart(parts)
}

fn of_run(run: &RunReport, screen: Screen) -> Page {
    let mut tables = table_model::of_run(&run.analysis, &run.seconds);
    tables.extend(table_model::confusion(&run.analysis));
    head(&run.name, facts::of_run(run), screen) + table::render_all(&tables, screen) + notes(&run.notes, screen)
}

/// A group's subtasks are rows of a table; one of them is shown as the run that it is by its own folder.
fn of_group(group: &GroupReport, screen: Screen) -> Page {
    let mut out = head(&group.name, facts::of_group(group), screen);
    let tables = group::of_group(group);
    if !tables.is_empty() {
        out += table::render_all(&tables, screen) + Page::blank();
    }
    let one = format!("`ft-host report {}/<subtask>` shows one subtask", group.name.harmless());
    out + screen.prose(&one) + notes(&group.notes, screen)
}

/// What stands above the tables of a run or a group: its name and facts.
fn head(name: &Untrusted, facts: Vec<(&'static str, String)>, screen: Screen) -> Page {
    let mut out = screen.headed(&name.harmless(), "", 0);
    for (name, value) in facts {
        out += screen.line(&format!("  {name:10} {value}"), 13);
    }
    out + Page::blank()
}

fn notes(notes: &[Untrusted], screen: Screen) -> Page {
    notes.iter().map(|note| screen.note(&note.harmless())).collect()
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
    out + notes(&comparison.notes, screen)
}
