//! GGUF: metadata, and tensors in ggml's block formats.

use std::io::Cursor;

use candle_core::quantized::ggml_file::qtensor_from_ggml;
use candle_core::quantized::gguf_file::{Content, TensorInfo, Value};
use candle_core::{DType, Device, Tensor};

use super::super::error::check_shape;
use super::super::quiet::without_panic;
use super::{ModelError, TensorSource, WeightBytes};

/// What every tensor's place is a multiple of in the format. candle reads blocks where they lie, which is undefined
/// behaviour for floats at odd places; the file's first byte is at the start of a page, or of an allocation.
const ALIGNMENT: u64 = 8;

/// A GGUF file: its metadata and its tensors.
pub struct Gguf {
    file: String,
    bytes: WeightBytes,
    content: Content,
}

impl Gguf {
    /// Reads the header and checks that every tensor lies within the file, so that a cut download fails here and by name.
    ///
    /// # Errors
    /// [`ModelError::Malformed`].
    pub fn new(file: &str, bytes: WeightBytes) -> Result<Self, ModelError> {
        let malformed = |reason: String| ModelError::Malformed { file: file.into(), format: "GGUF", reason };
        // candle's reader divides by the alignment that the file names, which may be 0.
        let content = without_panic(|| Content::read(&mut Cursor::new(bytes.bytes())))
            .map_err(|message| malformed(format!("its header makes no sense ({message})")))?
            .map_err(|error| malformed(without_backtrace(error)))?;
        let length = bytes.bytes().len() as u64;
        for (name, info) in &content.tensor_infos {
            let size = size_in_bytes(info).ok_or_else(|| {
                malformed(format!("tensor `{name}` of shape {:?} is no whole number of blocks", info.shape.dims()))
            })?;
            let start = content.tensor_data_offset.checked_add(info.offset);
            if let Some(start) = start.filter(|start| !start.is_multiple_of(ALIGNMENT)) {
                return Err(malformed(format!("tensor `{name}` lies at {start}, which is no multiple of {ALIGNMENT}")));
            }
            if start.and_then(|start| start.checked_add(size)).is_none_or(|end| end > length) {
                return Err(malformed(format!(
                    "tensor `{name}` needs {size} bytes at {}, and the file ends at {length}; it is cut short or damaged",
                    content.tensor_data_offset.saturating_add(info.offset)
                )));
            }
        }
        Ok(Self { file: file.into(), bytes, content })
    }

    /// The architecture that the file names, like `llama`.
    ///
    /// # Errors
    /// A missing or wrongly typed `general.architecture`.
    pub fn architecture(&self) -> Result<&str, ModelError> {
        self.text("general.architecture")
    }

    /// A metadata value, if it is there.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.content.metadata.get(key)
    }

    /// A text of the metadata.
    ///
    /// # Errors
    /// Missing, or of another type.
    pub fn text(&self, key: &str) -> Result<&str, ModelError> {
        match self.required(key)? {
            Value::String(text) => Ok(text),
            other => Err(self.mistyped(key, "a text", other)),
        }
    }

    /// A whole number of the metadata, of whatever width it is stored in.
    ///
    /// # Errors
    /// Missing, negative, or of another type.
    pub fn integer(&self, key: &str) -> Result<usize, ModelError> {
        let value = self.required(key)?;
        integer_of(value).ok_or_else(|| self.mistyped(key, "a whole number", value))
    }

    /// A real number of the metadata.
    ///
    /// # Errors
    /// Missing, or of another type.
    pub fn number(&self, key: &str) -> Result<f64, ModelError> {
        match self.required(key)? {
            Value::F32(x) => Ok(f64::from(*x)),
            Value::F64(x) => Ok(*x),
            other => Err(self.mistyped(key, "a real number", other)),
        }
    }

    /// A list of texts of the metadata.
    ///
    /// # Errors
    /// Missing, or of another type.
    pub fn texts(&self, key: &str) -> Result<Vec<&str>, ModelError> {
        let value = self.required(key)?;
        let Value::Array(items) = value else { return Err(self.mistyped(key, "a list of texts", value)) };
        items
            .iter()
            .map(|item| match item {
                Value::String(text) => Ok(text.as_str()),
                other => Err(self.mistyped(key, "a list of texts", other)),
            })
            .collect()
    }

    /// A list of whole numbers of the metadata.
    ///
    /// # Errors
    /// Missing, or of another type.
    pub fn integers(&self, key: &str) -> Result<Vec<usize>, ModelError> {
        let value = self.required(key)?;
        let Value::Array(items) = value else { return Err(self.mistyped(key, "a list of numbers", value)) };
        items.iter().map(|item| integer_of(item).ok_or_else(|| self.mistyped(key, "a list of numbers", item))).collect()
    }

    /// A list of real numbers of the metadata.
    ///
    /// # Errors
    /// Missing, or of another type.
    pub fn numbers(&self, key: &str) -> Result<Vec<f32>, ModelError> {
        let value = self.required(key)?;
        let Value::Array(items) = value else { return Err(self.mistyped(key, "a list of numbers", value)) };
        items
            .iter()
            .map(|item| match item {
                Value::F32(x) => Ok(*x),
                Value::F64(x) => Ok(*x as f32),
                other => Err(self.mistyped(key, "a list of numbers", other)),
            })
            .collect()
    }

    /// What the header says of a tensor that is to have this shape.
    fn info(&self, name: &str, shape: &[usize]) -> Result<&TensorInfo, ModelError> {
        let missing = || ModelError::MissingTensor { name: name.into(), file: self.file.clone() };
        let info = self.content.tensor_infos.get(name).ok_or_else(missing)?;
        check_shape(name, &self.file, shape, info.shape.dims())?;
        Ok(info)
    }

    fn required(&self, key: &str) -> Result<&Value, ModelError> {
        self.get(key).ok_or_else(|| self.malformed(format!("its metadata lacks `{key}`")))
    }

    fn mistyped(&self, key: &str, expected: &str, found: &Value) -> ModelError {
        self.malformed(format!("its metadata has `{key}` as {:?}, and {expected} was expected", found.value_type()))
    }

    fn malformed(&self, reason: String) -> ModelError {
        ModelError::Malformed { file: self.file.clone(), format: "GGUF", reason }
    }
}

/// An error's message. With `RUST_BACKTRACE` set its own text has many lines of calls within the library.
fn without_backtrace(error: candle_core::Error) -> String {
    match error {
        candle_core::Error::WithBacktrace { inner, .. } => without_backtrace(*inner),
        other => other.to_string(),
    }
}

fn integer_of(value: &Value) -> Option<usize> {
    match value {
        Value::U8(x) => Some(usize::from(*x)),
        Value::U16(x) => Some(usize::from(*x)),
        Value::U32(x) => usize::try_from(*x).ok(),
        Value::U64(x) => usize::try_from(*x).ok(),
        Value::I8(x) => usize::try_from(*x).ok(),
        Value::I16(x) => usize::try_from(*x).ok(),
        Value::I32(x) => usize::try_from(*x).ok(),
        Value::I64(x) => usize::try_from(*x).ok(),
        _ => None,
    }
}

fn size_in_bytes(info: &TensorInfo) -> Option<u64> {
    let elements = info.shape.dims().iter().try_fold(1u64, |product, dim| product.checked_mul(*dim as u64))?;
    let block = info.ggml_dtype.block_size() as u64;
    elements.is_multiple_of(block).then(|| (elements / block).checked_mul(info.ggml_dtype.type_size() as u64))?
}

impl TensorSource for Gguf {
    fn file(&self) -> &str {
        &self.file
    }

    fn names(&self) -> Vec<&str> {
        self.content.tensor_infos.keys().map(String::as_str).collect()
    }

    fn shape(&self, name: &str) -> Option<&[usize]> {
        self.content.tensor_infos.get(name).map(|info| info.shape.dims())
    }

    fn check(&self, name: &str, shape: &[usize]) -> Result<(), ModelError> {
        self.info(name, shape).map(drop)
    }

    fn tensor(&self, name: &str, shape: &[usize], dtype: DType, device: &Device) -> Result<Tensor, ModelError> {
        let info = self.info(name, shape)?;
        // `new` has checked that this range lies within the file.
        let start = (self.content.tensor_data_offset + info.offset) as usize;
        let size = size_in_bytes(info).unwrap_or(0) as usize;
        let bytes = &self.bytes.bytes()[start..start + size];
        let blocks = qtensor_from_ggml(info.ggml_dtype, bytes, shape.to_vec(), &Device::Cpu)?;
        self.bytes.release(start..start + size);
        super::placed(name, &self.file, &blocks.dequantize(&Device::Cpu)?, dtype, device)
    }
}
