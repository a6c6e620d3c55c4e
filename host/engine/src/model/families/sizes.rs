//! Sizes that a description may have: those of a damaged file must fill no memory, and no product of them may overflow.

use super::family::Family;
use crate::model::ModelError;
use crate::model::decoder::DecoderConfig;

/// Layers that no model has. A damaged file's number of them must not fill the memory with their names.
pub(super) const MOST_LAYERS: usize = 4096;
/// What no size of a model exceeds: small enough for products of two, times layers and numbers of bytes, in 64 bits.
pub(super) const LARGEST: usize = 1 << 24;

/// A size, unless it is larger than `most`.
pub(super) fn within(key: &str, size: usize, most: usize) -> Result<usize, ModelError> {
    if size > most {
        let expected = format!("expected a number up to {most}; the file is damaged");
        return Err(ModelError::unsupported(key, size, expected));
    }
    Ok(size)
}

/// Sizes that go together, which tensors of the right shapes do not show.
pub(super) fn checked(family: Family) -> Result<Family, ModelError> {
    let DecoderConfig { heads, kv_heads, head_dim, .. } = family.config;
    if head_dim == 0 {
        let expected = "expected fewer heads than the model is wide";
        return Err(ModelError::unsupported("num_attention_heads", heads, expected));
    }
    within("num_attention_heads times head_dim", heads.saturating_mul(head_dim), LARGEST)?;
    if kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
        let expected = format!("expected a divisor of the {heads} query heads");
        return Err(ModelError::unsupported("num_key_value_heads", kv_heads, expected));
    }
    for rotary in family.config.layers.iter().filter_map(|layer| layer.rotary) {
        if rotary.dimensions == 0 || rotary.dimensions % 2 == 1 || rotary.dimensions > head_dim {
            let expected = format!("expected an even number of a head's {head_dim} dimensions");
            return Err(ModelError::unsupported("rotary dimensions", rotary.dimensions, expected));
        }
    }
    Ok(family)
}
