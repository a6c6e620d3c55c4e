//! Rotation of queries and keys by the tensor library.

use candle_core::{DType, Device, Result, Tensor};

use super::super::super::rotary::{Angles, Rotator};

/// Keys `[kv_heads, positions, head_dim]` turned from the positions at which they were read to others. In f32, rounded once.
///
/// # Errors
/// A failed computation; not as many positions as keys.
pub(crate) fn turned(keys: &Tensor, rotator: &Rotator, from: &[u32], to: &[u32]) -> Result<Tensor> {
    let rotation = Rotation::by(rotator, rotator.angles_between(from, to), DType::F32, keys.device())?;
    let by_token = keys.to_dtype(DType::F32)?.transpose(0, 1)?.contiguous()?;
    rotation.rotated(&by_token)?.transpose(0, 1)?.contiguous()?.to_dtype(keys.dtype())
}

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
        Self::by(rotator, rotator.angles(position_ids), dtype, device)
    }

    /// The rotation by these angles, one for each token and pair.
    ///
    /// # Errors
    /// A failed transfer to the device.
    pub(super) fn by(rotator: &Rotator, angles: Angles, dtype: DType, device: &Device) -> Result<Self> {
        let Angles { cos, sin } = angles;
        let shape = (cos.len() / rotator.pairs().max(1), rotator.pairs());
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

    /// The rotation by the opposite angles, in f32: what a derivative goes through.
    ///
    /// # Errors
    /// A failed computation.
    pub(super) fn back(&self) -> Result<Self> {
        let (cos, sin) = (self.cos.to_dtype(DType::F32)?, self.sin.to_dtype(DType::F32)?.neg()?);
        Ok(Self { cos, sin, dimensions: self.dimensions, interleaved: self.interleaved })
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
