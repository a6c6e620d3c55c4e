//! Where tensors come from: safetensors, PyTorch checkpoints and GGUF, as bytes that somebody else mapped or read.

mod array;
mod arrays;
mod gguf;
mod number;
mod pickle;
mod prefixed;
mod safetensors;
mod scaled;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use candle_core::{DType, Device, Tensor};

pub use arrays::Arrays;
pub use gguf::Gguf;
pub(crate) use gguf::Value as GgufValue;
pub(crate) use prefixed::Prefixed;
pub use prefixed::Unwrapped;
pub use scaled::{Fp8, ScaleForm, Scaled};

use super::ModelError;
use super::floats::{all_finite, floats};

/// The bytes of a weight file.
pub trait FileBytes: Send + Sync {
    /// All bytes of the file.
    fn bytes(&self) -> &[u8];

    /// Says that a tensor has been made of some of them, so that they need not stay in memory. They can be read again.
    fn release(&self, range: Range<usize>);
}

/// Bytes that are in memory and stay there.
impl FileBytes for Vec<u8> {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn release(&self, _range: Range<usize>) {}
}

/// Bytes of a weight file that outlive the reader: a mapped file, or a vector in tests.
pub type WeightBytes = std::sync::Arc<dyn FileBytes>;

/// How weights are stored for the matrix products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightFormat {
    /// In the run's number format.
    Dense,
    /// In 8 bit, blocks of 32 with one scale each (Q8_0), quantized when they are read.
    Quantized,
}

impl WeightFormat {
    /// Both formats, the default first.
    pub const ALL: [WeightFormat; 2] = [WeightFormat::Dense, WeightFormat::Quantized];

    /// The word for it on the command line and in results.
    pub fn as_str(self) -> &'static str {
        match self {
            WeightFormat::Dense => "dense",
            WeightFormat::Quantized => "quantized",
        }
    }
}

impl fmt::Display for WeightFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for WeightFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = WeightFormat::ALL.into_iter().find(|format| format.as_str() == text);
        found.ok_or_else(|| {
            format!("expected one of {}, got `{text}`", WeightFormat::ALL.map(WeightFormat::as_str).join(", "))
        })
    }
}

/// Where a model's tensors are read from, by name: the files of a checkpoint, or a view of such a source.
pub trait TensorSource {
    /// The name of the file, or what the files have in common, for messages.
    fn file(&self) -> &str;

    /// The names of all tensors in the files, in no order.
    fn names(&self) -> Vec<&str>;

    /// The shape of a tensor; `None` where there is none of that name.
    fn shape(&self, name: &str) -> Option<&[usize]>;

    /// Whether there is a tensor of that name.
    fn contains(&self, name: &str) -> bool {
        self.shape(name).is_some()
    }

    /// The tensors of the files that a tensor is made of: itself, and its scales where it has some.
    fn made_of(&self, name: &str) -> Vec<String> {
        vec![name.to_owned()]
    }

    /// Whether two tensors of one shape hold the same numbers.
    ///
    /// # Errors
    /// Where one of them cannot be read, as [`tensor`](Self::tensor) says.
    fn equal(&self, one: &str, other: &str, shape: &[usize]) -> Result<bool, ModelError> {
        let read = |name: &str| self.tensor(name, shape, DType::F32, &Device::Cpu);
        same_numbers(&read(one)?, &read(other)?)
    }

    /// Looks for all that the header shows to be wrong with a tensor. [`tensor`](Self::tensor) begins with it.
    ///
    /// # Errors
    /// [`ModelError::MissingTensor`], [`ModelError::Misshapen`], or a number format that is not read.
    fn check(&self, name: &str, shape: &[usize]) -> Result<(), ModelError>;

    /// Reads a tensor onto a device in a number format.
    ///
    /// # Errors
    /// What [`check`](Self::check) refuses, a malformed file, or [`ModelError::NotFinite`].
    fn tensor(&self, name: &str, shape: &[usize], dtype: DType, device: &Device) -> Result<Tensor, ModelError>;
}

/// Bytes of a tensor of so many numbers while it is read into the CPU's memory: as it lies in a mapped file, and as it was
/// read, both in f32 at most. A file in f64 takes twice that.
pub(crate) fn reading_bytes(numbers: u64) -> u64 {
    numbers.saturating_mul(2 * size_of::<f32>() as u64)
}

/// A tensor that was read into the CPU's memory, in the number format and on the device where it is wanted.
///
/// # Errors
/// [`ModelError::NotFinite`]: NaN or infinity, in the file or because the number format has no such number.
fn placed(name: &str, file: &str, read: &Tensor, dtype: DType, device: &Device) -> Result<Tensor, ModelError> {
    let converted = read.to_dtype(dtype)?;
    if !all_finite(&converted)? {
        let stored = if all_finite(read)? { Some(dtype.as_str()) } else { None };
        return Err(ModelError::NotFinite { name: name.into(), file: file.into(), too_large_for: stored });
    }
    Ok(converted.to_device(device)?)
}

fn same_numbers(one: &Tensor, other: &Tensor) -> Result<bool, ModelError> {
    Ok(floats(one)?[..] == floats(other)?[..])
}
