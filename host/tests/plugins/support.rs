//! What the tests of plugins share.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use candle_core::{DType, Device, Tensor};
use ft_engine::tune::{Slot, SlotKind};
use ft_sandbox::{
    EngineOptions, Limits, LogRecord, LogSink, OptimizerPlugin, PluginBinary, PluginEngine, PluginError, RowSource,
    RowSourceError, TaskPlugin, options,
};

/// One engine for all tests, as in a process of its own.
pub static ENGINE: LazyLock<PluginEngine> =
    LazyLock::new(|| PluginEngine::new(EngineOptions::default()).expect("wasmtime runs here"));

/// The bytes of a built guest, by its path below `plugins/` without the extension.
pub fn guest(name: &str) -> Vec<u8> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins")).join(format!("{name}.wasm"));
    std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; build them with `cargo xtask plugins`", path.display()))
}

/// A built guest under a short name.
pub fn binary(name: &str) -> PluginBinary {
    PluginBinary::new(format!("{name}.wasm"), guest(name))
}

/// Limits that end an attack in about a second.
pub fn tight() -> Limits {
    Limits {
        fuel: 100_000_000,
        time: Duration::from_secs(20),
        memory: 16 << 20,
        table_elements: 5000,
        call_bytes: 1 << 20,
        tensor_bytes: 1 << 20,
        log_messages: 5,
        log_characters: 120,
        ..Limits::default()
    }
}

/// A sink that keeps what it is given, and what it has been given so far.
pub fn kept_log() -> (LogSink, Arc<Mutex<Vec<LogRecord>>>) {
    let records = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&records);
    (Arc::new(move |record| kept.lock().expect("no test panics while it logs").push(record)), records)
}

pub fn no_log() -> LogSink {
    Arc::new(|_| ())
}

/// The user's `-O name=value`.
pub fn given(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A task, loaded and configured.
pub fn task(
    binary: PluginBinary,
    limits: Limits,
    log: LogSink,
    pairs: &[(&str, &str)],
) -> Result<TaskPlugin, PluginError> {
    let mut task = TaskPlugin::load(&ENGINE, binary, limits, log)?;
    let options = options::resolve(&task.description().options, &given(pairs)).expect("the test gives good options");
    task.configure(&options)?;
    Ok(task)
}

/// An optimizer, loaded and opened.
pub fn optimizer(
    binary: PluginBinary,
    limits: Limits,
    log: LogSink,
    pairs: &[(&str, &str)],
) -> Result<OptimizerPlugin, PluginError> {
    let mut rule = OptimizerPlugin::load(&ENGINE, binary, limits, log, &Device::Cpu)?;
    let options = options::resolve(&rule.description().options, &given(pairs)).expect("the test gives good options");
    rule.open(&options)?;
    Ok(rule)
}

/// Rows in memory.
pub struct Rows {
    rows: std::vec::IntoIter<String>,
    /// The row at which reading fails.
    fails_at: Option<usize>,
    given: usize,
}

impl Rows {
    pub fn new(rows: impl IntoIterator<Item = String>) -> Self {
        Self { rows: rows.into_iter().collect::<Vec<_>>().into_iter(), fails_at: None, given: 0 }
    }

    /// These rows, of which one cannot be read.
    pub fn failing_at(self, row: usize) -> Self {
        Self { fails_at: Some(row), ..self }
    }

    /// So many rows of SST-2 with the labels 0, 1, 0, ...
    pub fn sst2(count: usize) -> Self {
        Self::new((0..count).map(|row| format!(r#"{{"sentence": "film number {row} . ", "label": {}}}"#, row % 2)))
    }
}

impl RowSource for Rows {
    fn columns(&mut self) -> Result<Vec<String>, RowSourceError> {
        Ok(vec!["sentence".into(), "label".into()])
    }

    fn next_rows(&mut self, max: usize) -> Result<Vec<String>, RowSourceError> {
        let rows: Vec<String> = self.rows.by_ref().take(max).collect();
        self.given += rows.len();
        match self.fails_at {
            Some(row) if row < self.given => Err(format!("row {row}: the disk is on fire").into()),
            _ => Ok(rows),
        }
    }

    fn read(&mut self, _: usize) -> Result<Vec<u8>, RowSourceError> {
        Err("rows in memory have no bytes".into())
    }
}

/// Reproducible values between -1 and 1, other ones for every seed.
pub fn tensor(seed: u64, dims: &[usize], dtype: DType) -> Tensor {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let values: Vec<f32> = (0..dims.iter().product())
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect();
    Tensor::from_vec(values, dims, &Device::Cpu).and_then(|tensor| tensor.to_dtype(dtype)).expect("a small tensor")
}

/// A cache of one layer and what a pass proposes for it.
pub fn slots(seed: u64, dims: &[usize], dtype: DType) -> Vec<Slot> {
    [SlotKind::Key, SlotKind::Value]
        .into_iter()
        .zip(0..)
        .map(|(kind, index)| Slot {
            layer: 0,
            kind,
            previous: tensor(seed + 2 * index, dims, dtype),
            proposed: tensor(seed + 2 * index + 1, dims, dtype),
        })
        .collect()
}

/// The exact bits of a tensor's values.
pub fn bits(tensor: &Tensor) -> Vec<u32> {
    let values = tensor.flatten_all().and_then(|flat| flat.to_dtype(DType::F32)?.to_vec1::<f32>());
    values.expect("a tensor of floats").into_iter().map(f32::to_bits).collect()
}
