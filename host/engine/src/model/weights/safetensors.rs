//! The header of a safetensors file.

use candle_core::DType;
use safetensors::{Dtype, SafeTensors};

use super::super::json;
use super::array::{Array, Named};
use super::number::Number;

/// A file's tensors; fails where they do not lie within it.
pub(super) fn arrays(bytes: &[u8]) -> Result<Named, String> {
    let parsed = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    // The library keeps the last of two tensors with one name.
    if let Some((length, rest)) = bytes.split_first_chunk() {
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        json::check_keys(rest.get(..length).ok_or("expected its header within the file, got a longer one")?)?;
    }
    let array = |view: safetensors::tensor::TensorView<'_>| {
        let start = view.data().as_ptr() as usize - bytes.as_ptr() as usize;
        Array {
            number: number(view.dtype()).ok_or_else(|| view.dtype().to_string()),
            shape: view.shape().to_vec(),
            strides: None,
            range: start..start + view.data().len(),
        }
    };
    Ok(parsed.iter().map(|(name, view)| (name.to_owned(), array(view))).collect())
}

fn number(dtype: Dtype) -> Option<Number> {
    match dtype {
        Dtype::F64 => Some(Number::Float(DType::F64)),
        Dtype::F32 => Some(Number::Float(DType::F32)),
        Dtype::F16 => Some(Number::Float(DType::F16)),
        Dtype::BF16 => Some(Number::Float(DType::BF16)),
        Dtype::F8_E4M3 => Some(Number::E4m3),
        Dtype::F8_E5M2 => Some(Number::E5m2),
        Dtype::F8_E8M0 => Some(Number::E8m0),
        _ => None,
    }
}
