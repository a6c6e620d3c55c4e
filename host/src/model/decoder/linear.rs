//! Matrix products with weights: dense, or in 8-bit blocks.

use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Result, Tensor};

use super::assemble::Placement;
use crate::model::weights::WeightFormat;

/// A weight matrix `[out, in]`. A clone shares its memory.
#[derive(Clone)]
pub enum Matrix {
    /// In the run's number format.
    Dense(Tensor),
    /// In blocks of 32 along a row (Q8_0). Products take and give f32.
    Quantized(Arc<QTensor>),
}

impl Matrix {
    /// Takes a matrix to where and how weights are held. In 8 bit, one whose rows are no whole number of blocks stays dense.
    ///
    /// # Errors
    /// A failed conversion.
    pub fn new(weight: Tensor, placement: &Placement) -> Result<Self> {
        let whole_blocks = weight.dim(1)?.is_multiple_of(GgmlDType::Q8_0.block_size());
        if placement.weights == WeightFormat::Quantized && whole_blocks {
            let blocks = QTensor::quantize_onto(&weight, GgmlDType::Q8_0, &placement.device)?;
            return Ok(Self::Quantized(Arc::new(blocks)));
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

    fn product(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Dense(weight) => x.matmul(&weight.t()?),
            Self::Quantized(blocks) => {
                x.to_dtype(DType::F32)?.contiguous()?.apply_op1_no_bwd(blocks.as_ref())?.to_dtype(x.dtype())
            }
        }
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
