//! Weight matrices of the tensor library: dense, or in 8-bit blocks.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device, Result, Tensor};
use rayon::prelude::*;

use crate::model::floats::floats;
use crate::model::weights::WeightFormat;
use ft_kernels::{BLOCK, Block};

/// A weight matrix `[out, in]`. A clone shares its memory.
#[derive(Clone)]
pub(crate) enum Matrix {
    /// In the run's number format.
    Dense(Tensor),
    /// In blocks of 32 along a row (Q8_0).
    Quantized(Arc<QTensor>),
}

/// How many of a quantized matrix's numbers are floats at a time: enough for a fast product, little beside the weights.
const UNPACKED: usize = 1 << 22;

/// Bytes of floats that a quantized matrix becomes at a time for a product.
pub(super) fn unpacked_bytes(outputs: usize, inputs: usize) -> u64 {
    (UNPACKED as u64).min((outputs as u64).saturating_mul(inputs as u64)) * size_of::<f32>() as u64
}

/// Bytes of a matrix `[outputs, inputs]` as it is held.
pub(super) fn bytes(outputs: usize, inputs: usize, dtype: DType, weights: WeightFormat) -> u64 {
    let row = match weights {
        WeightFormat::Quantized if inputs.is_multiple_of(BLOCK) => (inputs / BLOCK).saturating_mul(Block::BYTES),
        _ => inputs.saturating_mul(dtype.size_in_bytes()),
    };
    (outputs as u64).saturating_mul(row as u64)
}

impl Matrix {
    /// Takes a matrix to where and how weights are held. In 8 bit, one whose rows are no whole number of blocks stays dense.
    ///
    /// # Errors
    /// A failed conversion.
    pub(crate) fn new(weight: &Tensor, dtype: DType, weights: WeightFormat, device: &Device) -> Result<Self> {
        if weights == WeightFormat::Quantized && weight.dim(1)?.is_multiple_of(BLOCK) {
            return Ok(Self::Quantized(Arc::new(in_blocks(weight, device)?)));
        }
        Ok(Self::Dense(weight.to_dtype(dtype)?.to_device(device)?))
    }

    /// Some of its rows, `[ids, in]`: the lookup of embeddings.
    ///
    /// # Errors
    /// An id without a row, or a failed conversion.
    pub(crate) fn rows(&self, ids: &Tensor, dtype: DType) -> Result<Tensor> {
        match self {
            Self::Dense(weight) => weight.index_select(ids, 0),
            Self::Quantized(blocks) => blocks.embedding(ids)?.to_dtype(dtype),
        }
    }

    /// `x W^T`, or some outputs of it. Blocks become floats for the product, some rows at a time: the library's own products
    /// of blocks round the states to 8 bit too.
    ///
    /// # Errors
    /// A failed product.
    pub(crate) fn product(&self, x: &Tensor, outputs: Option<Range<usize>>) -> Result<Tensor> {
        let blocks = match self {
            Self::Quantized(blocks) => blocks,
            Self::Dense(weight) => {
                return match outputs {
                    Some(outputs) => x.matmul(&weight.narrow(0, outputs.start, outputs.len())?.t()?),
                    None => x.matmul(&weight.t()?),
                };
            }
        };
        let (rows, width) = blocks.shape().dims2()?;
        let outputs = outputs.unwrap_or(0..rows);
        let step = (UNPACKED / width).max(1);
        let mut parts = Vec::with_capacity(outputs.len().div_ceil(step));
        for start in outputs.clone().step_by(step) {
            let ids = Tensor::arange(start as u32, outputs.end.min(start + step) as u32, x.device())?;
            parts.push(x.matmul(&blocks.embedding(&ids)?.to_dtype(x.dtype())?.t()?)?);
        }
        Tensor::cat(&parts, 1)
    }
}

impl Matrix {
    /// `x W`, in f32, for `x` `[rows, outputs]` in f32. Other weights become floats some rows at a time.
    ///
    /// # Errors
    /// A failed product.
    pub(super) fn product_transposed(&self, x: &Tensor) -> Result<Tensor> {
        let (outputs, width) = match self {
            Self::Quantized(blocks) => blocks.shape().dims2()?,
            Self::Dense(weight) if weight.dtype() == DType::F32 => return x.matmul(weight),
            Self::Dense(weight) => weight.dims2()?,
        };
        let step = (UNPACKED / width).max(1);
        let mut sum: Option<Tensor> = None;
        for start in (0..outputs).step_by(step) {
            let count = step.min(outputs - start);
            let weights = match self {
                Self::Quantized(blocks) => {
                    blocks.embedding(&Tensor::arange(start as u32, (start + count) as u32, x.device())?)?
                }
                Self::Dense(weight) => weight.narrow(0, start, count)?,
            };
            let part = x.narrow(1, start, count)?.contiguous()?.matmul(&weights.to_dtype(DType::F32)?)?;
            sum = Some(match sum {
                Some(sum) => (sum + part)?,
                None => part,
            });
        }
        match sum {
            Some(sum) => Ok(sum),
            None => Tensor::zeros((x.dim(0)?, width), DType::F32, x.device()),
        }
    }
}

/// A matrix on the CPU, whose rows are whole blocks, in 8 bit on a device.
fn in_blocks(matrix: &Tensor, device: &Device) -> Result<QTensor> {
    const BYTES: usize = Block::BYTES;
    let matrix = matrix.to_dtype(DType::F32)?.contiguous()?;
    let numbers = floats(&matrix)?;
    let mut bytes = vec![0u8; numbers.len() / BLOCK * BYTES];
    let blocks = numbers.as_chunks::<BLOCK>().0;
    bytes.par_chunks_mut(BYTES).zip(blocks).with_min_len(256).for_each(|(bytes, numbers)| {
        let block = Block::of(numbers);
        bytes[..2].copy_from_slice(&block.scale.to_le_bytes());
        bytes[2..].copy_from_slice(&block.multiples.map(|multiple| multiple as u8));
    });
    QTensor::new(QStorage::from_data(Cow::Owned(bytes), device, GgmlDType::Q8_0)?, matrix.shape())
}
