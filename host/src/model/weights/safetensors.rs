//! Safetensors: one file, or shards that together hold the model.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use safetensors::SafeTensors;

use super::super::error::check_shape;
use super::{ModelError, TensorSource, WeightBytes};

struct Entry {
    shard: usize,
    dtype: DType,
    shape: Vec<usize>,
    /// The tensor's bytes within its shard.
    range: std::ops::Range<usize>,
}

/// The tensors of one or more safetensors files.
pub struct Safetensors {
    name: String,
    shards: Vec<(String, WeightBytes)>,
    entries: HashMap<String, Entry>,
}

impl Safetensors {
    /// Reads the headers of all shards, each given with its file name.
    ///
    /// # Errors
    /// [`ModelError::Malformed`] names the shard that cannot be read or is cut short, and a tensor that two shards have.
    pub fn new(shards: Vec<(String, WeightBytes)>) -> Result<Self, ModelError> {
        let malformed =
            |file: &str, reason: String| ModelError::Malformed { file: file.into(), format: "safetensors", reason };
        let mut entries = HashMap::new();
        for (index, (file, bytes)) in shards.iter().enumerate() {
            let bytes: &[u8] = (**bytes).as_ref();
            let parsed = SafeTensors::deserialize(bytes).map_err(|error| malformed(file, error.to_string()))?;
            for (name, view) in parsed.iter() {
                let dtype = DType::try_from(view.dtype())
                    .map_err(|_| malformed(file, format!("tensor `{name}` has dtype {:?}", view.dtype())))?;
                let start = view.data().as_ptr() as usize - bytes.as_ptr() as usize;
                let entry = Entry {
                    shard: index,
                    dtype,
                    shape: view.shape().to_vec(),
                    range: start..start + view.data().len(),
                };
                if entries.insert(name.to_owned(), entry).is_some() {
                    return Err(malformed(file, format!("tensor `{name}` is in another shard too")));
                }
            }
        }
        let name = match shards.as_slice() {
            [(file, _)] => file.clone(),
            [(first, _), rest @ ..] => format!("{first} and {} more", rest.len()),
            [] => "no file".into(),
        };
        Ok(Self { name, shards, entries })
    }
}

impl TensorSource for Safetensors {
    fn file(&self) -> &str {
        &self.name
    }

    fn contains(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    fn tensor(&self, name: &str, shape: &[usize], dtype: DType, device: &Device) -> Result<Tensor, ModelError> {
        let entry = self
            .entries
            .get(name)
            .ok_or_else(|| ModelError::MissingTensor { name: name.into(), file: self.name.clone() })?;
        let (file, bytes) = &self.shards[entry.shard];
        check_shape(name, file, shape, &entry.shape.clone().into())?;
        let bytes: &[u8] = &(**bytes).as_ref()[entry.range.clone()];
        let tensor = Tensor::from_raw_buffer(bytes, entry.dtype, &entry.shape, &Device::Cpu)?;
        Ok(tensor.to_dtype(dtype)?.to_device(device)?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use safetensors::tensor::{Dtype, TensorView};

    use super::*;

    fn file(names: &[&str]) -> WeightBytes {
        let data: Vec<u8> = (0..6).flat_map(|x| (x as f32).to_le_bytes()).collect();
        let views = names.iter().map(|name| (*name, TensorView::new(Dtype::F32, vec![2, 3], &data).unwrap()));
        Arc::new(safetensors::serialize(views, None).unwrap())
    }

    #[test]
    fn reads_over_shards() {
        let source = Safetensors::new(vec![("a".into(), file(&["x"])), ("b".into(), file(&["y"]))]).unwrap();
        let y = source.tensor("y", &[2, 3], DType::F32, &Device::Cpu).unwrap();
        assert_eq!(y.to_vec2::<f32>().unwrap(), [[0., 1., 2.], [3., 4., 5.]]);
        assert!(source.contains("x") && !source.contains("z"));
    }

    #[test]
    fn errors_name_tensor_file_and_shapes() {
        let source = Safetensors::new(vec![("model.safetensors".into(), file(&["x"]))]).unwrap();
        let message =
            |name: &str, shape: &[usize]| source.tensor(name, shape, DType::F32, &Device::Cpu).unwrap_err().to_string();
        assert_eq!(message("z", &[1]), "tensor `z` is not in `model.safetensors`");
        assert_eq!(
            message("x", &[3, 2]),
            "tensor `x` in `model.safetensors` has shape [2, 3], and the configuration asks for [3, 2]"
        );
    }

    #[test]
    fn truncated_and_doubled_are_refused() {
        let whole = file(&["x"]);
        let bytes: &[u8] = (*whole).as_ref();
        let cut: WeightBytes = Arc::new(bytes[..bytes.len() - 4].to_vec());
        let error = Safetensors::new(vec![("cut".into(), cut)]).err().unwrap().to_string();
        assert!(error.starts_with("`cut` cannot be read as safetensors"), "{error}");
        let twice = Safetensors::new(vec![("a".into(), file(&["x"])), ("b".into(), file(&["x"]))]);
        assert!(twice.err().unwrap().to_string().contains("another shard"));
    }
}
