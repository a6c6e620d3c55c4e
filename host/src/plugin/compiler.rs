//! Where and within which bounds a component is compiled.
//!
//! A compiler cannot be interrupted, and its time and memory follow the code, which is a stranger's: what
//! [`code_limits`](super::bulk) lets through is compiled in a child process of the program, with bounds that the system
//! holds it to, and which is ended as a whole when its time is up.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use wasmtime::{Engine, OptLevel};

use super::clock::Stop;
use super::engine;
use super::error::{Budget, Failure};
use super::fault;
use super::limits::Limits;
use crate::text::harmless_within;

/// Where components are compiled.
#[derive(Clone, Debug, Default)]
pub enum Compiler {
    /// In this process, without bounds on time and memory: for plugins that one trusts.
    #[default]
    ThisProcess,
    /// In a child process.
    Child(CompilerProgram),
}

/// A program that answers as [`serve`] does when it is called with `arguments`.
#[derive(Clone, Debug)]
pub struct CompilerProgram {
    /// The program's file.
    pub program: PathBuf,
    /// Its arguments; `--memory BYTES` and `--seconds SECONDS` are put behind them.
    pub arguments: Vec<String>,
}

/// Threads of a child at most: each reserves address space, of which a child has little.
const MOST_THREADS: usize = 4;

/// How often a waiting parent looks whether the user wants to stop.
const POLL: Duration = Duration::from_millis(20);

/// Bytes of a child's words that are read.
const MOST_WORDS: u64 = 1 << 16;

/// How a child ends that could not compile the component; its words say why.
const REFUSED: i32 = 2;

impl Compiler {
    /// Compiles a component to code that [`artifacts::load`](super::artifacts::load) takes.
    pub fn compile(&self, bytes: &[u8], limits: &Limits, stop: &Stop) -> Result<Vec<u8>, Failure> {
        match self {
            Self::ThisProcess => code(bytes).map_err(|reason| Failure::Compile { reason }),
            Self::Child(program) => program.compile(bytes, limits, stop),
        }
    }
}

impl CompilerProgram {
    fn compile(&self, bytes: &[u8], limits: &Limits, stop: &Stop) -> Result<Vec<u8>, Failure> {
        let (memory, inherited) = memory_for_child(limits.compile_memory);
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(MOST_THREADS);
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .args(["--memory", &memory.to_string(), "--seconds", &limits.compile_time.as_secs().to_string()])
            // Nothing of the user's environment has a say in what is compiled.
            .env_clear()
            .env("RAYON_NUM_THREADS", threads.to_string())
            .env("MALLOC_ARENA_MAX", threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let started = Instant::now();
        let child = command.spawn().map_err(|source| Failure::NoCompiler { source })?;
        let ended = Running { child }.finish(bytes, started, limits.compile_time, stop)?;
        let over_memory = || match inherited {
            true => Failure::Compile {
                reason: format!("it takes more than the {memory} bytes of address space that this process may use"),
            },
            false => Failure::Spent(Budget::CompileMemory { limit: limits.compile_memory }),
        };
        match ended {
            Ended::Over => Err(Failure::Spent(Budget::CompileTime { limit: limits.compile_time })),
            Ended::Stopped => Err(Failure::Interrupted),
            Ended::Done { status, code, .. } if status.success() => Ok(code),
            Ended::Done { status, words, .. } if status.code() == Some(REFUSED) => {
                let reason = words.trim().to_owned();
                Err(if is_out_of_memory(&reason) { over_memory() } else { Failure::Compile { reason } })
            }
            Ended::Done { status, .. } if signal(status) == Some(CPU_TIME_IS_UP) => {
                Err(Failure::Spent(Budget::CompileTime { limit: limits.compile_time }))
            }
            // An allocation that fails aborts the process; a thread that cannot be had panics.
            Ended::Done { status, words, .. } if is_out_of_memory(&words) || signal(status) == Some(ABORTED) => {
                Err(over_memory())
            }
            Ended::Done { status, words, .. } => {
                let words = harmless_within(words.trim(), 200);
                Err(Failure::Compile { reason: format!("the compiler ended with {status}: {words}") })
            }
        }
    }
}

/// How a child ended.
enum Ended {
    /// By itself.
    Done { status: ExitStatus, code: Vec<u8>, words: String },
    /// Its time was up, and it was killed.
    Over,
    /// The user wanted to stop, and it was killed.
    Stopped,
}

/// A child that is killed when nobody waits for it any more.
struct Running {
    child: Child,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; either way nothing of it stays behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    fn finish(mut self, bytes: &[u8], started: Instant, time: Duration, stop: &Stop) -> Result<Ended, Failure> {
        let failed = |source| Failure::NoCompiler { source };
        let (input, output, errors) = (self.child.stdin.take(), self.child.stdout.take(), self.child.stderr.take());
        let (done, finished) = channel();
        let bytes: Arc<[u8]> = bytes.into();
        let read = std::thread::Builder::new().name("plugin-compiler".into()).spawn(move || {
            if let Some(mut input) = input {
                // A child that ends early has its reasons, and its status tells them.
                let _ = input.write_all(&bytes);
            }
            let (mut code, mut words) = (Vec::new(), Vec::new());
            // The words are few: they fit into their pipe while the code is read.
            let read = output.map_or(Ok(0), |mut output| output.read_to_end(&mut code));
            let said = errors.map_or(Ok(0), |errors| errors.take(MOST_WORDS).read_to_end(&mut words));
            let _ = done.send(read.and(said).map(|_| (code, String::from_utf8_lossy(&words).into_owned())));
        });
        read.map_err(failed)?;
        loop {
            if stop.is_asked() {
                return Ok(Ended::Stopped);
            }
            let Some(left) = time.checked_sub(started.elapsed()) else { return Ok(Ended::Over) };
            match finished.recv_timeout(left.min(POLL)) {
                Ok(read) => {
                    let (code, words) = read.map_err(failed)?;
                    let status = self.child.wait().map_err(failed)?;
                    return Ok(Ended::Done { status, code, words });
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(failed(std::io::Error::other("the thread that reads its output ended")));
                }
            }
        }
    }
}

fn is_out_of_memory(words: &str) -> bool {
    ["memory allocation of", "Cannot allocate memory", "out of memory", "Resource temporarily unavailable"]
        .iter()
        .any(|sign| words.contains(sign))
}

/// What the child does: bounds itself, reads a component from standard input to its end, and writes the code to standard
/// output. Gives the status to end with.
pub fn serve(memory: u64, time: Duration) -> i32 {
    bound_this_process(memory, time);
    match compile_from_input() {
        Ok(()) => 0,
        Err(reason) => {
            eprintln!("{reason}");
            REFUSED
        }
    }
}

fn compile_from_input() -> Result<(), String> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    let code = code(&bytes)?;
    let mut output = std::io::stdout().lock();
    output.write_all(&code).and_then(|()| output.flush()).map_err(|error| error.to_string())
}

/// Bytes of a component beyond which its code is not optimised. An interpreter with its libraries has 18 MB; a component
/// made from Rust some hundred kilobytes.
const LARGE: usize = 4 << 20;

/// The code of a component for every engine of this host: how far it is optimised is no part of what wasmtime compares.
fn code(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut config = engine::config();
    if bytes.len() > LARGE {
        config.cranelift_opt_level(OptLevel::None);
    }
    let engine = Engine::new(&config).map_err(|error| fault::reason(&error))?;
    engine.precompile_component(bytes).map_err(|error| fault::reason(&error))
}

/// SIGABRT.
const ABORTED: i32 = 6;
/// SIGXCPU.
const CPU_TIME_IS_UP: i32 = 24;

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<i32> {
    None
}

/// The address space of a child, and whether that is less than wanted since this process itself may not use more.
#[cfg(unix)]
fn memory_for_child(wanted: u64) -> (u64, bool) {
    use rustix::process::{Resource, getrlimit};
    match getrlimit(Resource::As).current {
        Some(own) if own < wanted => (own, true),
        _ => (wanted, false),
    }
}

#[cfg(not(unix))]
fn memory_for_child(wanted: u64) -> (u64, bool) {
    (wanted, false)
}

/// Holds this process to an address space, to processor time on all its threads, and to no core dump.
#[cfg(unix)]
fn bound_this_process(memory: u64, time: Duration) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let both = |value: u64| Rlimit { current: Some(value), maximum: Some(value) };
    // The parent ends it after `time`; this is for a child whose parent was killed.
    let seconds = time.as_secs().saturating_add(1).saturating_mul(MOST_THREADS as u64);
    for (resource, value) in [(Resource::As, memory), (Resource::Cpu, seconds), (Resource::Core, 0)] {
        // A lower bound that was inherited cannot be raised, and holds as well.
        let _ = setrlimit(resource, both(value));
    }
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
}

#[cfg(not(unix))]
fn bound_this_process(_: u64, _: Duration) {}
