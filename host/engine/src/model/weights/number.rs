//! Number formats of stored tensors: those that tensors in memory have, and FP8.

use candle_core::{DType, Device, Tensor};
use half::f16;

/// A number format that weights or their scales may be stored in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// f64, f32, f16 or bf16.
    Float(DType),
    /// FP8 with 4 bits of exponent and no infinity (`F8_E4M3`, PyTorch's `float8_e4m3fn`).
    E4m3,
    /// FP8 with 5 bits of exponent (`F8_E5M2`): the upper half of an f16.
    E5m2,
    /// Powers of two (`F8_E8M0`), which scales are stored in.
    E8m0,
}

impl Number {
    /// Whether the numbers have 8 bits.
    pub(super) fn is_fp8(self) -> bool {
        matches!(self, Self::E4m3 | Self::E5m2)
    }

    /// Bytes of a number.
    pub(super) fn size(self) -> usize {
        match self {
            Self::Float(dtype) => dtype.size_in_bytes(),
            Self::E4m3 | Self::E5m2 | Self::E8m0 => 1,
        }
    }

    /// A tensor of stored numbers, on the CPU; formats of 8 bits become f32.
    ///
    /// # Errors
    /// Bytes that do not have the shape.
    pub(super) fn tensor(self, bytes: &[u8], shape: &[usize]) -> candle_core::Result<Tensor> {
        let wide: fn(u8) -> f32 = match self {
            Self::Float(dtype) => return Tensor::from_raw_buffer(bytes, dtype, shape, &Device::Cpu),
            Self::E4m3 => e4m3,
            Self::E5m2 => |byte| f16::from_bits(u16::from(byte) << 8).to_f32(),
            Self::E8m0 => e8m0,
        };
        let all: [f32; 256] = std::array::from_fn(|byte| wide(byte as u8));
        let numbers: Vec<f32> = bytes.iter().map(|byte| all[usize::from(*byte)]).collect();
        Tensor::from_vec(numbers, shape, &Device::Cpu)
    }
}

fn e4m3(byte: u8) -> f32 {
    let (exponent, mantissa) = (i32::from(byte >> 3 & 15), f32::from(byte & 7));
    let size = match (exponent, byte & 7) {
        (15, 7) => f32::NAN,
        (0, _) => mantissa / 8.0 * 2f32.powi(-6),
        _ => (1.0 + mantissa / 8.0) * 2f32.powi(exponent - 7),
    };
    if byte & 0x80 == 0 { size } else { -size }
}

fn e8m0(byte: u8) -> f32 {
    if byte == 255 { f32::NAN } else { 2f64.powi(i32::from(byte) - 127) as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_the_numbers_of_the_format() {
        // From `torch.tensor(bytes, dtype=torch.uint8).view(torch.float8_*).float()`.
        let bytes = [0x00, 0x01, 0x07, 0x08, 0x38, 0x39, 0x7e, 0x81, 0xb8, 0xfe];
        let e4m3 =
            [0.0, 2f32.powi(-9), 7.0 * 2f32.powi(-9), 2f32.powi(-6), 1.0, 1.125, 448.0, -2f32.powi(-9), -1.0, -448.0];
        let read = |number: Number, bytes: &[u8]| -> Vec<f32> {
            number.tensor(bytes, &[bytes.len()]).unwrap().to_vec1().unwrap()
        };
        assert_eq!(read(Number::E4m3, &bytes), e4m3);
        assert!(read(Number::E4m3, &[0x7f, 0xff]).iter().all(|number| number.is_nan()));
        let bytes = [0x01, 0x04, 0x3c, 0x3d, 0x7b, 0xbc, 0x7c];
        let e5m2 = [2f32.powi(-16), 2f32.powi(-14), 1.0, 1.25, 57344.0, -1.0, f32::INFINITY];
        assert_eq!(read(Number::E5m2, &bytes), e5m2);
        assert_eq!(read(Number::E8m0, &[127, 128, 120, 0]), [1.0, 2.0, 2f32.powi(-7), 2f32.powi(-127)]);
    }
}
