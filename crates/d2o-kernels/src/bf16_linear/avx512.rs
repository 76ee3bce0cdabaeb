//! The product with AVX-512 BF16: `vdpbf16ps` multiplies two pairs and adds both products.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m512bh, __m512i, _mm512_dpbf16_ps, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_ps, _mm512_storeu_ps,
};

use super::pack::PANEL;
use crate::cpu::level::{Kind, Level};

/// Rows that are computed together: 8 rows of three vectors are 24 of the 32 registers.
pub(super) const TILE: usize = 8;
const VECTORS: usize = PANEL / 16;

/// See `multiply` of the parent.
///
/// # Panics
/// If a slice is too short, or `level` lacks the instructions.
pub(super) fn multiply(level: Level, x: &[u32], weights: &[u32], rows: usize, sums: &mut [f32]) {
    let pairs = weights.len() / PANEL;
    assert!(x.len() >= rows * pairs && sums.len() >= rows * PANEL, "{rows} whole rows");
    assert_eq!(level.kind(), Kind::Avx512Bf16);
    // SAFETY: a `Level` of this kind proves the instructions; `x` holds `rows` rows of `pairs` words,
    // `weights` `pairs` rows of `PANEL` words, and `sums` `rows` rows of `PANEL` values.
    unsafe {
        match rows {
            8 => tile::<8>(pairs, x, weights, sums),
            7 => tile::<7>(pairs, x, weights, sums),
            6 => tile::<6>(pairs, x, weights, sums),
            5 => tile::<5>(pairs, x, weights, sums),
            4 => tile::<4>(pairs, x, weights, sums),
            3 => tile::<3>(pairs, x, weights, sums),
            2 => tile::<2>(pairs, x, weights, sums),
            1 => tile::<1>(pairs, x, weights, sums),
            _ => unreachable!("tiles have 1 to {TILE} rows"),
        }
    }
}

/// # Safety
/// The processor has AVX-512 F and BF16; the slices are as long as `multiply` asserts for `R` rows.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn tile<const R: usize>(pairs: usize, x: &[u32], weights: &[u32], sums: &mut [f32]) {
    let (x, weights) = (x.as_ptr(), weights.as_ptr());
    let mut total = [[_mm512_setzero_ps(); VECTORS]; R];
    for pair in 0..pairs {
        // SAFETY: `pair < pairs` and the lanes end at `PANEL`: inside `weights`.
        let weights: [__m512bh; VECTORS] = std::array::from_fn(|vector| unsafe {
            as_halves(_mm512_loadu_si512(weights.add(pair * PANEL + 16 * vector).cast()))
        });
        for (row, total) in total.iter_mut().enumerate() {
            // SAFETY: `row < R` and `pair < pairs`: inside `x`.
            let word = unsafe { *x.add(row * pairs + pair) };
            let x = as_halves(_mm512_set1_epi32(word.cast_signed()));
            for (total, weights) in total.iter_mut().zip(weights) {
                *total = _mm512_dpbf16_ps(*total, x, weights);
            }
        }
    }
    for (total, sums) in total.iter().zip(sums.chunks_exact_mut(PANEL)) {
        for (vector, place) in total.iter().zip(sums.chunks_exact_mut(16)) {
            // SAFETY: `place` holds 16 values.
            unsafe { _mm512_storeu_ps(place.as_mut_ptr(), *vector) };
        }
    }
}

#[inline(always)]
fn as_halves(words: __m512i) -> __m512bh {
    // SAFETY: both are 512 bits without invalid values.
    unsafe { std::mem::transmute(words) }
}
