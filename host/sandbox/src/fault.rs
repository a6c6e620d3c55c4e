//! How a host function stops a plugin, and what wasmtime's errors mean.

use wasmtime::component::ResourceTableError;
use wasmtime::{Trap, WasmBacktrace};

use super::answer::BadAnswer;
use super::error::{Budget, Failure};
use super::limits::Limits;
use ft_engine::text::harmless_within;

const LONGEST_REASON: usize = 400;
const LONGEST_FUNCTION: usize = 80;
const SHOWN_FRAMES: usize = 4;

/// How the names of Rust's own functions start.
const RUNTIME: [&str; 5] = ["std::", "core::", "alloc::", "__rustc", "rust_"];

/// How the words end in which the system has no memory for a mapping (`ENOMEM`).
const NO_MEMORY: &str = "(os error 12)";

/// What a host function raises to end the plugin's call; it travels through the guest's frames as a trap.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A budget is used up.
    #[error(transparent)]
    Spent(Budget),
    /// Arguments that do not fit.
    #[error("`{operation}`: {problem}")]
    Misuse {
        /// The host function.
        operation: &'static str,
        /// What does not fit.
        problem: String,
    },
    /// A tensor operation failed on the device.
    #[error("`{operation}` failed")]
    Device {
        /// The host function.
        operation: &'static str,
        /// What candle said.
        #[source]
        source: candle_core::Error,
    },
    /// A function that is linked and gives nothing.
    #[error("`{function}` is not available")]
    System {
        /// The function.
        function: String,
    },
    /// The guest ended itself.
    #[error("`exit` with status {status}")]
    Exit {
        /// Its exit status.
        status: u8,
    },
    /// The user wants to stop.
    #[error("interrupted")]
    Interrupted,
    /// The row source failed; its error is kept in the host's state.
    #[error("the rows could not be read")]
    Rows,
}

impl From<Budget> for Fault {
    fn from(budget: Budget) -> Self {
        Self::Spent(budget)
    }
}

/// What a wasmtime error stands for. `said` is the last error message that the plugin logged in the call.
pub fn failure(error: wasmtime::Error, limits: &Limits, said: Option<String>) -> Failure {
    let frames = frames(&error);
    let error = match error.downcast::<Fault>() {
        Ok(Fault::Spent(budget)) => return Failure::Spent(budget),
        Ok(Fault::Misuse { operation, problem }) => return Failure::Misuse { operation, problem },
        Ok(Fault::Device { operation, source }) => return Failure::Device { operation, source },
        Ok(Fault::System { function }) => return Failure::System { function },
        Ok(Fault::Exit { status }) => return Failure::Exit { status, message: said },
        Ok(Fault::Interrupted) => return Failure::Interrupted,
        Ok(fault @ Fault::Rows) => return Failure::Rows(fault.into()),
        Err(error) => error,
    };
    if let Some(ResourceTableError::Full) = error.downcast_ref() {
        return Failure::Spent(Budget::Handles { limit: limits.table_elements });
    }
    if let Some(Trap::OutOfFuel) = error.downcast_ref() {
        return Failure::Spent(Budget::Fuel { limit: limits.fuel });
    }
    // wasmtime has no types for these, only words; the tests of hostile plugins hold them to it.
    let reason = error.root_cause().to_string();
    if reason.contains("fuel allocated for hostcalls") {
        return Failure::Spent(Budget::CallBytes { limit: limits.call_bytes });
    }
    if reason.contains("handle limit exceeded") {
        return Failure::Spent(Budget::Handles { limit: limits.table_elements });
    }
    if reason.starts_with("resource limit exceeded") {
        return Failure::Spent(Budget::Instances { limit: limits.instances });
    }
    if reason.ends_with(NO_MEMORY) {
        return Failure::NoMemory { reason };
    }
    let reason = harmless_within(reason.strip_prefix("wasm trap: ").unwrap_or(&reason), LONGEST_REASON);
    if reason.contains("handle index") {
        return Failure::Answer(BadAnswer::Handle { reason });
    }
    Failure::Trap { reason, message: said, frames }
}

/// The innermost functions of the backtrace that have names, without those that every panic passes through.
fn frames(error: &wasmtime::Error) -> Vec<String> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    let names = backtrace.frames().iter().filter_map(|frame| frame.func_name());
    // The alternate form leaves the hashes out.
    let names = names.map(|name| format!("{:#}", rustc_demangle::demangle(name)));
    let own = names.filter(|name| !RUNTIME.iter().any(|prefix| name.trim_start_matches('<').starts_with(prefix)));
    own.take(SHOWN_FRAMES).map(|name| harmless_within(&name, LONGEST_FUNCTION)).collect()
}

/// All that wasmtime says about an error, on one line.
pub fn reason(error: &wasmtime::Error) -> String {
    let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
    harmless_within(&chain.join(": "), LONGEST_REASON)
}
