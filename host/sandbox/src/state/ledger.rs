//! Bytes of live host tensors: whose they are and when they are counted.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use candle_core::Tensor;

use crate::limits::Limit;

/// What a `tensor` handle of a plugin stands for: a tensor on the host's device, always contiguous when the plugin made it.
pub struct DeviceTensor {
    pub(crate) tensor: Tensor,
    charge: Arc<Charge>,
}

impl DeviceTensor {
    pub(crate) fn new(tensor: Tensor, charge: Arc<Charge>) -> Self {
        Self { tensor, charge }
    }

    /// The bytes that it counts with.
    pub(crate) fn byte_count(&self) -> u64 {
        self.charge.bytes
    }

    /// Another handle to the same numbers, which are counted once.
    pub(crate) fn share(&self) -> Self {
        Self { tensor: self.tensor.clone(), charge: Arc::clone(&self.charge) }
    }
}

/// The bytes of one tensor, taken off the ledger when its last handle goes.
pub(crate) struct Charge {
    bytes: u64,
    is_counted: AtomicBool,
    live: Arc<AtomicU64>,
}

impl Drop for Charge {
    fn drop(&mut self) {
        if self.is_counted.load(Ordering::Relaxed) {
            self.live.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}

/// All charges of one plugin. Tensors that the plugin makes are counted at once. Tensors that the host lends to a call
/// are the host's own and free, unless the plugin still holds them when the call is over.
pub(crate) struct Ledger {
    live: Arc<AtomicU64>,
    peak: u64,
    limit: u64,
    lent: Vec<Weak<Charge>>,
}

impl Ledger {
    pub(crate) fn new(limit: u64) -> Self {
        Self { live: Arc::default(), peak: 0, limit, lent: Vec::new() }
    }

    /// The most bytes that were live at once.
    pub(crate) fn peak(&self) -> u64 {
        self.peak
    }

    /// Counts a tensor that is about to be made; `scratch` more bytes are needed for a moment on the way.
    pub(crate) fn charge(&mut self, bytes: u64, scratch: u64) -> Result<Arc<Charge>, Limit> {
        self.check(bytes.saturating_add(scratch))?;
        self.live.fetch_add(bytes, Ordering::Relaxed);
        Ok(self.entry(bytes, true))
    }

    /// Makes sure that so many bytes may be used for a moment.
    pub(crate) fn check(&mut self, asked: u64) -> Result<(), Limit> {
        let live = self.live.load(Ordering::Relaxed);
        let total = live.saturating_add(asked);
        if total > self.limit {
            return Err(Limit::TensorBytes { limit: self.limit, live, asked });
        }
        self.peak = self.peak.max(total);
        Ok(())
    }

    /// Notes a tensor that the host hands to the plugin for one call.
    pub(crate) fn lend(&mut self, bytes: u64) -> Arc<Charge> {
        let charge = self.entry(bytes, false);
        self.lent.push(Arc::downgrade(&charge));
        charge
    }

    /// Ends a call: what was lent and is still held counts from now on.
    pub(crate) fn settle(&mut self) -> Result<(), Limit> {
        for charge in std::mem::take(&mut self.lent).iter().filter_map(Weak::upgrade) {
            charge.is_counted.store(true, Ordering::Relaxed);
            self.live.fetch_add(charge.bytes, Ordering::Relaxed);
        }
        self.check(0)
    }

    fn entry(&self, bytes: u64, is_counted: bool) -> Arc<Charge> {
        Arc::new(Charge { bytes, is_counted: AtomicBool::new(is_counted), live: Arc::clone(&self.live) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(ledger: &Ledger) -> u64 {
        ledger.live.load(Ordering::Relaxed)
    }

    #[test]
    fn a_tensor_counts_once_until_its_last_handle_goes() {
        let mut ledger = Ledger::new(100);
        let first = ledger.charge(60, 0).unwrap();
        let second = Arc::clone(&first);
        assert_eq!(live(&ledger), 60);
        drop(first);
        assert_eq!(live(&ledger), 60);
        drop(second);
        assert_eq!((live(&ledger), ledger.peak()), (0, 60));
    }

    #[test]
    fn the_limit_holds_for_scratch_too() {
        let mut ledger = Ledger::new(100);
        let _kept = ledger.charge(60, 40).unwrap();
        let refused = ledger.charge(30, 11).err();
        assert_eq!(refused, Some(Limit::TensorBytes { limit: 100, live: 60, asked: 41 }));
        assert!(ledger.charge(u64::MAX, u64::MAX).is_err());
        assert_eq!((live(&ledger), ledger.peak()), (60, 100));
    }

    #[test]
    fn what_is_lent_counts_when_it_is_kept() {
        let mut ledger = Ledger::new(100);
        let kept = ledger.lend(80);
        let returned = ledger.lend(90);
        let own = ledger.charge(10, 0).unwrap();
        drop(returned);
        assert_eq!(live(&ledger), 10);
        ledger.settle().unwrap();
        assert_eq!(live(&ledger), 90);
        let _second = ledger.lend(20);
        assert_eq!(ledger.settle(), Err(Limit::TensorBytes { limit: 100, live: 110, asked: 0 }));
        drop((kept, own));
        assert_eq!(live(&ledger), 20);
    }
}
