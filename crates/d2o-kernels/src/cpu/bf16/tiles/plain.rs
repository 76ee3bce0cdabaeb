//! f32 products of the rounded numbers: where there is no instruction for pairs of bf16.

use super::Sums;
use crate::cpu::bf16::rounding::pair;
use crate::cpu::bf16::shape::MOST_PAIRS;
use crate::cpu::level::{Kind, Level};
use crate::cpu::math::LANES;
#[cfg(target_arch = "x86_64")]
use crate::cpu::vectors::{Avx2, Avx512};
use crate::cpu::vectors::{Portable, Vectors};

/// Columns of a panel.
const WIDTH: usize = 48;

/// Most rows that are computed together.
const ROWS: usize = 8;

/// Room for the numbers of the rows that are computed together.
pub(super) const NUMBERS: usize = ROWS * 2 * MOST_PAIRS;

/// What is multiplied.
#[derive(Clone, Copy)]
struct Factors<'a> {
    left: &'a [u32],
    right: &'a [u32],
    pairs: usize,
    /// Vectors of 16 columns.
    columns: usize,
}

/// See `Tiles::accumulate`, which checked the sizes `[rows, pairs, vectors]`; `numbers` is room for [`NUMBERS`].
#[allow(unsafe_code)]
pub(super) fn accumulate(
    level: Level,
    left: &[u32],
    right: &[u32],
    [_, pairs, columns]: [usize; 3],
    numbers: &mut [f32],
    sums: &mut Sums,
) {
    let factors = Factors { left, right, pairs, columns };
    match level.kind() {
        Kind::Portable => rows_of::<_, 4>(Portable, factors, numbers, sums),
        // SAFETY: a `Level` of this kind proves AVX2 and FMA.
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2 => unsafe { narrow(factors, numbers, sums) },
        // SAFETY: likewise AVX-512 F, VL, BW and DQ.
        #[cfg(target_arch = "x86_64")]
        _ => unsafe { wide(factors, numbers, sums) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
#[allow(unsafe_code)]
fn narrow(factors: Factors<'_>, numbers: &mut [f32], sums: &mut Sums) {
    // SAFETY: this function is compiled for these instructions.
    rows_of::<_, 4>(unsafe { Avx2::new() }, factors, numbers, sums);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
#[allow(unsafe_code)]
fn wide(factors: Factors<'_>, numbers: &mut [f32], sums: &mut Sums) {
    // SAFETY: this function is compiled for these instructions.
    rows_of::<_, ROWS>(unsafe { Avx512::new() }, factors, numbers, sums);
}

/// `R` rows at a time, and what is left one by one: every sum runs in the same order either way.
#[inline(always)]
fn rows_of<V: Vectors, const R: usize>(vectors: V, factors: Factors<'_>, numbers: &mut [f32], sums: &mut Sums) {
    let Factors { left, pairs, .. } = factors;
    let numbers = &mut numbers[..R * 2 * pairs];
    let whole = left.chunks_exact(R * pairs);
    let rest = whole.remainder();
    let first_of_rest = (left.len() - rest.len()) / pairs;
    for (group, left) in whole.enumerate() {
        widen(left, numbers);
        columns_of::<V, R>(vectors, factors, numbers, &mut sums.0[group * R * WIDTH..]);
    }
    for (row, left) in rest.chunks_exact(pairs).enumerate() {
        widen(left, &mut numbers[..2 * pairs]);
        columns_of::<V, 1>(vectors, factors, numbers, &mut sums.0[(first_of_rest + row) * WIDTH..]);
    }
}

/// The numbers of words, one after the other.
#[inline(always)]
fn widen(words: &[u32], numbers: &mut [f32]) {
    for (place, &word) in numbers.chunks_exact_mut(2).zip(words) {
        place.copy_from_slice(&pair(word));
    }
}

/// `R` rows of `numbers` with all columns, 16 at a time.
#[inline(always)]
fn columns_of<V: Vectors, const R: usize>(vectors: V, factors: Factors<'_>, numbers: &[f32], sums: &mut [f32]) {
    let Factors { right, pairs, columns, .. } = factors;
    let mut rows: [&[f32]; R] = [&[]; R];
    for (row, numbers) in rows.iter_mut().zip(numbers.chunks_exact(2 * pairs)) {
        *row = numbers;
    }
    for column in 0..columns {
        let at = |row: usize| row * WIDTH + column * LANES;
        let mut total = [vectors.zero(); R];
        for (row, total) in total.iter_mut().enumerate() {
            *total = vectors.load(lanes(&sums[at(row)..]));
        }
        for (index, words) in right.chunks_exact(WIDTH).enumerate() {
            let [first, second] = vectors.pairs(lanes(&words[column * LANES..]));
            for (total, row) in total.iter_mut().zip(rows) {
                *total = vectors.add_scaled(*total, row[2 * index], first);
                *total = vectors.add_scaled(*total, row[2 * index + 1], second);
            }
        }
        for (row, total) in total.into_iter().enumerate() {
            let place = &mut sums[at(row)..at(row) + LANES];
            vectors.store(total, place.try_into().expect("16 sums"));
        }
    }
}

#[inline(always)]
fn lanes<T>(values: &[T]) -> &[T; LANES] {
    values.first_chunk().expect("whole vectors")
}
