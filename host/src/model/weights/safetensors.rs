//! The header of a safetensors file.

use candle_core::DType;
use safetensors::SafeTensors;

use super::arrays::{Array, Named};

/// A file's tensors; fails where they do not lie within it.
pub fn arrays(bytes: &[u8]) -> Result<Named, String> {
    let parsed = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let array = |view: safetensors::tensor::TensorView<'_>| {
        let start = view.data().as_ptr() as usize - bytes.as_ptr() as usize;
        Array {
            dtype: DType::try_from(view.dtype()).map_err(|_| format!("{:?}", view.dtype())),
            shape: view.shape().to_vec(),
            strides: None,
            range: start..start + view.data().len(),
        }
    };
    Ok(parsed.iter().map(|(name, view)| (name.to_owned(), array(view))).collect())
}
