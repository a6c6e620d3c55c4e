//! Rotary position embedding: the frequencies, and the angles of a batch's positions.

use super::config::{Rotary, RotaryScaling};

/// By what angles the pairs of a head's dimensions are rotated at a position.
pub(super) struct Rotator {
    /// One angular frequency per pair of dimensions.
    frequencies: Vec<f32>,
    /// Leading dimensions of a head that are rotated.
    pub dimensions: usize,
    /// Whether pairs are neighbours (2i, 2i+1) or lie half the dimensions apart (i, i + n/2).
    pub interleaved: bool,
}

/// The cosines and sines of one batch's positions, `[tokens, dimensions / 2]` each.
pub(super) struct Angles {
    pub cos: Vec<f32>,
    pub sin: Vec<f32>,
}

impl Rotator {
    /// Frequencies as the configuration says, each divided by its factor if the file carries factors.
    pub(super) fn new(rotary: &Rotary, factors: Option<&[f32]>) -> Self {
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

    /// Pairs of dimensions, each of which has an angle.
    pub(super) fn pairs(&self) -> usize {
        self.frequencies.len()
    }

    /// Cosines and sines for these positions; the angle is a product in f32, as in the reference implementations.
    pub(super) fn angles(&self, position_ids: &[u32]) -> Angles {
        let angles = position_ids.iter().flat_map(|p| self.frequencies.iter().map(move |f| (*p as f32 * f).sin_cos()));
        let (sin, cos) = angles.unzip();
        Angles { cos, sin }
    }
}

impl Rotator {
    /// Cosines and sines of what lies between the angles of two positions, for as many pairs of positions.
    pub(super) fn angles_between(&self, from: &[u32], to: &[u32]) -> Angles {
        let angles = from.iter().zip(to).flat_map(|(from, to)| {
            // Both as they are in a pass, so that a key is turned to the angle that it would have there.
            self.frequencies.iter().map(move |f| (*to as f32 * f - *from as f32 * f).sin_cos())
        });
        let (sin, cos) = angles.unzip();
        Angles { cos, sin }
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
