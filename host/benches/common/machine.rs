//! What a bench runs on, where the system says it.

use std::fmt;

use serde::Serialize;

/// The kind of machine: figures of two kinds cannot be compared.
#[derive(Serialize)]
pub struct Machine {
    /// The processor's name; `unknown` where the system does not say.
    pub cpu: String,
    /// Processors that the system shows, hyperthreads included.
    pub cores: Option<usize>,
    /// Threads that compute.
    pub threads: usize,
    /// Of the instructions that kernels choose by, those that there are.
    pub instructions: Vec<String>,
}

/// Instruction sets by which matrix products differ most.
const INSTRUCTIONS: [&str; 7] =
    ["avx2", "avx512f", "avx512_bf16", "avx512_vnni", "avx_vnni", "avx512_fp16", "amx_int8"];

impl Machine {
    /// This machine.
    pub fn here() -> Self {
        let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let values = |name: &'static str| {
            let lines = text.lines().filter_map(|line| line.split_once(':'));
            lines.filter(move |(key, _)| key.trim() == name).map(|(_, value)| value.trim())
        };
        let flags: Vec<&str> = values("flags").next().unwrap_or_default().split_whitespace().collect();
        let cores = values("processor").count();
        Self {
            cpu: values("model name").next().unwrap_or("unknown").to_owned(),
            cores: (cores > 0).then_some(cores),
            threads: candle_core::utils::get_num_threads(),
            instructions: INSTRUCTIONS.into_iter().filter(|set| flags.contains(set)).map(Into::into).collect(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cores = self.cores.map_or_else(|| "unknown".into(), |cores| cores.to_string());
        write!(f, "machine: {}, cores: {cores}, threads: {}", self.cpu, self.threads)?;
        if !self.instructions.is_empty() {
            write!(f, ", {}", self.instructions.join(" "))?;
        }
        Ok(())
    }
}

/// The most memory in bytes that this process has had, where the system says it (`VmHWM` of Linux).
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
