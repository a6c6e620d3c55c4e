//! The language model: one decoder for all families, its weights and its tokenizer.
//!
//! Nothing here opens a file: weights, configurations and vocabularies come in as bytes.

pub mod arithmetic;
pub mod catch_panic;
pub mod checkpoint;
pub mod decoder;
pub mod device;
pub mod error;
pub mod families;
pub mod floats;
pub mod json;
pub mod memory;
pub mod saved_context;
pub mod tokenizer;
pub mod weights;

pub use decoder::{Context, Decoder, DecoderConfig, KvCache};
pub use error::ModelError;
pub use tokenizer::Tokenizer;
