//! Numbers in 8 bit: blocks of 32 with one scale each, ggml's `Q8_0`.

use std::borrow::Cow;

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{Device, Result, Storage, Tensor};
use half::f16;
use rayon::prelude::*;

/// Numbers of a block.
pub const BLOCK: usize = 32;
/// Bytes of a block: the scale in f16, then the numbers as multiples of it.
const BYTES: usize = 2 + BLOCK;
/// The largest multiple that the largest number of a block may be. Each gives a scale, and where the 32 numbers fall
/// between its multiples is chance: the best of four leaves less than nine tenths of the first one's squared error.
const LARGEST: std::ops::RangeInclusive<u8> = 124..=127;
/// Adding and subtracting it rounds a small f32 to a whole number, and unlike `round` in many lanes at once.
const ROUNDS: f32 = 12_582_912.0;

/// A matrix on the CPU, whose rows are whole blocks, in 8 bit on a device.
///
/// # Errors
/// A failed conversion.
pub fn quantized(matrix: &Tensor, device: &Device) -> Result<QTensor> {
    let matrix = matrix.contiguous()?;
    let (storage, layout) = matrix.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else { candle_core::bail!("a matrix is quantized on the CPU") };
    let numbers = &storage.as_slice::<f32>()?[layout.start_offset()..][..matrix.elem_count()];
    let mut bytes = vec![0u8; numbers.len() / BLOCK * BYTES];
    bytes.par_chunks_mut(BYTES).zip(numbers.par_chunks(BLOCK)).with_min_len(256).for_each(|(bytes, numbers)| {
        let scale = best_scale(numbers);
        bytes[..2].copy_from_slice(&scale.to_le_bytes());
        let inverse = inverse(scale);
        for (byte, number) in bytes[2..].iter_mut().zip(numbers) {
            *byte = rounded(number * inverse) as i8 as u8;
        }
    });
    QTensor::new(QStorage::from_data(Cow::Owned(bytes), device, GgmlDType::Q8_0)?, matrix.shape())
}

/// The scale with the least squared error.
fn best_scale(numbers: &[f32]) -> f16 {
    let largest = numbers.iter().fold(0f32, |largest, number| largest.max(number.abs()));
    let mut best = (f32::INFINITY, f16::ZERO);
    for multiple in LARGEST.rev() {
        let scale = f16::from_f32(largest / f32::from(multiple));
        let (wide, inverse) = (scale.to_f32(), inverse(scale));
        let error = numbers.iter().map(|number| (rounded(number * inverse) * wide - number).powi(2)).sum();
        if error < best.0 {
            best = (error, scale);
        }
    }
    best.1
}

fn inverse(scale: f16) -> f32 {
    if scale == f16::ZERO { 0.0 } else { 1.0 / scale.to_f32() }
}

fn rounded(multiple: f32) -> f32 {
    // The scale was rounded itself: 127 of it may be a little less than the largest number.
    ((multiple + ROUNDS) - ROUNDS).clamp(-127.0, 127.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_within_half_a_step() {
        let numbers: Vec<f32> = (0..96).map(|x| (x * x % 41) as f32 - 20.0).chain([0.0; 32]).collect();
        let matrix = Tensor::from_vec(numbers.clone(), (2, 64), &Device::Cpu).unwrap();
        let back = quantized(&matrix, &Device::Cpu).unwrap().dequantize(&Device::Cpu).unwrap();
        let back: Vec<f32> = back.flatten_all().unwrap().to_vec1().unwrap();
        let worst = back.iter().zip(&numbers).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        assert!(worst <= 20.0 / 124.0 / 2.0 + 0.02, "{worst}");
        assert_eq!(back[96..], [0.0; 32]);
    }

    #[test]
    fn errors_are_smaller_than_with_the_largest_scale() {
        let matrix = Tensor::randn(0f32, 1.0, (64, 512), &Device::Cpu).unwrap();
        let error = |blocks: QTensor| {
            let difference = (blocks.dequantize(&Device::Cpu).unwrap() - &matrix).unwrap();
            difference.sqr().unwrap().mean_all().unwrap().to_scalar::<f32>().unwrap()
        };
        let (ours, plain) = (quantized(&matrix, &Device::Cpu), QTensor::quantize(&matrix, GgmlDType::Q8_0));
        let ratio = error(ours.unwrap()) / error(plain.unwrap());
        assert!(ratio < 0.9, "{ratio}");
    }
}
