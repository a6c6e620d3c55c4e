//! The child's side: a component from standard input, machine code to standard output.

use std::io::{self, Read, Write};
use std::time::Duration;

use wasmtime::Config;

use super::config::{config, engine_for};
use super::process_limits::bound_this_process;
use super::status::{NOT_ABLE, OUT_OF_MEMORY, REFUSED};
use crate::wasmtime_error;

/// What the child does: bounds itself, reads a component from standard input to its end, and writes the code to standard
/// output.
///
/// # Errors
/// The status to end with, and why, which is for standard error.
pub fn serve(memory: u64, time: Duration) -> Result<(), (i32, String)> {
    // How memories lie depends on the address space, and the process that will run the code has not the bounds of this one.
    let config = config();
    bound_this_process(memory, time);
    compile_from_input(config)
}

#[expect(clippy::disallowed_methods, reason = "machine code goes to the parent, no text to a terminal")]
fn compile_from_input(config: Config) -> Result<(), (i32, String)> {
    let of_pipe = |error: io::Error| (NOT_ABLE, error.to_string());
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes).map_err(of_pipe)?;
    let engine = engine_for(&bytes, config).map_err(|error| (NOT_ABLE, wasmtime_error::reason(&error)))?;
    let code = engine.precompile_component(&bytes).map_err(|error| {
        let status = if error.is::<wasmtime::OutOfMemory>() { OUT_OF_MEMORY } else { REFUSED };
        (status, wasmtime_error::reason(&error))
    })?;
    let mut output = io::stdout().lock();
    output.write_all(&code).and_then(|()| output.flush()).map_err(of_pipe)
}
