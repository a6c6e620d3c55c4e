//! How far two contexts of one shape are from each other, computed in f64.

use candle_core::DType;
use serde::Serialize;

use super::header::Place;
use super::{ContextShape, LAST_HIDDEN, SavedContext, SavedContextError, layer_names};

/// How far all numbers of a tensor B are from those of a tensor A, both taken as one vector.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Distance {
    /// `||A - B|| / ||A||`, Euclidean norms (Frobenius norms of matrices); `None` where A is zero.
    pub relative: Option<f64>,
    /// `<A, B> / (||A|| ||B||)`, the cosine of the angle between them, from -1 to 1; `None` where A or B is zero.
    pub cosine: Option<f64>,
}

/// The distances of one layer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LayerDistance {
    /// Of the keys of all heads and positions.
    pub keys: Distance,
    /// Of the values of all heads and positions.
    pub values: Distance,
}

/// The distances of two contexts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ContextDistance {
    /// Of each layer, from the first.
    pub layers: Vec<LayerDistance>,
    /// Of the last hidden states.
    pub last_hidden: Distance,
}

impl SavedContext {
    /// How far another context is from this one, layer by layer. Number formats may differ.
    ///
    /// # Errors
    /// [`SavedContextError::OtherShape`] names the first size in which they differ, [`SavedContextError::NotFiniteFile`] the
    /// first tensor with NaN or infinity.
    pub fn distance_to(&self, other: &SavedContext) -> Result<ContextDistance, SavedContextError> {
        self.same_shape(other)?;
        let mut layers = Vec::with_capacity(self.layers().len());
        for (layer, ([keys, values], [other_keys, other_values])) in
            self.layers().iter().zip(other.layers()).enumerate()
        {
            let names = layer_names(layer);
            layers.push(LayerDistance {
                keys: self.distance(&names[0], keys, (other, other_keys))?,
                values: self.distance(&names[1], values, (other, other_values))?,
            });
        }
        let last_hidden = self.distance(LAST_HIDDEN, self.hidden(), (other, other.hidden()))?;
        Ok(ContextDistance { layers, last_hidden })
    }

    fn same_shape(&self, other: &SavedContext) -> Result<(), SavedContextError> {
        let sizes = |context: &SavedContext| {
            let ContextShape { layers, kv_heads, positions, head_dim, embedding } = context.facts().shape;
            [
                ("layers", layers),
                ("key/value heads", kv_heads),
                ("numbers of a head", head_dim),
                ("positions", positions),
                ("numbers of a hidden state", embedding),
            ]
        };
        match sizes(self).into_iter().zip(sizes(other)).find(|(a, b)| a != b) {
            None => Ok(()),
            Some(((what, expected), (_, found))) => Err(SavedContextError::OtherShape {
                a: self.file().to_owned(),
                b: other.file().to_owned(),
                what,
                expected,
                found,
            }),
        }
    }

    fn distance(
        &self,
        tensor: &str,
        place: &Place,
        (other, other_place): (&SavedContext, &Place),
    ) -> Result<Distance, SavedContextError> {
        let sums = self.with_bytes(place, |a| {
            other.with_bytes(other_place, |b| Sums::of(Numbers::of(a, place.dtype), Numbers::of(b, other_place.dtype)))
        });
        let not_finite = |context: &SavedContext| SavedContextError::NotFiniteFile {
            file: context.file().to_owned(),
            tensor: tensor.to_owned(),
        };
        // Squares of f32 are far below the largest f64: a sum is finite where all numbers are.
        if !sums.a.is_finite() {
            return Err(not_finite(self));
        }
        if !sums.b.is_finite() {
            return Err(not_finite(other));
        }
        Ok(sums.distance())
    }
}

/// A tensor's bytes, and what makes a number of some of them.
struct Numbers<'a> {
    bytes: &'a [u8],
    size: usize,
    wide: fn(&[u8]) -> f64,
}

impl<'a> Numbers<'a> {
    fn of(bytes: &'a [u8], dtype: DType) -> Self {
        let wide: fn(&[u8]) -> f64 = match dtype {
            DType::F16 => |bytes| half::f16::from_le_bytes(chunk(bytes)).to_f64(),
            DType::BF16 => |bytes| half::bf16::from_le_bytes(chunk(bytes)).to_f64(),
            _ => |bytes| f64::from(f32::from_le_bytes(chunk(bytes))),
        };
        Self { bytes, size: dtype.size_in_bytes(), wide }
    }

    fn iter(&self) -> impl Iterator<Item = f64> + '_ {
        self.bytes.chunks_exact(self.size).map(self.wide)
    }
}

/// As many bytes as a number has, of a chunk that has as many.
fn chunk<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N])
}

/// Sums of products over all numbers.
struct Sums {
    /// `<A, A>`.
    a: f64,
    /// `<B, B>`.
    b: f64,
    /// `<A, B>`.
    both: f64,
    /// `<A - B, A - B>`: not by the other three, which would lose small differences.
    difference: f64,
}

impl Sums {
    fn of(a: Numbers<'_>, b: Numbers<'_>) -> Self {
        let mut sums = Self { a: 0.0, b: 0.0, both: 0.0, difference: 0.0 };
        for (a, b) in a.iter().zip(b.iter()) {
            sums.a += a * a;
            sums.b += b * b;
            sums.both += a * b;
            sums.difference += (a - b) * (a - b);
        }
        sums
    }

    fn distance(&self) -> Distance {
        let relative = (self.a > 0.0).then(|| (self.difference / self.a).sqrt());
        // Rounding must not take a cosine out of its range.
        let cosine = || (self.both / (self.a.sqrt() * self.b.sqrt())).clamp(-1.0, 1.0);
        Distance { relative, cosine: (self.a > 0.0 && self.b > 0.0).then(cosine) }
    }
}
