use std::collections::HashMap;

use super::*;
use crate::analysis::group_report::tests::{record, run};
use crate::present::export::{self, Format};
use crate::present::overview;

const EVIL: &str = "<script>|x";

/// The first subtask has 2 and the second 3 of 4 rows right at step 1, both all at step 2, and the third is missing. The first is
/// in a smaller group with a name that begins a tag and ends a cell.
fn group() -> GroupReport {
    let record = record(&[("a", EVIL), ("b", ""), ("c", "")]);
    GroupReport::new("out", record, vec![(0, run("a", 2, |_| ())), (1, run("b", 3, |_| ()))], &[]).unwrap()
}

fn exported(format: Format) -> String {
    export::render(format, &[], &[group()]).unwrap()
}

/// Wilson's intervals of all right are [n / (n + z^2), 1] with z^2 = 3.8415: of 4 rows 51.0 %, of 8 rows 67.6 %. Of the macro
/// average the lower end is 1 - sqrt(2) (1 - 0.5101) / 2 = 0.6536. Of 4 rows 2 are won, p = 2 / 2^2; of 8 rows 2 + 1, p = 2 / 2^3.
#[test]
fn averages_stand_below_the_subtasks() {
    let tables = of_group(&group());
    let [subtasks, steps] = tables.as_slice() else { panic!("{tables:?}") };
    let rows: Vec<&[String]> = subtasks.rows.iter().map(|row| row.cells.as_slice()).collect();
    let expected = [
        ["a", "4", "0.0 %", "50.0 %", "2*", "100.0 %", "51.0-100.0 %", "+50.0 (p=0.50)"],
        ["b", "4", "0.0 %", "75.0 %", "2*", "100.0 %", "51.0-100.0 %", "+25.0 (p=1.00)"],
        ["<script>|x, micro", "4", "0.0 %", "50.0 %", "2*", "100.0 %", "51.0-100.0 %", "+50.0 (p=0.50)"],
        ["<script>|x, macro", "4", "0.0 %", "50.0 %", "2*", "100.0 %", "51.0-100.0 %", "+50.0"],
        ["two_of_three, micro (2 of 3)", "8", "0.0 %", "62.5 %", "2*", "100.0 %", "67.6-100.0 %", "+37.5 (p=0.25)"],
        ["two_of_three, macro (2 of 3)", "8", "0.0 %", "62.5 %", "2*", "100.0 %", "65.4-100.0 %", "+37.5"],
    ];
    assert_eq!(rows, expected);
    assert_eq!((subtasks.headings.len(), subtasks.legend.len()), (8, 4));
    let rows: Vec<&[String]> = steps.rows.iter().map(|row| row.cells.as_slice()).collect();
    let expected =
        [["zero-shot", "0.0 %", "0.0 %"], ["1 (in-context)", "62.5 %", "62.5 %"], ["2*", "100.0 %", "100.0 %"]];
    assert_eq!(rows, expected);
}

#[test]
fn an_overview_has_the_micro_average() {
    let table = overview::of_all(&[run("a", 2, |_| ())], &[group()]);
    let rows: Vec<&[String]> = table.rows.iter().map(|row| row.cells.as_slice()).collect();
    let expected = [
        ["out/a", "a", "1", "2*", "100.0 %", "4", "51.0-100.0 %", "+50.0 (p=0.50)"],
        ["out", "two_of_three", "1", "2*", "100.0 %", "8", "67.6-100.0 %", "+37.5 (p=0.25)"],
    ];
    assert_eq!(rows, expected);
    let nothing = GroupReport::new("out", record(&[("a", "")]), Vec::new(), &[]).unwrap();
    let row = &overview::of_all(&[], &[nothing]).rows[0].cells;
    assert_eq!(row[1..], ["two_of_three", "-", "-", "-", "-", "-", "-"].map(str::to_owned));
}

#[test]
fn a_smaller_group_of_any_name_stays_text() {
    let (markdown, html) = (exported(Format::Markdown), exported(Format::Html));
    assert!(markdown.contains("| &lt;script&gt;\\|x, micro | 4 |"), "{markdown}");
    assert!(html.contains("<td>&lt;script&gt;|x, macro</td>"), "{html}");
    for text in [&markdown, &html] {
        assert!(!text.contains("<script"), "{text}");
        for part in ["two_of_three", "2 of 3 subtasks are complete", "that are not complete: c", "4 rows of b"] {
            assert!(text.replace('\\', "").contains(part), "{part}: {text}");
        }
        // The averages of `group.json` are shown nowhere.
        assert!(!text.contains("12.3 %"), "{text}");
    }
}

/// The cells of a line by their columns; none of them has a comma but the notes, which come last.
fn cells(csv: &str, line: usize) -> HashMap<&str, &str> {
    let mut lines = csv.lines();
    let headings = lines.next().unwrap().split(',');
    headings.zip(lines.nth(line).unwrap().splitn(39, ',')).collect()
}

#[test]
fn lines_of_averages_follow_those_of_the_runs() {
    let csv = exported(Format::Csv);
    // Three steps of two runs, and of two averages with two lines each.
    assert_eq!(csv.lines().count(), 1 + 6 + 12);
    let of_run = cells(&csv, 5);
    assert_eq!((of_run["run"], of_run["task"], of_run["average"], of_run["step"]), ("out/b", "b", "", "2"));
    let micro = cells(&csv, 16);
    let expected = [
        ("run", "out"),
        ("task", "two_of_three"),
        ("optimizer", "momentum"),
        ("model", "tiny"),
        ("seed", "7"),
        ("step", "2"),
        ("baseline", ""),
        ("average", "micro"),
        ("is_result", "true"),
        ("is_oracle", "false"),
        ("n", "8"),
        ("correct", "8"),
        ("accuracy", "1"),
        ("standard_error", "0"),
        ("interval_high", "1"),
        ("accuracy_tokens", ""),
        ("icl_difference", "0.375"),
        ("icl_wins", "3"),
        ("icl_losses", "0"),
        ("seconds", ""),
    ];
    for (column, cell) in expected {
        assert_eq!(micro[column], cell, "{column}");
    }
    let last = cells(&csv, 17);
    assert_eq!((last["average"], last["n"], last["correct"], last["icl_difference"]), ("macro", "8", "", "0.375"));
    assert_eq!((last["standard_error"], last["icl_p_value"]), ("", ""));
    assert!(last["notes"].starts_with("\"2 of 3 subtasks are complete; averages are of those; "), "{}", last["notes"]);
    let smaller = cells(&csv, 6);
    assert_eq!((smaller["task"], smaller["step"], smaller["is_result"]), ("two_of_three/<script>|x", "0", "false"));
    assert_eq!((smaller["icl_difference"], smaller["correct"]), ("", "0"));
}

#[test]
fn json_has_all_numbers_and_every_subtask() {
    let report: serde_json::Value = serde_json::from_str(&exported(Format::Json)).unwrap();
    let group = &report["groups"][0];
    assert_eq!(
        (&group["name"], &group["group"], &group["complete"]),
        (&"out".into(), &"two_of_three".into(), &false.into())
    );
    let whole = &group["averages"][1];
    assert_eq!((&whole["of"], &whole["micro"]["in_context"]["mean"]), (&3.into(), &0.625.into()));
    assert_eq!(whole["seeds"][1]["correct"], 5);
    assert_eq!(group["steps"][2]["macro"]["mean"], 1.0);
    let names: Vec<_> = group["subtasks"].as_array().unwrap().iter().map(|subtask| &subtask["name"]).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(group["subtasks"][1]["run"]["analysis"]["steps"][1]["correct"], 3);
    assert!(group["subtasks"][2]["run"].is_null() && report["runs"].as_array().unwrap().is_empty());
    // Without groups a report is what it was.
    let runs = export::render(Format::Json, &[run("a", 2, |_| ())], &[]).unwrap();
    assert!(!runs.contains("\"groups\""), "{runs}");
}
