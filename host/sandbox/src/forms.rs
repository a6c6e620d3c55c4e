//! Shapes and number types of tensors: what fits together, and how messages show it.

use candle_core::{DType, Tensor};

use super::bindings::tensor;
use super::fault::Fault;

/// Dimensions that a tensor has at most; a slot of the cache has three.
const MOST_DIMENSIONS: usize = 8;

/// The number type of the WIT package for one of candle; none for types that no cache has.
pub fn wit_dtype(dtype: DType) -> Option<tensor::Dtype> {
    match dtype {
        DType::F32 => Some(tensor::Dtype::Fp32),
        DType::F16 => Some(tensor::Dtype::Fp16),
        DType::BF16 => Some(tensor::Dtype::Bf16),
        _ => None,
    }
}

/// The number type of candle for one of the WIT package.
pub fn candle_dtype(dtype: tensor::Dtype) -> DType {
    match dtype {
        tensor::Dtype::Fp32 => DType::F32,
        tensor::Dtype::Fp16 => DType::F16,
        tensor::Dtype::Bf16 => DType::BF16,
    }
}

/// Shape and number type, as messages show them.
pub fn shown(tensor: &Tensor) -> String {
    let dtype = match wit_dtype(tensor.dtype()) {
        Some(tensor::Dtype::Fp32) => "fp32",
        Some(tensor::Dtype::Fp16) => "fp16",
        Some(tensor::Dtype::Bf16) => "bf16",
        None => "other",
    };
    format!("{:?} {dtype}", tensor.dims())
}

/// A call whose arguments do not fit.
pub fn misuse(operation: &'static str, problem: String) -> Fault {
    Fault::Misuse { operation, problem }
}

/// The bytes of a tensor, if it is one that can be.
pub fn size(operation: &'static str, dims: &[usize], dtype: DType) -> Result<u64, Fault> {
    if dims.len() > MOST_DIMENSIONS {
        let problem = format!("{} dimensions; {MOST_DIMENSIONS} at most are allowed", dims.len());
        return Err(misuse(operation, problem));
    }
    if dims.contains(&0) {
        return Err(misuse(operation, format!("shape {dims:?} has an empty dimension")));
    }
    let bytes = dims.iter().try_fold(dtype.size_in_bytes() as u64, |bytes, dim| bytes.checked_mul(*dim as u64));
    bytes.ok_or_else(|| misuse(operation, format!("shape {dims:?} is more than can be counted")))
}

/// Makes sure that two tensors are of one shape and number type.
pub fn same_form(operation: &'static str, left: &Tensor, right: &Tensor) -> Result<(), Fault> {
    if left.dims() == right.dims() && left.dtype() == right.dtype() {
        return Ok(());
    }
    let problem = format!("expected equal shapes and dtypes, got {} and {}", shown(left), shown(right));
    Err(misuse(operation, problem))
}

/// A dimension that the tensor has.
pub fn dimension(operation: &'static str, tensor: &Tensor, dim: u32) -> Result<usize, Fault> {
    let dim = dim as usize;
    if dim < tensor.rank() {
        return Ok(dim);
    }
    Err(misuse(operation, format!("there is no dimension {dim} in {}, counted from 0", shown(tensor))))
}

/// The joint shape of tensors that are put one after the other along a dimension.
pub fn joint_shape(operation: &'static str, parts: &[Tensor], dim: u32) -> Result<(usize, Vec<usize>), Fault> {
    let Some((first, rest)) = parts.split_first() else {
        return Err(misuse(operation, "no tensors given".to_owned()));
    };
    let dim = dimension(operation, first, dim)?;
    let mut dims = first.dims().to_vec();
    for part in rest {
        let fits = part.rank() == first.rank()
            && part.dtype() == first.dtype()
            && (0..dims.len()).all(|axis| axis == dim || part.dims()[axis] == dims[axis]);
        if !fits {
            let problem =
                format!("expected equal tensors but for dimension {dim}, got {} and {}", shown(first), shown(part));
            return Err(misuse(operation, problem));
        }
        dims[dim] = dims[dim].saturating_add(part.dims()[dim]);
    }
    Ok((dim, dims))
}
