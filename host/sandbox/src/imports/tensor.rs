//! The `tensor` resource: operations on the host's device for optimizers.
//!
//! Every operation checks its arguments, then the time and the limit of tensor memory, and only then computes. What it makes is
//! new storage of its own and contiguous, so that what is counted is what is held; `clone` alone shares.

use candle_core::{DType, Tensor};
use wasmtime::component::Resource;

use crate::bindings::tensor;
use crate::state::HostState;
use crate::state::ledger::DeviceTensor;
use crate::tensor::chunked_ops::ChunkedOp;
use crate::tensor::shape_check::{
    byte_size, candle_dtype, dimension, invalid_arguments, joint_shape, same_shape, shown, wit_dtype,
};
use crate::trap::HostTrap;
use ft_engine::model::arithmetic;
use ft_engine::model::error::without_backtrace;

impl tensor::Host for HostState {}

impl tensor::HostTensor for HostState {
    fn from_values(
        &mut self,
        shape: Vec<u32>,
        dtype: tensor::Dtype,
        values: Vec<f32>,
    ) -> wasmtime::Result<Resource<DeviceTensor>> {
        let operation = "tensor.from-values";
        let dims: Vec<usize> = shape.iter().map(|dim| *dim as usize).collect();
        let dtype = candle_dtype(dtype);
        let expected = byte_size(operation, &dims, DType::F32)? / DType::F32.size_in_bytes() as u64;
        if expected != values.len() as u64 {
            let problem = format!("expected {expected} values for shape {dims:?}, got {}", values.len());
            return Err(invalid_arguments(operation, problem).into());
        }
        self.moved(4 * expected);
        let scratch = if dtype == DType::F32 { 0 } else { 4 * expected };
        let device = self.device.clone();
        self.make(operation, &dims, dtype, scratch, |op| {
            let made = Tensor::from_vec(values, dims.as_slice(), &device);
            let made = made.map_err(|source| HostTrap::Device { operation, source: without_backtrace(source) })?;
            if dtype == DType::F32 { Ok(made) } else { op.map([&made], dtype, |[part]| part.to_dtype(dtype)) }
        })
    }

    fn concat(&mut self, tensors: Vec<Resource<DeviceTensor>>, dim: u32) -> wasmtime::Result<Resource<DeviceTensor>> {
        let operation = "tensor.concat";
        let tensors = tensors.iter().map(|handle| self.tensor(handle)).collect::<wasmtime::Result<Vec<Tensor>>>()?;
        let (dim, dims) = joint_shape(operation, &tensors, dim)?;
        self.make(operation, &dims, tensors[0].dtype(), 0, |op| op.concat(&tensors, dim, &dims))
    }

    fn shape(&mut self, tensor: Resource<DeviceTensor>) -> wasmtime::Result<Vec<u32>> {
        // Every dimension came from a 32-bit number, or from a model whose dimensions fit.
        Ok(self.tensor(&tensor)?.dims().iter().map(|dim| u32::try_from(*dim).unwrap_or(u32::MAX)).collect())
    }

    fn dtype(&mut self, tensor: Resource<DeviceTensor>) -> wasmtime::Result<tensor::Dtype> {
        let tensor = self.tensor(&tensor)?;
        let unknown =
            || invalid_arguments("tensor.dtype", format!("expected fp32, fp16 or bf16, got {:?}", tensor.dtype()));
        Ok(wit_dtype(tensor.dtype()).ok_or_else(unknown)?)
    }

    fn zeros_like(&mut self, tensor: Resource<DeviceTensor>) -> wasmtime::Result<Resource<DeviceTensor>> {
        self.map("tensor.zeros-like", &tensor, Tensor::zeros_like)
    }

    fn clone(&mut self, tensor: Resource<DeviceTensor>) -> wasmtime::Result<Resource<DeviceTensor>> {
        let shared = self.resources.get(&tensor)?.share();
        self.push(shared)
    }

    fn add_scaled(
        &mut self,
        tensor: Resource<DeviceTensor>,
        other: Resource<DeviceTensor>,
        factor: f64,
    ) -> wasmtime::Result<Resource<DeviceTensor>> {
        // The native optimizers do the same, bit for bit.
        self.zip("tensor.add-scaled", &tensor, &other, 1, |tensor, other| arithmetic::add_scaled(tensor, other, factor))
    }

    fn scale(&mut self, tensor: Resource<DeviceTensor>, factor: f64) -> wasmtime::Result<Resource<DeviceTensor>> {
        self.map("tensor.scale", &tensor, |tensor| tensor.affine(factor, 0.0))
    }

    fn shift(&mut self, tensor: Resource<DeviceTensor>, term: f64) -> wasmtime::Result<Resource<DeviceTensor>> {
        self.map("tensor.shift", &tensor, |tensor| tensor.affine(1.0, term))
    }

    fn mul(
        &mut self,
        tensor: Resource<DeviceTensor>,
        other: Resource<DeviceTensor>,
    ) -> wasmtime::Result<Resource<DeviceTensor>> {
        self.zip("tensor.mul", &tensor, &other, 0, Tensor::mul)
    }

    fn div(
        &mut self,
        tensor: Resource<DeviceTensor>,
        other: Resource<DeviceTensor>,
    ) -> wasmtime::Result<Resource<DeviceTensor>> {
        self.zip("tensor.div", &tensor, &other, 0, Tensor::div)
    }

    fn sqrt(&mut self, tensor: Resource<DeviceTensor>) -> wasmtime::Result<Resource<DeviceTensor>> {
        self.map("tensor.sqrt", &tensor, Tensor::sqrt)
    }

    fn sign(&mut self, tensor: Resource<DeviceTensor>) -> wasmtime::Result<Resource<DeviceTensor>> {
        self.map("tensor.sign", &tensor, Tensor::sign)
    }

    fn norm(&mut self, tensor: Resource<DeviceTensor>) -> wasmtime::Result<f64> {
        let tensor = self.tensor(&tensor)?;
        Ok(self.product("tensor.norm", &tensor, &tensor, 2)?.sqrt())
    }

    fn dot(&mut self, tensor: Resource<DeviceTensor>, other: Resource<DeviceTensor>) -> wasmtime::Result<f64> {
        let (left, right) = (self.tensor(&tensor)?, self.tensor(&other)?);
        same_shape("tensor.dot", &left, &right)?;
        self.product("tensor.dot", &left, &right, 3)
    }

    fn narrow(
        &mut self,
        tensor: Resource<DeviceTensor>,
        dim: u32,
        start: u32,
        length: u32,
    ) -> wasmtime::Result<Resource<DeviceTensor>> {
        let operation = "tensor.narrow";
        let tensor = self.tensor(&tensor)?;
        let dim = dimension(operation, &tensor, dim)?;
        let (start, length) = (start as usize, length as usize);
        let mut dims = tensor.dims().to_vec();
        if length == 0 || start.checked_add(length).is_none_or(|end| end > dims[dim]) {
            let problem = format!(
                "expected a part of dimension {dim} of {}, got start {start} and length {length}",
                shown(&tensor)
            );
            return Err(invalid_arguments(operation, problem).into());
        }
        dims[dim] = length;
        self.make(operation, &dims, tensor.dtype(), 0, |op| op.narrow(&tensor, dim, start, &dims))
    }

    fn perturbed(
        &mut self,
        tensor: Resource<DeviceTensor>,
        seed: u64,
        scale: f64,
    ) -> wasmtime::Result<Resource<DeviceTensor>> {
        if scale == 0.0 {
            // A sum with zeros would lose the sign of a zero.
            return tensor::HostTensor::clone(self, tensor);
        }
        let operation = "tensor.perturbed";
        let tensor = self.tensor(&tensor)?;
        let (dtype, count) = (tensor.dtype(), tensor.elem_count() as u64);
        let size = dtype.size_in_bytes() as u64;
        let direction = if dtype == DType::F32 { 4 * count } else { (4 + size) * count };
        let part = ChunkedOp::new(operation, self.clock.clone()).elements_at_once(&tensor) * size;
        self.make(operation, tensor.dims(), dtype, direction.saturating_add(part), |op| {
            let direction = op.standard_normal(seed, &tensor)?;
            // A guest that adds the direction by itself gets the same, bit by bit.
            op.map([&tensor, &direction], dtype, |[part, direction]| arithmetic::add_scaled(part, direction, scale))
        })
    }

    fn read_with_copy(&mut self, tensor: Resource<DeviceTensor>) -> wasmtime::Result<Vec<f32>> {
        let operation = "tensor.read-with-copy";
        let tensor = self.tensor(&tensor)?;
        self.moves((tensor.elem_count() as u64).saturating_mul(4))?;
        Ok(ChunkedOp::new(operation, self.clock.clone()).values(&tensor)?)
    }

    fn drop(&mut self, tensor: Resource<DeviceTensor>) -> wasmtime::Result<()> {
        self.resources.delete(tensor)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::bindings::tensor::{Dtype, HostTensor};
    use crate::limits::Limits;
    use crate::state::log_book::LogBook;
    use crate::stop::Stop;
    use crate::tensor::random::standard_normal;

    type Handle = Resource<DeviceTensor>;

    fn state(limits: Limits) -> HostState {
        let log = LogBook::new("test".into(), &limits, std::sync::Arc::new(|_| ()));
        HostState::new(limits, log, Device::Cpu, Stop::default())
    }

    fn again(handle: &Handle) -> Handle {
        Resource::new_borrow(handle.rep())
    }

    /// A tensor `[2, 3]` in single precision.
    fn matrix(state: &mut HostState, values: [f32; 6]) -> Handle {
        state.from_values(vec![2, 3], Dtype::Fp32, values.into()).unwrap()
    }

    fn values(state: &mut HostState, handle: wasmtime::Result<Handle>) -> Vec<f32> {
        state.read_with_copy(again(&handle.unwrap())).unwrap()
    }

    #[test]
    fn operations_give_what_they_say() {
        let mut state = state(Limits::default());
        let a = matrix(&mut state, [1.0, -2.0, 3.0, -4.0, 0.0, 9.0]);
        let b = matrix(&mut state, [2.0, 4.0, 8.0, 16.0, 32.0, 64.0]);
        type Operation = fn(&mut HostState, Handle, Handle) -> wasmtime::Result<Handle>;
        let cases: [(Operation, &[f32]); 11] = [
            (|s, a, _| s.zeros_like(a), &[0.0; 6]),
            (|s, a, _| s.clone(a), &[1.0, -2.0, 3.0, -4.0, 0.0, 9.0]),
            (|s, a, b| s.add_scaled(a, b, 0.5), &[2.0, 0.0, 7.0, 4.0, 16.0, 41.0]),
            (|s, a, _| s.scale(a, -2.0), &[-2.0, 4.0, -6.0, 8.0, 0.0, -18.0]),
            (|s, a, _| s.shift(a, 1.5), &[2.5, -0.5, 4.5, -2.5, 1.5, 10.5]),
            (|s, a, b| s.mul(a, b), &[2.0, -8.0, 24.0, -64.0, 0.0, 576.0]),
            (|s, a, b| s.div(a, b), &[0.5, -0.5, 0.375, -0.25, 0.0, 0.140_625]),
            (|s, _, b| s.sqrt(b).and_then(|r| s.mul(again(&r), again(&r))), &[2.0, 4.0, 8.0, 16.0, 32.0, 64.0]),
            (|s, a, _| s.sign(a), &[1.0, -1.0, 1.0, -1.0, 0.0, 1.0]),
            (|s, a, _| s.narrow(a, 1, 1, 2), &[-2.0, 3.0, 0.0, 9.0]),
            (|s, a, b| s.concat(vec![a, b], 1), &[1., -2., 3., 2., 4., 8., -4., 0., 9., 16., 32., 64.]),
        ];
        for (index, (operation, expected)) in cases.into_iter().enumerate() {
            let made = operation(&mut state, again(&a), again(&b));
            let made = values(&mut state, made);
            let close = made.len() == expected.len() && made.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-5);
            assert!(close, "case {index}: {made:?} is not {expected:?}");
        }
        assert_eq!(state.shape(again(&a)).unwrap(), [2, 3]);
        assert_eq!(state.norm(again(&a)).unwrap(), 111_f64.sqrt());
        assert_eq!(state.dot(again(&a), again(&b)).unwrap(), 530.0);
    }

    #[test]
    fn a_direction_follows_from_its_seed_and_is_added_in_row_major_order() {
        let mut state = state(Limits::default());
        let a = matrix(&mut state, [1.0, -2.0, 3.0, -0.0, 0.0, 9.0]);
        let direction: Vec<f32> = standard_normal(5).take(6).collect();
        let expected = |scale: f32| -> Vec<f32> {
            [1.0, -2.0, 3.0, -0.0, 0.0, 9.0].iter().zip(&direction).map(|(a, z)| a + scale * z).collect()
        };
        for scale in [0.5, -0.5, 2.0] {
            let moved = state.perturbed(again(&a), 5, f64::from(scale));
            assert_eq!(values(&mut state, moved), expected(scale), "{scale}");
        }
        // The numbers go by their order, whatever the shape, and are rounded to the dtype.
        let flat = state.from_values(vec![6], Dtype::Bf16, vec![0.0; 6]).unwrap();
        let moved = state.perturbed(again(&flat), 5, 1.0);
        let rounded: Vec<f32> = direction.iter().map(|z| half::bf16::from_f32(*z).to_f32()).collect();
        assert_eq!(values(&mut state, moved), rounded);
        let moved = state.perturbed(again(&a), 6, 1.0);
        assert_ne!(values(&mut state, moved), expected(1.0));
        // No step at all keeps every bit, that of a negative zero too.
        let kept = state.perturbed(again(&a), 5, 0.0);
        let kept: Vec<u32> = values(&mut state, kept).into_iter().map(f32::to_bits).collect();
        assert_eq!(kept, [1.0_f32, -2.0, 3.0, -0.0, 0.0, 9.0].map(f32::to_bits));
    }

    #[test]
    fn sums_are_taken_in_double_precision() {
        let mut state = state(Limits::default());
        // In single precision the ones vanish beside the first square.
        let mut numbers = vec![4096.0; 1];
        numbers.extend([1.0; 999]);
        let tensor = state.from_values(vec![1000], Dtype::Fp32, numbers).unwrap();
        assert_eq!(state.norm(again(&tensor)).unwrap(), (4096.0_f64 * 4096.0 + 999.0).sqrt());
        assert_eq!(state.dot(again(&tensor), again(&tensor)).unwrap(), 4096.0 * 4096.0 + 999.0);
    }

    #[test]
    fn numbers_are_rounded_to_the_dtype() {
        let mut state = state(Limits::default());
        for (dtype, rounded) in [(Dtype::Fp16, 0.099_975_586_f32), (Dtype::Bf16, 0.100_097_656)] {
            let tensor = state.from_values(vec![1], dtype, vec![0.1]).unwrap();
            assert_eq!(HostTensor::dtype(&mut state, again(&tensor)).unwrap(), dtype);
            assert_eq!(values(&mut state, Ok(tensor)), [rounded]);
        }
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_shapes() {
        let mut state = state(Limits::default());
        let a = matrix(&mut state, [1.0; 6]);
        let half = state.from_values(vec![2, 3], Dtype::Fp16, vec![1.0; 6]).unwrap();
        let flat = state.from_values(vec![6], Dtype::Fp32, vec![1.0; 6]).unwrap();
        let (a, half, flat) = (|| again(&a), || again(&half), || again(&flat));
        let cases = [
            (
                state.from_values(vec![2, 0], Dtype::Fp32, vec![]),
                "`tensor.from-values`: expected dimensions of 1 or more, got shape [2, 0]",
            ),
            (
                state.from_values(vec![1; 9], Dtype::Fp32, vec![1.0]),
                "`tensor.from-values`: expected at most 8 dimensions, got 9",
            ),
            (state.concat(vec![], 0), "`tensor.concat`: expected 1 tensor or more, got none"),
            (state.concat(vec![a()], 2), "`tensor.concat`: expected a dimension below 2 for [2, 3] fp32, got 2"),
            (
                state.concat(vec![a(), flat()], 0),
                "`tensor.concat`: expected equal shapes outside of dimension 0 and equal dtypes, got [2, 3] fp32 and [6] fp32",
            ),
            (
                state.concat(vec![a(), half()], 0),
                "`tensor.concat`: expected equal shapes outside of dimension 0 and equal dtypes, got [2, 3] fp32 and [2, 3] fp16",
            ),
            (state.mul(a(), half()), "`tensor.mul`: expected equal shapes and dtypes, got [2, 3] fp32 and [2, 3] fp16"),
            (
                state.narrow(a(), 1, 0, 0),
                "`tensor.narrow`: expected a part of dimension 1 of [2, 3] fp32, got start 0 and length 0",
            ),
            (
                state.narrow(a(), 1, 1, 3),
                "`tensor.narrow`: expected a part of dimension 1 of [2, 3] fp32, got start 1 and length 3",
            ),
            (state.narrow(a(), 9, 0, 1), "`tensor.narrow`: expected a dimension below 2 for [2, 3] fp32, got 9"),
        ];
        for (outcome, expected) in cases {
            assert_eq!(outcome.unwrap_err().to_string(), expected);
        }
        let error = state.dot(a(), flat()).unwrap_err().to_string();
        assert_eq!(error, "`tensor.dot`: expected equal shapes and dtypes, got [2, 3] fp32 and [6] fp32");
    }

    #[test]
    fn every_new_tensor_counts_and_clones_do_not() {
        let mut state = state(Limits { tensor_bytes: 100, call_bytes: 20, ..Limits::default() });
        let a = matrix(&mut state, [1.0; 6]);
        let clones: Vec<Handle> = (0..50).map(|_| state.clone(again(&a)).unwrap()).collect();
        let copies = [state.scale(again(&a), 1.0), state.narrow(again(&a), 0, 0, 2), state.concat(vec![again(&a)], 0)];
        assert!(copies.iter().all(Result::is_ok));
        let full = "exceeded the tensor memory limit (100 bytes): 96 bytes in use, asked for 24 bytes more";
        assert_eq!(state.sign(again(&a)).unwrap_err().to_string(), full);
        assert!(state.norm(again(&a)).unwrap_err().to_string().contains("asked for 96 bytes more"));
        // The result, the direction, and a part of it on the way.
        assert!(state.perturbed(again(&a), 1, 1.0).unwrap_err().to_string().contains("asked for 72 bytes more"));
        for handle in copies.into_iter().flatten().chain(clones) {
            HostTensor::drop(&mut state, Resource::new_own(handle.rep())).unwrap();
        }
        assert!(state.sign(again(&a)).is_ok());
        let too_much = "exceeded the per-call transfer limit (20 bytes)";
        assert_eq!(state.read_with_copy(again(&a)).unwrap_err().to_string(), too_much);
    }
}
