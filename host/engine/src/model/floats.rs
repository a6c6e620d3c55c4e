//! The numbers of a tensor as a slice, where they lie in the CPU's memory.

use std::marker::PhantomData;
use std::ops::{Deref, Range};

use candle_core::{DType, Result, Storage, Tensor, WithDType};

/// A tensor's storage, borrowed, and where the tensor's numbers lie in it.
struct Numbers<G, T> {
    storage: G,
    range: Range<usize>,
    of: PhantomData<T>,
}

/// The numbers of a tensor, if they are of this type, contiguous and in the CPU's memory.
pub(crate) fn as_cpu_slice<T: WithDType>(tensor: &Tensor) -> Option<impl Deref<Target = [T]> + '_> {
    let (storage, layout) = tensor.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(numbers), Some((start, end))) if numbers.as_slice::<T>().is_ok() => {
            Some(Numbers { storage, range: start..end, of: PhantomData })
        }
        _ => None,
    }
}

/// The numbers of a tensor of a number format that the caller knows.
///
/// # Errors
/// Another number format, device or order.
pub fn numbers<T: WithDType>(tensor: &Tensor) -> Result<impl Deref<Target = [T]> + '_> {
    match as_cpu_slice(tensor) {
        Some(numbers) => Ok(numbers),
        None => candle_core::bail!("expected contiguous {:?} in the CPU's memory, got {tensor:?}", T::DTYPE),
    }
}

/// The numbers of a tensor in f32, for callers that are handed no other.
///
/// # Errors
/// Another number format, device or order.
pub(crate) fn floats(tensor: &Tensor) -> Result<impl Deref<Target = [f32]> + '_> {
    numbers::<f32>(tensor)
}

/// Whether no number of a tensor in the CPU's memory is NaN or infinite.
///
/// # Errors
/// Numbers that are not contiguous, or no real numbers.
pub(crate) fn all_finite(tensor: &Tensor) -> Result<bool> {
    Ok(match tensor.dtype() {
        DType::F32 => numbers::<f32>(tensor)?.iter().all(|number| number.is_finite()),
        DType::F16 => numbers::<half::f16>(tensor)?.iter().all(|number| number.is_finite()),
        DType::BF16 => numbers::<half::bf16>(tensor)?.iter().all(|number| number.is_finite()),
        _ => numbers::<f64>(tensor)?.iter().all(|number| number.is_finite()),
    })
}

impl<G: Deref<Target = Storage>, T: WithDType> Deref for Numbers<G, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &*self.storage {
            Storage::Cpu(numbers) => numbers.as_slice::<T>().map_or(&[], |numbers| &numbers[self.range.clone()]),
            _ => &[],
        }
    }
}
