//! Events of a run and of downloads, on stderr.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::plugin::LogLevel;
use crate::run::{Event, Observer};
use crate::store;
use crate::store::environment::Environment;
use crate::ui::progress::{DownloadBar, Progress, RunBar};
use crate::ui::style::Style;

/// How stderr is styled.
pub fn stderr_style(environment: &Environment) -> Style {
    style(std::io::stderr().is_terminal(), environment)
}

/// How stdout is styled.
pub fn stdout_style(environment: &Environment) -> Style {
    style(std::io::stdout().is_terminal(), environment)
}

fn style(terminal: bool, environment: &Environment) -> Style {
    Style::new(terminal && !environment.no_color, None)
}

/// Writes a line to stderr. When nobody reads it any more, there is nobody to tell, and the run goes on.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shows how a run goes.
pub struct Terminal {
    progress: Progress,
    quiet: bool,
    /// The bar, and the last step.
    bar: Mutex<Option<(RunBar, usize)>>,
}

impl Terminal {
    /// When `quiet`, nothing is printed but plugins' warnings.
    pub fn new(quiet: bool) -> Self {
        Self { progress: Progress::new(std::io::stderr().is_terminal(), quiet), quiet, bar: Mutex::new(None) }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some((bar, _)) = lock(&self.bar).take() {
            bar.finish();
        }
    }

    fn say(&self, line: &str) {
        match &*lock(&self.bar) {
            Some((bar, _)) => bar.aside(|| say(line)),
            None => say(line),
        }
    }
}

impl Observer for Terminal {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Note(note) if !self.quiet => self.say(&format!("note: {note}")),
            Event::Log(record) if !self.quiet || record.level >= LogLevel::Warn => {
                self.say(&format!("{} ({}): {}", record.plugin, record.level, record.message));
            }
            Event::LoadingWeights if !self.quiet => self.say("reading weights"),
            Event::Note(_) | Event::Log(_) | Event::LoadingWeights => {}
            Event::Started { queries, last_step } => {
                *lock(&self.bar) = Some((self.progress.run(queries as u64), last_step));
            }
            Event::Seed(seed) => {
                if let Some((bar, _)) = &*lock(&self.bar) {
                    bar.seed(seed);
                }
            }
            Event::Choosing => {
                if let Some((bar, _)) = &*lock(&self.bar) {
                    bar.choosing();
                }
            }
            Event::Step(step) => {
                if let Some((bar, last)) = &*lock(&self.bar) {
                    bar.step(step as u32, *last as u32);
                }
            }
            Event::Scored(queries) => {
                if let Some((bar, _)) = &*lock(&self.bar) {
                    bar.scored(queries as u64);
                }
            }
        }
    }
}

/// Shows how a download goes.
pub struct Downloads {
    progress: Progress,
    quiet: bool,
    bar: Mutex<Option<DownloadBar>>,
}

impl Downloads {
    /// When `quiet`, nothing is printed.
    pub fn new(quiet: bool) -> Self {
        Self { progress: Progress::new(std::io::stderr().is_terminal(), quiet), quiet, bar: Mutex::new(None) }
    }
}

impl store::progress::Progress for Downloads {
    fn start(&self, what: &str, total: Option<u64>) {
        *lock(&self.bar) = Some(self.progress.download(what, total));
    }

    fn advance(&self, bytes: u64) {
        if let Some(bar) = &*lock(&self.bar) {
            bar.advance(bytes);
        }
    }

    fn note(&self, message: &str) {
        if let Some(bar) = lock(&self.bar).take() {
            bar.finish();
        }
        if !self.quiet {
            say(&format!("note: {message}"));
        }
    }
}
