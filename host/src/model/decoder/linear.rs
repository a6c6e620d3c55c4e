//! Matrix products with weights: dense, or in 8-bit blocks.

use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{DType, Module, Result, Tensor};

use crate::model::weights::WeightFormat;

/// `x W^T + b`, with `W` of shape `[out, in]`.
pub struct Linear {
    weight: Weight,
    bias: Option<Tensor>,
}

enum Weight {
    Dense(Tensor),
    /// Activations go in and come out as f32.
    Quantized(QMatMul),
}

impl Linear {
    /// Takes a matrix `[out, in]` and a bias `[out]`. In 8 bit, a matrix whose rows are no whole number of blocks stays dense.
    ///
    /// # Errors
    /// A failed conversion.
    pub fn new(weight: Tensor, bias: Option<Tensor>, format: WeightFormat) -> Result<Self> {
        let whole_blocks = weight.dim(1)?.is_multiple_of(GgmlDType::Q8_0.block_size());
        let weight = match format {
            WeightFormat::Quantized if whole_blocks => {
                let device = weight.device().clone();
                let blocks = QTensor::quantize_onto(&weight.to_dtype(DType::F32)?, GgmlDType::Q8_0, &device)?;
                Weight::Quantized(QMatMul::from_qtensor(blocks)?)
            }
            _ => Weight::Dense(weight),
        };
        Ok(Self { weight, bias })
    }

    /// A dense matrix that is used elsewhere too (a head tied to the embedding).
    pub fn shared(weight: Tensor) -> Self {
        Self { weight: Weight::Dense(weight), bias: None }
    }

    /// `x` `[rows, in]` to `[rows, out]`, in the dtype of `x`.
    ///
    /// # Errors
    /// A failed product.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let product = match &self.weight {
            Weight::Dense(weight) => x.matmul(&weight.t()?)?,
            Weight::Quantized(weight) => weight.forward(&x.to_dtype(DType::F32)?.contiguous()?)?.to_dtype(x.dtype())?,
        };
        match &self.bias {
            Some(bias) => product.broadcast_add(bias),
            None => Ok(product),
        }
    }
}
