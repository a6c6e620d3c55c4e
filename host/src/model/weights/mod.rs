//! Where tensors come from: safetensors, PyTorch checkpoints and GGUF, as bytes that somebody else mapped or read.

mod arrays;
mod gguf;
mod nesting;
mod pickle;
mod prefixed;
mod safetensors;

use std::ops::Range;

use candle_core::{DType, Device, Tensor};

pub use arrays::Arrays;
pub use gguf::Gguf;
pub use prefixed::Prefixed;

use super::ModelError;

/// The bytes of a weight file.
pub trait FileBytes: Send + Sync {
    /// All of them.
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

/// How weights are held for the matrix products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightFormat {
    /// In the run's number format.
    Dense,
    /// In 8 bit, blocks of 32 with one scale each (Q8_0), quantized when they are read.
    Quantized,
}

/// Named tensors.
pub trait TensorSource {
    /// The name of the file, or what the files have in common, for messages.
    fn file(&self) -> &str;

    /// Whether there is a tensor of that name.
    fn contains(&self, name: &str) -> bool;

    /// Reads a tensor onto a device in a number format.
    ///
    /// # Errors
    /// [`ModelError::MissingTensor`], [`ModelError::Misshapen`], or a malformed file.
    fn tensor(&self, name: &str, shape: &[usize], dtype: DType, device: &Device) -> Result<Tensor, ModelError>;
}
