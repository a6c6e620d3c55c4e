//! How much linear memory and how many table elements a plugin has.

use wasmtime::ResourceLimiter;

use crate::limits::{Limit, Limits};
use crate::trap::HostTrap;

/// Counts linear memory and table elements, all of a plugin's together, and refuses what goes beyond with a trap: a guest
/// whose allocation merely fails seldom says so.
pub(crate) struct Meter {
    memory: Count,
    elements: Count,
    instances: usize,
}

impl Meter {
    pub(crate) fn new(limits: &Limits) -> Self {
        let memory = usize::try_from(limits.memory).unwrap_or(usize::MAX);
        Self { memory: Count::new(memory), elements: Count::new(limits.table_elements), instances: limits.instances }
    }

    /// The most bytes of linear memory so far.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.memory.peak as u64
    }

    /// The most table elements so far.
    pub(crate) fn peak_table_elements(&self) -> usize {
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
            let exceeded = Limit::Memory { limit: self.memory.limit as u64, asked: asked as u64 };
            HostTrap::LimitExceeded(exceeded).into()
        })
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory.take_back();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        self.elements
            .grow(current, desired, maximum)
            .map_err(|asked| HostTrap::LimitExceeded(Limit::TableElements { limit: self.elements.limit, asked }).into())
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
