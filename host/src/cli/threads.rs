//! One number of threads for all that computes.

use std::process::Command;

use crate::options::MOST_THREADS;
use ft_store::machine::environment::{Environment, RAYON_NUM_THREADS};

/// The number of threads to compute with: asked for, from the environment, or one for each core.
///
/// The tensor library reads it from the environment alone, when it first computes. Where the environment says otherwise,
/// the program starts itself anew with the right one, since a process cannot safely change its own.
pub fn resolve(asked: Option<usize>, environment: &Environment) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = asked.or(environment.threads).unwrap_or(cores).min(MOST_THREADS);
    if environment.threads != Some(threads)
        && let Ok(program) = std::env::current_exe()
    {
        re_exec(Command::new(program).args(std::env::args_os().skip(1)).env(RAYON_NUM_THREADS, threads.to_string()));
    }
    threads
}

#[cfg(unix)]
fn re_exec(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    // Comes back only if it fails, and then this process goes on with its own threads.
    let _ = command.exec();
}

#[cfg(not(unix))]
fn re_exec(command: &mut Command) {
    if let Ok(status) = command.status() {
        std::process::exit(status.code().unwrap_or(super::exit::ExitStatus::Host.code().into()));
    }
}
