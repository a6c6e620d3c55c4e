//! Trace records: how far a step moved the cache, one line of `trace.jsonl` each.

use serde::{Deserialize, Serialize};

/// One line of `trace.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceRecord {
    /// The seed.
    pub seed: u64,
    /// The step, from 2.
    pub step: u32,
    /// The demonstrations' tokens.
    pub tokens: usize,
    /// Seconds.
    pub seconds: f64,
    /// Norms layer by layer.
    pub layers: Vec<LayerTrace>,
}

/// Norms of one layer, keys first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerTrace {
    /// P - C.
    pub pseudo_gradient: [f64; 2],
    /// Update.
    pub update: [f64; 2],
    /// Cache.
    pub cache: [f64; 2],
}
