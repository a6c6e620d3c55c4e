//! The folder of a run: `results.json`, `samples.jsonl`, `trace.jsonl`, `held-out.jsonl`, `baselines.jsonl` and
//! `content-free.jsonl`, `unconditional.jsonl`, with `\xff\xff` in between. Reports in every form, a comparison with itself, and what a run goes on with there.
//! Behind them may be a `group.json`, whose first subtasks are that run.

use ft_engine::text::{harmless, is_harmless, is_joiner};
use ft_host::run::fuzzing::resume;
use ft_host::ui;
use ft_host::ui::screen::Screen;
use ft_record::analysis::compare::{CompareError, compare};
use ft_record::analysis::group::{Average, SeedScore};
use ft_record::analysis::group_report::GroupReport;
use ft_record::analysis::run_report::{Files, RunReport};
use ft_record::files::group::is_subtask_name;
use ft_record::files::schema::{FORMAT_VERSION, ResultsRecord};
use ft_record::present::export::{self, Format};
use serde_json::Value;

use super::input::{assert_lines_fit_to_be_shown, parts};
use super::scratch::with_folder;

/// What the folder is called: a name that marks, links, ends lines and moves cursors wherever it is let.
const NAME: &str = "=runs/\u{1b}[2J\n|<b>\"a\",*[x](http://y)\u{202e}";

/// Of any bytes.
pub fn run(bytes: &[u8]) {
    let [results, samples, trace, held_out, baselines, content_free, unconditional, group] = parts(bytes);
    let if_there = |bytes| Some(bytes).filter(|bytes: &&[u8]| !bytes.is_empty());
    let [trace, held_out, baselines, content_free, unconditional] =
        [trace, held_out, baselines, content_free, unconditional].map(if_there);
    let files = Files { results, samples, trace, held_out, baselines, content_free, unconditional };
    let report = match RunReport::new(NAME, files) {
        Ok(report) => Some(report),
        Err(error) => {
            assert!(error.to_string().contains(&harmless(NAME)) && error.hint().is_some(), "{error}");
            None
        }
    };
    if let Some(report) = &report {
        check(report);
        let again = RunReport::new(NAME, files).expect("it was read before");
        assert!(printed(&again) == printed(report), "the same files make another report");
    }
    check_resume(files, report.as_ref());
    if !group.is_empty() {
        check_group(group, report.as_ref());
    }
}

/// What holds of every `group.json`, with the run as each of its first subtasks.
fn check_group(bytes: &[u8], run: Option<&RunReport>) {
    const SUBTASKS: usize = 3;
    let record = match GroupReport::record(NAME, bytes) {
        Ok(record) => record,
        Err(error) => return assert!(error.to_string().contains(&harmless(NAME)) && error.hint().is_some(), "{error}"),
    };
    assert!(record.subtasks.iter().all(|subtask| is_subtask_name(subtask.name.raw())), "{record:?}");
    let runs: Vec<(usize, RunReport)> =
        (0..SUBTASKS.min(record.subtasks.len())).zip(run.cloned().into_iter().cycle()).collect();
    let group = GroupReport::new(NAME, record, runs, &[]).expect("plans have nothing that JSON has not");
    for Average { record, seeds } in &group.averages {
        assert!(record.subtasks <= record.of && !seeds.is_empty(), "{record:?}");
        for SeedScore { accuracy, interval: [low, high], .. } in
            seeds.iter().flat_map(|seed| [seed.micro_average, seed.macro_average])
        {
            assert!(low <= accuracy + 1e-9 && accuracy <= high + 1e-9, "{low} {accuracy} {high}");
        }
    }
    check_forms(&[], &[group]);
}

/// What holds of every report.
fn check(report: &RunReport) {
    for pair in report.analysis.steps.windows(2).filter(|pair| pair[0].seed == pair[1].seed) {
        assert_eq!(pair[0].n, pair[1].n, "steps {} and {} of seed {}", pair[0].step, pair[1].step, pair[0].seed);
    }
    assert!(
        report.seconds.steps.values().all(|seconds| seconds.is_finite() && *seconds >= 0.0),
        "{:?}",
        report.seconds
    );
    for record in &report.trace {
        assert!(record.pseudo_gradient_norm().is_finite() && record.update_norm().is_finite(), "{record:?}");
    }
    for step in &report.held_out {
        assert!(step.n > 0 && step.mean.is_finite(), "{step:?}");
    }
    let runs = [report.clone(), report.clone()];
    for runs in [&runs[..1], &runs] {
        check_forms(runs, &[]);
    }
    check_comparison(report);
}

fn check_forms(runs: &[RunReport], groups: &[GroupReport]) {
    for width in [None, Some(80), Some(20)] {
        assert_lines_fit_to_be_shown(ui::report::render(runs, groups, Screen { width, ..Screen::PLAIN }).as_str());
    }
    check_markdown(&exported(Format::Markdown, runs, groups));
    check_csv(&exported(Format::Csv, runs, groups));
    check_json(&exported(Format::Json, runs, groups));
    check_html(&exported(Format::Html, runs, groups));
}

fn exported(format: Format, runs: &[RunReport], groups: &[GroupReport]) -> String {
    let text = export::render(format, runs, groups).expect("a report has nothing that JSON has not");
    match format {
        // Data, in which words stay what they are.
        Format::Csv => {
            assert!(text.chars().all(|c| c == '\n' || is_joiner(c) || is_harmless(c.encode_utf8(&mut [0; 4]))))
        }
        Format::Markdown | Format::Json | Format::Html => assert_lines_fit_to_be_shown(&text),
    }
    text
}

/// A report as it is printed, in every form.
fn printed(report: &RunReport) -> Vec<String> {
    let runs = std::slice::from_ref(report);
    let forms = [Format::Markdown, Format::Csv, Format::Json, Format::Html];
    let exported = forms.map(|form| exported(form, runs, &[]));
    [vec![ui::report::render(runs, &[], Screen::PLAIN).as_str().to_owned()], exported.to_vec()].concat()
}

/// The lines of a table have equally many cells.
fn check_markdown(text: &str) {
    let cells = |line: &str| {
        let mut escaped = false;
        let is_border = |character: char| {
            let border = character == '|' && !escaped;
            escaped = character == '\\' && !escaped;
            border
        };
        line.chars().map(is_border).filter(|border| *border).count()
    };
    let lines: Vec<&str> = text.lines().collect();
    for pair in lines.windows(2).filter(|pair| pair.iter().all(|line| line.starts_with('|'))) {
        assert_eq!(cells(pair[0]), cells(pair[1]), "{pair:?}");
    }
}

/// Every line has the columns that the first one names.
fn check_csv(text: &str) {
    let columns = |line: &str| {
        let mut quoted = false;
        let is_comma = |character: char| {
            quoted ^= character == '"';
            character == ',' && !quoted
        };
        let columns = line.chars().map(is_comma).filter(|comma| *comma).count();
        assert!(!quoted, "{line}");
        columns
    };
    let expected = text.lines().next().map(columns);
    text.lines().for_each(|line| assert_eq!(Some(columns(line)), expected, "{line}"));
}

fn check_json(text: &str) {
    if let Err(error) = serde_json::from_str::<Value>(text) {
        // Options that are as deep as a reader takes are deeper within a report.
        assert!(error.to_string().starts_with("recursion limit"), "{error}");
    }
}

/// The page has no element but those of its own, and draws at no place that is none.
fn check_html(text: &str) {
    const ELEMENTS: &str = "!DOCTYPE html head meta title style body h1 h2 h3 dl dt dd ul li div table tr th td p details \
                            summary pre figure figcaption svg g path circle rect text";
    for tag in text.split('<').skip(1) {
        let name = tag.trim_start_matches('/').split(|c: char| !c.is_ascii_alphanumeric() && c != '!').next();
        assert!(name.is_some_and(|name| ELEMENTS.split(' ').any(|element| element == name)), "<{tag}");
        // Text has no quotes, so that these are attributes.
        for attribute in [" d=\"", " x=\"", " y=\"", " cx=\"", " cy=\""] {
            let value = tag.split(attribute).nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
            assert!(!value.contains("NaN") && !value.contains("inf"), "<{tag}");
        }
    }
}

/// A run does not differ from itself.
fn check_comparison(report: &RunReport) {
    let comparison = match compare(report, report, None, None, &[]) {
        Ok(comparison) => comparison,
        Err(CompareError::NothingScored { .. }) => return assert!(report.analysis.results.is_empty()),
        Err(error) => panic!("{error}"),
    };
    assert!(comparison.a == comparison.b && comparison.differences.is_empty(), "{comparison:?}");
    let versus = &comparison.versus;
    assert!(versus.difference == 0.0 && versus.p_value == 1.0 && versus.wins + versus.losses == 0, "{versus:?}");
    for width in [None, Some(20)] {
        assert_lines_fit_to_be_shown(ui::report::comparison(&comparison, Screen { width, ..Screen::PLAIN }).as_str());
    }
    check_json(&serde_json::to_string_pretty(&comparison).expect("a comparison has nothing that JSON has not"));
}

/// A run with the very plan of `results.json` goes on with the whole lines, twice with the same; what it does not go on
/// with is kept.
fn check_resume(files: Files<'_, &[u8]>, report: Option<&RunReport>) {
    let Ok(record) = serde_json::from_slice::<ResultsRecord>(files.results) else {
        return assert!(report.is_none());
    };
    let mut written = vec![("results.json", files.results), ("samples.jsonl", files.samples)];
    let further = [
        ("trace.jsonl", files.trace),
        ("held-out.jsonl", files.held_out),
        ("baselines.jsonl", files.baselines),
        ("content-free.jsonl", files.content_free),
        ("unconditional.jsonl", files.unconditional),
    ];
    written.extend(further.into_iter().filter_map(|(name, bytes)| Some((name, bytes?))));
    with_folder(&written, |folder| {
        let found = match resume(folder, &record.plan) {
            Ok(found) => found,
            Err(error) => {
                assert!(error.to_string().contains(&folder.display().to_string()), "{error}");
                // Nothing in files that are set aside can be wrong.
                return assert!(report.is_none() && record.plan.format_version == FORMAT_VERSION, "{error}");
            }
        };
        assert_eq!(found.goes_on, record.plan.format_version == FORMAT_VERSION);
        if !found.goes_on {
            assert!(found.samples.is_empty() && found.trace.is_empty());
            let kept = found.moved.filter(|_| !files.samples.is_empty()).map(|path| std::fs::read(path).ok());
            return assert!(kept.is_none_or(|kept| kept.as_deref() == Some(files.samples)));
        }
        if let Some(RunReport { records, trace, .. }) = report {
            // A last line may be whole but for its line feed, which a run does not take for written.
            let half = |bytes: &[u8]| usize::from(!bytes.is_empty() && !bytes.ends_with(b"\n"));
            assert!(records.starts_with(&found.samples) && trace.starts_with(&found.trace));
            assert!(records.len() <= found.samples.len() + half(files.samples));
            assert!(trace.len() <= found.trace.len() + half(files.trace.unwrap_or_default()));
        }
        assert_eq!(resume(folder, &record.plan).expect("it went on before"), found);
    });
}
