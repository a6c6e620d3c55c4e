//! Progress bars, on stderr, and only where somebody looks at them.

use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::text::shorten;
use ft_engine::text::harmless;
use ft_record::files::controls::Baseline;
use ft_record::present::format;

const RUN: Template =
    Template { wide: "{msg} [{wide_bar}] {pos}/{len} scored, {eta} left", narrow: "{wide_msg} {pos}/{len}, {eta}" };
const DOWNLOAD: Template = Template {
    wide: "{msg} [{wide_bar}] {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left",
    narrow: "{wide_msg} {bytes}/{total_bytes}",
};
const DOWNLOAD_OF_UNKNOWN_LENGTH: Template =
    Template { wide: "{msg} {bytes}, {bytes_per_sec}", narrow: "{wide_msg} {bytes}" };
const ROWS: Template = Template {
    wide: "predicted [{wide_bar}] {pos}/{len}, {per_sec}, {eta} left",
    narrow: "{pos}/{len}, {per_sec}, {eta}",
};
const ROWS_OF_UNKNOWN_NUMBER: Template =
    Template { wide: "predicted {pos}, {per_sec}", narrow: "predicted {pos}, {per_sec}" };
const BAR: &str = "=> ";

/// Columns for a download's name: the rest of the line, with a short bar, then fits into 80.
const NAME_COLUMNS: usize = 20;

/// From this width on a line has room for a bar.
const WIDE: usize = 80;

/// What a line of progress says. A line that is longer than the terminal is wide would be drawn again and again below
/// itself, so that each has a part that gives way.
struct Template {
    wide: &'static str,
    narrow: &'static str,
}

/// Whether progress is drawn, decided once for the whole program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TerminalProgress {
    visible: bool,
    narrow: bool,
}

/// How far a run is.
pub(crate) struct RunBar {
    bar: ProgressBar,
    said: Mutex<Said>,
}

/// What a run's bar says.
#[derive(Default)]
struct Said {
    /// `anatomy (2/57), ` where the run is one of a group's.
    subtask: String,
    /// `seed 3, ` where there are several seeds.
    seed: String,
    /// `step 3/15`.
    message: String,
}

/// How far a download is.
pub(crate) struct DownloadBar(ProgressBar);

/// How many rows are predicted.
pub(crate) struct RowBar(ProgressBar);

impl TerminalProgress {
    /// Progress is drawn only where stderr is a terminal that can take a line back, of `columns` columns where that is
    /// known, and the user did not ask for quiet.
    pub(crate) fn new(terminal: bool, columns: Option<usize>, quiet: bool) -> Self {
        Self { visible: terminal && !quiet, narrow: columns.is_some_and(|columns| columns < WIDE) }
    }

    /// Whether anything is drawn.
    pub(crate) fn is_visible(self) -> bool {
        self.visible
    }

    /// Starts the bar of a run that scores `total` queries, counted over all of its scored steps.
    pub(crate) fn run(self, total: u64) -> RunBar {
        RunBar { bar: self.bar(Some(total), &RUN), said: Mutex::default() }
    }

    /// Starts the bar of a download of `total` bytes, where the sender says how many.
    pub(crate) fn download(self, name: &str, total: Option<u64>) -> DownloadBar {
        let template = if total.is_some() { &DOWNLOAD } else { &DOWNLOAD_OF_UNKNOWN_LENGTH };
        DownloadBar(self.bar(total, template).with_message(shorten(&harmless(name), NAME_COLUMNS)))
    }

    /// Starts the bar of rows that are predicted, of about `total` where that is known.
    pub(crate) fn rows(self, total: Option<u64>) -> RowBar {
        RowBar(self.bar(total, if total.is_some() { &ROWS } else { &ROWS_OF_UNKNOWN_NUMBER }))
    }

    fn bar(self, total: Option<u64>, template: &Template) -> ProgressBar {
        let template = if self.narrow { template.narrow } else { template.wide };
        let target = if self.visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template(template).expect("the templates above are well-formed");
        ProgressBar::with_draw_target(total, target).with_style(style.progress_chars(BAR))
    }
}

impl RunBar {
    /// Says which subtask of a group's the run is, in front of every further message.
    pub(crate) fn subtask(&self, subtask: &str) {
        let subtask = format!("{}, ", harmless(subtask));
        self.said.lock().unwrap_or_else(PoisonError::into_inner).subtask = subtask;
    }

    /// Says which seed's turn it is, in front of every further message.
    pub(crate) fn seed(&self, seed: u64) {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).seed = format!("seed {seed}, ");
    }

    /// Says which Deep-Thinking step of how many is being run; step 0 is zero-shot.
    pub(crate) fn step(&self, step: u32, last: u32) {
        self.message(&if step == 0 { "zero-shot".to_owned() } else { format!("step {step}/{last}") });
    }

    /// Says that choices are being scored without their queries.
    pub(crate) fn unconditional(&self) {
        self.message("choices alone");
    }

    /// Says behind which baseline queries are being scored.
    pub(crate) fn baseline(&self, baseline: Baseline) {
        self.message(&format::baseline(baseline));
    }

    /// Says that the step that is the result is being chosen.
    pub(crate) fn choosing(&self) {
        self.message("selecting the step");
    }

    /// Says how many passes an optimizer has asked for, behind what was said of the step.
    pub(crate) fn pass(&self, done: usize) {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        self.bar.set_message(format!("{}{}{}, pass {done}", said.subtask, said.seed, said.message));
    }

    fn message(&self, message: &str) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        message.clone_into(&mut said.message);
        self.bar.set_message(format!("{}{}{message}", said.subtask, said.seed));
    }

    /// Adds queries that were scored.
    pub(crate) fn scored(&self, queries: u64) {
        self.bar.inc(queries);
    }

    /// Takes the bar off the screen while `print` writes, so that the two do not run into each other.
    pub(crate) fn aside(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    /// Removes the bar: the table that follows says all.
    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}

impl RowBar {
    /// Says how many rows are done.
    pub(crate) fn done(&self, rows: u64) {
        self.0.set_position(rows);
    }

    /// Removes the bar.
    pub(crate) fn finish(self) {
        self.0.finish_and_clear();
    }
}

impl DownloadBar {
    /// Counts further bytes; those of an earlier try that were kept, too.
    pub(crate) fn advance(&self, bytes: u64) {
        self.0.inc(bytes);
    }

    /// Leaves the bar as it is on the screen.
    pub(crate) fn finish(self) {
        self.0.abandon();
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use indicatif::TermLike;
    use unicode_width::UnicodeWidthStr;

    use super::*;

    #[test]
    fn a_bar_needs_a_terminal_and_no_quiet() {
        assert!(TerminalProgress::new(true, None, false).visible);
        for (terminal, quiet) in [(true, true), (false, false), (false, true)] {
            assert!(!TerminalProgress::new(terminal, None, quiet).visible);
        }
    }

    /// A terminal of some columns that keeps what is written to it.
    #[derive(Clone, Debug)]
    struct Paper(u16, Arc<Mutex<String>>);

    impl TermLike for Paper {
        fn width(&self) -> u16 {
            self.0
        }
        fn move_cursor_up(&self, _lines: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _lines: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _columns: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _columns: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(&format!("{text}\n"))
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.1.lock().unwrap().push_str(text);
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// As a terminal of that width gets it.
    fn drawn(template: &Template, columns: u16, message: &str) -> String {
        let progress = TerminalProgress { visible: false, ..TerminalProgress::new(true, Some(columns.into()), false) };
        let paper = Paper(columns, Arc::default());
        let bar = progress.bar(Some(98_362_432), template);
        bar.set_message(message.to_owned());
        bar.set_position(98_000_000);
        bar.set_draw_target(ProgressDrawTarget::term_like(Box::new(paper.clone())));
        bar.force_draw();
        paper.1.lock().unwrap().clone()
    }

    #[test]
    fn a_bar_is_one_line_in_any_width() {
        for columns in [40, 60, 79, 80, 120] {
            for template in [&RUN, &DOWNLOAD, &DOWNLOAD_OF_UNKNOWN_LENGTH] {
                let drawn = drawn(template, columns, "smollm2-135m-inst...");
                assert!(
                    drawn.contains("smollm2") && drawn.trim_end().width() <= columns.into(),
                    "{columns}: {drawn:?}"
                );
            }
        }
    }

    #[test]
    fn a_run_counts_queries() {
        let bar = TerminalProgress::new(false, None, false).run(200);
        bar.step(0, 15);
        assert_eq!(bar.bar.message(), "zero-shot");
        bar.seed(4);
        bar.choosing();
        assert_eq!(bar.bar.message(), "seed 4, selecting the step");
        bar.step(2, 15);
        bar.pass(1);
        bar.pass(7);
        assert_eq!(bar.bar.message(), "seed 4, step 2/15, pass 7");
        bar.baseline(Baseline::Repeat(4));
        assert_eq!(bar.bar.message(), "seed 4, repeat 4");
        let of_group = TerminalProgress::new(false, None, false).run(200);
        of_group.subtask("law (2/57)");
        of_group.step(1, 15);
        assert_eq!(of_group.bar.message(), "law (2/57), step 1/15");
        bar.step(3, 15);
        bar.scored(32);
        bar.scored(8);
        assert_eq!(
            (bar.bar.message().as_str(), bar.bar.position(), bar.bar.length()),
            ("seed 4, step 3/15", 40, Some(200))
        );
        let mut printed = false;
        bar.aside(|| printed = true);
        assert!(printed, "a hidden bar lets messages through");
        bar.finish();
    }

    #[test]
    fn a_download_counts_bytes_and_shows_a_harmless_name() {
        let bar = TerminalProgress::new(false, Some(80), true).download("a\x1b[2J-model-with-a-long-name.gguf", None);
        bar.advance(1 << 20);
        assert_eq!(bar.0.message(), "a\\u{1b}[2J-model-...");
        assert_eq!((bar.0.position(), bar.0.length()), (1 << 20, None));
        bar.finish();
        let bar = TerminalProgress::new(false, Some(80), true).download("model.gguf", Some(98_362_432));
        assert_eq!(bar.0.length(), Some(98_362_432));
    }
}
