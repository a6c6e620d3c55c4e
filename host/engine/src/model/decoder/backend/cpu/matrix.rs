//! Weight matrices, packed for the CPU's products.

use candle_core::{DType, Result, Storage, Tensor};

use crate::model::floats::floats;
use ft_kernels::{BLOCK, Format, Panels};

/// Packs a matrix `[out, in]` of any number format.
///
/// # Errors
/// A tensor of another number format than f32, f16 or bfloat16, or on another device.
pub(super) fn packed(weight: &Tensor, format: Format) -> Result<Panels> {
    let (outputs, inputs) = weight.dims2()?;
    let weight = weight.contiguous()?;
    if weight.dtype() != DType::F32 {
        // A part at a time, so that the matrix is not there in f32 as a whole.
        return packed_halves(&weight, format, outputs, inputs);
    }
    let numbers = floats(&weight)?;
    let numbers = &*numbers;
    Ok(Panels::new(format, outputs, inputs, |output, row| row.copy_from_slice(&numbers[output * inputs..][..inputs])))
}

fn packed_halves(weight: &Tensor, format: Format, outputs: usize, inputs: usize) -> Result<Panels> {
    let (storage, layout) = weight.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else { candle_core::bail!("a matrix is packed on the CPU") };
    let start = layout.start_offset();
    match weight.dtype() {
        DType::F16 => {
            let numbers = &storage.as_slice::<half::f16>()?[start..];
            Ok(Panels::new(format, outputs, inputs, |output, row| {
                let numbers = &numbers[output * inputs..][..inputs];
                row.iter_mut().zip(numbers).for_each(|(out, number)| *out = number.to_f32());
            }))
        }
        DType::BF16 => {
            let numbers = &storage.as_slice::<half::bf16>()?[start..];
            Ok(Panels::new(format, outputs, inputs, |output, row| {
                let numbers = &numbers[output * inputs..][..inputs];
                row.iter_mut().zip(numbers).for_each(|(out, number)| *out = number.to_f32());
            }))
        }
        other => candle_core::bail!("expected weights in f32, f16 or bf16, got {}", other.as_str()),
    }
}

/// Bytes of a packed matrix `[outputs, inputs]`.
pub(super) fn bytes(dtype: DType, quantized: bool, outputs: usize, inputs: usize) -> u64 {
    Panels::bytes(format(dtype, quantized, inputs), outputs, inputs)
}

/// How a matrix with so many inputs is held. In 8 bit, one whose rows are no whole number of blocks stays dense.
pub(super) fn format(dtype: DType, quantized: bool, inputs: usize) -> Format {
    match dtype {
        _ if quantized && inputs.is_multiple_of(BLOCK) => Format::Q8,
        DType::F16 => Format::F16,
        DType::BF16 => Format::Bf16,
        _ => Format::F32,
    }
}
