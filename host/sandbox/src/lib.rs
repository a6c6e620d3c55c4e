//! Tasks and meta-optimizers as sandboxed WebAssembly components.
//!
//! The only module that knows wasmtime. It reads no files but those of code that it compiled: bytes and rows are handed in.
//! What a plugin says is checked here, and made harmless where a person will see it, so that no other module has to doubt
//! it.
//!
//! - [`PluginEngine`], [`Limits`], [`PluginBinary`]: what a caller brings.
//! - [`TaskPlugin`], [`OptimizerPlugin`]: a plugin as the rest of the host sees it. [`inspect`]: one of unknown kind.
//! - [`options`]: what a user's `-O name=value` becomes.
//! - [`PluginError`]: which plugin, which call, what, and what to do next.
//! - `sandbox` runs calls under budgets; `host`, `table`, `tensors`, `log`, `wasi` are what a guest can reach.

#![warn(missing_docs)]
#![deny(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr, clippy::dbg_macro)]

mod answer;
mod artifacts;
mod binary;
mod bindings;
mod bulk;
mod clock;
pub mod compiler;
mod contract;
mod description;
mod engine;
mod error;
mod fault;
mod forms;
#[doc(hidden)]
pub mod fuzzing;
mod host;
mod inspect;
mod ledger;
mod limits;
mod log;
mod optimizer_plugin;
pub mod options;
mod parts;
mod sandbox;
mod table;
mod task_answers;
mod task_plugin;
mod tensors;
mod wasi;

pub use answer::BadAnswer;
pub use binary::{NotAComponent, PluginBinary};
pub use clock::Stop;
pub use compiler::{Compiler, CompilerProgram};
pub use contract::{PluginKind, WrongWorld};
pub use description::{BadDescription, Description};
pub use engine::{EngineError, EngineOptions, PluginEngine};
pub use error::{Budget, ErrorKind, Failure, Identity, PluginError};
pub use inspect::{Inspection, inspect, kind_of};
pub use limits::Limits;
pub use log::{LogLevel, LogRecord, LogSink};
pub use optimizer_plugin::OptimizerPlugin;
pub use options::{OptionError, OptionKind, OptionSetting, OptionSpec, OptionValue};
pub use sandbox::Usage;
pub use table::{RowSource, RowSourceError};
pub use task_plugin::{ReadOutcome, Rejection, TaskPlugin};
