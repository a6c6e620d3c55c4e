//! A context taken apart into the bytes of a file.

use candle_core::{DType, Device, Tensor, WithDType};

use super::header::{self, Entry};
use super::{ContextFacts, ContextShape, HalfFormat, SavedContextError};
use crate::model::Context;
use crate::model::floats::{all_finite, numbers};

/// A context that is to be saved, as the bytes of a file that are made piece by piece.
pub struct ContextToSave<'a> {
    context: &'a Context,
    last_hidden: &'a Tensor,
    facts: ContextFacts,
    entries: Vec<Entry>,
    header: Vec<u8>,
}

impl<'a> ContextToSave<'a> {
    /// A context with keys and values as they are held, or in half precision where `half` is given; the last hidden state is
    /// never rounded. No number is looked at yet.
    ///
    /// # Errors
    /// [`SavedContextError::Empty`] where nothing was read, [`SavedContextError::Uneven`] for layers that differ in shape or
    /// number format, [`SavedContextError::NotSingle`] for half precision of what is no f32.
    pub fn new(context: &'a Context, half: Option<HalfFormat>) -> Result<Self, SavedContextError> {
        let (Some(first), Some(last_hidden)) = (context.cache.layers().first(), &context.last_hidden) else {
            return Err(SavedContextError::Empty);
        };
        let ((kv_heads, positions, head_dim), (_, embedding)) = (first.keys.dims3()?, last_hidden.dims2()?);
        if positions == 0 {
            return Err(SavedContextError::Empty);
        }
        even(context, &first.keys)?;
        let held = first.keys.dtype();
        let stored = match half {
            Some(asked) if held != DType::F32 => return Err(SavedContextError::NotSingle { asked, held }),
            Some(half) => half.dtype(),
            None => held,
        };
        let layers = context.cache.layers().len();
        let facts = ContextFacts {
            shape: ContextShape { layers, kv_heads, positions, head_dim, embedding },
            held,
            stored,
            next_position: context.next_position,
            step: context.step(),
            shared_start: context.provenance.shared_start,
        };
        let entries = header::entries(&facts, last_hidden.dtype());
        let header = header::written(&facts, &entries);
        Ok(Self { context, last_hidden, facts, entries, header })
    }

    /// What the file will say of the context.
    pub fn facts(&self) -> &ContextFacts {
        &self.facts
    }

    /// The size of the file, in bytes.
    pub fn bytes(&self) -> u64 {
        self.header.len() as u64 + self.entries.iter().map(Entry::bytes).sum::<u64>()
    }

    /// The bytes of the file in order: the header, then one piece for each tensor, which is made when it is asked for.
    ///
    /// Each piece fails for itself:
    /// [`SavedContextError::NotFinite`] for NaN or infinity, [`SavedContextError::TooLarge`] for numbers that half precision
    /// cannot hold, [`SavedContextError::Model`] for a failed transfer from the device.
    pub fn pieces(&self) -> impl Iterator<Item = Result<Vec<u8>, SavedContextError>> + '_ {
        let tensors = std::iter::once(self.last_hidden).chain(self.context.cache.matrices());
        let pieces = self.entries.iter().zip(tensors).map(|(entry, tensor)| piece(entry, tensor));
        std::iter::once(Ok(self.header.clone())).chain(pieces)
    }
}

/// Holds all layers to shape and number format of the first one's keys.
fn even(context: &Context, first: &Tensor) -> Result<(), SavedContextError> {
    let of = |tensor: &Tensor| format!("{} {:?}", tensor.dtype().as_str(), tensor.dims());
    let alike = |tensor: &Tensor| tensor.dims() == first.dims() && tensor.dtype() == first.dtype();
    for (layer, cache) in context.cache.layers().iter().enumerate() {
        if let Some(found) = [&cache.keys, &cache.values].into_iter().find(|tensor| !alike(tensor)) {
            return Err(SavedContextError::Uneven { layer, expected: of(first), found: of(found) });
        }
    }
    Ok(())
}

/// A tensor's numbers in the format of its entry, row after row.
fn piece(entry: &Entry, tensor: &Tensor) -> Result<Vec<u8>, SavedContextError> {
    let held = tensor.to_device(&Device::Cpu)?.contiguous()?;
    if !all_finite(&held)? {
        return Err(SavedContextError::NotFinite { tensor: entry.name.clone() });
    }
    let stored = held.to_dtype(entry.dtype)?;
    if !all_finite(&stored)? {
        return Err(SavedContextError::TooLarge { tensor: entry.name.clone(), dtype: entry.dtype });
    }
    match entry.dtype {
        DType::F16 => little_endian(&stored, half::f16::to_le_bytes),
        DType::BF16 => little_endian(&stored, half::bf16::to_le_bytes),
        _ => little_endian(&stored, f32::to_le_bytes),
    }
}

fn little_endian<T: WithDType, const N: usize>(
    tensor: &Tensor,
    of: impl Fn(T) -> [u8; N],
) -> Result<Vec<u8>, SavedContextError> {
    let numbers = numbers::<T>(tensor)?;
    let mut bytes = vec![0; numbers.len() * N];
    for (bytes, number) in bytes.chunks_exact_mut(N).zip(numbers.iter()) {
        bytes.copy_from_slice(&of(*number));
    }
    Ok(bytes)
}
