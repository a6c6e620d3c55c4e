//! What wasmtime's errors mean: which [`Failure`] of a plugin they stand for, and how they read.

use wasmtime::component::ResourceTableError;
use wasmtime::{Trap, WasmBacktrace};

use crate::error::Failure;
use crate::limits::{Limit, Limits};
use crate::task::invalid_answer::InvalidAnswer;
use crate::trap::HostTrap;
use ft_engine::text::harmless_within;

const LONGEST_REASON: usize = 400;
const LONGEST_FUNCTION: usize = 80;
const SHOWN_FRAMES: usize = 4;

/// How the names of Rust's own functions start.
const RUNTIME: [&str; 5] = ["std::", "core::", "alloc::", "__rustc", "rust_"];

/// How the words end in which the system has no memory for a mapping (`ENOMEM`).
const NO_MEMORY: &str = "(os error 12)";

/// What a wasmtime error stands for. `said` is the last error message that the plugin logged in the call.
pub(crate) fn failure(error: wasmtime::Error, limits: &Limits, said: Option<String>) -> Failure {
    let frames = frames(&error);
    let error = match error.downcast::<HostTrap>() {
        Ok(HostTrap::LimitExceeded(limit)) => return Failure::LimitExceeded(limit),
        Ok(HostTrap::InvalidArguments { operation, problem }) => {
            return Failure::InvalidArguments { operation, problem };
        }
        Ok(HostTrap::Device { operation, source }) => return Failure::Device { operation, source },
        Ok(HostTrap::SystemAccess { function }) => return Failure::SystemAccess { function },
        Ok(HostTrap::Exit { status }) => return Failure::Exit { status, message: said },
        Ok(HostTrap::Interrupted) => return Failure::Interrupted,
        Ok(HostTrap::Model(error)) => return Failure::Model(error),
        Ok(trap @ HostTrap::Rows) => return Failure::Rows(trap.into()),
        Err(error) => error,
    };
    if let Some(ResourceTableError::Full) = error.downcast_ref() {
        return Failure::LimitExceeded(Limit::Handles { limit: limits.table_elements });
    }
    if let Some(Trap::OutOfFuel) = error.downcast_ref() {
        return Failure::LimitExceeded(Limit::Fuel { limit: limits.fuel });
    }
    // wasmtime has no types for these, only words; the tests of hostile plugins hold them to it.
    let reason = error.root_cause().to_string();
    if reason.contains("fuel allocated for hostcalls") {
        return Failure::LimitExceeded(Limit::CallBytes { limit: limits.call_bytes });
    }
    if reason.contains("handle limit exceeded") {
        return Failure::LimitExceeded(Limit::Handles { limit: limits.table_elements });
    }
    if reason.starts_with("resource limit exceeded") {
        return Failure::LimitExceeded(Limit::Instances { limit: limits.instances });
    }
    if reason.ends_with(NO_MEMORY) {
        return Failure::NoMemory { reason };
    }
    let reason = harmless_within(reason.strip_prefix("wasm trap: ").unwrap_or(&reason), LONGEST_REASON);
    if reason.contains("handle index") {
        return Failure::Answer(InvalidAnswer::Handle { reason });
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
pub(crate) fn reason(error: &wasmtime::Error) -> String {
    let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
    harmless_within(&chain.join(": "), LONGEST_REASON)
}
