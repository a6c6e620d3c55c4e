//! The interfaces of version 0.1 of the WIT package: those of the present one by their older names.
//!
//! Nothing is checked here; each function is the present one.

use wasmtime::component::Resource;

use crate::bindings::since_0_1::{data, log, table, tensor};
use crate::bindings::types::Error;
use crate::bindings::{log as present_log, table as present_table, tensor as present_tensor};
use crate::state::HostState;
use crate::state::ledger::DeviceTensor;
use crate::state::row_table::RowTable;

type Tensor = Resource<DeviceTensor>;

impl data::Host for HostState {}

impl log::Host for HostState {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Debug => present_log::Level::Debug,
            log::Level::Info => present_log::Level::Info,
            log::Level::Warn => present_log::Level::Warn,
            log::Level::Error => present_log::Level::Error,
        };
        present_log::Host::write(self, level, message)
    }
}

impl table::Host for HostState {}

impl table::HostTable for HostState {
    fn columns(&mut self, table: Resource<RowTable>) -> wasmtime::Result<Vec<String>> {
        present_table::HostTable::columns(self, table)
    }

    fn next_rows(&mut self, table: Resource<RowTable>, max: u32) -> wasmtime::Result<Result<Vec<String>, Error>> {
        present_table::HostTable::next_rows(self, table, max)
    }

    fn read(&mut self, table: Resource<RowTable>, max: u32) -> wasmtime::Result<Result<Vec<u8>, Error>> {
        present_table::HostTable::read(self, table, max)
    }

    fn drop(&mut self, table: Resource<RowTable>) -> wasmtime::Result<()> {
        present_table::HostTable::drop(self, table)
    }
}

impl tensor::Host for HostState {}

impl tensor::HostTensor for HostState {
    fn from_values(&mut self, shape: Vec<u32>, dtype: tensor::Dtype, values: Vec<f32>) -> wasmtime::Result<Tensor> {
        let dtype = match dtype {
            tensor::Dtype::Fp32 => present_tensor::Dtype::Fp32,
            tensor::Dtype::Fp16 => present_tensor::Dtype::Fp16,
            tensor::Dtype::Bf16 => present_tensor::Dtype::Bf16,
        };
        present_tensor::HostTensor::from_values(self, shape, dtype, values)
    }

    fn concat(&mut self, tensors: Vec<Tensor>, dim: u32) -> wasmtime::Result<Tensor> {
        present_tensor::HostTensor::concat(self, tensors, dim)
    }

    fn shape(&mut self, tensor: Tensor) -> wasmtime::Result<Vec<u32>> {
        present_tensor::HostTensor::shape(self, tensor)
    }

    fn dtype(&mut self, tensor: Tensor) -> wasmtime::Result<tensor::Dtype> {
        Ok(match present_tensor::HostTensor::dtype(self, tensor)? {
            present_tensor::Dtype::Fp32 => tensor::Dtype::Fp32,
            present_tensor::Dtype::Fp16 => tensor::Dtype::Fp16,
            present_tensor::Dtype::Bf16 => tensor::Dtype::Bf16,
        })
    }

    fn zeros_like(&mut self, tensor: Tensor) -> wasmtime::Result<Tensor> {
        present_tensor::HostTensor::zeros_like(self, tensor)
    }

    fn clone(&mut self, tensor: Tensor) -> wasmtime::Result<Tensor> {
        present_tensor::HostTensor::clone(self, tensor)
    }

    fn add_scaled(&mut self, tensor: Tensor, other: Tensor, factor: f64) -> wasmtime::Result<Tensor> {
        present_tensor::HostTensor::add_scaled(self, tensor, other, factor)
    }

    fn scale(&mut self, tensor: Tensor, factor: f64) -> wasmtime::Result<Tensor> {
        present_tensor::HostTensor::scale(self, tensor, factor)
    }

    fn shift(&mut self, tensor: Tensor, term: f64) -> wasmtime::Result<Tensor> {
        present_tensor::HostTensor::shift(self, tensor, term)
    }

    fn mul(&mut self, tensor: Tensor, other: Tensor) -> wasmtime::Result<Tensor> {
        present_tensor::HostTensor::mul(self, tensor, other)
    }

    fn div(&mut self, tensor: Tensor, other: Tensor) -> wasmtime::Result<Tensor> {
        present_tensor::HostTensor::div(self, tensor, other)
    }

    fn sqrt(&mut self, tensor: Tensor) -> wasmtime::Result<Tensor> {
        present_tensor::HostTensor::sqrt(self, tensor)
    }

    fn sign(&mut self, tensor: Tensor) -> wasmtime::Result<Tensor> {
        present_tensor::HostTensor::sign(self, tensor)
    }

    fn norm(&mut self, tensor: Tensor) -> wasmtime::Result<f64> {
        present_tensor::HostTensor::norm(self, tensor)
    }

    fn dot(&mut self, tensor: Tensor, other: Tensor) -> wasmtime::Result<f64> {
        present_tensor::HostTensor::dot(self, tensor, other)
    }

    fn narrow(&mut self, tensor: Tensor, dim: u32, start: u32, length: u32) -> wasmtime::Result<Tensor> {
        present_tensor::HostTensor::narrow(self, tensor, dim, start, length)
    }

    fn read_with_copy(&mut self, tensor: Tensor) -> wasmtime::Result<Vec<f32>> {
        present_tensor::HostTensor::read_with_copy(self, tensor)
    }

    fn drop(&mut self, tensor: Tensor) -> wasmtime::Result<()> {
        present_tensor::HostTensor::drop(self, tensor)
    }
}
