//! Arithmetic over whole matrices of a cache, as meta-optimizers and the loop around them need it.
//!
//! In f32 on the CPU every operation is one pass over memory; elsewhere it is made of the tensor library's operations, to
//! the same bits where nothing is summed.

use candle_core::{DType, Result, Tensor};

use super::floats::as_cpu_slice;
use ft_kernels::elementwise;

/// `a + factor * b`, the product rounded before it is added. The result has storage of its own.
///
/// # Errors
/// Tensors of different shapes or dtypes; the device's.
pub fn add_scaled(a: &Tensor, b: &Tensor, factor: f64) -> Result<Tensor> {
    match (as_cpu_slice::<f32>(a), as_cpu_slice::<f32>(b)) {
        (Some(left), Some(right)) if a.dims() == b.dims() => {
            Tensor::from_vec(elementwise::scaled_sum(&left, &right, factor as f32), a.dims(), a.device())
        }
        _ => a.add(&b.affine(factor, 0.0)?),
    }
}

/// The sum of `a * b` over all elements, in double precision.
///
/// # Errors
/// Tensors of different shapes; the device's.
pub fn dot(a: &Tensor, b: &Tensor) -> Result<f64> {
    match (as_cpu_slice::<f32>(a), as_cpu_slice::<f32>(b)) {
        (Some(left), Some(right)) if a.dims() == b.dims() => Ok(elementwise::dot(&left, &right)),
        _ => a.to_dtype(DType::F64)?.mul(&b.to_dtype(DType::F64)?)?.sum_all()?.to_scalar(),
    }
}

/// The sums of squares of `a - c`, `b - c` and `c`, in double precision; `None` where that takes more than a pass over
/// the CPU's memory.
pub(crate) fn squares_on_cpu(a: &Tensor, b: &Tensor, c: &Tensor) -> Option<[f64; 3]> {
    let is_one_shape = a.dims() == c.dims() && b.dims() == c.dims();
    let (a, b, c) = (as_cpu_slice::<f32>(a)?, as_cpu_slice::<f32>(b)?, as_cpu_slice::<f32>(c)?);
    let squares =
        || [elementwise::squared_distance(&a, &c), elementwise::squared_distance(&b, &c), elementwise::dot(&c, &c)];
    is_one_shape.then(squares)
}

/// Whether no number is a NaN or an infinity; `None` where that takes more than a pass over the CPU's memory.
pub(crate) fn are_finite_on_cpu(tensor: &Tensor) -> Option<bool> {
    as_cpu_slice::<f32>(tensor).map(|numbers| elementwise::are_finite(&numbers))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn tensor(values: &[f32]) -> Tensor {
        Tensor::from_slice(values, values.len(), &Device::Cpu).unwrap()
    }

    fn bits(tensor: &Tensor) -> Vec<u32> {
        tensor.to_vec1::<f32>().unwrap().into_iter().map(f32::to_bits).collect()
    }

    #[test]
    fn one_pass_gives_the_bits_of_the_tensor_librarys_operations() {
        let some = [0.0, -0.0, 1.0, -2.5, 0.1, 3.3e-41, f32::MAX, f32::INFINITY, 1e-20, 7.0];
        let a: Vec<f32> = (0..100).map(|index| some[index / 10]).collect();
        let b: Vec<f32> = (0..100).map(|index| some[index % 10]).collect();
        let (a, b) = (tensor(&a), tensor(&b));
        for factor in [0.0, -0.0, 1.0, -1.0, 0.1, 1e-30] {
            let composed = a.add(&b.affine(factor, 0.0).unwrap()).unwrap();
            assert_eq!(bits(&add_scaled(&a, &b, factor).unwrap()), bits(&composed), "{factor}");
        }
    }

    #[test]
    fn what_lies_otherwise_is_taken_too() {
        let rows = tensor(&[1.0, 2.0, 3.0, 4.0]).reshape((2, 2)).unwrap();
        let turned = rows.t().unwrap();
        assert_eq!(add_scaled(&rows, &turned, 2.0).unwrap().to_vec2::<f32>().unwrap(), [[3.0, 8.0], [7.0, 12.0]]);
        assert_eq!(dot(&rows, &turned).unwrap(), 29.0);
        let half = rows.to_dtype(DType::F16).unwrap();
        assert_eq!(dot(&half, &half).unwrap(), 30.0);
        // The second row of a larger matrix.
        let part = rows.narrow(0, 1, 1).unwrap();
        assert_eq!(add_scaled(&part, &part, 1.0).unwrap().to_vec2::<f32>().unwrap(), [[6.0, 8.0]]);
        assert_eq!(dot(&part, &part).unwrap(), 25.0);
        assert_eq!((squares_on_cpu(&rows, &turned, &rows), are_finite_on_cpu(&half)), (None, None));
        assert!(add_scaled(&rows, &part, 1.0).is_err());
    }
}
