//! What can be wrong with a model.

use std::fmt;

/// Why a model could not be read or run.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file is not what its name or place says, or it is cut short.
    #[error("`{file}` cannot be read as {format}: {reason}")]
    Malformed {
        /// The file as the user knows it.
        file: String,
        /// What it was taken for.
        format: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// An architecture that no family file covers.
    #[error("`{file}` holds a model of architecture `{architecture}`; this host runs {}", .supported.join(", "))]
    UnknownArchitecture {
        /// The file as the user knows it.
        file: String,
        /// What the file says it is.
        architecture: String,
        /// What would be taken.
        supported: Vec<&'static str>,
    },
    /// A model of a kind that this host does not run.
    #[error(
        "`{file}` holds a model of architecture `{architecture}`, which is {kind}; this host runs dense decoders of text"
    )]
    OtherKind {
        /// The file as the user knows it.
        file: String,
        /// What the file says it is.
        architecture: String,
        /// What that is, with its article.
        kind: &'static str,
    },
    /// Weights that are quantized in a way that is not read.
    #[error(
        "`{file}`: the weights are quantized by {method} (`{key}`); expected plain weights, or FP8 with its scales"
    )]
    Quantized {
        /// The file as the user knows it.
        file: String,
        /// The setting, or the tensor, that says so.
        key: String,
        /// The method with its bits, and what of it is not read.
        method: String,
    },
    /// Settings of the model's configuration that nobody here knows.
    #[error(
        "`{file}`: expected settings whose effect this host knows, got {}", settings.join(", ")
    )]
    UnknownSettings {
        /// The file as the user knows it.
        file: String,
        /// The settings with their values.
        settings: Vec<String>,
    },
    /// Tensors of a checkpoint that the model does not use, and that are not known to be harmless.
    #[error("`{file}` has {count} that the model does not use: {named}")]
    UnusedTensors {
        /// The file, or the files' common name.
        file: String,
        /// How many, as in `2 tensors`.
        count: String,
        /// The first of each kind, with what they are taken for.
        named: String,
    },
    /// A setting of the model's configuration that the decoder does not cover.
    #[error("the model's configuration has `{key}` = {value}; {expected}")]
    Unsupported {
        /// The setting's name.
        key: String,
        /// The setting's value.
        value: String,
        /// What would be taken.
        expected: String,
    },
    /// A configuration without a setting that its family needs.
    #[error("the model's configuration lacks `{key}`, which `{family}` needs")]
    MissingKey {
        /// The setting's name.
        key: String,
        /// The family's name.
        family: String,
    },
    /// A tensor that the family needs is not in the files.
    #[error("tensor `{name}` is not in `{file}`")]
    MissingTensor {
        /// The tensor's full name.
        name: String,
        /// The file, or the files' common name.
        file: String,
    },
    /// A checkpoint of something that has the model within it: all names begin with what the model's own do not have.
    #[error("`{file}`: expected tensor `{name}`, got it under `{wrapper}`, as all tensors of the checkpoint are")]
    Wrapped {
        /// The file, or the files' common name.
        file: String,
        /// What all names begin with.
        wrapper: String,
        /// The name of the first tensor that is missed.
        name: String,
    },
    /// A tensor with NaN or infinity.
    #[error("tensor `{name}` in `{file}` has {}", .too_large_for.map_or_else(
        || "NaN or infinity".to_owned(), |dtype| format!("numbers that {dtype} cannot hold")))]
    NotFinite {
        /// The tensor's full name.
        name: String,
        /// The file as the user knows it.
        file: String,
        /// The number format of the run, where the file's numbers are finite and it cannot hold them.
        too_large_for: Option<&'static str>,
    },
    /// A pass of the model that no optimizer has had a part in.
    #[error(
        "the model's own pass gives NaN or infinity, first in {}", .layer.map_or_else(
            || "what comes after its last layer's keys and values".to_owned(), |layer| format!("the keys or values of layer {layer}"))
    )]
    NotFinitePass {
        /// The first layer with such keys or values, from 0.
        layer: Option<usize>,
    },
    /// A head that the configuration ties to the embedding, and that the file has apart with other numbers.
    #[error(
        "`{file}` has `{head}` with other numbers than `{embedding}`, and the model's configuration ties them \
         (`tie_word_embeddings`)"
    )]
    UntiedHead {
        /// The embedding's name.
        embedding: String,
        /// The head's name.
        head: String,
        /// The file as the user knows it.
        file: String,
    },
    /// A tensor of a GGUF file is of a type that is not read.
    #[error(
        "tensor `{name}` in `{file}` is of type {kind}{}, which this host does not read; expected {}; \
         quantize the model again, to Q8_0 for example",
        others(.more),
        .readable.join(", ")
    )]
    TensorType {
        /// The tensor's full name.
        name: String,
        /// The file as the user knows it.
        file: String,
        /// The type's name, or its number.
        kind: String,
        /// How many other tensors are not read.
        more: usize,
        /// The names of the types that are read.
        readable: Vec<&'static str>,
    },
    /// A tensor has another shape than the configuration says.
    #[error("tensor `{name}` in `{file}` has the wrong shape: expected {expected:?}, got {found:?}")]
    Misshapen {
        /// The tensor's full name.
        name: String,
        /// The file as the user knows it.
        file: String,
        /// The shape that the configuration asks for.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// The tokenizer could not be made or failed on a text.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    /// A device that this build or machine does not have.
    #[error("device `{device}` cannot be used: {reason}")]
    Device {
        /// The device that was asked for.
        device: String,
        /// Why it cannot be used.
        reason: String,
    },
    /// Token ids that the model has no embedding for.
    #[error("token id {id} is outside the model's vocabulary of {vocabulary}; is the tokenizer the model's own?")]
    TokenOutOfRange {
        /// The token id.
        id: u32,
        /// The number of embeddings.
        vocabulary: usize,
    },
    /// A context of another model.
    #[error("expected a context of {layers} layers, got one of {found}")]
    ForeignContext {
        /// The model's layers.
        layers: usize,
        /// The layers of the context.
        found: usize,
    },
    /// A gradient with respect to nothing.
    #[error("expected a context of one position or more to take a gradient with respect to, got an empty one")]
    NoContext,
    /// A position that the model was not made for.
    #[error("position {position} is beyond the model's {limit} positions")]
    PositionOutOfRange {
        /// The first position out of range.
        position: usize,
        /// The number of positions.
        limit: usize,
    },
    /// A computation failed.
    #[error(transparent)]
    Candle(candle_core::Error),
}

impl From<candle_core::Error> for ModelError {
    fn from(error: candle_core::Error) -> Self {
        ModelError::Candle(without_backtrace(error))
    }
}

/// The error without the backtraces that the tensor library writes into its messages where `RUST_BACKTRACE` is set: they
/// have many lines of calls within the library, and nothing that helps whoever reads the message.
pub fn without_backtrace(error: candle_core::Error) -> candle_core::Error {
    use candle_core::Error;
    match error {
        Error::WithBacktrace { inner, .. } => without_backtrace(*inner),
        Error::Context { inner, context } => Error::Context { inner: Box::new(without_backtrace(*inner)), context },
        Error::WithPath { inner, path } => Error::WithPath { inner: Box::new(without_backtrace(*inner)), path },
        other => other,
    }
}

impl ModelError {
    /// The error for a setting whose value is not covered; `expected` says what would be taken.
    pub(crate) fn unsupported(key: &str, value: impl fmt::Display, expected: impl Into<String>) -> Self {
        Self::Unsupported { key: key.into(), value: value.to_string(), expected: expected.into() }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Quantized { .. } => Some("name the repository of the original weights, or a GGUF file of the model"),
            Self::UnknownSettings { .. } => {
                Some("`--force` goes on without them and notes it; the numbers may then not be the model's")
            }
            Self::UnusedTensors { .. } => Some(
                "is `config.json` the checkpoint's own? `--force` goes on without these tensors and notes it; the numbers \
                 may then not be the model's",
            ),
            Self::Wrapped { .. } => Some(
                "save the model within the wrapper (for PEFT `merge_and_unload` and `save_pretrained`), or take the prefix off \
                 the names",
            ),
            Self::UntiedHead { .. } => Some(
                "set `tie_word_embeddings` in config.json to false if the head is the model's, or remove its tensor if the \
                 embedding is",
            ),
            Self::NotFinite { too_large_for: None, .. } => Some(
                "the file is damaged, or was saved from a training that had diverged; fetch it again or take another",
            ),
            Self::NotFinitePass { .. } => Some(
                "no optimizer had a part in it: the weights are finite, and either their numbers are too large for the \
                 number format (`--dtype f32`), or the configuration is another model's",
            ),
            Self::NotFinite { .. } => Some("`--dtype f32` or `--dtype bf16` can"),
            _ => None,
        }
    }
}

/// How many other tensors are of types that are not read.
fn others(more: &usize) -> String {
    if *more == 0 { String::new() } else { format!(" (and {more} more of types like it)") }
}

/// Fails with the tensor's name when its shape is not the expected one.
pub(crate) fn check_shape(name: &str, file: &str, expected: &[usize], found: &[usize]) -> Result<(), ModelError> {
    if found == expected {
        return Ok(());
    }
    Err(ModelError::Misshapen {
        name: name.into(),
        file: file.into(),
        expected: expected.to_vec(),
        found: found.to_vec(),
    })
}
