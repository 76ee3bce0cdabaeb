//! AVX-512 BF16: `vdpbf16ps` multiplies two pairs and adds both products.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m512bh, __m512i, _mm512_dpbf16_ps, _mm512_load_ps, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_ps,
    _mm512_setzero_si512, _mm512_store_ps,
};

use super::Sums;
use crate::cpu::level::{Kind, Level};

/// Columns of a panel.
const WIDTH: usize = 48;

/// See `Tiles::accumulate`, which checked the sizes `[rows, pairs, vectors]`.
pub(super) fn accumulate(level: Level, left: &[u32], right: &[u32], sizes: [usize; 3], sums: &mut Sums) {
    assert_eq!(level.kind(), Kind::Avx512Bf16);
    let [rows, pairs, vectors] = sizes;
    assert!(left.len() == rows * pairs && right.len() == pairs * WIDTH, "whole rows");
    // SAFETY: a `Level` of this kind proves the instructions; the assertion, the sizes.
    unsafe {
        match vectors {
            3 => rows_of::<3>(left, right, rows, pairs, sums),
            2 => rows_of::<2>(left, right, rows, pairs, sums),
            1 => rows_of::<1>(left, right, rows, pairs, sums),
            _ => unreachable!("panels have 1 to 3 vectors"),
        }
    }
}

/// # Safety
/// As [`tile`].
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn rows_of<const V: usize>(left: &[u32], right: &[u32], rows: usize, pairs: usize, sums: &mut Sums) {
    let (left, right) = (left.as_ptr(), right.as_ptr());
    // SAFETY: as the caller promises.
    unsafe {
        match rows {
            8 => tile::<8, V>(left, right, pairs, sums),
            7 => tile::<7, V>(left, right, pairs, sums),
            6 => tile::<6, V>(left, right, pairs, sums),
            5 => tile::<5, V>(left, right, pairs, sums),
            4 => tile::<4, V>(left, right, pairs, sums),
            3 => tile::<3, V>(left, right, pairs, sums),
            2 => tile::<2, V>(left, right, pairs, sums),
            1 => tile::<1, V>(left, right, pairs, sums),
            _ => unreachable!("tiles have 1 to 8 rows"),
        }
    }
}

/// # Safety
/// The processor has AVX-512 F and BF16; `left` holds `R` rows of `pairs` words and `right` `pairs` rows of [`WIDTH`].
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn tile<const R: usize, const V: usize>(left: *const u32, right: *const u32, pairs: usize, sums: &mut Sums) {
    let place = sums.0.as_mut_ptr();
    let mut total = [[_mm512_setzero_ps(); V]; R];
    for (row, total) in total.iter_mut().enumerate() {
        for (vector, total) in total.iter_mut().enumerate() {
            // SAFETY: at most 8 rows of 48 sums lie in `Sums`, which begins where a vector does.
            *total = unsafe { _mm512_load_ps(place.add(row * WIDTH + 16 * vector)) };
        }
    }
    for pair in 0..pairs {
        // No closure: one that is not inlined would lose the instructions that this function is compiled for.
        let mut weights = [as_halves(_mm512_setzero_si512()); V];
        for (vector, weights) in weights.iter_mut().enumerate() {
            // SAFETY: `pair < pairs` and at most three vectors: inside `right`.
            *weights = as_halves(unsafe { _mm512_loadu_si512(right.add(pair * WIDTH + 16 * vector).cast()) });
        }
        for (row, total) in total.iter_mut().enumerate() {
            // SAFETY: `row < R` and `pair < pairs`: inside `left`.
            let word = unsafe { *left.add(row * pairs + pair) };
            let x = as_halves(_mm512_set1_epi32(word.cast_signed()));
            for (total, weights) in total.iter_mut().zip(weights) {
                *total = _mm512_dpbf16_ps(*total, x, weights);
            }
        }
    }
    for (row, total) in total.iter().enumerate() {
        for (vector, total) in total.iter().enumerate() {
            // SAFETY: as above.
            unsafe { _mm512_store_ps(place.add(row * WIDTH + 16 * vector), *total) };
        }
    }
}

#[inline(always)]
fn as_halves(words: __m512i) -> __m512bh {
    // SAFETY: both are 512 bits without invalid values.
    unsafe { std::mem::transmute(words) }
}
