//! Block formats of ggml that the tensor library does not read. Layouts as in `ggml-common.h`.

use half::f16;

/// Makes the numbers of one block of its bytes; both have the lengths of the type.
pub(super) type Decode = fn(&[u8], &mut [f32]);

/// The steps of the non-linear 4-bit formats.
const IQ4: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];
/// The numbers that 4-bit floating point (E2M1) has, times two.
const E2M1: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

fn scale(bytes: &[u8]) -> f32 {
    f16::from_le_bytes([bytes[0], bytes[1]]).to_f32()
}

/// 4-bit indexes, first those of the low halves of all bytes, then those of the high halves.
fn by_index(indexes: &[u8], steps: &[i8; 16], scale: f32, out: &mut [f32]) {
    let (low, high) = out.split_at_mut(indexes.len());
    for ((index, low), high) in indexes.iter().zip(low).zip(high) {
        *low = scale * f32::from(steps[usize::from(index & 15)]);
        *high = scale * f32::from(steps[usize::from(index >> 4)]);
    }
}

/// A scale in f16, then 32 indexes.
pub(super) fn iq4_nl(bytes: &[u8], out: &mut [f32]) {
    by_index(&bytes[2..], &IQ4, scale(bytes), out);
}

/// A scale in f16; the high 2 bits, then the low 4 bits of eight 6-bit scales; eight times 32 indexes.
pub(super) fn iq4_xs(bytes: &[u8], out: &mut [f32]) {
    let whole = scale(bytes);
    let high = u16::from_le_bytes([bytes[2], bytes[3]]);
    for (part, (indexes, out)) in bytes[8..].chunks(16).zip(out.chunks_mut(32)).enumerate() {
        let low = (bytes[4 + part / 2] >> (4 * (part % 2))) & 15;
        let scale = i16::from(low) | (((high >> (2 * part)) & 3) << 4) as i16;
        by_index(indexes, &IQ4, whole * f32::from(scale - 32), out);
    }
}

/// A power of two in 8 bits, then 32 numbers of 4-bit floating point.
pub(super) fn mxfp4(bytes: &[u8], out: &mut [f32]) {
    // Half of it, since the steps are doubled; the two least are below the normal numbers.
    let half = match u32::from(bytes[0]) {
        exponent @ 0..2 => f32::from_bits(0x0020_0000 << exponent),
        exponent => f32::from_bits((exponent - 1) << 23),
    };
    by_index(&bytes[1..], &E2M1, half, out);
}

/// Digits of base 3 in bytes, each worth -1, 0 or 1: 32 bytes of five, 16 bytes of five, 4 bytes of four, by place; then
/// the scale in f16.
pub(super) fn tq1_0(bytes: &[u8], out: &mut [f32]) {
    let scale = scale(&bytes[52..]);
    let mut out = out.iter_mut();
    for (digits, places) in [(&bytes[..32], 5), (&bytes[32..48], 5), (&bytes[48..52], 4)] {
        for place in 0..places {
            for (byte, out) in digits.iter().zip(&mut out) {
                let shifted = byte.wrapping_mul([1, 3, 9, 27, 81][place]);
                *out = scale * (f32::from((u16::from(shifted) * 3) >> 8) - 1.0);
            }
        }
    }
}

/// Pairs of bits, each worth -1, 0 or 1: twice 32 bytes of four, by place; then the scale in f16.
pub(super) fn tq2_0(bytes: &[u8], out: &mut [f32]) {
    let scale = scale(&bytes[64..]);
    let mut out = out.iter_mut();
    for half in bytes[..64].chunks(32) {
        for place in 0..4 {
            for (byte, out) in half.iter().zip(&mut out) {
                *out = scale * (f32::from((byte >> (2 * place)) & 3) - 1.0);
            }
        }
    }
}

/// One number in double precision.
pub(super) fn f64(bytes: &[u8], out: &mut [f32]) {
    if let Some(bytes) = bytes.first_chunk() {
        out[0] = f64::from_le_bytes(*bytes) as f32;
    }
}
