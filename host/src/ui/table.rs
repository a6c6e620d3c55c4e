//! Tables of results on a terminal.

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
use unicode_width::UnicodeWidthStr;

use super::screen::{Page, Screen};
use super::style::Emphasis;
use super::text::shorten;
use ft_engine::text::harmless;
use ft_record::present::table_model::{Row, TableModel};

/// Blanks behind a cell, besides the one between two columns.
const GAP: u16 = 1;

/// What is longer than this is cut: names of folders and classes can have any length.
const WIDEST: usize = 48;

/// The table with its headings, every line ended by a line feed, and what explains its marks below it. Where it is
/// wider than the screen, its columns stand in several tables below each other, each with the first column; or every
/// row takes several short lines, where that is shorter or a column is too wide. No number is cut or left out.
pub(crate) fn render(table: &TableModel, screen: Screen) -> Page {
    render_keyed(table, 1, screen)
}

/// Renders a table whose first `keys` columns say what a row is about, and are repeated in every block.
pub(crate) fn render_keyed(table: &TableModel, keys: usize, screen: Screen) -> Page {
    let page = match screen.width {
        None => with_headings(&lines(table, 0..table.headings.len(), &[]), screen),
        Some(width) => within(table, keys, width, screen),
    };
    table.legend.iter().fold(page, |page, line| page + screen.emphasised(line, Emphasis::Faint, 2))
}

/// Several tables, with their titles and an empty line between them; a single one needs no title.
pub(crate) fn render_all(tables: &[TableModel], screen: Screen) -> Page {
    match tables {
        [table] => render(table, screen),
        tables => {
            let title = |table: &TableModel| screen.emphasised(&table.title, Emphasis::Strong, 2);
            Page::apart(tables.iter().map(|table| title(table) + render(table, screen)))
        }
    }
}

/// The rows in lines of at most `width` columns.
fn within(table: &TableModel, keys: usize, width: usize, screen: Screen) -> Page {
    let narrow: Page = table.rows.iter().map(|row| narrow(table, row, screen)).collect();
    match blocks(table, keys, width) {
        Some(blocks) if blocks.len() == 1 || height(&blocks) <= narrow.height() => {
            Page::apart(blocks.iter().map(|block| with_headings(block, screen)))
        }
        _ => narrow,
    }
}

/// Lines that the tables take together, with an empty one between two.
fn height(blocks: &[Vec<String>]) -> usize {
    blocks.iter().map(|block| block.len() + 1).sum::<usize>().saturating_sub(1)
}

/// The columns as few tables that are narrow enough, in their order and each behind the first `keys`; `None` where a
/// column is too wide for that.
fn blocks(table: &TableModel, keys: usize, width: usize) -> Option<Vec<Vec<String>>> {
    let fits = |lines: &Vec<String>| lines.iter().all(|line| line.width() <= width);
    let mut blocks = Vec::new();
    let mut rest = keys..table.headings.len();
    if rest.is_empty() {
        return Some(vec![lines(table, 0..keys, &[])]).filter(|blocks| blocks.iter().all(fits));
    }
    while !rest.is_empty() {
        let columns: Vec<usize> = rest.clone().collect();
        let taken = (1..=columns.len()).rev().find_map(|count| {
            let lines = lines(table, 0..keys, &columns[..count]);
            fits(&lines).then_some((lines, count))
        });
        let (lines, count) = taken?;
        blocks.push(lines);
        rest.start += count;
    }
    Some(blocks)
}

/// The lines of a table below each other, with the headings, which come first, emphasised.
fn with_headings(lines: &[String], screen: Screen) -> Page {
    let emphasis = |index| if index == 0 { Emphasis::Strong } else { Emphasis::None };
    lines.iter().enumerate().map(|(index, line)| screen.pieces(&[(line, emphasis(index))])).collect()
}

/// Lines of the table with some columns, headings first. Without colour or box-drawing characters, so that it is the
/// same anywhere.
fn lines(table: &TableModel, first: std::ops::Range<usize>, further: &[usize]) -> Vec<String> {
    let columns: Vec<usize> = first.chain(further.iter().copied()).collect();
    let chosen = |cells: &[String]| {
        let cells = columns.iter().map(|&column| cells.get(column).map_or_else(String::new, |text| cell(text)));
        cells.collect::<Vec<String>>()
    };
    let mut grid = Table::new();
    grid.load_style(TableStyle::new().header_separator(LineStyle::none().fill('-').junction('-')));
    grid.set_header(chosen(&table.headings));
    grid.add_rows(table.rows.iter().map(|row| chosen(&row.cells)));
    for (index, column) in grid.column_iter_mut().enumerate() {
        column.set_padding((0, GAP));
        if index > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    grid.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// A text of whatever length and origin as a cell.
fn cell(text: &str) -> String {
    shorten(&harmless(text), WIDEST)
}

/// One row as its first cell and, indented, a line for each other cell that says something.
fn narrow(table: &TableModel, row: &Row, screen: Screen) -> Page {
    let mut pairs = table.headings.iter().map(|text| cell(text)).zip(row.cells.iter().map(|text| cell(text)));
    let Some((heading, first)) = pairs.next() else { return Page::default() };
    // Without the heading a bare number would not say what it is.
    let bare = first.starts_with(|first: char| first.is_ascii_digit());
    let label = if bare { format!("{heading} {first}") } else { first };
    let line = |(heading, cell): (String, String)| {
        let whole = format!("  {heading:13} {cell}");
        match screen.width {
            // A number and its unit are not torn apart for the blank between them.
            Some(width) if whole.width() > width => {
                screen.line(&format!("  {heading}"), 4) + screen.line(&format!("    {cell}"), 4)
            }
            _ => screen.line(&whole, 4),
        }
    };
    let lines = pairs.filter(|(_, cell)| !cell.is_empty()).map(line);
    std::iter::once(screen.headed(&label, "", 2)).chain(lines).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::style::Style;
    use ft_engine::task::example::TextLength;
    use ft_engine::text::Untrusted;
    use ft_record::analysis::seconds::Seconds;
    use ft_record::analysis::{Analysis, Known};
    use ft_record::files::controls::{Baseline, ControlRecord, Controls};
    use ft_record::files::samples::{Choice, Place, SampleRecord};
    use ft_record::files::schema::SelectedRecord;
    use ft_record::present::table_model::of_run;
    use std::path::Path;

    fn columns(width: usize) -> Screen {
        Screen { width: Some(width), ..Screen::PLAIN }
    }

    /// A step of 1000 examples, the first `correct` of them right; per token those from `unsure` on are wrong as well.
    fn step(seed: u64, step: u32, correct: usize, unsure: usize) -> Vec<SampleRecord> {
        let length = TextLength { characters: 4, bytes: 4 };
        let of = |index: usize| {
            let right = Choice { loglik: if index < correct { -1.0 } else { -9.0 }, tokens: 1, length };
            let wrong = Choice { loglik: -4.0, tokens: if index < unsure { 1 } else { 5 }, length };
            SampleRecord::new(Place { seed, step, index }, index.to_string(), 0, &[right, wrong]).unwrap()
        };
        (0..1000).map(of).collect()
    }

    fn tables(steps: &[Vec<SampleRecord>], selected: &[(u64, u32)], seconds: &[((u64, u32), f64)]) -> Vec<TableModel> {
        let selected: Vec<SelectedRecord> =
            selected.iter().map(|&(seed, step)| SelectedRecord { seed, step }).collect();
        let known = Known { selected: &selected, ..Known::default() };
        let analysis = Analysis::new(&steps.concat(), &known).unwrap();
        of_run(&analysis, &Seconds { steps: seconds.iter().copied().collect(), ..Seconds::default() })
    }

    fn several() -> TableModel {
        let steps = [step(0, 0, 571, 570), step(0, 1, 800, 790), step(0, 2, 812, 0), step(0, 15, 811, 1000)];
        let seconds = [((0, 0), 0.0), ((0, 1), 12.34), ((0, 2), 99.96), ((0, 15), 7384.0)];
        tables(&steps, &[(0, 15)], &seconds).remove(0)
    }

    /// Compares with `tests/data/ui/<name>.txt`; with `FT_BLESS` set it writes that file instead.
    fn check(name: &str, rendered: &Page) {
        let rendered = rendered.as_str();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ui").join(name).with_extension("txt");
        if std::env::var_os("FT_BLESS").is_some() {
            std::fs::write(&path, rendered).expect("the folder is there");
        }
        let expected = std::fs::read_to_string(&path).expect("FT_BLESS=1 writes it");
        assert_eq!(rendered, expected, "{}", path.display());
    }

    #[test]
    fn several_steps_have_an_oracle_and_a_result() {
        check("table_several", &render(&several(), Screen::PLAIN));
        check("table_several", &render(&several(), columns(150)));
    }

    #[test]
    fn one_step_has_no_oracle() {
        let one = tables(&[step(0, 0, 500, 500), step(0, 1, 800, 800)], &[], &[((0, 0), 1.0), ((0, 1), 2.5)]);
        check("table_one", &render_all(&one, Screen::PLAIN));
    }

    #[test]
    fn several_seeds_have_means_and_rows_of_their_own() {
        let steps = [
            [step(13, 0, 571, 570), step(13, 1, 700, 800), step(13, 15, 731, 730)],
            [step(42, 0, 571, 570), step(42, 1, 790, 800), step(42, 15, 760, 730)],
        ];
        let seconds = [((13, 15), 61.0), ((42, 15), 60.0)];
        let tables = tables(steps.as_flattened(), &[(13, 15), (42, 15)], &seconds);
        check("table_seeds", &render_all(&tables, Screen::PLAIN));
    }

    /// A task with two classes: the rows of baselines stand behind in-context learning, and a table of its own has what
    /// calibration comes to.
    #[test]
    fn controls_have_rows_and_calibration_a_table() {
        let labels = ["no", "yes"].map(Untrusted::from);
        let control = |baseline, sample| ControlRecord { baseline, sample };
        let behind = |times, correct| {
            let records = step(0, 1, correct, 1000).into_iter();
            records.map(move |sample| control(Baseline::repeat(times), sample)).collect::<Vec<_>>()
        };
        // Without content the right choice has 4 nats more than the other one.
        let content_free =
            [0, 1].map(|at| control(None, SampleRecord { loglik: vec![-1.0, -5.0], ..step(0, at, 1, 1).remove(0) }));
        let controls = Controls {
            baselines: [behind(2, 750), behind(4, 720)].concat(),
            content_free: content_free.to_vec(),
            ..Controls::default()
        };
        let records =
            [step(0, 0, 571, 1000), step(0, 1, 700, 1000), step(0, 2, 731, 1000), step(0, 3, 730, 1000)].concat();
        let selected = [SelectedRecord { seed: 0, step: 3 }];
        let controls = Some(&controls);
        let known =
            Known { labels: &labels, selected: &selected, controls, content_free_queries: 1, ..Known::default() };
        let analysis = Analysis::new(&records, &known).unwrap();
        let seconds = Seconds { baselines: [((0, Baseline::Repeat(2)), 2.5)].into(), ..Seconds::default() };
        check("table_controls", &render_all(&of_run(&analysis, &seconds), Screen::PLAIN));
    }

    /// Numbers stay whole and with what they are about in any width that has room for one.
    #[test]
    fn a_narrow_terminal_gets_several_tables_or_short_lines() {
        for width in [20, 40, 60, 80] {
            let rendered = render(&several(), columns(width));
            check(&format!("table_{width}"), &rendered);
            let rendered = rendered.as_str();
            assert!(rendered.lines().all(|line| line.width() <= width), "{width}:\n{rendered}");
            // A cell may be broken at its blanks.
            let flat = rendered.split_whitespace().collect::<Vec<_>>().join(" ");
            for row in several().rows {
                assert!(
                    row.cells.iter().all(|cell| flat.contains(cell.as_str())),
                    "{width}: {:?}\n{rendered}",
                    row.cells
                );
            }
        }
    }

    #[test]
    fn a_row_is_named_by_all_its_keys() {
        let mut table = several();
        table.rows.truncate(2);
        let page = render_keyed(&table, 2, columns(60));
        let rendered = page.as_str();
        let of_zero_shot: Vec<&str> = rendered.lines().filter(|line| line.starts_with("zero-shot")).collect();
        assert!(of_zero_shot.len() > 1 && of_zero_shot.iter().all(|line| line.contains("57.1 %")), "{rendered}");
    }

    #[test]
    fn emphasis_changes_nothing_but_emphasis() {
        for width in [None, Some(20), Some(40), Some(60)] {
            let plain = render(&several(), Screen { width, style: Style::PLAIN });
            let styled = render(&several(), Screen { width, style: Style::CODES });
            assert_ne!(styled, plain);
            let codes = ["\x1b[1m", "\x1b[2m", "\x1b[0m"];
            let stripped = codes.iter().fold(styled.as_str().to_owned(), |text, code| text.replace(code, ""));
            assert_eq!(stripped, plain.as_str());
        }
    }

    #[test]
    fn nothing_scored_is_headings_only() {
        assert_eq!(render_all(&tables(&[], &[], &[]), Screen::PLAIN).height(), 2);
    }

    #[test]
    fn a_cell_acts_on_no_terminal() {
        let mut table = several();
        table.rows[0].cells[0] = "\x1b[2J\nrun".into();
        for width in [None, Some(40)] {
            let page = render(&table, Screen { width, ..Screen::PLAIN });
            let rendered = page.as_str();
            assert!(rendered.contains(r"\u{1b}[2J\nrun") && !rendered.contains('\x1b'), "{rendered}");
        }
    }
}
