//! Tensors as plain numbers in files: safetensors and PyTorch's checkpoints, in one file or in shards.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};

use super::super::error::check_shape;
use super::array::{Array, Named, in_order};
use super::number::Number;
use super::{ModelError, TensorSource, WeightBytes, pickle, placed, safetensors, same_numbers};

/// A format of weight files.
struct Format {
    name: &'static str,
    /// The tensors of one file; or what is wrong with it.
    read: fn(&[u8]) -> Result<Named, String>,
}

const SAFETENSORS: Format = Format { name: "safetensors", read: safetensors::arrays };
const PICKLE: Format = Format { name: "a PyTorch checkpoint", read: pickle::arrays };

/// The tensors of one or more files.
pub struct Arrays {
    name: String,
    format: &'static str,
    shards: Vec<(String, WeightBytes)>,
    arrays: HashMap<String, (usize, Array)>,
}

impl Arrays {
    /// Reads the headers of all shards, each given with its file name: what ends in `.bin` is a PyTorch checkpoint,
    /// as the hub names them, all else is safetensors.
    ///
    /// # Errors
    /// [`ModelError::Malformed`] names the shard that cannot be read or is cut short, and a tensor that two shards have.
    pub fn new(shards: Vec<(String, WeightBytes)>) -> Result<Self, ModelError> {
        let pickled = shards.iter().any(|(file, _)| file.ends_with(".bin"));
        let Format { name: format, read } = if pickled { PICKLE } else { SAFETENSORS };
        let mut arrays = HashMap::new();
        for (index, (file, bytes)) in shards.iter().enumerate() {
            let malformed = |reason: String| ModelError::Malformed { file: file.into(), format, reason };
            for (name, array) in read(bytes.bytes()).map_err(malformed)? {
                if let Some((other, _)) = arrays.insert(name.clone(), (index, array))
                    && other != index
                {
                    return Err(malformed(format!("duplicate tensor `{name}`, first in `{}`", shards[other].0)));
                }
            }
        }
        let name = match shards.as_slice() {
            [(file, _)] => file.clone(),
            [(first, _), rest @ ..] => format!("{first} and {} more", rest.len()),
            [] => "no file".into(),
        };
        Ok(Self { name, format, shards, arrays })
    }
}

impl Arrays {
    /// The number format of a tensor, where weights can have it.
    pub(super) fn number(&self, name: &str) -> Option<Number> {
        self.arrays.get(name).and_then(|(_, array)| array.number.as_ref().ok().copied())
    }

    /// A tensor as the file has it, on the CPU; formats of 8 bits become f32.
    ///
    /// # Errors
    /// What [`TensorSource::check`] refuses, or a tensor that ends outside of its file.
    pub(super) fn stored(&self, name: &str, shape: &[usize]) -> Result<Tensor, ModelError> {
        let (shard, array, number) = self.found(name, shape)?;
        let (file, mapped) = &self.shards[shard];
        let short = || self.malformed(file, format!("tensor `{name}` ends outside of the file"));
        let bytes = mapped.bytes().get(array.range.clone()).ok_or_else(short)?;
        let size = number.size();
        Ok(match &array.strides {
            None => {
                let wanted = size * shape.iter().product::<usize>();
                let tensor = number.tensor(bytes.get(..wanted).ok_or_else(short)?, shape)?;
                mapped.release(array.range.start..array.range.start + wanted);
                tensor
            }
            Some(strides) => {
                let ordered = in_order(bytes, size, shape, strides).ok_or_else(short)?;
                mapped.release(array.range.clone());
                number.tensor(&ordered, shape)?
            }
        })
    }

    /// Where a tensor is, with its number format.
    fn found(&self, name: &str, shape: &[usize]) -> Result<(usize, &Array, Number), ModelError> {
        let missing = || ModelError::MissingTensor { name: name.into(), file: self.name.clone() };
        let (shard, array) = self.arrays.get(name).ok_or_else(missing)?;
        let (file, _) = &self.shards[*shard];
        check_shape(name, file, shape, &array.shape)?;
        let unread = |format: &String| self.malformed(file, format!("tensor `{name}` has dtype {format}"));
        let number = array.number.as_ref().map_err(unread)?;
        Ok((*shard, array, *number))
    }

    fn malformed(&self, file: &str, reason: String) -> ModelError {
        ModelError::Malformed { file: file.into(), format: self.format, reason }
    }
}

impl TensorSource for Arrays {
    fn file(&self) -> &str {
        &self.name
    }

    fn names(&self) -> Vec<&str> {
        self.arrays.keys().map(String::as_str).collect()
    }

    fn shape(&self, name: &str) -> Option<&[usize]> {
        self.arrays.get(name).map(|(_, array)| array.shape.as_slice())
    }

    fn equal(&self, one: &str, other: &str, shape: &[usize]) -> Result<bool, ModelError> {
        let bytes = |name: &str| {
            let (shard, array, number) = self.found(name, shape)?;
            let length = shape.iter().product::<usize>().saturating_mul(number.size());
            let bytes = self.shards[shard].1.bytes().get(array.range.clone()).and_then(|bytes| bytes.get(..length));
            Ok::<_, ModelError>((number, bytes.filter(|_| array.strides.is_none())))
        };
        // Two whole matrices as floats would be much for a question that the bytes answer nearly always.
        match (bytes(one)?, bytes(other)?) {
            ((number, Some(one)), (other_number, Some(other))) if number == other_number && one == other => Ok(true),
            _ => {
                let read = |name: &str| self.tensor(name, shape, DType::F32, &Device::Cpu);
                same_numbers(&read(one)?, &read(other)?)
            }
        }
    }

    fn check(&self, name: &str, shape: &[usize]) -> Result<(), ModelError> {
        self.found(name, shape).map(drop)
    }

    fn tensor(&self, name: &str, shape: &[usize], dtype: DType, device: &Device) -> Result<Tensor, ModelError> {
        let (shard, ..) = self.found(name, shape)?;
        placed(name, &self.shards[shard].0, &self.stored(name, shape)?, dtype, device)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ::safetensors::tensor::{Dtype, TensorView};

    use super::*;

    fn file(names: &[&str]) -> WeightBytes {
        let data: Vec<u8> = (0..6).flat_map(|x| (x as f32).to_le_bytes()).collect();
        let views = names.iter().map(|name| (*name, TensorView::new(Dtype::F32, vec![2, 3], &data).unwrap()));
        let mask = ("mask", TensorView::new(Dtype::BOOL, vec![2], &[0, 1]).unwrap());
        Arc::new(::safetensors::serialize(views.chain(names.contains(&"x").then_some(mask)), None).unwrap())
    }

    #[test]
    fn reads_over_shards() {
        let source = Arrays::new(vec![("a".into(), file(&["x"])), ("b".into(), file(&["y"]))]).unwrap();
        let y = source.tensor("y", &[2, 3], DType::F32, &Device::Cpu).unwrap();
        assert_eq!(y.to_vec2::<f32>().unwrap(), [[0., 1., 2.], [3., 4., 5.]]);
        assert!(source.contains("x") && !source.contains("z"));
    }

    #[test]
    fn errors_name_tensor_file_and_shapes() {
        let source = Arrays::new(vec![("model.safetensors".into(), file(&["x"]))]).unwrap();
        let message =
            |name: &str, shape: &[usize]| source.tensor(name, shape, DType::F32, &Device::Cpu).unwrap_err().to_string();
        assert_eq!(message("z", &[1]), "tensor `z` is not in `model.safetensors`");
        assert_eq!(
            message("x", &[3, 2]),
            "tensor `x` in `model.safetensors` has the wrong shape: expected [3, 2], got [2, 3]"
        );
        let unread = "`model.safetensors` cannot be read as safetensors: tensor `mask` has dtype BOOL";
        assert_eq!(message("mask", &[2]), unread);
    }

    #[test]
    fn truncated_and_doubled_are_refused() {
        let whole = file(&["x"]);
        let bytes: &[u8] = whole.bytes();
        let cut: WeightBytes = Arc::new(bytes[..bytes.len() - 4].to_vec());
        let error = Arrays::new(vec![("cut".into(), cut)]).err().unwrap().to_string();
        assert!(error.starts_with("`cut` cannot be read as safetensors"), "{error}");
        let twice = Arrays::new(vec![("a".into(), file(&["y"])), ("b".into(), file(&["y"]))]);
        assert!(twice.err().unwrap().to_string().contains("duplicate tensor `y`, first in `a`"));
    }
}
