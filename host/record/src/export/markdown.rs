//! Markdown.

use crate::escape::markdown;
use crate::overview;
use crate::run_report::RunReport;
use crate::sheet::{self, RowKind, Sheet};

/// A section for each run; where there are several, a table of all of them at the end.
pub fn render(runs: &[RunReport]) -> String {
    let mut out = String::new();
    for run in runs {
        out += &format!("## {}\n\n", markdown(run.name.raw()));
        for (name, value) in run.facts() {
            out += &format!("- {name}: {}\n", markdown(&value));
        }
        for note in &run.notes {
            out += &format!("- **note**: {}\n", markdown(note.raw()));
        }
        out.push('\n');
        let sheets = sheet::of_run(&run.analysis, &run.seconds);
        sheets.iter().chain(&sheet::confusion(&run.analysis)).for_each(|sheet| out += &table(sheet));
    }
    if runs.len() > 1 {
        let overview = overview::of_runs(runs);
        out += &format!("## {}\n\n{}", overview.title, table(&Sheet { title: String::new(), ..overview }));
    }
    out
}

fn table(sheet: &Sheet) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let escaped = |cells: &[String]| cells.iter().map(|cell| markdown(cell)).collect::<Vec<_>>();
    let mut out = if sheet.title.is_empty() { String::new() } else { format!("### {}\n\n", markdown(&sheet.title)) };
    out += &line(&escaped(&sheet.headings));
    let rules: Vec<String> =
        (0..sheet.headings.len()).map(|index| if index == 0 { ":--" } else { "--:" }.into()).collect();
    out += &line(&rules);
    for row in &sheet.rows {
        let mut cells = escaped(&row.cells);
        if row.kind == RowKind::Result {
            cells.iter_mut().filter(|cell| !cell.is_empty()).for_each(|cell| *cell = format!("**{cell}**"));
        }
        out += &line(&cells);
    }
    out.push('\n');
    for line in &sheet.legend {
        out += &format!("{}\n\n", markdown(line));
    }
    out
}
