//! Tensors on the host's device.

#[cfg(target_arch = "wasm32")]
use ft_plugin_optimizer_world::forward_tuning::plugin::tensor as host;
#[cfg(not(target_arch = "wasm32"))]
use stand_in as host;

#[cfg(not(target_arch = "wasm32"))]
mod stand_in;

pub use host::Dtype;

/// An immutable array of numbers on the host's device, held by a handle.
///
/// Every operation makes a new tensor. None but [`Tensor::read_with_copy`] and [`Tensor::from_values`] moves numbers into
/// or out of the plugin. Tensors that do not fit together (shape, dtype, range) end the plugin with a message of the
/// host's, so there is no error to handle here.
///
/// In a plugin's native tests a stand-in with single precision takes the host's place:
///
/// ```
/// use ft_plugin::{Dtype, Tensor};
///
/// let proposed = Tensor::from_values(&[3], Dtype::Fp32, &[1.0, 2.0, 3.0]);
/// let previous = Tensor::from_values(&[3], Dtype::Fp32, &[1.0, 1.0, 1.0]);
/// let gradient = proposed.add_scaled(&previous, -1.0);
/// assert_eq!(gradient.read_with_copy(), [0.0, 1.0, 2.0]);
/// ```
#[derive(Debug)]
pub struct Tensor(pub(crate) host::Tensor);

impl Tensor {
    /// A tensor from numbers of the plugin, copied out of its memory, rounded to `dtype`. Row-major order.
    pub fn from_values(shape: &[u32], dtype: Dtype, values: &[f32]) -> Self {
        Self(host::Tensor::from_values(shape, dtype, values))
    }

    /// Tensors joined along dimension `dim`; they agree in dtype and in all other dimensions.
    pub fn concat(tensors: &[&Tensor], dim: u32) -> Self {
        let inner: Vec<&host::Tensor> = tensors.iter().map(|tensor| &tensor.0).collect();
        Self(host::Tensor::concat(&inner, dim))
    }

    /// The length of each dimension; for a slot of the cache `[kv_heads, positions, head_dim]`.
    pub fn shape(&self) -> Vec<u32> {
        self.0.shape()
    }

    /// How the numbers are stored.
    pub fn dtype(&self) -> Dtype {
        self.0.dtype()
    }

    /// Zeros of this shape and dtype.
    pub fn zeros_like(&self) -> Self {
        Self(self.0.zeros_like())
    }

    /// `self + factor * other`, element by element; equal shapes and dtypes.
    pub fn add_scaled(&self, other: &Tensor, factor: f64) -> Self {
        Self(self.0.add_scaled(&other.0, factor))
    }

    /// `factor * self`.
    pub fn scale(&self, factor: f64) -> Self {
        Self(self.0.scale(factor))
    }

    /// `self + term`, the same number added to every element.
    pub fn shift(&self, term: f64) -> Self {
        Self(self.0.shift(term))
    }

    /// `self * other`, element by element; equal shapes and dtypes.
    pub fn mul(&self, other: &Tensor) -> Self {
        Self(self.0.mul(&other.0))
    }

    /// `self / other`, element by element; equal shapes and dtypes.
    pub fn div(&self, other: &Tensor) -> Self {
        Self(self.0.div(&other.0))
    }

    /// The square root of every element.
    pub fn sqrt(&self) -> Self {
        Self(self.0.sqrt())
    }

    /// -1, 0 or 1 for every element.
    pub fn sign(&self) -> Self {
        Self(self.0.sign())
    }

    /// The Euclidean norm over all elements, summed in double precision.
    pub fn norm(&self) -> f64 {
        self.0.norm()
    }

    /// The sum of `self * other` over all elements, in double precision; equal shapes and dtypes.
    pub fn dot(&self, other: &Tensor) -> f64 {
        self.0.dot(&other.0)
    }

    /// The part `start .. start + length` of dimension `dim`.
    pub fn narrow(&self, dim: u32, start: u32, length: u32) -> Self {
        Self(self.0.narrow(dim, start, length))
    }

    /// `self + scale * z`, where every number of `z` is drawn from the standard normal distribution by `seed`: the same seed and
    /// shape give the same `z` on every machine and device. A direction is made again from its seed instead of being kept
    /// (MeZO, arXiv 2305.17333, section 2.1). The stand-in draws other numbers than the host.
    pub fn perturbed(&self, seed: u64, scale: f64) -> Self {
        Self(self.0.perturbed(seed, scale))
    }

    /// All numbers, copied into the plugin's memory, in row-major order. Costs time and guest memory; a rule seldom needs it.
    pub fn read_with_copy(&self) -> Vec<f32> {
        self.0.read_with_copy()
    }
}

impl Clone for Tensor {
    /// Another handle to the same values; nothing is copied.
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
