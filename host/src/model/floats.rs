//! The numbers of a tensor as a slice, where they lie in the CPU's memory.

use std::ops::{Deref, Range};

use candle_core::{Result, Storage, Tensor};

/// The numbers of a tensor, borrowed from it.
struct Floats<G> {
    storage: G,
    range: Range<usize>,
}

/// The numbers of a tensor, if they are f32, contiguous and in the CPU's memory.
pub fn floats_if_there(tensor: &Tensor) -> Option<impl Deref<Target = [f32]> + '_> {
    let (storage, layout) = tensor.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(numbers), Some((start, end))) if numbers.as_slice::<f32>().is_ok() => {
            Some(Floats { storage, range: start..end })
        }
        _ => None,
    }
}

/// The same, where nothing else can come.
///
/// # Errors
/// Another number format, device or order.
pub fn floats(tensor: &Tensor) -> Result<impl Deref<Target = [f32]> + '_> {
    match floats_if_there(tensor) {
        Some(numbers) => Ok(numbers),
        None => candle_core::bail!("contiguous f32 in the CPU's memory was expected, and {tensor:?} came"),
    }
}

impl<G: Deref<Target = Storage>> Deref for Floats<G> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(numbers) => numbers.as_slice::<f32>().map_or(&[], |numbers| &numbers[self.range.clone()]),
            _ => &[],
        }
    }
}
