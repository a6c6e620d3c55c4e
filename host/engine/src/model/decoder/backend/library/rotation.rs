//! Rotation of queries and keys by the tensor library.

use candle_core::{DType, Device, Result, Tensor};

use super::super::super::rotary::{Angles, Rotator};

/// A rotation of heads by angles that depend on the token.
pub(super) struct Rotation {
    /// `[tokens, dimensions / 2]`.
    cos: Tensor,
    /// `[tokens, dimensions / 2]`.
    sin: Tensor,
    /// Leading dimensions of a head that are rotated.
    dimensions: usize,
    interleaved: bool,
}

impl Rotation {
    /// The rotation at these positions.
    ///
    /// # Errors
    /// A failed transfer to the device.
    pub(super) fn new(rotator: &Rotator, position_ids: &[u32], dtype: DType, device: &Device) -> Result<Self> {
        let Angles { cos, sin } = rotator.angles(position_ids);
        let shape = (position_ids.len(), rotator.pairs());
        let onto = |numbers| Tensor::from_vec(numbers, shape, &Device::Cpu)?.to_dtype(dtype)?.to_device(device);
        let Rotator { dimensions, interleaved, .. } = *rotator;
        Ok(Self { cos: onto(cos)?, sin: onto(sin)?, dimensions, interleaved })
    }

    /// Rotates `x` `[tokens, heads, head_dim]`.
    ///
    /// # Errors
    /// A failed computation.
    pub(super) fn rotated(&self, x: &Tensor) -> Result<Tensor> {
        let (tokens, heads, head_dim) = x.dims3()?;
        if self.dimensions == head_dim {
            return self.rotated_whole(x);
        }
        let rotated = self.rotated_whole(&x.narrow(2, 0, self.dimensions)?)?;
        let rest = x.narrow(2, self.dimensions, head_dim - self.dimensions)?;
        Tensor::cat(&[&rotated, &rest], 2)?.reshape((tokens, heads, head_dim))
    }

    fn rotated_whole(&self, x: &Tensor) -> Result<Tensor> {
        if self.interleaved {
            let (tokens, heads, width) = x.dims3()?;
            // candle's interleaved kernel wants `[batch, heads, tokens, width]`.
            let x = x.transpose(0, 1)?.contiguous()?.unsqueeze(0)?;
            let rotated = candle_nn::rotary_emb::rope_i(&x, &self.cos, &self.sin)?;
            rotated.reshape((heads, tokens, width))?.transpose(0, 1)?.contiguous()
        } else {
            let x = x.contiguous()?.unsqueeze(0)?;
            candle_nn::rotary_emb::rope_thd(&x, &self.cos, &self.sin)?.squeeze(0)
        }
    }
}
