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

/// How far two contexts are from each other in each bin of one layer: `||A - B|| / ||A||` over all heads and the positions of
/// the bin; `None` where A is zero there.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerBins {
    /// Of the keys, from the first position on.
    pub keys: Vec<Option<f64>>,
    /// Of the values, from the first position on.
    pub values: Vec<Option<f64>>,
}

/// The distances of two contexts by position.
#[derive(Clone, Debug, PartialEq)]
pub struct PositionDistances {
    /// The positions of the contexts.
    pub positions: usize,
    /// The consecutive positions of a bin; the last bin may have fewer.
    pub per_bin: usize,
    /// Of each layer, from the first.
    pub layers: Vec<LayerBins>,
}

impl SavedContext {
    /// How far another context is from this one, layer by layer. Number formats may differ.
    ///
    /// # Errors
    /// [`SavedContextError::OtherShape`] names the first size in which they differ, [`SavedContextError::NotFiniteFile`] the
    /// first tensor with NaN or infinity.
    pub fn distance_to(&self, other: &SavedContext) -> Result<ContextDistance, SavedContextError> {
        Ok(self.distance_by_position(other, 1)?.0)
    }

    /// How far another context is from this one, layer by layer, and within each layer by position: in `bins` bins or
    /// fewer, of as many consecutive positions each as that takes. Both come of one reading, a tensor at a time.
    ///
    /// # Errors
    /// Those of [`Self::distance_to`].
    pub fn distance_by_position(
        &self,
        other: &SavedContext,
        bins: usize,
    ) -> Result<(ContextDistance, PositionDistances), SavedContextError> {
        self.same_shape(other)?;
        let ContextShape { positions, head_dim, embedding, .. } = self.facts().shape;
        let per_bin = positions.div_ceil(bins.max(1)).max(1);
        let rows = Rows { numbers: head_dim, positions, per_bin };
        let mut layers = Vec::with_capacity(self.layers().len());
        let mut by_position = Vec::with_capacity(self.layers().len());
        for (layer, (tensors, others)) in self.layers().iter().zip(other.layers()).enumerate() {
            let names = layer_names(layer);
            let [keys, values] =
                [0, 1].map(|part| self.sums(&names[part], &tensors[part], (other, &others[part]), rows));
            let ((keys, keys_by_bin), (values, values_by_bin)) = (keys?, values?);
            layers.push(LayerDistance { keys: keys.distance(), values: values.distance() });
            let relative = |sums: Vec<Sums>| sums.iter().map(|sums| sums.distance().relative).collect();
            by_position.push(LayerBins { keys: relative(keys_by_bin), values: relative(values_by_bin) });
        }
        let one_row = Rows { numbers: embedding, positions: 1, per_bin: 1 };
        let (last_hidden, _) = self.sums(LAST_HIDDEN, self.hidden(), (other, other.hidden()), one_row)?;
        let distance = ContextDistance { layers, last_hidden: last_hidden.distance() };
        Ok((distance, PositionDistances { positions, per_bin, layers: by_position }))
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

    /// The sums over a tensor, and over each bin of its positions.
    fn sums(
        &self,
        tensor: &str,
        place: &Place,
        (other, other_place): (&SavedContext, &Place),
        rows: Rows,
    ) -> Result<(Sums, Vec<Sums>), SavedContextError> {
        let (sums, by_bin) = self.with_bytes(place, |a| {
            other.with_bytes(other_place, |b| {
                rows.sums(&Numbers::of(a, place.dtype), &Numbers::of(b, other_place.dtype))
            })
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
        Ok((sums, by_bin))
    }
}

/// How a tensor's numbers lie: head by head, in each a row for each position.
#[derive(Clone, Copy)]
struct Rows {
    /// Numbers of a row.
    numbers: usize,
    positions: usize,
    /// Positions of a bin.
    per_bin: usize,
}

impl Rows {
    /// The sums over all numbers, in the order in which they lie, and those over each bin.
    fn sums(self, a: &Numbers<'_>, b: &Numbers<'_>) -> (Sums, Vec<Sums>) {
        let mut all = Sums::default();
        let mut bins = vec![Sums::default(); self.positions.div_ceil(self.per_bin)];
        for (row, (a, b)) in a.rows(self.numbers).zip(b.rows(self.numbers)).enumerate() {
            let bin = &mut bins[row % self.positions / self.per_bin];
            for (a, b) in a.zip(b) {
                all.add(a, b);
                bin.add(a, b);
            }
        }
        (all, bins)
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

    /// Rows of so many numbers each, from 1.
    fn rows(&self, numbers: usize) -> impl Iterator<Item = impl Iterator<Item = f64> + '_> + '_ {
        self.bytes.chunks_exact(self.size * numbers).map(|row| row.chunks_exact(self.size).map(self.wide))
    }
}

/// As many bytes as a number has, of a chunk that has as many.
fn chunk<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N])
}

/// Sums of products of numbers.
#[derive(Clone, Copy, Default)]
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
    fn add(&mut self, a: f64, b: f64) {
        self.a += a * a;
        self.b += b * b;
        self.both += a * b;
        self.difference += (a - b) * (a - b);
    }

    fn distance(&self) -> Distance {
        let relative = (self.a > 0.0).then(|| (self.difference / self.a).sqrt());
        // Rounding must not take a cosine out of its range.
        let cosine = || (self.both / (self.a.sqrt() * self.b.sqrt())).clamp(-1.0, 1.0);
        Distance { relative, cosine: (self.a > 0.0 && self.b > 0.0).then(cosine) }
    }
}
