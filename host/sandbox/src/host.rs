//! What the host keeps for one running plugin, and how it counts.

use candle_core::Device;
use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;

use super::clock::{Clock, Stop};
use super::error::Budget;
use super::fault::Fault;
use super::ledger::Ledger;
use super::limits::Limits;
use super::log::LogBook;
use super::table::RowSourceError;
use super::wasi::System;

/// The data of a plugin's store: what its imports work on.
pub(super) struct HostState {
    pub limits: Limits,
    /// When the present call has to be over.
    pub clock: Clock,
    pub resources: ResourceTable,
    pub log: LogBook,
    pub system: System,
    pub row_failure: Option<RowSourceError>,
    pub ledger: Ledger,
    pub device: Device,
    pub meter: Meter,
    /// The most bytes that one host function handed over or took.
    pub most_moved: u64,
}

impl HostState {
    pub fn new(limits: Limits, log: LogBook, device: Device, stop: Stop) -> Self {
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(limits.table_elements);
        Self {
            clock: Clock { deadline: None, limit: limits.time, stop },
            resources,
            log,
            system: System::new(limits.log_characters),
            row_failure: None,
            ledger: Ledger::new(limits.tensor_bytes),
            device,
            meter: Meter::new(&limits),
            most_moved: 0,
            limits,
        }
    }

    /// Notes that a host function moved so many bytes, and ends the call if that is too much.
    pub fn moves(&mut self, bytes: u64) -> Result<(), Fault> {
        if bytes > self.limits.call_bytes {
            return Err(Budget::CallBytes { limit: self.limits.call_bytes }.into());
        }
        self.moved(bytes);
        Ok(())
    }

    /// Notes that a host function moved so many bytes, which wasmtime has held to the limit.
    pub fn moved(&mut self, bytes: u64) {
        self.most_moved = self.most_moved.max(bytes);
    }
}

impl super::bindings::types::Host for HostState {}
impl super::bindings::data::Host for HostState {}

/// Counts linear memory and table elements, all of a plugin's together, and refuses what goes beyond with a trap: a guest
/// whose allocation merely fails seldom says so.
pub(super) struct Meter {
    memory: Count,
    elements: Count,
    instances: usize,
}

impl Meter {
    fn new(limits: &Limits) -> Self {
        let memory = usize::try_from(limits.memory).unwrap_or(usize::MAX);
        Self { memory: Count::new(memory), elements: Count::new(limits.table_elements), instances: limits.instances }
    }

    /// The most bytes of linear memory so far.
    pub fn peak_memory(&self) -> u64 {
        self.memory.peak as u64
    }

    /// The most table elements so far.
    pub fn peak_table_elements(&self) -> usize {
        self.elements.peak
    }
}

struct Count {
    limit: usize,
    used: usize,
    peak: usize,
    /// What the growth under way added, to be taken back if it fails after all.
    pending: usize,
}

impl Count {
    fn new(limit: usize) -> Self {
        Self { limit, used: 0, peak: 0, pending: 0 }
    }

    /// Adds a growth. `Ok(false)` if it exceeds the guest's own maximum, the total if it exceeds the limit.
    fn grow(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool, usize> {
        self.pending = 0;
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let growth = desired.saturating_sub(current);
        let total = self.used.saturating_add(growth);
        if total > self.limit {
            return Err(total);
        }
        self.used = total;
        self.pending = growth;
        self.peak = self.peak.max(total);
        Ok(true)
    }

    fn take_back(&mut self) {
        self.used -= std::mem::take(&mut self.pending);
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        self.memory.grow(current, desired, maximum).map_err(|asked| {
            let budget = Budget::Memory { limit: self.memory.limit as u64, asked: asked as u64 };
            Fault::Spent(budget).into()
        })
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory.take_back();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        self.elements
            .grow(current, desired, maximum)
            .map_err(|asked| Fault::Spent(Budget::TableElements { limit: self.elements.limit, asked }).into())
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.elements.take_back();
        Ok(())
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.instances
    }

    fn memories(&self) -> usize {
        self.instances
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_memories_count_together() {
        let mut count = Count::new(100);
        assert_eq!(count.grow(0, 60, None), Ok(true));
        assert_eq!(count.grow(0, 50, Some(40)), Ok(false));
        assert_eq!(count.grow(0, 50, None), Err(110));
        assert_eq!(count.grow(60, 100, Some(100)), Ok(true));
        count.take_back();
        assert_eq!((count.used, count.peak), (60, 100));
        count.take_back();
        assert_eq!(count.used, 60);
        assert_eq!(count.grow(0, usize::MAX, None), Err(usize::MAX));
    }
}
