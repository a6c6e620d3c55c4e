//! What stands in for the host's tensors in a plugin's native tests: plain vectors in single precision, whatever the dtype.

use crate::mixed;

/// How a tensor stores a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// IEEE 754 single precision.
    Fp32,
    /// IEEE 754 half precision.
    Fp16,
    /// bfloat16.
    Bf16,
}

#[derive(Clone, Debug)]
pub(crate) struct Tensor {
    shape: Vec<u32>,
    dtype: Dtype,
    values: Vec<f32>,
}

impl Tensor {
    pub(super) fn from_values(shape: &[u32], dtype: Dtype, values: &[f32]) -> Self {
        let count: usize = shape.iter().map(|&length| length as usize).product();
        assert_eq!(count, values.len(), "from-values: the shape {shape:?} does not hold {} numbers", values.len());
        Self { shape: shape.to_vec(), dtype, values: values.to_vec() }
    }

    pub(super) fn concat(tensors: &[&Tensor], dim: u32) -> Self {
        let first = tensors.first().expect("concat: no tensors");
        let dim = dim as usize;
        let mut shape = first.shape.clone();
        shape[dim] = tensors.iter().map(|tensor| tensor.shape[dim]).sum();
        let outer: usize = shape[..dim].iter().map(|&length| length as usize).product();
        let mut values = Vec::new();
        for index in 0..outer {
            for tensor in tensors {
                assert_eq!(tensor.dtype, first.dtype, "concat: dtypes differ");
                assert_eq!(tensor.shape[..dim], first.shape[..dim], "concat: shapes differ");
                assert_eq!(tensor.shape[dim + 1..], first.shape[dim + 1..], "concat: shapes differ");
                let block = tensor.values.len() / outer;
                values.extend_from_slice(&tensor.values[index * block..(index + 1) * block]);
            }
        }
        Self { shape, dtype: first.dtype, values }
    }

    pub(super) fn shape(&self) -> Vec<u32> {
        self.shape.clone()
    }

    pub(super) fn dtype(&self) -> Dtype {
        self.dtype
    }

    pub(super) fn zeros_like(&self) -> Self {
        self.map(|_| 0.0)
    }

    pub(super) fn add_scaled(&self, other: &Tensor, factor: f64) -> Self {
        self.zip("add-scaled", other, |a, b| a + factor as f32 * b)
    }

    pub(super) fn scale(&self, factor: f64) -> Self {
        self.map(|value| value * factor as f32)
    }

    pub(super) fn shift(&self, term: f64) -> Self {
        self.map(|value| value + term as f32)
    }

    pub(super) fn mul(&self, other: &Tensor) -> Self {
        self.zip("mul", other, |a, b| a * b)
    }

    pub(super) fn div(&self, other: &Tensor) -> Self {
        self.zip("div", other, |a, b| a / b)
    }

    pub(super) fn sqrt(&self) -> Self {
        self.map(f32::sqrt)
    }

    pub(super) fn sign(&self) -> Self {
        self.map(|value| if value == 0.0 { 0.0 } else { value.signum() })
    }

    pub(super) fn norm(&self) -> f64 {
        self.dot(self).sqrt()
    }

    pub(super) fn dot(&self, other: &Tensor) -> f64 {
        self.check("dot", other);
        self.values.iter().zip(&other.values).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    }

    pub(super) fn narrow(&self, dim: u32, start: u32, length: u32) -> Self {
        let dim = dim as usize;
        assert!(start + length <= self.shape[dim], "narrow: {start} + {length} is outside of {:?}", self.shape);
        let inner: usize = self.shape[dim + 1..].iter().map(|&length| length as usize).product();
        let rows = self.values.chunks(self.shape[dim] as usize * inner);
        let (from, to) = (start as usize * inner, (start + length) as usize * inner);
        let values = rows.flat_map(|row| &row[from..to]).copied().collect();
        let mut shape = self.shape.clone();
        shape[dim] = length;
        Self { shape, dtype: self.dtype, values }
    }

    pub(super) fn perturbed(&self, seed: u64, scale: f64) -> Self {
        let numbers = self.values.iter().zip(0..);
        let values = numbers.map(|(&value, index)| value + (scale * normal(seed, index)) as f32).collect();
        Self { shape: self.shape.clone(), dtype: self.dtype, values }
    }

    pub(super) fn read_with_copy(&self) -> Vec<f32> {
        self.values.clone()
    }

    fn map(&self, function: impl Fn(f32) -> f32) -> Self {
        let values = self.values.iter().map(|&value| function(value)).collect();
        Self { shape: self.shape.clone(), dtype: self.dtype, values }
    }

    fn zip(&self, operation: &str, other: &Tensor, function: impl Fn(f32, f32) -> f32) -> Self {
        self.check(operation, other);
        let values = self.values.iter().zip(&other.values).map(|(&a, &b)| function(a, b)).collect();
        Self { shape: self.shape.clone(), dtype: self.dtype, values }
    }

    fn check(&self, operation: &str, other: &Tensor) {
        assert_eq!((&self.shape, self.dtype), (&other.shape, other.dtype), "{operation}: shapes or dtypes differ");
    }
}

/// The standard normal number at a place in the sequence of a seed (Box & Muller 1958).
fn normal(seed: u64, index: u64) -> f64 {
    let start = mixed(seed);
    let [radius, angle] = [2 * index, 2 * index + 1].map(|place| uniform(mixed(start.wrapping_add(place))));
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

/// The upper 53 bits as a number above 0 and up to 1.
fn uniform(bits: u64) -> f64 {
    ((bits >> 11) + 1) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_and_concat_undo_each_other_along_every_dimension() {
        let values: Vec<f32> = (0..24).map(|value| value as f32).collect();
        let whole = Tensor::from_values(&[2, 3, 4], Dtype::Fp32, &values);
        assert_eq!(whole.narrow(1, 1, 1).values, [4.0, 5.0, 6.0, 7.0, 16.0, 17.0, 18.0, 19.0]);
        for (dim, &length) in whole.shape.iter().enumerate() {
            let dim = dim as u32;
            let (head, tail) = (whole.narrow(dim, 0, 1), whole.narrow(dim, 1, length - 1));
            let joined = Tensor::concat(&[&head, &tail], dim);
            assert_eq!((joined.shape, joined.values), (whole.shape.clone(), values.clone()));
        }
    }

    #[test]
    fn elementwise_operations() {
        let a = Tensor::from_values(&[3], Dtype::Fp32, &[4.0, 0.0, -9.0]);
        assert_eq!(a.sign().values, [1.0, 0.0, -1.0]);
        assert_eq!(a.mul(&a).sqrt().values, [4.0, 0.0, 9.0]);
        assert_eq!(a.shift(1.0).scale(2.0).values, [10.0, 2.0, -16.0]);
        assert_eq!(a.norm(), 97f64.sqrt());
    }

    #[test]
    fn directions_follow_from_their_seed_and_are_normal() {
        let zeros = Tensor::from_values(&[100, 100], Dtype::Fp32, &[0.0; 10_000]);
        let direction = zeros.perturbed(7, 1.0);
        assert_eq!(direction.values, zeros.perturbed(7, 1.0).values);
        assert_ne!(direction.values, zeros.perturbed(8, 1.0).values);
        // Standard errors of 10 000 draws: 0.01 of the mean, 0.014 of the mean square, 0.1 of the mean fourth power.
        let moment = |power: i32| direction.values.iter().map(|&z| f64::from(z).powi(power)).sum::<f64>() / 1e4;
        let moments = [1, 2, 4].map(moment);
        assert!(
            moments[0].abs() < 0.05 && (moments[1] - 1.0).abs() < 0.07 && (moments[2] - 3.0).abs() < 0.5,
            "{moments:?}"
        );
        let ones = zeros.shift(1.0);
        assert_eq!(ones.perturbed(7, -0.5).values, ones.add_scaled(&direction, -0.5).values);
    }
}
