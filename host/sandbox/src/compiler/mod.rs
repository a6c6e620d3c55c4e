//! Where and within which limits a component is compiled.
//!
//! A compiler cannot be interrupted, and its time and memory follow the code, which is a stranger's: what `code_limits`
//! lets through is compiled in a child process of the program, with limits that the system holds it to, and which is ended
//! as a whole when its time is up.

pub(crate) mod artifacts;
mod child;
pub(crate) mod config;
mod process_limits;
mod serve;
mod status;

pub use self::child::CompilerProgram;
pub use self::serve::serve;

use crate::error::Failure;
use crate::limits::Limits;
use crate::stop::Stop;
use crate::wasmtime_error;

/// Where components are compiled.
#[derive(Clone, Debug, Default)]
pub enum Compiler {
    /// In this process, without limits of time and memory: for plugins that one trusts.
    #[default]
    ThisProcess,
    /// In a child process.
    Child(CompilerProgram),
}

impl Compiler {
    /// Compiles a component to code that `artifacts::load` takes.
    pub(crate) fn compile(&self, bytes: &[u8], limits: &Limits, stop: &Stop) -> Result<Vec<u8>, Failure> {
        match self {
            Self::ThisProcess => config::engine_for(bytes, config::config())
                .and_then(|engine| engine.precompile_component(bytes))
                .map_err(|error| Failure::Compile { reason: wasmtime_error::reason(&error) }),
            Self::Child(program) => program.compile(bytes, limits, stop),
        }
    }
}
