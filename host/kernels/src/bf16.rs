//! Conversions to pairs of bfloat16 for the products that take them; only on processors that have such products.

use half::f16;

use super::q8::BLOCK;
use super::tile::WIDTH;

/// Numbers to bfloat16, two in one element, the first in its lower half; behind an odd last one comes 0.
///
/// # Safety
/// The processor has AVX512-BF16.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(super) unsafe fn to_pairs(x: &[f32], out: &mut [u32]) {
    use std::arch::x86_64::{__m256bh, __m256i, _mm256_storeu_si256, _mm512_cvtneps_pbh, _mm512_loadu_ps};
    let (chunks, rest) = x.as_chunks::<16>();
    let (wide, narrow) = out.split_at_mut(x.len() / 16 * 8);
    for (chunk, out) in chunks.iter().zip(wide.as_chunks_mut::<8>().0) {
        // SAFETY: 16 floats are read, and written as 16 halves into 8 elements; both are 256 bits of plain numbers.
        unsafe {
            let halves = _mm512_cvtneps_pbh(_mm512_loadu_ps(chunk.as_ptr()));
            let halves = std::mem::transmute::<__m256bh, __m256i>(halves);
            _mm256_storeu_si256(out.as_mut_ptr().cast(), halves);
        }
    }
    for (pair, out) in rest.chunks(2).zip(narrow) {
        let bits = |index: usize| pair.get(index).map_or(0, |x| u32::from(half::bf16::from_f32(*x).to_bits()));
        *out = bits(0) | bits(1) << 16;
    }
}

/// Multiples of scales to pairs: rows of two inputs of each of [`WIDTH`] outputs, and a row of scales for every [`BLOCK`] inputs.
///
/// # Safety
/// The processor has AVX512-BF16.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(super) unsafe fn blocks_to_pairs(multiples: &[i8], scales: &[f16], out: &mut [u32]) {
    use std::arch::x86_64::{
        __m512bh, __m512i, _mm_loadu_si128, _mm512_cvtepi8_epi32, _mm512_cvtepi32_ps, _mm512_cvtne2ps_pbh,
        _mm512_loadu_ps, _mm512_mul_ps, _mm512_storeu_si512,
    };
    const PAIRS: usize = 2 * WIDTH;
    let blocks = multiples.as_chunks::<{ BLOCK * WIDTH }>().0.iter();
    let blocks = blocks.zip(out.as_chunks_mut::<{ BLOCK / 2 * WIDTH }>().0);
    for ((multiples, out), scales) in blocks.zip(scales.as_chunks::<WIDTH>().0) {
        let scales: [f32; PAIRS] = std::array::from_fn(|index| scales[index / 2].to_f32());
        for (multiples, out) in multiples.as_chunks::<PAIRS>().0.iter().zip(out.as_chunks_mut::<WIDTH>().0) {
            for (half, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
                let floats = |quarter: usize| {
                    let at = (2 * half + quarter) * 16;
                    // SAFETY: 16 of the row's 64 multiples and scales are read.
                    unsafe {
                        let wide = _mm512_cvtepi8_epi32(_mm_loadu_si128(multiples[at..at + 16].as_ptr().cast()));
                        _mm512_mul_ps(_mm512_cvtepi32_ps(wide), _mm512_loadu_ps(scales[at..at + 16].as_ptr()))
                    }
                };
                let pairs = _mm512_cvtne2ps_pbh(floats(1), floats(0));
                // SAFETY: 16 elements are written; both are 512 bits of plain numbers.
                unsafe {
                    _mm512_storeu_si512(out.as_mut_ptr().cast(), std::mem::transmute::<__m512bh, __m512i>(pairs))
                };
            }
        }
    }
}

/// # Safety
/// Never called: pairs are only asked for where there are products of them.
#[cfg(not(target_arch = "x86_64"))]
pub(super) unsafe fn to_pairs(x: &[f32], _: &mut [u32]) {
    unreachable!("{} numbers for a product that this processor does not have", x.len());
}

/// # Safety
/// Never called: pairs are only asked for where there are products of them.
#[cfg(not(target_arch = "x86_64"))]
pub(super) unsafe fn blocks_to_pairs(multiples: &[i8], _: &[f16], _: &mut [u32]) {
    unreachable!("{} weights for a product that this processor does not have", multiples.len());
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use half::bf16;

    use super::super::Instructions;
    use super::*;

    #[test]
    fn bfloat16_is_rounded_to_the_nearest() {
        if Instructions::detected() < Instructions::Avx512Bf16 {
            // Without its products nothing converts: there is nothing to test on such a processor.
            return;
        }
        let x: Vec<f32> = (0..99)
            .map(|i| ((i * 37 % 101) as f32 - 50.0) / 16.016)
            .chain([f32::NAN, f32::INFINITY, f32::MAX, 1.003_906_3])
            .collect();
        let mut pairs = vec![7; x.len().div_ceil(2)];
        // SAFETY: looked for above.
        unsafe { to_pairs(&x, &mut pairs) };
        for (index, x) in x.iter().enumerate() {
            let found = bf16::from_bits((pairs[index / 2] >> (index % 2 * 16)) as u16);
            assert!(found == bf16::from_f32(*x) || x.is_nan() && found.is_nan(), "{x} {found}");
        }
        assert_eq!(pairs[x.len() / 2] >> 16, 0, "behind an odd last number comes 0");
    }
}
