//! Normalisation by the tensor library.

use candle_core::{D, DType, Result, Tensor};

use super::super::Norm;
use super::Library;

impl Norm<Library> {
    /// `x` `[..., width]`, normalised over its last dimension.
    ///
    /// # Errors
    /// A failed computation.
    pub(crate) fn normalised(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Layer { gain, bias, eps } => {
                let wide = x.to_dtype(DType::F32)?;
                // candle takes the variance as a difference of two means, which cancels where the mean is large.
                let centred = wide.broadcast_sub(&wide.mean_keepdim(D::Minus1)?)?;
                candle_nn::ops::layer_norm(&centred, gain, bias, *eps)?.to_dtype(x.dtype())
            }
            // The library's norm wants both in one format; a gain in f32 beside states in half precision is one whose sum
            // with an offset would lose most of its digits there.
            Self::Rms { gain, eps } => {
                candle_nn::ops::rms_norm(&x.to_dtype(gain.dtype())?.contiguous()?, gain, *eps)?.to_dtype(x.dtype())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn a_large_mean_does_not_swallow_the_variance() {
        let one = |value: f32| Tensor::full(value, 2, &Device::Cpu).unwrap();
        let norm = Norm::<Library>::Layer { gain: one(1.0), bias: one(0.0), eps: 0.0 };
        let x = Tensor::new(&[[10_000f32, 10_001.0]], &Device::Cpu).unwrap();
        assert_eq!(norm.normalised(&x).unwrap().to_vec2::<f32>().unwrap(), [[-1.0, 1.0]]);
    }
}
