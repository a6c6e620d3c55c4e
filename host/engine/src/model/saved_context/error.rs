//! What can be wrong with a context that is saved or read.

use candle_core::DType;

use crate::model::ModelError;
use crate::model::error::without_backtrace;

/// Why a context cannot be saved, or made again of a file. `file` is the file as the user knows it.
#[derive(Debug, thiserror::Error)]
pub enum SavedContextError {
    /// A context in which nothing was read, which is zero-shot.
    #[error("expected a context of one position or more to save, got an empty one")]
    Empty,
    /// Layers that differ in what all layers of a context have in common.
    #[error("layer {layer} of the context: expected keys and values {expected}, got {found}")]
    Uneven {
        /// The layer, from 0.
        layer: usize,
        /// Shape and number format of the first layer.
        expected: String,
        /// Shape and number format of the layer's keys, or of its values.
        found: String,
    },
    /// Half precision of what is no f32.
    #[error("expected keys and values in f32 to store in {asked}, got {}", .held.as_str())]
    NotSingle {
        /// The number format that was asked for.
        asked: super::HalfFormat,
        /// The number format in which they are held.
        held: DType,
    },
    /// NaN or infinity in a context.
    #[error("tensor `{tensor}` of the context: expected finite numbers, got NaN or infinity")]
    NotFinite {
        /// The tensor's name.
        tensor: String,
    },
    /// Numbers beyond those of the format in which they are to be stored.
    #[error("tensor `{tensor}` of the context: expected numbers that {} can hold, got larger ones", .dtype.as_str())]
    TooLarge {
        /// The tensor's name.
        tensor: String,
        /// The number format.
        dtype: DType,
    },
    /// A file that is no safetensors file, or that is cut short.
    #[error("`{file}`: expected a context in safetensors, got other bytes: {reason}")]
    NotTensors {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A part of a file that a context of this format does not have so.
    #[error("`{file}`: {what}: expected {expected}, got {found}")]
    Unexpected {
        /// The file.
        file: String,
        /// The part: a tensor, or a key of the metadata.
        what: String,
        /// What is taken.
        expected: String,
        /// What is there.
        found: String,
    },
    /// NaN or infinity in a file.
    #[error("`{file}`: tensor `{tensor}`: expected finite numbers, got NaN or infinity")]
    NotFiniteFile {
        /// The file.
        file: String,
        /// The tensor's name.
        tensor: String,
    },
    /// A context that another model has made, or the same one in another number format.
    #[error("`{file}`: {what}: expected {expected} as the model has, got {found}")]
    OtherModel {
        /// The file.
        file: String,
        /// What differs.
        what: &'static str,
        /// The model's.
        expected: String,
        /// The context's.
        found: String,
    },
    /// Two contexts whose tensors differ in shape.
    #[error("`{a}` and `{b}` cannot be compared: {what}: expected {expected} as in the first, got {found}")]
    OtherShape {
        /// The first file.
        a: String,
        /// The second file.
        b: String,
        /// What differs.
        what: &'static str,
        /// The first context's.
        expected: usize,
        /// The second context's.
        found: usize,
    },
    /// A failed computation or transfer.
    #[error(transparent)]
    Model(ModelError),
}

impl From<candle_core::Error> for SavedContextError {
    fn from(error: candle_core::Error) -> Self {
        Self::Model(ModelError::Candle(without_backtrace(error)))
    }
}

impl SavedContextError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Empty => Some("only what a step from 1 on has read can be saved: zero-shot has nothing"),
            Self::NotSingle { .. } => Some("leave out `--cache-dtype`: keys and values have 16 bits already"),
            Self::TooLarge { .. } => {
                Some("`--cache-dtype bf16` has the range of f32; without the flag nothing is rounded")
            }
            Self::NotFinite { .. } => Some("save an earlier step, or tune with another optimizer or learning rate"),
            Self::NotTensors { .. } | Self::Unexpected { .. } | Self::NotFiniteFile { .. } => {
                Some("the file is damaged or not a context of this program: tune again, or copy it again")
            }
            Self::OtherModel { what: "number format", .. } => {
                Some("set `--dtype` to the number format that the context was tuned in")
            }
            Self::OtherModel { .. } => {
                Some("use the model that the context was tuned with; `ft-host context inspect` names it")
            }
            _ => None,
        }
    }
}
