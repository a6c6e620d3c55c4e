//! Reports as Markdown.

use crate::analysis::group_report::GroupReport;
use crate::analysis::run_report::RunReport;
use crate::present::escape::markdown;
use crate::present::facts;
use crate::present::group;
use crate::present::overview;
use crate::present::table_model::{self, RowKind, TableModel};
use ft_engine::text::Untrusted;

/// A section for each run and each group; where there are several, a table of all of them at the end.
pub(crate) fn render(runs: &[RunReport], groups: &[GroupReport]) -> String {
    let mut out = String::new();
    for run in runs {
        out += &head(&run.name, facts::of_run(run), &run.notes);
        let tables = table_model::of_run(&run.analysis, &run.seconds);
        tables.iter().chain(&table_model::confusion(&run.analysis)).for_each(|table| out += &table_markdown(table));
    }
    for of_group in groups {
        out += &head(&of_group.name, facts::of_group(of_group), &of_group.notes);
        group::of_group(of_group).iter().for_each(|table| out += &table_markdown(table));
    }
    if runs.len() + groups.len() > 1 {
        let overview = overview::of_all(runs, groups);
        out +=
            &format!("## {}\n\n{}", overview.title, table_markdown(&TableModel { title: String::new(), ..overview }));
    }
    out
}

/// The beginning of a section: its name, facts and notes.
fn head(name: &Untrusted, facts: Vec<(&'static str, String)>, notes: &[Untrusted]) -> String {
    let mut out = format!("## {}\n\n", markdown(name.raw()));
    for (name, value) in facts {
        out += &format!("- {name}: {}\n", markdown(&value));
    }
    for note in notes {
        out += &format!("- **note**: {}\n", markdown(note.raw()));
    }
    out.push('\n');
    out
}

fn table_markdown(table: &TableModel) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let escaped = |cells: &[String]| cells.iter().map(|cell| markdown(cell)).collect::<Vec<_>>();
    let mut out = if table.title.is_empty() { String::new() } else { format!("### {}\n\n", markdown(&table.title)) };
    out += &line(&escaped(&table.headings));
    let rules: Vec<String> =
        (0..table.headings.len()).map(|index| if index == 0 { ":--" } else { "--:" }.into()).collect();
    out += &line(&rules);
    for row in &table.rows {
        let mut cells = escaped(&row.cells);
        if row.kind == RowKind::Result {
            cells.iter_mut().filter(|cell| !cell.is_empty()).for_each(|cell| *cell = format!("**{cell}**"));
        }
        out += &line(&cells);
    }
    out.push('\n');
    for line in &table.legend {
        out += &format!("{}\n\n", markdown(line));
    }
    out
}
