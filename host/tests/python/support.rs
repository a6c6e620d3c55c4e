//! The components, and one engine that keeps what it compiled: a component from Python takes about ten seconds.

use std::io::Write;
use std::path::Path;
use std::sync::{LazyLock, Mutex};

use candle_core::Device;
use ft_sandbox::{
    EngineOptions, Limits, LogSink, OptimizerPlugin, PluginBinary, PluginEngine, PluginError, TaskPlugin, options,
};

use crate::shared::given;

/// Where the executable keeps what it compiled in these tests, so that both compile a component once.
const CACHE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/cli-cache/components-v2");

/// The engine that all tests share.
pub static ENGINE: LazyLock<PluginEngine> = LazyLock::new(|| {
    PluginEngine::new(EngineOptions { cache: Some(CACHE.into()), ..EngineOptions::default() })
        .expect("wasmtime runs here")
});

/// Held while a component is loaded: the first one to ask for it compiles it, and nobody does at the same time.
static LOADING: Mutex<()> = Mutex::new(());

/// A component by its path below `plugins/` without the extension; none where the ones in Python were left out, which
/// fails where checks are made.
pub fn binary(name: &str) -> Option<PluginBinary> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins")).join(format!("{name}.wasm"));
    match std::fs::read(&path) {
        Ok(bytes) => Some(PluginBinary::new(format!("{name}.wasm"), bytes)),
        Err(error) => {
            let message = format!("{}: {error}; `cargo xtask plugins` builds it with componentize-py", path.display());
            skip(&message);
            None
        }
    }
}

/// Says that a test has nothing to work with, or fails where checks are made.
#[expect(clippy::disallowed_methods, reason = "the test harness keeps what passing tests print by macros")]
pub fn skip(message: &str) {
    assert!(std::env::var_os("CI").is_none(), "{message}");
    std::io::stderr().write_all(format!("SKIPPED: {message}\n").as_bytes()).unwrap();
}

/// A task, loaded and configured.
pub fn task(binary: PluginBinary, log: LogSink, pairs: &[(&str, &str)]) -> Result<TaskPlugin, PluginError> {
    let mut task = {
        let _alone = LOADING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        TaskPlugin::load(&ENGINE, binary, Limits::default(), log)?
    };
    let options = options::resolve(&task.description().options, &given(pairs)).expect("the test gives good options");
    task.configure(&options)?;
    Ok(task)
}

/// An optimizer, loaded and opened.
pub fn optimizer(binary: PluginBinary, limits: Limits, pairs: &[(&str, &str)]) -> Result<OptimizerPlugin, PluginError> {
    let mut rule = {
        let _alone = LOADING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        OptimizerPlugin::load(&ENGINE, binary, limits, std::sync::Arc::new(|_| ()), &Device::Cpu)?
    };
    let options = options::resolve(&rule.description().options, &given(pairs)).expect("the test gives good options");
    rule.open(&options)?;
    Ok(rule)
}
