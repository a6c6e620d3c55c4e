//! Normalisation.

use candle_core::{D, DType, Result, Tensor};

/// A norm over the last dimension.
pub enum Norm {
    /// Mean and variance. Gain and bias are f32 whatever the model's number format.
    Layer {
        /// Multiplies the normalised values.
        gain: Tensor,
        /// Is added to them.
        bias: Tensor,
        /// Is added to the variance.
        eps: f32,
    },
    /// Root mean square.
    Rms {
        /// Multiplies the normalised values.
        gain: Tensor,
        /// Is added to the mean square.
        eps: f32,
    },
}

impl Norm {
    /// `x` `[..., width]`, normalised over its last dimension.
    ///
    /// # Errors
    /// A failed computation.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Norm::Layer { gain, bias, eps } => {
                let wide = x.to_dtype(DType::F32)?;
                // candle takes the variance as a difference of two means, which cancels where the mean is large.
                let centred = wide.broadcast_sub(&wide.mean_keepdim(D::Minus1)?)?;
                candle_nn::ops::layer_norm(&centred, gain, bias, *eps)?.to_dtype(x.dtype())
            }
            Norm::Rms { gain, eps } => candle_nn::ops::rms_norm(&x.contiguous()?, gain, *eps),
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
        let norm = Norm::Layer { gain: one(1.0), bias: one(0.0), eps: 0.0 };
        let x = Tensor::new(&[[10_000f32, 10_001.0]], &Device::Cpu).unwrap();
        assert_eq!(norm.forward(&x).unwrap().to_vec2::<f32>().unwrap(), [[-1.0, 1.0]]);
    }
}
