//! Tasks and meta-optimizers as sandboxed WebAssembly components.
//!
//! The only crate that knows wasmtime. It reads no files but those of code that it compiled: bytes and rows are handed in.
//! What a plugin answers is checked here, and made harmless where a person will see it, so that no caller has to doubt it.
//!
//! - [`PluginEngine`], [`Limits`], [`PluginBinary`]: what a caller brings.
//! - [`TaskPlugin`], [`OptimizerPlugin`]: a plugin as the rest of the host sees it. [`inspect`]: one of unknown kind.
//! - [`options`]: what a user's `-O name=value` becomes.
//! - [`PluginError`]: which plugin, which call, what, and what to do next.
//!
//! # Loading a plugin and calling it
//!
//! One engine serves all plugins of a process. Bytes, limits and a sink for log messages make a plugin; options are
//! resolved against its description; then it is called. Every call has its limits and ends in a value or a [`PluginError`].
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use ft_sandbox::{EngineOptions, Limits, LogRecord, PluginBinary, PluginEngine, TaskPlugin, options};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = PluginEngine::new(EngineOptions::default())?;
//! let binary = PluginBinary::new("sst2.wasm", std::fs::read("sst2.wasm")?);
//! let log = Arc::new(|record: LogRecord| eprintln!("{}: {}", record.plugin, record.message));
//! let mut task = TaskPlugin::load(&engine, binary, Limits::default(), log)?;
//!
//! let settings = options::resolve(&task.description().options, &[])?;
//! task.configure(&settings)?;
//! let (sources, labels) = (task.sources()?, task.labels()?);
//! # let _ = (sources, labels);
//! # Ok(())
//! # }
//! ```
//!
//! What a file is can be told from its names alone, before anything of it is compiled. This component exports the
//! interfaces of an optimizer without their functions, so it is known as one and refused when it is loaded:
//!
//! ```
//! use ft_sandbox::{EngineOptions, Limits, PluginBinary, PluginEngine, PluginKind, inspect, kind_of};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let component = wat::parse_str(
//!     r#"(component
//!         (instance $hollow)
//!         (export "forward-tuning:plugin/info@0.2.0" (instance $hollow))
//!         (export "forward-tuning:plugin/meta-optimizer@0.2.0" (instance $hollow)))"#,
//! )?;
//! let binary = PluginBinary::new("hollow.wasm", component);
//! assert_eq!(kind_of(&binary)?, PluginKind::Optimizer);
//!
//! let engine = PluginEngine::new(EngineOptions::default())?;
//! let error = inspect(&engine, binary, Limits::default()).unwrap_err();
//! assert!(error.to_string().starts_with("plugin hollow.wasm: interface does not match the WIT package: "));
//! # Ok(())
//! # }
//! ```
//!
//! # Inside
//!
//! From the ground up, each using only what stands before it:
//!
//! - `limits`, `trap`, `stop`, `clock`, `options`, `rows`: values without wasmtime's store.
//! - `component`: a file's names, its world and how much code it has, read before it is compiled.
//! - `state`: what the host keeps for one running plugin (tensors, rows, log, its step, what WASI remembers).
//! - `bindings`: what `wit/plugin.wit` and the package of version 0.1 generate; `description` and `task` check what comes through it.
//! - `error`: [`Failure`] and [`PluginError`]; `wasmtime_error` says which failure an error of wasmtime is.
//! - `compiler`, `engine`: code, compiled in a child process and kept.
//! - `tensor`, `imports`: the host functions that a guest can reach, WASI among them.
//! - `guest`: calls under limits; tasks and optimizers.

#![warn(missing_docs)]
#![deny(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr, clippy::dbg_macro)]

mod bindings;
mod clock;
pub mod compiler;
mod component;
mod description;
mod engine;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod guest;
mod imports;
mod limits;
pub mod options;
mod rows;
mod state;
mod stop;
mod task;
mod tensor;
mod trap;
mod wasmtime_error;

pub use compiler::{Compiler, CompilerProgram};
pub use component::binary::{NotAComponent, PluginBinary};
pub use component::contract::{PluginKind, WrongWorld};
pub use description::{Description, InvalidDescription};
pub use engine::{EngineError, EngineOptions, PluginEngine};
pub use error::{ErrorKind, Failure, Identity, PluginError};
pub use guest::inspect::{Inspection, inspect, kind_of};
pub use guest::optimizer_plugin::OptimizerPlugin;
pub use guest::task_plugin::{ReadOutcome, TaskPlugin};
pub use guest::usage::Usage;
pub use limits::{Limit, Limits};
pub use options::{OptionError, OptionKind, OptionSetting, OptionSpec, OptionValue};
pub use rows::{RowSource, RowSourceError};
pub use state::log_book::{LogLevel, LogRecord, LogSink};
pub use stop::Stop;
pub use task::invalid_answer::InvalidAnswer;
pub use task::row_outcome::{Rejection, RowOutcome};
pub use task::subtask::Subtask;
