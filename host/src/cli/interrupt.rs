//! Ctrl-C: a run ends at the next batch and keeps what it has; anything else, and a second Ctrl-C, ends at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::exit::{CommandError, ExitStatus};
use super::terminal::{say_page, stderr_screen};
use crate::ui::run::finishing_batch;
use crate::ui::screen::{Page, Screen};
use ft_sandbox::{Compiler, CompilerProgram, EngineOptions, Stop};

/// The command that compiles a plugin; the program calls itself by it.
pub const COMPILE: &str = "compile-plugin";

/// What the handler and the run share.
#[derive(Clone, Default)]
pub struct Interrupt {
    stop: Stop,
    graceful: Arc<AtomicBool>,
}

impl Interrupt {
    /// Installs the handler. Until [`Self::arm_graceful`], an interrupt ends the program at once.
    pub fn install() -> Result<Self, CommandError> {
        Self::install_saying(finishing_batch)
    }

    /// Installs the handler, with what it says to the first interrupt where that does not end the program.
    pub fn install_saying(words: fn(Screen) -> Page) -> Result<Self, CommandError> {
        let interrupt = Self::default();
        let shared = interrupt.clone();
        ctrlc::set_handler(move || {
            if !shared.graceful.load(Ordering::Relaxed) || shared.stop.ask() {
                std::process::exit(ExitStatus::Interrupted.code().into());
            }
            // Below the `^C` of the terminal.
            let told = words(stderr_screen());
            say_page(&(Page::blank() + told));
        })?;
        Ok(interrupt)
    }

    /// From here on an interrupt asks the run to stop.
    pub fn arm_graceful(&self) -> &AtomicBool {
        self.graceful.store(true, Ordering::Relaxed);
        self.stop.flag()
    }

    /// From here on an interrupt ends the program at once again: nothing would be lost.
    pub fn disarm(&self) {
        self.graceful.store(false, Ordering::Relaxed);
    }

    /// How plugins are run: an interrupt ends their calls too, and they are compiled by another process of this program.
    pub fn engine(&self) -> EngineOptions {
        let compiler = match this_program() {
            Ok(program) => Compiler::Child(CompilerProgram { program, arguments: vec![COMPILE.into()] }),
            Err(_) => Compiler::ThisProcess,
        };
        EngineOptions { cache: None, compiler, stop: self.stop.clone() }
    }
}

/// The file of the program that runs, even where another one has its name by now, as after an update.
fn this_program() -> std::io::Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if cfg!(target_os = "linux") && running.exists() { Ok(running.to_owned()) } else { std::env::current_exe() }
}
