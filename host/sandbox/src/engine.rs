//! The WebAssembly engine: one for the whole process.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::component::Component;
use wasmtime::{Config, Engine, WasmBacktraceDetails};

use super::artifacts::{self, Artifacts};
use super::binary::PluginBinary;
use super::bulk;
use super::clock::Stop;
use super::compiler::Compiler;
use super::error::Failure;
use super::fault;
use super::limits::Limits;

/// How often running plugins are asked whether their time is up.
const TICK: Duration = Duration::from_millis(10);

/// Frames of a trap's backtrace that are kept: a Rust panic alone takes about ten.
const FRAMES: NonZeroUsize = NonZeroUsize::new(24).unwrap();

/// Why no engine could be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// wasmtime does not take this machine or this configuration.
    #[error("wasmtime cannot be set up on this machine")]
    Setup(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The thread that ends overlong calls did not start.
    #[error("the thread that keeps plugins to their time did not start")]
    Ticker(#[source] std::io::Error),
}

/// What an engine is made with.
#[derive(Clone, Debug, Default)]
pub struct EngineOptions {
    /// The folder in which compiled plugins are kept; with none, or one that is not this user's own and closed to others,
    /// each is compiled anew.
    pub cache: Option<PathBuf>,
    /// Where plugins are compiled.
    pub compiler: Compiler,
    /// Ends the calls into all plugins of this engine.
    pub stop: Stop,
}

/// Compiles and runs plugins. Clones share one engine, which ends with the last of them; so does what was made of it, each
/// with a clone of its own, since without the engine's thread no call would end in time.
#[derive(Clone)]
pub struct PluginEngine(Arc<Inner>);

struct Inner {
    engine: Engine,
    artifacts: Option<Artifacts>,
    compiler: Compiler,
    stop: Stop,
    _ticker: Ticker,
}

impl PluginEngine {
    /// An engine, and its thread that ends calls whose time is up.
    ///
    /// # Errors
    /// When wasmtime does not run here, or there is no thread to be had.
    pub fn new(options: EngineOptions) -> Result<Self, EngineError> {
        let EngineOptions { cache, compiler, stop } = options;
        let engine = Engine::new(&config()).map_err(|error| EngineError::Setup(error.into_boxed_dyn_error()))?;
        let ticker = Ticker::start(&engine).map_err(EngineError::Ticker)?;
        let artifacts = cache.as_deref().and_then(Artifacts::open);
        Ok(Self(Arc::new(Inner { engine, artifacts, compiler, stop, _ticker: ticker })))
    }

    /// A component of a plugin's bytes, compiled within the limits unless that was done before.
    pub(super) fn compile(&self, binary: &PluginBinary, limits: &Limits) -> Result<Component, Failure> {
        let Inner { engine, artifacts, compiler, stop, .. } = &*self.0;
        let kept = artifacts.as_ref().and_then(|artifacts| artifacts.get(engine, binary));
        if let Some(component) = kept.and_then(|code| artifacts::load(engine, &code).ok()) {
            return Ok(component);
        }
        bulk::check(binary.bytes()).map_err(|error| Failure::Compile { reason: error.to_string() })?;
        let code = compiler.compile(binary.bytes(), limits, stop)?;
        if let Some(artifacts) = artifacts {
            artifacts.put(engine, binary, &code);
        }
        artifacts::load(engine, &code).map_err(|error| Failure::Compile { reason: fault::reason(&error) })
    }

    pub(super) fn wasmtime(&self) -> &Engine {
        &self.0.engine
    }

    pub(super) fn stop(&self) -> &Stop {
        &self.0.stop
    }
}

/// Address space below which memories of plugins are not reserved whole: a run has several, of 4 GiB each.
const ROOMY: u64 = 64 << 30;

/// What a memory has of address space beyond its bytes where there is little: it grows so far without being moved.
const SPARE: u64 = 64 << 20;

/// The guard behind a memory where there is little address space.
const GUARD: u64 = 64 << 10;

/// The most bytes of address space that this process may take, where it is held to that.
#[cfg(unix)]
fn address_space_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::As).current
}

#[cfg(not(unix))]
fn address_space_limit() -> Option<u64> {
    None
}

/// How components are compiled and run: the same in this process and in one that compiles for it, as long as that one asks
/// before it takes bounds of its own.
pub(super) fn config() -> Config {
    let mut config = Config::new();
    if address_space_limit().is_some_and(|bytes| bytes < ROOMY) {
        // Every access is checked then, which takes longer and comes to the same.
        config.memory_reservation(SPARE).memory_reservation_for_growth(SPARE).memory_guard_size(GUARD);
    }
    config
        .consume_fuel(true)
        .epoch_interruption(true)
        .wasm_component_model(true)
        // Two runs of one plugin are equal bit by bit, on every machine.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        // Function names come from the file itself; source lines would depend on an environment variable.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(Some(FRAMES));
    config
}

/// A thread that advances the engine's epoch until it is dropped.
struct Ticker {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    fn start(engine: &Engine) -> std::io::Result<Self> {
        let engine = engine.clone();
        let (stop, stopped) = channel::<()>();
        let thread = std::thread::Builder::new().name("plugin-ticker".into()).spawn(move || {
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                engine.increment_epoch();
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        // The closed channel ends the thread's wait.
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It holds nothing that a panic could have left half done.
            let _ = thread.join();
        }
    }
}
