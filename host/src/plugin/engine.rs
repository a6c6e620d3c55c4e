//! The WebAssembly engine: one for the whole process.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::{Cache, CacheConfig, Config, Engine, WasmBacktraceDetails};

/// How often running plugins are asked whether their time is up.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// Frames of a trap's backtrace that are kept: a Rust panic alone takes about ten.
const FRAMES: NonZeroUsize = NonZeroUsize::new(24).unwrap();

/// Why no engine could be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// wasmtime does not take this machine or this configuration.
    #[error("wasmtime cannot be set up on this machine")]
    Setup(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The folder for compiled plugins cannot be used.
    #[error("compiled plugins cannot be cached in `{}`", folder.display())]
    Cache {
        /// The folder that the caller gave.
        folder: PathBuf,
        /// What wasmtime or the system said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The thread that ends overlong calls did not start.
    #[error("the thread that keeps plugins to their time did not start")]
    Ticker(#[source] std::io::Error),
}

/// Compiles and runs plugins. Clones share one engine, which ends with the last of them.
#[derive(Clone)]
pub struct PluginEngine(Arc<Inner>);

struct Inner {
    engine: Engine,
    _ticker: Ticker,
}

impl PluginEngine {
    /// An engine, and its thread that ends calls whose time is up. With `cache`, compiled plugins are kept in that
    /// folder by wasmtime. It is to be the user's own: whoever writes there runs code in this process.
    ///
    /// # Errors
    /// When wasmtime does not run here, or the folder cannot be used.
    pub fn new(cache: Option<&Path>) -> Result<Self, EngineError> {
        let mut config = Config::new();
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
        if let Some(folder) = cache {
            config.cache(Some(open_cache(folder)?));
        }
        let engine = Engine::new(&config).map_err(|error| EngineError::Setup(error.into_boxed_dyn_error()))?;
        let ticker = Ticker::start(&engine).map_err(EngineError::Ticker)?;
        Ok(Self(Arc::new(Inner { engine, _ticker: ticker })))
    }

    pub(super) fn wasmtime(&self) -> &Engine {
        &self.0.engine
    }
}

fn open_cache(folder: &Path) -> Result<Cache, EngineError> {
    let failed = |source| EngineError::Cache { folder: folder.to_owned(), source };
    let absolute = std::path::absolute(folder).map_err(|error| failed(error.into()))?;
    let mut config = CacheConfig::new();
    config.with_directory(absolute);
    Cache::new(config).map_err(|error| failed(error.into_boxed_dyn_error()))
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
