//! Transposes of 16 × 16 words, so that vectors stay vectors.

/// 16 rows of 16 words.
pub(super) type Block = [[u32; 16]; 16];

/// The transpose: at each of four stages, halves of all rows change places with those of rows 8, 4, 2 and 1 away.
#[inline(always)]
pub(super) fn transpose(block: &mut Block) {
    exchange::<8>(block);
    exchange::<4>(block);
    exchange::<2>(block);
    exchange::<1>(block);
}

#[inline(always)]
fn exchange<const AWAY: usize>(block: &mut Block) {
    for row in 0..16 {
        if row & AWAY != 0 {
            continue;
        }
        let (upper, lower) = (block[row], block[row + AWAY]);
        for at in 0..16 {
            block[row][at] = if at & AWAY == 0 { upper[at] } else { lower[at ^ AWAY] };
            block[row + AWAY][at] = if at & AWAY == 0 { upper[at | AWAY] } else { lower[at] };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns() {
        let mut block: Block = std::array::from_fn(|row| std::array::from_fn(|column| (100 * row + column) as u32));
        transpose(&mut block);
        for (row, words) in block.iter().enumerate() {
            assert_eq!(*words, std::array::from_fn(|column| (100 * column + row) as u32));
        }
    }
}
