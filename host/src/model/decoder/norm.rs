//! Normalisation.

use candle_core::{Result, Tensor};

/// A norm over the last dimension.
pub enum Norm {
    /// Mean and variance.
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
        let x = &x.contiguous()?;
        match self {
            Norm::Layer { gain, bias, eps } => candle_nn::ops::layer_norm(x, gain, bias, *eps),
            Norm::Rms { gain, eps } => candle_nn::ops::rms_norm(x, gain, *eps),
        }
    }
}
