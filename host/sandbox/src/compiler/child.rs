//! The parent's side: a child process that compiles a component, waited for within limits, and what its end means.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::config::{LARGE, LARGE_TAKES};
use super::process_limits::{MOST_THREADS, memory_for_child};
use super::status::{OUT_OF_MEMORY, REFUSED};
use crate::error::Failure;
use crate::limits::{Limit, Limits};
use crate::stop::Stop;
use ft_engine::text::harmless_within;

/// A program that answers as [`serve`](super::serve::serve) does when it is called with `arguments`.
#[derive(Clone, Debug)]
pub struct CompilerProgram {
    /// Path of the program.
    pub program: PathBuf,
    /// Arguments of the program; `--memory BYTES` and `--seconds SECONDS` are put behind them.
    pub arguments: Vec<String>,
}

/// How often a waiting parent looks whether the user wants to stop.
const POLL: Duration = Duration::from_millis(20);

/// Bytes of a child's words that are read.
const MOST_WORDS: u64 = 1 << 16;

/// Characters of them that a message shows.
const MOST_SHOWN: usize = 500;

/// Variables by which the system finds the libraries of this very program. Nothing else of the user's environment
/// reaches a child: it has no say in what is compiled, and no secret is where a stranger's code is worked on.
const LIBRARIES: [&str; 4] = ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PATH", "SystemRoot"];

impl CompilerProgram {
    pub(crate) fn compile(&self, bytes: &[u8], limits: &Limits, stop: &Stop) -> Result<Vec<u8>, Failure> {
        let (memory, inherited) = memory_for_child(limits.compile_memory);
        let time = limits.compile_time.saturating_mul(if bytes.len() > LARGE { LARGE_TAKES } else { 1 });
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(MOST_THREADS);
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .args(["--memory", &memory.to_string(), "--seconds", &time.as_secs().to_string()])
            .env_clear()
            .envs(LIBRARIES.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .env("RAYON_NUM_THREADS", threads.to_string())
            .env("MALLOC_ARENA_MAX", threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let started = Instant::now();
        let child = command.spawn().map_err(|source| Failure::NoCompiler { source })?;
        let ended = Running { child }.finish(bytes, started, time, stop)?;
        let over_memory = || match inherited {
            true => Failure::NoMemory {
                reason: format!(
                    "compiling it takes more than the {memory} bytes of address space that this process may use"
                ),
            },
            false => Failure::LimitExceeded(Limit::CompileMemory { limit: limits.compile_memory }),
        };
        match ended {
            Ended::Over => Err(Failure::LimitExceeded(Limit::CompileTime { limit: time })),
            Ended::Stopped => Err(Failure::Interrupted),
            Ended::Done { status, code, .. } if status.success() => Ok(code),
            Ended::Done { status, words, .. } => Err(why_no_code(status, words.trim(), over_memory)),
        }
    }
}

/// Why a child that ended by itself gave no code.
fn why_no_code(status: ExitStatus, words: &str, over_memory: impl FnOnce() -> Failure) -> Failure {
    let words = harmless_within(words, MOST_SHOWN);
    match (status.code(), signal(status)) {
        (Some(REFUSED), _) => Failure::Compile { reason: words },
        (Some(OUT_OF_MEMORY), _) => over_memory(),
        // A terminal's signals are for all of its processes.
        (_, Some(SIGHUP | SIGINT | SIGTERM)) => Failure::Interrupted,
        (_, Some(SIGKILL)) => {
            let words = "it was killed, as the system does where memory runs out";
            Failure::NoCompiler { source: io::Error::other(words) }
        }
        // An allocation that fails aborts the process; a thread that cannot be had panics.
        (_, by) if is_out_of_memory(&words) || (by == Some(SIGABRT) && !words.contains("stack overflow")) => {
            over_memory()
        }
        _ if words.is_empty() => Failure::Compile { reason: format!("the compiler ended with {status}") },
        _ => Failure::Compile { reason: format!("the compiler ended with {status}: {words}") },
    }
}

/// How a child ended.
enum Ended {
    /// It ended by itself.
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
                    return Err(failed(io::Error::other("the thread that reads its output ended")));
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

const SIGHUP: i32 = 1;
const SIGINT: i32 = 2;
const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<i32> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::super::Compiler;
    use super::*;

    /// What comes of a compiler that is a line of shell.
    fn compile(line: &str, bytes: &[u8], time: Duration, stop: &Stop) -> Result<Vec<u8>, String> {
        let arguments = ["-c", line, "sh"].map(Into::into).to_vec();
        let compiler = Compiler::Child(CompilerProgram { program: "/bin/sh".into(), arguments });
        let limits = Limits { compile_time: time, compile_memory: 1 << 20, ..Limits::default() };
        compiler.compile(bytes, &limits, stop).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_child_gives_code_or_its_reason() {
        let try_it = |line: &str| compile(line, &vec![7; 1 << 20], Duration::from_secs(60), &Stop::default());
        let given = try_it("wc -c; echo \"$@\"").unwrap();
        let words: Vec<&str> = std::str::from_utf8(&given).unwrap().split_whitespace().collect();
        assert_eq!(words, ["1048576", "--memory", "1048576", "--seconds", "60"]);
        // One that does not read what it is given ends all the same.
        assert_eq!(try_it("echo no good >&2; exit 20"), Err("cannot be compiled: no good".into()));
        let ended = "cannot be compiled: the compiler ended with exit status: 2: what is compile-plugin";
        assert_eq!(try_it("echo what is compile-plugin >&2; exit 2"), Err(ended.into()));
        let inherited = try_it("echo $CARGO_MANIFEST_DIR");
        assert_eq!(inherited, Ok(b"\n".to_vec()), "the environment is not the user's");
    }

    #[test]
    fn a_child_is_not_waited_for_longer_than_its_time() {
        let started = Instant::now();
        let over = compile("exec sleep 60", b"", Duration::from_millis(300), &Stop::default());
        assert_eq!(over, Err("exceeded the compile time limit (300 ms)".into()));
        let stop = Stop::default();
        stop.ask();
        let stopped = compile("exec sleep 60", b"", Duration::from_secs(60), &stop);
        assert_eq!(stopped, Err("interrupted".into()));
        assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    }

    #[test]
    fn how_a_child_ends_says_why() {
        let why = |status: i32, words: &str| {
            let over_memory = || Failure::LimitExceeded(Limit::CompileMemory { limit: 7 });
            why_no_code(ExitStatus::from_raw(status), words, over_memory).to_string()
        };
        let (memory, exit) = ("exceeded the compile memory limit (7 bytes)", |code: i32| code << 8);
        assert_eq!(why(exit(REFUSED), "type `out of memory`"), "cannot be compiled: type `out of memory`");
        assert_eq!(why(exit(OUT_OF_MEMORY), ""), memory);
        assert_eq!(why(SIGABRT, "memory allocation of 8 bytes failed"), memory);
        assert_eq!(why(exit(101), "message: \"Resource temporarily unavailable\""), memory);
        let deep = why(SIGABRT, "fatal runtime error: stack overflow");
        assert!(deep.starts_with("cannot be compiled: the compiler ended with "), "{deep}");
        for by in [SIGHUP, SIGINT, SIGTERM] {
            assert_eq!(why(by, ""), "interrupted");
        }
        assert_eq!(why(SIGKILL, ""), "the plugin compiler failed");
    }
}
