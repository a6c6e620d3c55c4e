//! Shapes and number types of tensors: what fits together, and how messages show it.

use candle_core::{DType, Tensor};

use crate::bindings::tensor;
use crate::trap::HostTrap;

/// Dimensions that a tensor has at most; a slot of the cache has three.
const MOST_DIMENSIONS: usize = 8;

/// The number type of the WIT package for one of candle; none for types that no cache has.
pub(crate) fn wit_dtype(dtype: DType) -> Option<tensor::Dtype> {
    match dtype {
        DType::F32 => Some(tensor::Dtype::Fp32),
        DType::F16 => Some(tensor::Dtype::Fp16),
        DType::BF16 => Some(tensor::Dtype::Bf16),
        _ => None,
    }
}

/// The number type of candle for one of the WIT package.
pub(crate) fn candle_dtype(dtype: tensor::Dtype) -> DType {
    match dtype {
        tensor::Dtype::Fp32 => DType::F32,
        tensor::Dtype::Fp16 => DType::F16,
        tensor::Dtype::Bf16 => DType::BF16,
    }
}

/// Shape and number type, as messages show them.
pub(crate) fn shown(tensor: &Tensor) -> String {
    let dtype = match wit_dtype(tensor.dtype()) {
        Some(tensor::Dtype::Fp32) => "fp32",
        Some(tensor::Dtype::Fp16) => "fp16",
        Some(tensor::Dtype::Bf16) => "bf16",
        None => "other",
    };
    format!("{:?} {dtype}", tensor.dims())
}

/// A call whose arguments do not fit.
pub(crate) fn invalid_arguments(operation: &'static str, problem: String) -> HostTrap {
    HostTrap::InvalidArguments { operation, problem }
}

/// The bytes of a tensor, if it is one that can be.
pub(crate) fn byte_size(operation: &'static str, dims: &[usize], dtype: DType) -> Result<u64, HostTrap> {
    if dims.len() > MOST_DIMENSIONS {
        let problem = format!("expected at most {MOST_DIMENSIONS} dimensions, got {}", dims.len());
        return Err(invalid_arguments(operation, problem));
    }
    if dims.contains(&0) {
        return Err(invalid_arguments(operation, format!("expected dimensions of 1 or more, got shape {dims:?}")));
    }
    let bytes = dims.iter().try_fold(dtype.size_in_bytes() as u64, |bytes, dim| bytes.checked_mul(*dim as u64));
    bytes.ok_or_else(|| invalid_arguments(operation, format!("expected a shape whose bytes fit 64 bits, got {dims:?}")))
}

/// Makes sure that two tensors are of one shape and number type.
pub(crate) fn same_shape(operation: &'static str, left: &Tensor, right: &Tensor) -> Result<(), HostTrap> {
    if left.dims() == right.dims() && left.dtype() == right.dtype() {
        return Ok(());
    }
    let problem = format!("expected equal shapes and dtypes, got {} and {}", shown(left), shown(right));
    Err(invalid_arguments(operation, problem))
}

/// A dimension that the tensor has.
pub(crate) fn dimension(operation: &'static str, tensor: &Tensor, dim: u32) -> Result<usize, HostTrap> {
    let dim = dim as usize;
    if dim < tensor.rank() {
        return Ok(dim);
    }
    Err(invalid_arguments(
        operation,
        format!("expected a dimension below {} for {}, got {dim}", tensor.rank(), shown(tensor)),
    ))
}

/// The joint shape of tensors that are put one after the other along a dimension.
pub(crate) fn joint_shape(
    operation: &'static str,
    parts: &[Tensor],
    dim: u32,
) -> Result<(usize, Vec<usize>), HostTrap> {
    let Some((first, rest)) = parts.split_first() else {
        return Err(invalid_arguments(operation, "expected 1 tensor or more, got none".to_owned()));
    };
    let dim = dimension(operation, first, dim)?;
    let mut dims = first.dims().to_vec();
    for part in rest {
        let fits = part.rank() == first.rank()
            && part.dtype() == first.dtype()
            && (0..dims.len()).all(|axis| axis == dim || part.dims()[axis] == dims[axis]);
        if !fits {
            let problem = format!(
                "expected equal shapes outside of dimension {dim} and equal dtypes, got {} and {}",
                shown(first),
                shown(part)
            );
            return Err(invalid_arguments(operation, problem));
        }
        dims[dim] = dims[dim].saturating_add(part.dims()[dim]);
    }
    Ok((dim, dims))
}
