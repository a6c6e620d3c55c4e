//! The two streams that a user reads, and events of a run and of downloads on stderr. Nothing else writes to them but
//! the bars of `ui::progress`: what goes through here is a [`Page`], or data for another program.

#![expect(clippy::disallowed_methods, reason = "here the streams are written to")]

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::exit::CommandError;
use crate::run::{Event, Observer};
use crate::ui::progress::{DownloadBar, RowBar, RunBar, TerminalProgress};
use crate::ui::run as shown;
use crate::ui::screen::{Page, Screen};
use crate::ui::style::{Emphasis, Style};
use ft_sandbox::LogLevel;
use ft_store::machine::environment::{ColorChoice, Environment};

/// What the user wishes of all output, settled once when the program starts.
static WISHES: OnceLock<Wishes> = OnceLock::new();

struct Wishes {
    color: ColorChoice,
    dumb: bool,
    columns: Option<usize>,
}

/// The size of a stream that is a terminal.
#[derive(Clone, Copy)]
struct Size {
    columns: usize,
    rows: usize,
}

/// Settles how output looks. What is printed before is plain.
pub fn settle(environment: &Environment) {
    let Environment { color, dumb_terminal: dumb, columns, .. } = *environment;
    WISHES.get_or_init(|| Wishes { color, dumb, columns });
}

/// How text is laid out on stdout.
pub fn stdout_screen() -> Screen {
    let stdout = io::stdout();
    screen(stdout.is_terminal(), size(&stdout))
}

/// How text is laid out on stderr.
pub fn stderr_screen() -> Screen {
    let stderr = io::stderr();
    screen(stderr.is_terminal(), size(&stderr))
}

fn screen(terminal: bool, size: Option<Size>) -> Screen {
    let Some(wishes) = WISHES.get() else { return Screen::PLAIN };
    let style = match wishes.color {
        ColorChoice::Always => Style::CODES,
        ColorChoice::Auto if terminal && !wishes.dumb => Style::CODES,
        ColorChoice::Auto | ColorChoice::Never => Style::PLAIN,
    };
    // A file or a pipe has no width, whatever the variable says: what reads it would take a broken line for two.
    let width = if terminal { wishes.columns.or(size.map(|size| size.columns)) } else { None };
    Screen { style, width }
}

/// The size of the terminal that a stream is, where it knows one. Some know their columns alone.
#[cfg(unix)]
fn size(stream: impl std::os::fd::AsFd) -> Option<Size> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    (size.ws_col > 0).then_some(Size { columns: size.ws_col.into(), rows: size.ws_row.into() })
}

#[cfg(not(unix))]
fn size<T>(_stream: T) -> Option<Size> {
    None
}

/// How progress is shown on stderr.
fn progress(quiet: bool) -> TerminalProgress {
    let stderr = io::stderr();
    let (dumb, size) = (WISHES.get().is_none_or(|wishes| wishes.dumb), size(&stderr));
    // Without rows the bar does not know the columns either, and would go over the edge.
    let drawable = stderr.is_terminal() && !dumb && size.is_none_or(|size| size.rows > 0);
    TerminalProgress::new(drawable, size.map(|size| size.columns), quiet)
}

/// Writes to stdout; a reader that has gone away is no error.
pub fn print(page: &Page) -> Result<(), CommandError> {
    write_out(page.as_str().as_bytes())
}

/// Writes a value to stdout as JSON.
pub fn print_json(value: &impl serde::Serialize) -> Result<(), CommandError> {
    print(&Page::json(value)?)
}

/// Writes lines that another program reads to stdout: a file or a pipe gets them as they are, since they name something
/// and another spelling would name nothing. Only on a terminal are they text for a person.
pub fn print_data(lines: &str) -> Result<(), CommandError> {
    if io::stdout().is_terminal() { print(&Page::document(lines)) } else { write_out(lines.as_bytes()) }
}

/// Writes lines of data to stdout as they come, as [`print_data`] does; gives whether somebody reads on.
pub fn print_lines(lines: &str) -> Result<bool, CommandError> {
    let terminal = io::stdout().is_terminal();
    let mut out = io::stdout().lock();
    let written = match terminal {
        true => out.write_all(Page::document(lines).as_str().as_bytes()),
        false => out.write_all(lines.as_bytes()),
    };
    match written.and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Writes where a file or a folder is to stdout, on a line.
pub fn print_path(path: &Path) -> Result<(), CommandError> {
    if io::stdout().is_terminal() {
        return print(&stdout_screen().pieces(&[(&path.display().to_string(), Emphasis::None)]));
    }
    write_out(&[path.as_os_str().as_encoded_bytes(), b"\n"].concat())
}

/// Writes a run file to stdout.
pub fn print_run_file(text: &str) -> Result<(), CommandError> {
    print_data(text)
}

fn write_out(bytes: &[u8]) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Writes a paragraph of prose to stderr.
pub fn say(text: &str) {
    say_page(&stderr_screen().prose(text));
}

/// Writes to stderr. When nobody reads it any more, there is nobody to tell, and the run goes on.
pub fn say_page(page: &Page) {
    let _ = io::stderr().lock().write_all(page.as_str().as_bytes());
}

/// Has panics told like all else: their message may have any text in it.
pub fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let mut page = stderr_screen().panicked(panic);
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            page += Page::document(&backtrace.to_string());
        }
        say_page(&page);
    }));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The bar that shows how far a run is.
pub struct RunProgress {
    progress: TerminalProgress,
    /// The bar, and the last step.
    bar: Mutex<Option<(RunBar, usize)>>,
    /// Which subtask of a group's the run is.
    subtask: Mutex<Option<String>>,
}

impl RunProgress {
    fn with(&self, act: impl FnOnce(&RunBar, usize)) {
        if let Some((bar, last_step)) = &*lock(&self.bar) {
            act(bar, *last_step);
        }
    }
}

impl Observer for RunProgress {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Started { queries, last_step } => {
                let bar = self.progress.run(queries as u64);
                lock(&self.subtask).iter().for_each(|subtask| bar.subtask(subtask));
                if let Some((earlier, _)) = lock(&self.bar).replace((bar, last_step)) {
                    earlier.finish();
                }
            }
            Event::Subtask { name, number, of } => {
                *lock(&self.subtask) = Some(format!("{name} ({number}/{of})"));
            }
            Event::Seed(seed) => self.with(|bar, _| bar.seed(seed)),
            Event::Choosing => self.with(|bar, _| bar.choosing()),
            Event::Unconditional => self.with(|bar, _| bar.unconditional()),
            Event::Baseline(baseline) => self.with(|bar, _| bar.baseline(baseline)),
            Event::Step(step) => self.with(|bar, last_step| bar.step(step as u32, last_step as u32)),
            Event::Pass { done } => self.with(|bar, _| bar.pass(done)),
            Event::Scored(queries) => self.with(|bar, _| bar.scored(queries as u64)),
            _ => {}
        }
    }
}

/// Prints what a run has to say, beside its bar.
pub struct Terminal {
    quiet: bool,
    bar: Arc<RunProgress>,
}

impl Terminal {
    /// When `quiet`, nothing is printed but plugins' warnings.
    pub fn new(quiet: bool) -> Self {
        Self {
            quiet,
            bar: Arc::new(RunProgress { progress: progress(quiet), bar: Mutex::default(), subtask: Mutex::default() }),
        }
    }

    /// The bar that gives way to what is printed; it observes the run by itself.
    pub fn bar(&self) -> Arc<RunProgress> {
        self.bar.clone()
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some((bar, _)) = lock(&self.bar.bar).take() {
            bar.finish();
        }
    }

    fn say(&self, page: &Page) {
        self.aside(|| say_page(page));
    }

    /// Takes the bar off the screen while `print` writes.
    pub fn aside(&self, print: impl FnOnce()) {
        match &*lock(&self.bar.bar) {
            Some((bar, _)) => bar.aside(print),
            None => print(),
        }
    }
}

impl Observer for Terminal {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Note(note) if !self.quiet => self.say(&stderr_screen().note(note)),
            Event::Log(record) if !self.quiet || record.level >= LogLevel::Warn => {
                self.say(&shown::log(record, stderr_screen()));
            }
            Event::Subtask { name, number, of } if !self.quiet => {
                self.say(&stderr_screen().prose(&format!("subtask {number} of {of}: {name}")));
            }
            Event::LoadingWeights if !self.quiet => self.say(&shown::loading_weights(stderr_screen())),
            _ => {}
        }
    }
}

/// Shows how many rows are predicted.
pub struct RowProgress(RowBar);

impl RowProgress {
    /// Of about so many rows, where that is known; it is asked for only if progress is shown. When `quiet`, nothing is.
    pub fn new(quiet: bool, total: impl FnOnce() -> Option<u64>) -> Self {
        let progress = progress(quiet);
        Self(progress.rows(if progress.is_visible() { total() } else { None }))
    }

    /// Says how many rows are done.
    pub fn done(&self, rows: u64) {
        self.0.done(rows);
    }

    /// Takes the bar away.
    pub fn finish(self) {
        self.0.finish();
    }
}

/// Shows how a download goes.
pub struct Downloads {
    progress: TerminalProgress,
    quiet: bool,
    bar: Mutex<Option<DownloadBar>>,
}

impl Downloads {
    /// When `quiet`, nothing is printed.
    pub fn new(quiet: bool) -> Self {
        Self { progress: progress(quiet), quiet, bar: Mutex::new(None) }
    }
}

impl ft_store::progress::Progress for Downloads {
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
            say_page(&stderr_screen().note(message));
        }
    }
}
