//! Matrix products with weights: dense, in 8-bit blocks, or packed for the CPU.

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device, Result, Tensor};
use rayon::prelude::*;

use super::assemble::Placement;
use super::cpu::States;
use crate::model::floats::floats;
use crate::model::kernels::{BLOCK, Block, Format, Panels, Rows};
use crate::model::weights::WeightFormat;

/// A weight matrix `[out, in]`. A clone shares its memory.
#[derive(Clone)]
pub enum Matrix {
    /// In the run's number format, on a device other than the CPU.
    Dense(Tensor),
    /// In blocks of 32 along a row (Q8_0), on such a device.
    Quantized(Arc<QTensor>),
    /// On the CPU.
    Packed(Arc<Panels>),
}

/// How many of a quantized matrix's numbers are floats at a time: enough for a fast product, little beside the weights.
const UNPACKED: usize = 1 << 22;

impl Matrix {
    /// Takes a matrix to where and how weights are held. In 8 bit, one whose rows are no whole number of blocks stays dense.
    ///
    /// # Errors
    /// A failed conversion.
    pub fn new(weight: &Tensor, placement: &Placement) -> Result<Self> {
        let whole_blocks = weight.dim(1)?.is_multiple_of(BLOCK);
        let quantized = placement.weights == WeightFormat::Quantized && whole_blocks;
        if placement.device.is_cpu() {
            let format = match placement.dtype {
                _ if quantized => Format::Q8,
                DType::F16 => Format::F16,
                DType::BF16 => Format::Bf16,
                _ => Format::F32,
            };
            return Ok(Self::Packed(Arc::new(packed(weight, format)?)));
        }
        if quantized {
            return Ok(Self::Quantized(Arc::new(in_blocks(weight, &placement.device)?)));
        }
        Ok(Self::Dense(weight.to_dtype(placement.dtype)?.to_device(&placement.device)?))
    }

    /// Some of its rows, `[ids, in]`: the lookup of embeddings.
    ///
    /// # Errors
    /// An id without a row, or a failed conversion.
    pub fn rows(&self, ids: &[u32], dtype: DType, device: &Device) -> Result<Tensor> {
        match self {
            Self::Dense(weight) => weight.index_select(&Tensor::new(ids, device)?, 0),
            Self::Quantized(blocks) => blocks.embedding(&Tensor::new(ids, device)?)?.to_dtype(dtype),
            Self::Packed(_) => self.states(ids)?.to_tensor()?.to_dtype(dtype),
        }
    }

    /// The same on the CPU.
    ///
    /// # Errors
    /// Weights that are not packed for the CPU.
    pub fn states(&self, ids: &[u32]) -> Result<States> {
        let Self::Packed(weights) = self else { candle_core::bail!("the weights are not packed for the CPU") };
        let mut states = States::new(ids.len(), weights.inputs());
        states.each(|index, row| weights.row(ids[index] as usize, row));
        Ok(states)
    }

    /// `x W^T`. Blocks become floats for the product, some rows at a time: the tensor library's own products of blocks
    /// round the states to 8 bit too.
    fn product(&self, x: &Tensor) -> Result<Tensor> {
        let blocks = match self {
            Self::Dense(weight) => return x.matmul(&weight.t()?),
            Self::Packed(weights) => return on_cpu(weights, x),
            Self::Quantized(blocks) => blocks,
        };
        let (rows, width) = blocks.shape().dims2()?;
        let step = (UNPACKED / width).max(1);
        let mut parts = Vec::with_capacity(rows.div_ceil(step));
        for start in (0..rows).step_by(step) {
            let ids = Tensor::arange(start as u32, rows.min(start + step) as u32, x.device())?;
            parts.push(x.matmul(&blocks.embedding(&ids)?.to_dtype(x.dtype())?.t()?)?);
        }
        Tensor::cat(&parts, 1)
    }
}

/// Packs a matrix of any number format.
fn packed(weight: &Tensor, format: Format) -> Result<Panels> {
    let (outputs, inputs) = weight.dims2()?;
    let weight = weight.contiguous()?;
    if weight.dtype() != DType::F32 {
        // A part at a time, so that the matrix is not there in f32 as a whole.
        return packed_from(&weight, format, outputs, inputs);
    }
    let numbers = floats(&weight)?;
    let numbers = &*numbers;
    Ok(Panels::new(format, outputs, inputs, |output, row| row.copy_from_slice(&numbers[output * inputs..][..inputs])))
}

fn packed_from(weight: &Tensor, format: Format, outputs: usize, inputs: usize) -> Result<Panels> {
    let (storage, layout) = weight.storage_and_layout();
    let candle_core::Storage::Cpu(storage) = &*storage else { candle_core::bail!("a matrix is packed on the CPU") };
    let start = layout.start_offset();
    match weight.dtype() {
        DType::F16 => {
            let numbers = &storage.as_slice::<half::f16>()?[start..];
            Ok(Panels::new(format, outputs, inputs, |output, row| {
                let numbers = &numbers[output * inputs..][..inputs];
                row.iter_mut().zip(numbers).for_each(|(out, number)| *out = number.to_f32());
            }))
        }
        DType::BF16 => {
            let numbers = &storage.as_slice::<half::bf16>()?[start..];
            Ok(Panels::new(format, outputs, inputs, |output, row| {
                let numbers = &numbers[output * inputs..][..inputs];
                row.iter_mut().zip(numbers).for_each(|(out, number)| *out = number.to_f32());
            }))
        }
        other => candle_core::bail!("expected weights in f32, f16 or bf16, got {}", other.as_str()),
    }
}

/// A matrix on the CPU, whose rows are whole blocks, in 8 bit on a device.
fn in_blocks(matrix: &Tensor, device: &Device) -> Result<QTensor> {
    /// Bytes of a block: the scale in f16, then the multiples.
    const BYTES: usize = 2 + BLOCK;
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

fn on_cpu(weights: &Panels, x: &Tensor) -> Result<Tensor> {
    let wide = x.to_dtype(DType::F32)?.contiguous()?;
    let (rows, inputs) = wide.dims2()?;
    let x_rows = floats(&wide)?;
    let mut out = vec![0f32; rows * weights.outputs()];
    let target = crate::model::kernels::RowsMut::new(&mut out, rows, weights.outputs(), weights.outputs());
    crate::model::kernels::product(Rows::new(&x_rows, rows, inputs, inputs), weights, None, target, false);
    Tensor::from_vec(out, (rows, weights.outputs()), &Device::Cpu)?.to_dtype(x.dtype())
}

/// `x W^T + b`, with `W` of shape `[out, in]` and `b` of shape `[out]`.
pub struct Linear {
    /// `W`.
    pub matrix: Matrix,
    /// `b`; in f32 on the CPU.
    pub bias: Option<Tensor>,
}

impl Linear {
    /// `x` `[rows, in]` to `[rows, out]`, in the dtype of `x`.
    ///
    /// # Errors
    /// A failed product.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let product = self.matrix.product(x)?;
        match &self.bias {
            Some(bias) => product.broadcast_add(&bias.to_dtype(x.dtype())?),
            None => Ok(product),
        }
    }
}
