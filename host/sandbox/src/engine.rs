//! The WebAssembly engine: one for the whole process.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::compiler::Compiler;
use crate::compiler::artifacts::{self, Artifacts};
use crate::compiler::config;
use crate::component::binary::PluginBinary;
use crate::component::code_limits;
use crate::error::Failure;
use crate::limits::Limits;
use crate::stop::Stop;
use crate::wasmtime_error;

/// How often running plugins are asked whether their time is up.
const TICK: Duration = Duration::from_millis(10);

/// Why no engine could be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// wasmtime does not take this machine or this configuration.
    #[error("cannot set up wasmtime on this machine")]
    Setup(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The thread that ends overlong calls did not start.
    #[error("cannot start the thread that enforces time limits")]
    Ticker(#[source] std::io::Error),
}

/// What an engine is made with.
#[derive(Clone, Debug, Default)]
pub struct EngineOptions {
    /// The folder in which compiled plugins are kept; with none, or one that is not this user's own and closed to others,
    /// each is compiled anew.
    pub cache: Option<PathBuf>,
    /// Where plugins are compiled, and within which limits of the system.
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
        let engine =
            Engine::new(&config::config()).map_err(|error| EngineError::Setup(error.into_boxed_dyn_error()))?;
        let ticker = Ticker::start(&engine).map_err(EngineError::Ticker)?;
        let artifacts = cache.as_deref().and_then(Artifacts::open);
        Ok(Self(Arc::new(Inner { engine, artifacts, compiler, stop, _ticker: ticker })))
    }

    /// A component of a plugin's bytes, compiled within the limits unless that was done before.
    pub(crate) fn compile(&self, binary: &PluginBinary, limits: &Limits) -> Result<Component, Failure> {
        let Inner { engine, artifacts, compiler, stop, .. } = &*self.0;
        let kept = artifacts.as_ref().and_then(|artifacts| artifacts.get(engine, binary));
        if let Some(component) = kept.and_then(|code| artifacts::load(engine, &code).ok()) {
            return Ok(component);
        }
        code_limits::check(binary.bytes()).map_err(|error| Failure::Compile { reason: error.to_string() })?;
        let code = compiler.compile(binary.bytes(), limits, stop)?;
        if let Some(artifacts) = artifacts {
            artifacts.put(engine, binary, &code);
        }
        artifacts::load(engine, &code).map_err(|error| Failure::Compile { reason: wasmtime_error::reason(&error) })
    }

    pub(crate) fn wasmtime(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn stop(&self) -> &Stop {
        &self.0.stop
    }
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
