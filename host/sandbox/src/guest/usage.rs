//! What a plugin used of its limits.

use std::time::Duration;

/// What a plugin used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Number of calls into the plugin.
    pub calls: u64,
    /// Fuel of all calls together.
    pub fuel: u64,
    /// The most fuel of one call.
    pub most_fuel: u64,
    /// Wall clock of all calls, host functions included, but not what the model did for them.
    pub time: Duration,
    /// Wall clock of the longest call.
    pub most_time: Duration,
    /// The most bytes of linear memory at once.
    pub peak_memory: u64,
    /// The most table elements at once.
    pub peak_table_elements: usize,
    /// The most bytes that one call of a host function moved.
    pub most_moved: u64,
    /// The most bytes of tensors at once that the plugin made or kept.
    pub peak_tensor_bytes: u64,
    /// Passes of the model that all steps together asked for.
    pub passes: usize,
    /// The most passes that one step asked for.
    pub most_passes: usize,
}

impl Usage {
    /// Adds what another instance used.
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.fuel = self.fuel.saturating_add(other.fuel);
        self.most_fuel = self.most_fuel.max(other.most_fuel);
        self.time += other.time;
        self.most_time = self.most_time.max(other.most_time);
        self.peak_memory = self.peak_memory.max(other.peak_memory);
        self.peak_table_elements = self.peak_table_elements.max(other.peak_table_elements);
        self.most_moved = self.most_moved.max(other.most_moved);
        self.peak_tensor_bytes = self.peak_tensor_bytes.max(other.peak_tensor_bytes);
        self.passes = self.passes.saturating_add(other.passes);
        self.most_passes = self.most_passes.max(other.most_passes);
    }
}
