//! One operation on a plugin's tensors: its arguments checked, its result counted, and only then computed.

use candle_core::{DType, Tensor};
use wasmtime::component::Resource;

use super::chunked_ops::ChunkedOp;
use super::shape_check::{byte_size, same_shape};
use crate::state::HostState;
use crate::state::ledger::DeviceTensor;
use crate::trap::HostTrap;
use ft_engine::model::arithmetic;

impl HostState {
    /// Computes a new tensor of a known form, with `scratch` bytes used on the way.
    pub(crate) fn make(
        &mut self,
        operation: &'static str,
        dims: &[usize],
        dtype: DType,
        scratch: u64,
        compute: impl FnOnce(&ChunkedOp) -> Result<Tensor, HostTrap>,
    ) -> wasmtime::Result<Resource<DeviceTensor>> {
        let bytes = byte_size(operation, dims, dtype)?;
        self.clock.check()?;
        let charge = self.ledger.charge(bytes, scratch).map_err(HostTrap::LimitExceeded)?;
        let tensor = compute(&ChunkedOp::new(operation, self.clock.clone()))?;
        self.push(DeviceTensor::new(tensor, charge))
    }

    /// A new tensor from each element of one.
    pub(crate) fn map(
        &mut self,
        operation: &'static str,
        handle: &Resource<DeviceTensor>,
        compute: impl Fn(&Tensor) -> candle_core::Result<Tensor>,
    ) -> wasmtime::Result<Resource<DeviceTensor>> {
        let tensor = self.tensor(handle)?;
        let dtype = tensor.dtype();
        self.make(operation, tensor.dims(), dtype, 0, |op| op.map([&tensor], dtype, |[part]| compute(part)))
    }

    /// A new tensor from each pair of elements of two.
    pub(crate) fn zip(
        &mut self,
        operation: &'static str,
        left: &Resource<DeviceTensor>,
        right: &Resource<DeviceTensor>,
        scratches: u64,
        compute: impl Fn(&Tensor, &Tensor) -> candle_core::Result<Tensor>,
    ) -> wasmtime::Result<Resource<DeviceTensor>> {
        let (left, right) = (self.tensor(left)?, self.tensor(right)?);
        same_shape(operation, &left, &right)?;
        let dtype = left.dtype();
        let part = ChunkedOp::new(operation, self.clock.clone()).elements_at_once(&left) * dtype.size_in_bytes() as u64;
        let scratch = part.saturating_mul(scratches);
        self.make(operation, left.dims(), dtype, scratch, |op| {
            op.map([&left, &right], dtype, |[left, right]| compute(left, right))
        })
    }

    /// The dot product of two tensors in double precision, with up to `copies` of a part on the way.
    pub(crate) fn product(
        &mut self,
        operation: &'static str,
        left: &Tensor,
        right: &Tensor,
        copies: u64,
    ) -> wasmtime::Result<f64> {
        self.clock.check()?;
        let op = ChunkedOp::new(operation, self.clock.clone());
        self.ledger.check(op.elements_at_once(left).saturating_mul(8 * copies)).map_err(HostTrap::LimitExceeded)?;
        Ok(op.sum([left, right], |[left, right]| arithmetic::dot(left, right))?)
    }
}
