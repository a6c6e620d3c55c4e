//! The table at the end of a run.

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};

use super::style::Style;
use crate::metrics::accuracy::{Count, Z_95};
use crate::report::summary::{StepSummary, oracle};

const HEADINGS: [&str; 6] = ["step", "accuracy", "n", "95 % Wilson", "per token", "time"];
const ORACLE: &str = "oracle: the best step, picked by the answers themselves; not a result";

/// One scored step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResultRow {
    /// What its records come to.
    pub summary: StepSummary,
    /// How long tuning to this step and scoring at it took.
    pub seconds: f64,
}

/// The rows as a table with headings, every line ended by a line feed: step, accuracy with n and its 95 % Wilson
/// interval, accuracy by log-likelihood per token, time. Where several steps from 1 on were scored, the best of them
/// follows, labelled `oracle`.
///
/// Where the table is wider than `width` columns, every step takes several short lines instead.
pub fn render(rows: &[ResultRow], width: Option<usize>, style: Style) -> String {
    let summaries: Vec<StepSummary> = rows.iter().map(|row| row.summary).collect();
    let best = oracle(&summaries);
    let mut cells: Vec<[String; 6]> =
        rows.iter().map(|row| cells_of(label(row.summary.step), &row.summary, duration(row.seconds))).collect();
    cells.extend(best.map(|best| cells_of(format!("oracle (step {})", best.step), best, String::new())));

    let table = wide(&cells);
    let fits = width.is_none_or(|width| table.iter().all(|line| line.chars().count() <= width));
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
        cells.iter().for_each(|step| narrow(step, style).iter().for_each(|line| print(line)));
    }
    if best.is_some() {
        print(&style.faint(ORACLE));
    }
    out
}

fn label(step: u32) -> String {
    match step {
        0 => "zero-shot".to_owned(),
        1 => "1 (in-context)".to_owned(),
        _ => step.to_string(),
    }
}

fn cells_of(label: String, summary: &StepSummary, time: String) -> [String; 6] {
    let interval = summary.accuracy.wilson(Z_95);
    let interval = format!("{:.1} - {:.1} %", 100.0 * interval.low, 100.0 * interval.high);
    let n = summary.accuracy.n.to_string();
    [label, percent(summary.accuracy), n, interval, percent(summary.accuracy_tokens), time]
}

fn percent(count: Count) -> String {
    count.accuracy().map_or_else(|| "-".to_owned(), |fraction| format!("{:.1} %", 100.0 * fraction))
}

fn duration(seconds: f64) -> String {
    let whole = seconds.round();
    match whole {
        ..100.0 => format!("{seconds:.1} s"),
        ..6000.0 => format!("{} min {:02} s", whole.div_euclid(60.0), whole.rem_euclid(60.0)),
        _ => format!("{} h {:02} min", whole.div_euclid(3600.0), whole.rem_euclid(3600.0).div_euclid(60.0)),
    }
}

/// Lines of equal width, headings first. Without colour or box-drawing characters, so that it is the same anywhere.
fn wide(cells: &[[String; 6]]) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('-').junction('-')));
    table.set_header(HEADINGS).add_rows(cells);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// One step as its label and, indented, a line for each number there is.
fn narrow(cells: &[String; 6], style: Style) -> Vec<String> {
    // Without the heading a bare number would not say that it is a step.
    let bare = cells[0].starts_with(|first: char| first.is_ascii_digit());
    let label = if bare { format!("{} {}", HEADINGS[0], cells[0]) } else { cells[0].clone() };
    let numbers = HEADINGS.iter().zip(cells).skip(1).filter(|(_, cell)| !cell.is_empty());
    let numbers = numbers.map(|(heading, cell)| format!("  {heading:11} {cell}"));
    std::iter::once(style.strong(&label)).chain(numbers).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::path::Path;

    fn row(step: u32, correct: usize, per_token: usize, n: usize, seconds: f64) -> ResultRow {
        let accuracy = Count { correct, n };
        ResultRow { summary: StepSummary { step, accuracy, accuracy_tokens: Count { correct: per_token, n } }, seconds }
    }

    fn several() -> Vec<ResultRow> {
        vec![
            row(0, 571, 570, 1000, 0.0),
            row(1, 800, 790, 1000, 12.34),
            row(2, 812, 0, 1000, 99.96),
            row(15, 811, 1000, 1000, 7384.0),
        ]
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
    fn several_steps_have_an_oracle() {
        check("table_several", &render(&several(), None, Style::PLAIN));
        check("table_several", &render(&several(), Some(80), Style::PLAIN));
    }

    #[test]
    fn one_step_has_no_oracle() {
        check("table_one", &render(&[row(0, 50, 50, 100, 1.0), row(1, 80, 80, 100, 2.5)], None, Style::PLAIN));
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
        assert_eq!(render(&[], None, Style::PLAIN).lines().count(), 2);
    }

    #[test]
    fn durations_stay_short() {
        let check = |seconds, expected: &str| assert_eq!(duration(seconds), expected);
        check(0.04, "0.0 s");
        check(99.44, "99.4 s");
        check(99.96, "1 min 40 s");
        check(119.7, "2 min 00 s");
        check(5999.4, "99 min 59 s");
        check(5999.9, "1 h 40 min");
        check(7384.0, "2 h 03 min");
    }
}
