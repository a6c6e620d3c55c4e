//! Matrix products with weights: dense, or in 8-bit blocks.

use std::sync::Arc;

use candle_core::quantized::QTensor;
use candle_core::{DType, Result, Tensor};

use super::assemble::Placement;
use super::blocks;
use crate::model::weights::WeightFormat;

/// A weight matrix `[out, in]`. A clone shares its memory.
#[derive(Clone)]
pub enum Matrix {
    /// In the run's number format.
    Dense(Tensor),
    /// In blocks of 32 along a row (Q8_0).
    Quantized(Arc<QTensor>),
}

/// How many of a quantized matrix's numbers are floats at a time: enough for a fast product, little beside the weights.
const UNPACKED: usize = 1 << 22;

impl Matrix {
    /// Takes a matrix to where and how weights are held. In 8 bit, one whose rows are no whole number of blocks stays dense.
    ///
    /// # Errors
    /// A failed conversion.
    pub fn new(weight: Tensor, placement: &Placement) -> Result<Self> {
        let whole_blocks = weight.dim(1)?.is_multiple_of(blocks::BLOCK);
        if placement.weights == WeightFormat::Quantized && whole_blocks {
            return Ok(Self::Quantized(Arc::new(blocks::quantized(&weight, &placement.device)?)));
        }
        Ok(Self::Dense(weight.to_dtype(placement.dtype)?.to_device(&placement.device)?))
    }

    /// Some of its rows, `[ids, in]`: the lookup of embeddings.
    ///
    /// # Errors
    /// An id without a row, or a failed conversion.
    pub fn rows(&self, ids: &Tensor, dtype: DType) -> Result<Tensor> {
        match self {
            Self::Dense(weight) => weight.index_select(ids, 0),
            Self::Quantized(blocks) => blocks.embedding(ids)?.to_dtype(dtype),
        }
    }

    /// `x W^T`. Blocks become floats for the product, some rows at a time: candle's own products of blocks round the
    /// states to 8 bit too, and over more than a few rows of states they are slower.
    fn product(&self, x: &Tensor) -> Result<Tensor> {
        let blocks = match self {
            Self::Dense(weight) => return x.matmul(&weight.t()?),
            Self::Quantized(blocks) => blocks,
        };
        // The CPU has no fast products in half precision.
        let wide = if x.device().is_cpu() { x.to_dtype(DType::F32)? } else { x.clone() };
        let (rows, width) = blocks.shape().dims2()?;
        let step = (UNPACKED / width).max(1);
        let mut parts = Vec::with_capacity(rows.div_ceil(step));
        for start in (0..rows).step_by(step) {
            let ids = Tensor::arange(start as u32, rows.min(start + step) as u32, x.device())?;
            parts.push(wide.matmul(&blocks.embedding(&ids)?.to_dtype(wide.dtype())?.t()?)?);
        }
        Tensor::cat(&parts, 1)?.to_dtype(x.dtype())
    }
}

/// `x W^T + b`, with `W` of shape `[out, in]` and `b` of shape `[out]`.
pub struct Linear {
    /// `W`.
    pub matrix: Matrix,
    /// `b`.
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
            Some(bias) => product.broadcast_add(bias),
            None => Ok(product),
        }
    }
}
