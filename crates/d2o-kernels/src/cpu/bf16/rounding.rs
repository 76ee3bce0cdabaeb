//! Numbers rounded to bf16, two to a word: the first of a pair in the lower half.

/// The nearest bf16, ties to even, in the upper half of an f32's bits; the lower half is zero. NaN stays NaN.
#[inline(always)]
fn upper_half(x: f32) -> u32 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) & 0xffff_0000;
    if x.is_nan() { 0x7fc0_0000 } else { rounded }
}

/// `x` as bf16 has it.
#[cfg(test)]
pub(crate) fn rounded(x: f32) -> f32 {
    f32::from_bits(upper_half(x))
}

/// The word of a pair.
#[inline(always)]
pub(super) fn word(first: f32, second: f32) -> u32 {
    upper_half(first) >> 16 | upper_half(second)
}

/// Both numbers of a word.
#[inline(always)]
pub(super) fn pair(word: u32) -> [f32; 2] {
    [f32::from_bits(word << 16), f32::from_bits(word & 0xffff_0000)]
}

/// Neighbours of one row, pair by pair; a number without a partner is paired with zero.
#[inline(always)]
pub(super) fn words_along(row: &[f32], words: &mut [u32]) {
    let pairs = row.chunks_exact(2);
    if let Some(&last) = pairs.remainder().first() {
        words[row.len() / 2] = word(last, 0.0);
    }
    for (place, pair) in words.iter_mut().zip(pairs) {
        *place = word(pair[0], pair[1]);
    }
}

/// Neighbours in two rows, column by column; without a second row they are paired with zero.
#[inline(always)]
pub(super) fn words_across(first: &[f32], second: Option<&[f32]>, words: &mut [u32]) {
    match second {
        Some(second) => {
            for (place, (&first, &second)) in words.iter_mut().zip(first.iter().zip(second)) {
                *place = word(first, second);
            }
        }
        None => {
            for (place, &first) in words.iter_mut().zip(first) {
                *place = word(first, 0.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_to_nearest_even() {
        // 1 + 2⁻⁸ lies between 1 and 1 + 2⁻⁷: the tie goes to the even mantissa, 1.
        assert_eq!(rounded(1.0 + 1.0 / 256.0), 1.0);
        // 1 + 3 · 2⁻⁸ is as far from 1 + 2⁻⁷ as from 1 + 2⁻⁶: the latter is even.
        assert_eq!(rounded(1.0 + 3.0 / 256.0), 1.0 + 1.0 / 64.0);
        assert_eq!(rounded(f32::NEG_INFINITY), f32::NEG_INFINITY);
        assert!(rounded(f32::NAN).is_nan());
    }

    #[test]
    fn pairs_lie_in_words() {
        let mut words = [9; 2];
        words_along(&[1.0, 2.0, 3.0], &mut words);
        assert_eq!(words.map(pair), [[1.0, 2.0], [3.0, 0.0]]);
        words_across(&[1.0, 2.0], Some(&[3.0, 4.0]), &mut words);
        assert_eq!(words.map(pair), [[1.0, 3.0], [2.0, 4.0]]);
        words_across(&[1.0, 2.0], None, &mut words);
        assert_eq!(words.map(pair), [[1.0, 0.0], [2.0, 0.0]]);
    }
}
