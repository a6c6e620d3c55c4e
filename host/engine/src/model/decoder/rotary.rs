//! Rotary position embedding.

use candle_core::{DType, Device, Result, Tensor};

use super::config::{Rotary, RotaryScaling};
use crate::model::kernels::elementwise::{rotate_halves, rotate_neighbours};

/// Rotates queries and keys by their positions.
pub struct Rotator {
    /// One angular frequency per pair of dimensions.
    frequencies: Vec<f32>,
    dimensions: usize,
    interleaved: bool,
}

/// The cosines and sines of one batch's positions, `[tokens, dimensions / 2]`.
pub struct Angles {
    cos: Tensor,
    sin: Tensor,
}

/// The same in the CPU's memory, `[tokens, dimensions / 2]` each.
pub struct Table {
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl Rotator {
    /// Frequencies as the configuration says, each divided by its factor if the file carries factors.
    pub fn new(rotary: &Rotary, factors: Option<&[f32]>) -> Self {
        let pairs = rotary.dimensions / 2;
        let frequencies = (0..pairs)
            .map(|pair| {
                let exponent = (2 * pair) as f64 / rotary.dimensions as f64;
                let frequency = stretched(1.0 / rotary.base.powf(exponent), &rotary.scaling) as f32;
                factors.and_then(|factors| factors.get(pair)).map_or(frequency, |factor| frequency / factor)
            })
            .collect();
        Self { frequencies, dimensions: rotary.dimensions, interleaved: rotary.interleaved }
    }

    /// Cosines and sines for these positions; the angle is a product in f32, as in the reference implementations.
    ///
    /// # Errors
    /// A failed transfer to the device.
    pub fn angles(&self, positions: &[u32], dtype: DType, device: &Device) -> Result<Angles> {
        let Table { cos, sin } = self.table(positions);
        let shape = (positions.len(), self.frequencies.len());
        let onto = |numbers| Tensor::from_vec(numbers, shape, &Device::Cpu)?.to_dtype(dtype)?.to_device(device);
        Ok(Angles { cos: onto(cos)?, sin: onto(sin)? })
    }

    /// Cosines and sines for these positions, in the CPU's memory.
    pub fn table(&self, positions: &[u32]) -> Table {
        let angles = positions.iter().flat_map(|p| self.frequencies.iter().map(move |f| (*p as f32 * f).sin_cos()));
        let (sin, cos) = angles.unzip();
        Table { cos, sin }
    }

    /// Rotates one head of one token, in place.
    pub fn rotate_row(&self, x: &mut [f32], table: &Table, token: usize) {
        let pairs = self.frequencies.len();
        let (cos, sin) = (&table.cos[token * pairs..][..pairs], &table.sin[token * pairs..][..pairs]);
        let rotated = &mut x[..self.dimensions];
        if self.interleaved {
            rotate_neighbours(rotated, cos, sin);
        } else {
            let (first, second) = rotated.split_at_mut(pairs);
            rotate_halves(first, second, cos, sin);
        }
    }

    /// Rotates `x` `[tokens, heads, head_dim]`.
    ///
    /// # Errors
    /// A failed computation.
    pub fn rotate(&self, x: &Tensor, angles: &Angles) -> Result<Tensor> {
        let (tokens, heads, width) = x.dims3()?;
        if self.dimensions == width {
            return self.rotate_whole(x, angles);
        }
        let rotated = self.rotate_whole(&x.narrow(2, 0, self.dimensions)?, angles)?;
        let rest = x.narrow(2, self.dimensions, width - self.dimensions)?;
        Tensor::cat(&[&rotated, &rest], 2)?.reshape((tokens, heads, width))
    }

    fn rotate_whole(&self, x: &Tensor, angles: &Angles) -> Result<Tensor> {
        if self.interleaved {
            let (tokens, heads, width) = x.dims3()?;
            // candle's interleaved kernel wants `[batch, heads, tokens, width]`.
            let x = x.transpose(0, 1)?.contiguous()?.unsqueeze(0)?;
            let rotated = candle_nn::rotary_emb::rope_i(&x, &angles.cos, &angles.sin)?;
            rotated.reshape((heads, tokens, width))?.transpose(0, 1)?.contiguous()
        } else {
            let x = x.contiguous()?.unsqueeze(0)?;
            candle_nn::rotary_emb::rope_thd(&x, &angles.cos, &angles.sin)?.squeeze(0)
        }
    }
}

fn stretched(frequency: f64, scaling: &RotaryScaling) -> f64 {
    match *scaling {
        RotaryScaling::None => frequency,
        RotaryScaling::Linear(factor) => frequency / factor,
        RotaryScaling::Llama3 { factor, low, high, original_positions } => {
            let wavelength = 2.0 * std::f64::consts::PI / frequency;
            if wavelength < original_positions / high {
                frequency
            } else if wavelength > original_positions / low {
                frequency / factor
            } else {
                let smooth = (original_positions / wavelength - low) / (high - low);
                (1.0 - smooth) * frequency / factor + smooth * frequency
            }
        }
    }
}
