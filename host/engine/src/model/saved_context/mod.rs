//! Contexts as bytes of a safetensors file: taken apart into named tensors as they are held, and made again for a decoder.
//!
//! Nothing here opens a file: pieces of bytes go out ([`ContextToSave`]), the bytes of a file come in ([`SavedContext`]).
//! Where a context came from (model, task, demonstrations) is no part of it; whoever keeps files writes that beside.
//!
//! The file has these tensors, all little-endian:
//!
//! - `last_hidden`, `[1, embedding]`;
//! - for each layer `N` from 0 `layers.N.keys` and `layers.N.values`, `[kv_heads, positions, head_dim]`.
//!
//! Its metadata say that it is a context ([`FORMAT`], [`FORMAT_VERSION`]), in which number format keys and values were held
//! (`dtype`), and the context's `next_position`, `step` and `shared_start`.

mod distance;
mod error;
mod half_format;
mod header;
mod load;
mod save;
#[cfg(test)]
mod tests;

use candle_core::DType;

pub use distance::{ContextDistance, Distance, LayerBins, LayerDistance, PositionDistances};
pub use error::SavedContextError;
pub use half_format::HalfFormat;
pub use load::SavedContext;
pub use save::ContextToSave;

use super::DecoderConfig;

/// What the metadata of a file of a context have as `format`.
pub const FORMAT: &str = "ft-host context";

/// The version of the file's format; it grows with every change that a reader would notice.
pub const FORMAT_VERSION: usize = 1;

/// The sizes of a context's tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContextShape {
    /// The layers, each with keys and values `[kv_heads, positions, head_dim]`.
    pub layers: usize,
    /// The heads of keys and values.
    pub kv_heads: usize,
    /// The positions that were read.
    pub positions: usize,
    /// The numbers of a head.
    pub head_dim: usize,
    /// The numbers of the last hidden state.
    pub embedding: usize,
}

impl ContextShape {
    /// The shape of a context of a model after so many positions.
    pub fn of(config: &DecoderConfig, positions: usize) -> Self {
        let DecoderConfig { kv_heads, head_dim, embedding, .. } = *config;
        Self { layers: config.layers.len(), kv_heads, positions, head_dim, embedding }
    }

    /// Bytes of keys and values in a number format: `2 * layers * kv_heads * head_dim * positions` numbers. A file has besides
    /// the last hidden state and a header, about 150 bytes for each layer's tensors.
    pub fn cache_bytes(&self, dtype: DType) -> u64 {
        [self.layers, self.kv_heads, self.head_dim, self.positions, dtype.size_in_bytes()]
            .into_iter()
            .fold(2, |product: u64, factor| product.saturating_mul(factor as u64))
    }
}

/// What a file says of its context, besides the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContextFacts {
    /// The sizes of the tensors.
    pub shape: ContextShape,
    /// The number format in which the decoder held keys and values, and is to hold them again.
    pub held: DType,
    /// The number format of keys and values in the file: `held`, or half precision.
    pub stored: DType,
    /// The position id of the token that comes next.
    pub next_position: usize,
    /// The step of the method after which the context was taken, from 1.
    pub step: usize,
    /// Tokens of a shared start that were read behind the demonstrations; 0 for none.
    pub shared_start: usize,
}

/// The name of the last hidden state.
const LAST_HIDDEN: &str = "last_hidden";

/// The names of a layer's keys and values.
fn layer_names(layer: usize) -> [String; 2] {
    [format!("layers.{layer}.keys"), format!("layers.{layer}.values")]
}
