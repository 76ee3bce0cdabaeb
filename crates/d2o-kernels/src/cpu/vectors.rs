//! Sixteen numbers at once, for sums that have to stay in registers.
//!
//! Most kernels leave vectors to the compiler. Where several sums run side by side it takes arrays of
//! them apart into single numbers; these types keep them whole.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256, __m512, _mm256_and_si256, _mm256_castsi256_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps, _mm256_slli_epi32, _mm256_storeu_ps, _mm512_and_si512,
    _mm512_castsi512_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_set1_ps,
    _mm512_setzero_ps, _mm512_slli_epi32, _mm512_storeu_ps,
};

use crate::cpu::math::LANES;

/// Instructions on vectors of [`LANES`] numbers; a value of such a type proves that the processor has them.
pub(crate) trait Vectors: Copy {
    /// The numbers.
    type Vector: Copy;

    /// All zero.
    fn zero(self) -> Self::Vector;

    fn load(self, from: &[f32; LANES]) -> Self::Vector;

    fn store(self, vector: Self::Vector, to: &mut [f32; LANES]);

    /// `y + a x`.
    fn add_scaled(self, y: Self::Vector, a: f32, x: Self::Vector) -> Self::Vector;

    /// The lower halves of words as the upper halves of numbers, and the upper halves: both bf16 of each pair.
    fn pairs(self, words: &[u32; LANES]) -> [Self::Vector; 2];
}

/// What every processor has.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

impl Vectors for Portable {
    type Vector = [f32; LANES];

    #[inline(always)]
    fn zero(self) -> [f32; LANES] {
        [0.0; LANES]
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> [f32; LANES] {
        *from
    }

    #[inline(always)]
    fn store(self, vector: [f32; LANES], to: &mut [f32; LANES]) {
        *to = vector;
    }

    #[inline(always)]
    fn add_scaled(self, y: [f32; LANES], a: f32, x: [f32; LANES]) -> [f32; LANES] {
        std::array::from_fn(|lane| a * x[lane] + y[lane])
    }

    #[inline(always)]
    fn pairs(self, words: &[u32; LANES]) -> [[f32; LANES]; 2] {
        [words.map(|word| f32::from_bits(word << 16)), words.map(|word| f32::from_bits(word & 0xffff_0000))]
    }
}

/// AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

/// AVX-512 F.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    /// # Safety
    /// The processor has AVX2 and FMA.
    pub(crate) unsafe fn new() -> Self {
        Self(())
    }
}

#[cfg(target_arch = "x86_64")]
impl Avx512 {
    /// # Safety
    /// The processor has AVX-512 F.
    pub(crate) unsafe fn new() -> Self {
        Self(())
    }
}

#[cfg(target_arch = "x86_64")]
impl Vectors for Avx2 {
    type Vector = [__m256; 2];

    #[inline(always)]
    fn zero(self) -> [__m256; 2] {
        // SAFETY: a value of this type proves the instructions.
        [unsafe { _mm256_setzero_ps() }; 2]
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> [__m256; 2] {
        // SAFETY: likewise; `from` holds twice eight numbers.
        unsafe { [_mm256_loadu_ps(from.as_ptr()), _mm256_loadu_ps(from.as_ptr().add(8))] }
    }

    #[inline(always)]
    fn store(self, vector: [__m256; 2], to: &mut [f32; LANES]) {
        // SAFETY: likewise; `to` holds twice eight numbers.
        unsafe {
            _mm256_storeu_ps(to.as_mut_ptr(), vector[0]);
            _mm256_storeu_ps(to.as_mut_ptr().add(8), vector[1]);
        }
    }

    #[inline(always)]
    fn add_scaled(self, y: [__m256; 2], a: f32, x: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: likewise.
        unsafe {
            let a = _mm256_set1_ps(a);
            [_mm256_fmadd_ps(a, x[0], y[0]), _mm256_fmadd_ps(a, x[1], y[1])]
        }
    }

    #[inline(always)]
    fn pairs(self, words: &[u32; LANES]) -> [[__m256; 2]; 2] {
        // SAFETY: likewise; `words` holds twice eight.
        unsafe {
            let words = [_mm256_loadu_si256(words.as_ptr().cast()), _mm256_loadu_si256(words.as_ptr().add(8).cast())];
            let upper = _mm256_set1_epi32(0xffff_0000_u32.cast_signed());
            [
                words.map(|words| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(words))),
                words.map(|words| _mm256_castsi256_ps(_mm256_and_si256(words, upper))),
            ]
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Vectors for Avx512 {
    type Vector = __m512;

    #[inline(always)]
    fn zero(self) -> __m512 {
        // SAFETY: a value of this type proves the instructions.
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> __m512 {
        // SAFETY: likewise; `from` holds sixteen numbers.
        unsafe { _mm512_loadu_ps(from.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, vector: __m512, to: &mut [f32; LANES]) {
        // SAFETY: likewise; `to` holds sixteen numbers.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), vector) }
    }

    #[inline(always)]
    fn add_scaled(self, y: __m512, a: f32, x: __m512) -> __m512 {
        // SAFETY: likewise.
        unsafe { _mm512_fmadd_ps(_mm512_set1_ps(a), x, y) }
    }

    #[inline(always)]
    fn pairs(self, words: &[u32; LANES]) -> [__m512; 2] {
        // SAFETY: likewise; `words` holds sixteen.
        unsafe {
            let words = _mm512_loadu_si512(words.as_ptr().cast());
            let upper = _mm512_set1_epi32(0xffff_0000_u32.cast_signed());
            [_mm512_castsi512_ps(_mm512_slli_epi32::<16>(words)), _mm512_castsi512_ps(_mm512_and_si512(words, upper))]
        }
    }
}
