//! GGUF: metadata, and tensors in ggml's block formats.

mod blocks;
mod header;
mod split;
mod types;
mod value;

use std::collections::HashMap;

use candle_core::quantized::ggml_file::qtensor_from_ggml;
use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;

pub(crate) use value::Value;

use self::header::Info;
use self::types::{Reader, TensorType};
use super::super::error::check_shape;
use super::{ModelError, TensorSource, WeightBytes, placed};

/// A model in GGUF, in one file or in the parts of a split one: its metadata and its tensors.
pub struct Gguf {
    /// The file, or the first of them and how many more.
    name: String,
    parts: Vec<(String, WeightBytes)>,
    metadata: HashMap<String, Value>,
    /// The part that a tensor lies in, and what its header says.
    tensors: HashMap<String, (usize, Info)>,
}

impl Gguf {
    /// Reads the header of a file that is the whole model, and checks that every tensor lies within the file.
    ///
    /// # Errors
    /// [`ModelError::Malformed`] where the header is cut short or damaged, or a tensor lies outside of the file.
    pub fn new(file: &str, bytes: WeightBytes) -> Result<Self, ModelError> {
        Self::from_parts(vec![(file.into(), bytes)])
    }

    /// Reads the headers of all parts of a model, in their order, each given with its file name.
    ///
    /// # Errors
    /// [`ModelError::Malformed`] names the part that cannot be read, is cut short or does not belong there.
    pub fn from_parts(parts: Vec<(String, WeightBytes)>) -> Result<Self, ModelError> {
        let mut headers = Vec::with_capacity(parts.len());
        for (file, bytes) in &parts {
            headers.push(header::read(bytes.bytes()).map_err(|reason| malformed(file, reason))?);
        }
        let files: Vec<&str> = parts.iter().map(|(file, _)| file.as_str()).collect();
        let (metadata, tensors) = split::joined(headers)
            .map_err(|(part, reason)| malformed(files.get(part).unwrap_or(&"no file"), reason))?;
        let name = match files.as_slice() {
            [first, rest @ ..] if !rest.is_empty() => format!("{first} and {} more", rest.len()),
            _ => files.concat(),
        };
        Ok(Self { name, parts, metadata, tensors })
    }

    /// The architecture that the file names, like `llama`.
    ///
    /// # Errors
    /// A missing or wrongly typed `general.architecture`.
    pub(crate) fn architecture(&self) -> Result<&str, ModelError> {
        self.text("general.architecture")
    }

    /// The keys of the metadata, in the order of the alphabet.
    pub(crate) fn keys(&self) -> Vec<&str> {
        let mut keys: Vec<&str> = self.metadata.keys().map(String::as_str).collect();
        keys.sort_unstable();
        keys
    }

    /// A metadata value, if it is there.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.metadata.get(key)
    }

    /// A text of the metadata.
    ///
    /// # Errors
    /// [`ModelError::Malformed`] where it is missing or of another type.
    pub(crate) fn text(&self, key: &str) -> Result<&str, ModelError> {
        match self.required(key)? {
            Value::Text(text) => Ok(text),
            other => Err(self.mistyped(key, "a text", other)),
        }
    }

    /// A truth value of the metadata, if it is there.
    ///
    /// # Errors
    /// [`ModelError::Malformed`] for a value of another type.
    pub(crate) fn truth(&self, key: &str) -> Result<Option<bool>, ModelError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Bool(truth)) => Ok(Some(*truth)),
            Some(other) => Err(self.mistyped(key, "a truth value", other)),
        }
    }

    /// A whole number of the metadata, of whatever width it is stored in.
    ///
    /// # Errors
    /// [`ModelError::Malformed`] where it is missing, negative, or of another type.
    pub(crate) fn integer(&self, key: &str) -> Result<usize, ModelError> {
        let value = self.required(key)?;
        integer_of(value).ok_or_else(|| self.mistyped(key, "a whole number from 0 on", value))
    }

    /// A real number of the metadata.
    ///
    /// # Errors
    /// [`ModelError::Malformed`] where it is missing or of another type.
    pub(crate) fn number(&self, key: &str) -> Result<f64, ModelError> {
        let value = self.required(key)?;
        number_of(value).ok_or_else(|| self.mistyped(key, "a real number", value))
    }

    /// A list of texts of the metadata.
    ///
    /// # Errors
    /// [`ModelError::Malformed`] where it is missing or of another type.
    pub(crate) fn texts(&self, key: &str) -> Result<Vec<&str>, ModelError> {
        self.list(key, "a list of texts", |item| if let Value::Text(text) = item { Some(text.as_str()) } else { None })
    }

    /// A list of whole numbers of the metadata.
    ///
    /// # Errors
    /// [`ModelError::Malformed`] where it is missing or of another type.
    pub(crate) fn integers(&self, key: &str) -> Result<Vec<usize>, ModelError> {
        self.list(key, "a list of whole numbers from 0 on", integer_of)
    }

    /// A list of real numbers of the metadata.
    ///
    /// # Errors
    /// [`ModelError::Malformed`] where it is missing or of another type.
    pub(crate) fn numbers(&self, key: &str) -> Result<Vec<f32>, ModelError> {
        self.list(key, "a list of real numbers", |item| number_of(item).map(|number| number as f32))
    }

    /// Checks that all tensors are of types that are read, so that a model fails before its weights are asked for.
    ///
    /// # Errors
    /// [`ModelError::TensorType`] names the first that is not.
    pub(crate) fn check_types(&self) -> Result<(), ModelError> {
        let unread = || self.tensors.iter().filter(|(_, (_, info))| info.reader().is_none());
        match unread().min_by_key(|(name, _)| *name) {
            Some((name, (part, info))) => Err(self.unread(name, *part, info, unread().count() - 1)),
            None => Ok(()),
        }
    }

    /// How a metadata value was not what it has to be.
    pub(crate) fn mistyped(&self, key: &str, expected: &str, found: &Value) -> ModelError {
        self.malformed(format!("metadata `{key}`: expected {expected}, got {}", found.kind()))
    }

    fn unread(&self, name: &str, part: usize, info: &Info, more: usize) -> ModelError {
        ModelError::TensorType {
            name: name.into(),
            file: self.parts[part].0.clone(),
            kind: info.kind.as_ref().map_or_else(|id| format!("{id}, which has no name"), |kind| kind.name.into()),
            more,
            readable: TensorType::readable(),
        }
    }

    fn list<'a, T>(
        &'a self,
        key: &str,
        expected: &str,
        of: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Vec<T>, ModelError> {
        let value = self.required(key)?;
        let Value::List(items) = value else { return Err(self.mistyped(key, expected, value)) };
        items.iter().map(|item| of(item).ok_or_else(|| self.mistyped(key, expected, item))).collect()
    }

    /// Where a tensor that is to have this shape lies, and how it is read.
    fn found(&self, name: &str, shape: &[usize]) -> Result<(usize, &Info, &'static TensorType), ModelError> {
        let missing = || ModelError::MissingTensor { name: name.into(), file: self.name.clone() };
        let (part, info) = self.tensors.get(name).ok_or_else(missing)?;
        check_shape(name, &self.parts[*part].0, shape, &info.shape)?;
        let kind = info.reader().ok_or_else(|| self.unread(name, *part, info, 0))?;
        Ok((*part, info, kind))
    }

    fn required(&self, key: &str) -> Result<&Value, ModelError> {
        self.get(key).ok_or_else(|| self.malformed(format!("missing metadata `{key}`")))
    }

    fn malformed(&self, reason: String) -> ModelError {
        malformed(self.parts.first().map_or("no file", |(file, _)| file), reason)
    }
}

fn malformed(file: &str, reason: String) -> ModelError {
    ModelError::Malformed { file: file.into(), format: "GGUF", reason }
}

fn integer_of(value: &Value) -> Option<usize> {
    if let Value::Integer(number) = value { usize::try_from(*number).ok() } else { None }
}

fn number_of(value: &Value) -> Option<f64> {
    match value {
        Value::Real(number) => Some(*number),
        Value::Integer(number) => Some(*number as f64),
        _ => None,
    }
}

impl TensorSource for Gguf {
    fn file(&self) -> &str {
        &self.name
    }

    fn names(&self) -> Vec<&str> {
        self.tensors.keys().map(String::as_str).collect()
    }

    fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|(_, info)| info.shape.as_slice())
    }

    fn check(&self, name: &str, shape: &[usize]) -> Result<(), ModelError> {
        self.found(name, shape).map(drop)
    }

    fn tensor(&self, name: &str, shape: &[usize], dtype: DType, device: &Device) -> Result<Tensor, ModelError> {
        let (part, info, kind) = self.found(name, shape)?;
        let (file, whole) = &self.parts[part];
        // The header's reader has checked that this range lies within the file.
        let range = info.start..info.start + info.size;
        let bytes = &whole.bytes()[range.clone()];
        let tensor = match kind.reader {
            Reader::Library(of) => {
                qtensor_from_ggml(of, bytes, shape.to_vec(), &Device::Cpu)?.dequantize(&Device::Cpu)?
            }
            Reader::Own(decode) => {
                let mut numbers = vec![0f32; shape.iter().product()];
                let blocks = bytes.par_chunks(kind.bytes()).with_min_len(256);
                numbers.par_chunks_mut(kind.block()).zip(blocks).for_each(|(numbers, bytes)| decode(bytes, numbers));
                Tensor::from_vec(numbers, shape, &Device::Cpu)?
            }
            Reader::None => return Err(self.unread(name, part, info, 0)),
        };
        whole.release(range);
        placed(name, file, &tensor, dtype, device)
    }
}
