//! Tables of results on a terminal.

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
use unicode_width::UnicodeWidthStr;

use super::style::Style;
use super::text::{harmless, shorten};
use crate::report::sheet::{Row, Sheet};

/// Blanks behind a cell, besides the one between two columns.
const GAP: u16 = 1;

/// What is longer than this is cut: names of folders and classes can have any length.
const WIDEST: usize = 48;

/// The table with its headings, every line ended by a line feed, and what explains its marks below it.
/// Where it is wider than `width` columns, every row takes several short lines instead.
pub fn render(sheet: &Sheet, width: Option<usize>, style: Style) -> String {
    let table = wide(sheet);
    let fits = width.is_none_or(|width| table.iter().all(|line| line.width() <= width));
    let mut out = String::new();
    let mut print = |line: &str| {
        out.push_str(line);
        out.push('\n');
    };
    if fits {
        let (headings, below) = table.split_at(1);
        headings.iter().for_each(|line| print(&style.strong(line)));
        below.iter().for_each(|line| print(line));
    } else {
        sheet.rows.iter().for_each(|row| narrow(sheet, row, style).iter().for_each(|line| print(line)));
    }
    sheet.legend.iter().for_each(|line| print(&style.faint(&harmless(line))));
    out
}

/// Several tables, with their titles and an empty line between them; a single one needs no title.
pub fn render_all(sheets: &[Sheet], width: Option<usize>, style: Style) -> String {
    match sheets {
        [sheet] => render(sheet, width, style),
        sheets => {
            let titled =
                |sheet: &Sheet| format!("{}\n{}", style.strong(&harmless(&sheet.title)), render(sheet, width, style));
            sheets.iter().map(titled).collect::<Vec<_>>().join("\n")
        }
    }
}

/// Lines of the table, headings first. Without colour or box-drawing characters, so that it is the same anywhere.
fn wide(sheet: &Sheet) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('-').junction('-')));
    table.set_header(sheet.headings.iter().map(|text| cell(text)));
    table.add_rows(sheet.rows.iter().map(|row| row.cells.iter().map(|text| cell(text))));
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, GAP));
        if index > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// A text of whatever length and origin as a cell.
fn cell(text: &str) -> String {
    shorten(&harmless(text), WIDEST)
}

/// One row as its first cell and, indented, a line for each other cell that says something.
fn narrow(sheet: &Sheet, row: &Row, style: Style) -> Vec<String> {
    let mut pairs = sheet.headings.iter().map(|text| cell(text)).zip(row.cells.iter().map(|text| cell(text)));
    let Some((heading, first)) = pairs.next() else { return Vec::new() };
    // Without the heading a bare number would not say what it is.
    let bare = first.starts_with(|first: char| first.is_ascii_digit());
    let label = if bare { format!("{heading} {first}") } else { first };
    let lines = pairs.filter(|(_, cell)| !cell.is_empty()).map(|(heading, cell)| format!("  {heading:13} {cell}"));
    std::iter::once(style.strong(&label)).chain(lines).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::analysis::{Analysis, Known};
    use crate::report::samples::{Choice, Place, SampleRecord};
    use crate::report::schema::SelectedRecord;
    use crate::report::sheet::{ORACLE, Seconds, of_run};
    use std::ffi::OsStr;
    use std::path::Path;

    /// A step of 1000 examples, the first `correct` of them right; per token those from `unsure` on are wrong as well.
    fn step(seed: u64, step: u32, correct: usize, unsure: usize) -> Vec<SampleRecord> {
        let of = |index: usize| {
            let right = Choice { loglik: if index < correct { -1.0 } else { -9.0 }, tokens: 1, characters: 4 };
            let wrong = Choice { loglik: -4.0, tokens: if index < unsure { 1 } else { 5 }, characters: 4 };
            SampleRecord::new(Place { seed, step, index }, index.to_string(), 0, &[right, wrong]).unwrap()
        };
        (0..1000).map(of).collect()
    }

    fn sheets(steps: &[Vec<SampleRecord>], selected: &[(u64, u32)], seconds: &[((u64, u32), f64)]) -> Vec<Sheet> {
        let selected: Vec<SelectedRecord> =
            selected.iter().map(|&(seed, step)| SelectedRecord { seed, step }).collect();
        let known = Known { selected: &selected, ..Known::default() };
        let analysis = Analysis::new(&steps.concat(), &known).unwrap();
        of_run(&analysis, &seconds.iter().copied().collect::<Seconds>())
    }

    fn several() -> Sheet {
        let steps = [step(0, 0, 571, 570), step(0, 1, 800, 790), step(0, 2, 812, 0), step(0, 15, 811, 1000)];
        let seconds = [((0, 0), 0.0), ((0, 1), 12.34), ((0, 2), 99.96), ((0, 15), 7384.0)];
        sheets(&steps, &[(0, 15)], &seconds).remove(0)
    }

    /// Compares with `tests/data/ui/<name>.txt`; with `FT_BLESS` set it writes that file instead.
    fn check(name: &str, rendered: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ui").join(name).with_extension("txt");
        if std::env::var_os("FT_BLESS").is_some() {
            std::fs::write(&path, rendered).expect("the folder is there");
        }
        let expected = std::fs::read_to_string(&path).expect("FT_BLESS=1 writes it");
        assert_eq!(rendered, expected, "{}", path.display());
    }

    #[test]
    fn several_steps_have_an_oracle_and_a_result() {
        check("table_several", &render(&several(), None, Style::PLAIN));
        check("table_several", &render(&several(), Some(100), Style::PLAIN));
    }

    #[test]
    fn one_step_has_no_oracle() {
        let one = sheets(&[step(0, 0, 500, 500), step(0, 1, 800, 800)], &[], &[((0, 0), 1.0), ((0, 1), 2.5)]);
        check("table_one", &render_all(&one, None, Style::PLAIN));
    }

    #[test]
    fn several_seeds_have_means_and_rows_of_their_own() {
        let steps = [
            [step(13, 0, 571, 570), step(13, 1, 700, 800), step(13, 15, 731, 730)],
            [step(42, 0, 571, 570), step(42, 1, 790, 800), step(42, 15, 760, 730)],
        ];
        let seconds = [((13, 15), 61.0), ((42, 15), 60.0)];
        let sheets = sheets(steps.as_flattened(), &[(13, 15), (42, 15)], &seconds);
        check("table_seeds", &render_all(&sheets, None, Style::PLAIN));
    }

    #[test]
    fn a_narrow_terminal_gets_short_lines() {
        let rendered = render(&several(), Some(40), Style::PLAIN);
        check("table_narrow", &rendered);
        let numbers = rendered.strip_suffix(&format!("{ORACLE}\n")).expect("the note comes last");
        assert!(numbers.lines().all(|line| line.len() <= 40));
    }

    #[test]
    fn emphasis_changes_nothing_but_emphasis() {
        let style = Style::new(true, None::<&OsStr>);
        for width in [None, Some(40)] {
            let plain = render(&several(), width, Style::PLAIN);
            let styled = render(&several(), width, style);
            assert_ne!(styled, plain);
            let stripped = ["\x1b[1m", "\x1b[2m", "\x1b[0m"].iter().fold(styled, |text, code| text.replace(code, ""));
            assert_eq!(stripped, plain);
        }
    }

    #[test]
    fn nothing_scored_is_headings_only() {
        assert_eq!(render_all(&sheets(&[], &[], &[]), None, Style::PLAIN).lines().count(), 2);
    }

    #[test]
    fn a_cell_acts_on_no_terminal() {
        let mut sheet = several();
        sheet.rows[0].cells[0] = "\x1b[2J\nrun".into();
        for width in [None, Some(40)] {
            let rendered = render(&sheet, width, Style::PLAIN);
            assert!(rendered.contains(r"\u{1b}[2J\nrun") && !rendered.contains('\x1b'), "{rendered}");
        }
    }
}
