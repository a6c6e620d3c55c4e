//! Vector registers as the tiles of a product use them.

/// How a tile multiplies: what it reads of both factors at a step, and what it adds up.
///
/// # Safety
/// A kind may only be used on a processor that has its instructions.
pub(super) unsafe trait Lanes {
    /// What one step reads of a row: a number, or a pair of halves.
    type Element: Copy;
    /// A register of a factor.
    type Factor: Copy;
    /// A register of sums.
    type Sum: Copy;
    /// Sums in a register.
    const COUNT: usize;

    unsafe fn sums(from: *const f32) -> Self::Sum;
    unsafe fn plus(left: Self::Sum, right: Self::Sum) -> Self::Sum;
    unsafe fn store(sums: Self::Sum, to: *mut f32);
    unsafe fn load(from: *const Self::Element) -> Self::Factor;
    unsafe fn broadcast(element: *const Self::Element) -> Self::Factor;
    unsafe fn multiply_add(left: Self::Factor, right: Self::Factor, sums: Self::Sum) -> Self::Sum;
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::Lanes;

    /// Sums in f32: their registers, and how these are read, added and written.
    macro_rules! sums {
        ($register:ty, $count:literal, $load:ident, $add:ident, $store:ident) => {
            type Sum = $register;
            const COUNT: usize = $count;

            #[inline(always)]
            unsafe fn sums(from: *const f32) -> $register {
                unsafe { $load(from) }
            }
            #[inline(always)]
            unsafe fn plus(left: $register, right: $register) -> $register {
                unsafe { $add(left, right) }
            }
            #[inline(always)]
            unsafe fn store(sums: $register, to: *mut f32) {
                unsafe { $store(to, sums) }
            }
        };
    }

    /// AVX2 and FMA over f32.
    pub(in super::super) struct Avx2;

    // SAFETY: the methods are the instructions of their names.
    unsafe impl Lanes for Avx2 {
        type Element = f32;
        type Factor = __m256;
        sums!(__m256, 8, _mm256_loadu_ps, _mm256_add_ps, _mm256_storeu_ps);

        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m256 {
            unsafe { _mm256_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn broadcast(element: *const f32) -> __m256 {
            unsafe { _mm256_set1_ps(*element) }
        }
        #[inline(always)]
        unsafe fn multiply_add(left: __m256, right: __m256, sums: __m256) -> __m256 {
            unsafe { _mm256_fmadd_ps(left, right, sums) }
        }
    }

    /// AVX-512 over f32.
    pub(in super::super) struct Avx512;

    // SAFETY: the methods are the instructions of their names.
    unsafe impl Lanes for Avx512 {
        type Element = f32;
        type Factor = __m512;
        sums!(__m512, 16, _mm512_loadu_ps, _mm512_add_ps, _mm512_storeu_ps);

        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m512 {
            unsafe { _mm512_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn broadcast(element: *const f32) -> __m512 {
            unsafe { _mm512_set1_ps(*element) }
        }
        #[inline(always)]
        unsafe fn multiply_add(left: __m512, right: __m512, sums: __m512) -> __m512 {
            unsafe { _mm512_fmadd_ps(left, right, sums) }
        }
    }

    /// AVX512-BF16: pairs of bfloat16, two products at a time, sums in f32.
    pub(in super::super) struct Bf16;

    // SAFETY: the methods are the instructions of their names; a register of pairs is 512 bits like one of integers.
    unsafe impl Lanes for Bf16 {
        type Element = u32;
        type Factor = __m512bh;
        sums!(__m512, 16, _mm512_loadu_ps, _mm512_add_ps, _mm512_storeu_ps);

        #[inline(always)]
        unsafe fn load(from: *const u32) -> __m512bh {
            unsafe { std::mem::transmute::<__m512i, __m512bh>(_mm512_loadu_si512(from.cast())) }
        }
        #[inline(always)]
        unsafe fn broadcast(element: *const u32) -> __m512bh {
            unsafe { std::mem::transmute::<__m512i, __m512bh>(_mm512_set1_epi32(*element as i32)) }
        }
        #[inline(always)]
        unsafe fn multiply_add(left: __m512bh, right: __m512bh, sums: __m512) -> __m512 {
            unsafe { _mm512_dpbf16_ps(sums, left, right) }
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512, Bf16};
