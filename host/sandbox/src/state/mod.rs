//! What the host keeps for one running plugin, and how it counts.

pub(crate) mod ledger;
pub(crate) mod log_book;
pub(crate) mod meter;
pub(crate) mod row_table;
pub(crate) mod step;
pub(crate) mod system;

use candle_core::{Device, Tensor};
use wasmtime::component::{Resource, ResourceTable};

use self::ledger::{DeviceTensor, Ledger};
use self::log_book::LogBook;
use self::meter::Meter;
use self::system::System;
use crate::clock::Clock;
use crate::limits::{Limit, Limits};
use crate::rows::RowSourceError;
use crate::stop::Stop;
use crate::trap::HostTrap;

/// The data of a plugin's store: what its imports work on.
pub(crate) struct HostState {
    pub(crate) limits: Limits,
    /// When the present call has to be over.
    pub(crate) clock: Clock,
    pub(crate) resources: ResourceTable,
    pub(crate) log: LogBook,
    /// What the plugin says that it is at work on, as it came.
    pub(crate) work: Option<String>,
    pub(crate) system: System,
    pub(crate) row_failure: Option<RowSourceError>,
    pub(crate) ledger: Ledger,
    pub(crate) device: Device,
    pub(crate) meter: Meter,
    /// The most bytes that one host function handed over or took.
    pub(crate) most_moved: u64,
    /// Passes of the model that the present call asked for.
    pub(crate) passes: usize,
}

impl HostState {
    pub(crate) fn new(limits: Limits, log: LogBook, device: Device, stop: Stop) -> Self {
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(limits.table_elements);
        Self {
            clock: Clock::new(limits.time, stop),
            resources,
            log,
            work: None,
            system: System::new(limits.log_characters),
            row_failure: None,
            ledger: Ledger::new(limits.tensor_bytes),
            device,
            meter: Meter::new(&limits),
            most_moved: 0,
            passes: 0,
            limits,
        }
    }

    /// Passes of the model that the present call may still ask for.
    pub(crate) fn remaining_passes(&self) -> usize {
        self.limits.passes.saturating_sub(self.passes)
    }

    /// Notes that so many passes are asked for, and ends the call if that is too many.
    pub(crate) fn spend(&mut self, passes: usize) -> Result<(), HostTrap> {
        if passes > self.remaining_passes() {
            return Err(Limit::Passes { limit: self.limits.passes }.into());
        }
        self.passes += passes;
        Ok(())
    }

    /// Notes that a host function moved so many bytes, and ends the call if that is too much.
    pub(crate) fn moves(&mut self, bytes: u64) -> Result<(), HostTrap> {
        if bytes > self.limits.call_bytes {
            return Err(Limit::CallBytes { limit: self.limits.call_bytes }.into());
        }
        self.moved(bytes);
        Ok(())
    }

    /// Notes that a host function moved so many bytes, which wasmtime has held to the limit.
    pub(crate) fn moved(&mut self, bytes: u64) {
        self.most_moved = self.most_moved.max(bytes);
    }

    /// Another reference to a handle's tensor; no numbers are copied.
    pub(crate) fn tensor(&self, handle: &Resource<DeviceTensor>) -> wasmtime::Result<Tensor> {
        Ok(self.resources.get(handle)?.tensor.clone())
    }

    pub(crate) fn push(&mut self, tensor: DeviceTensor) -> wasmtime::Result<Resource<DeviceTensor>> {
        Ok(self.resources.push(tensor)?)
    }

    /// A tensor of the host that the plugin may use for the coming call.
    pub(crate) fn lent(&mut self, tensor: Tensor) -> DeviceTensor {
        let charge = self.ledger.lend(byte_count(&tensor));
        DeviceTensor::new(tensor, charge)
    }

    /// Hands a tensor of the host to the plugin for the coming call.
    pub(crate) fn lend(&mut self, tensor: Tensor) -> wasmtime::Result<Resource<DeviceTensor>> {
        let lent = self.lent(tensor);
        self.push(lent)
    }

    /// Hands a tensor that the host made for the plugin over to it: it counts as the plugin's own from now on.
    pub(crate) fn give(&mut self, tensor: Tensor) -> wasmtime::Result<Resource<DeviceTensor>> {
        let charge = self.ledger.charge(byte_count(&tensor), 0).map_err(HostTrap::LimitExceeded)?;
        self.push(DeviceTensor::new(tensor, charge))
    }

    /// Takes a tensor that the plugin gave back.
    pub(crate) fn take(&mut self, handle: Resource<DeviceTensor>) -> wasmtime::Result<Tensor> {
        Ok(self.resources.delete(handle)?.tensor)
    }
}

/// The bytes of a tensor's numbers.
pub(crate) fn byte_count(tensor: &Tensor) -> u64 {
    tensor.elem_count() as u64 * tensor.dtype().size_in_bytes() as u64
}
