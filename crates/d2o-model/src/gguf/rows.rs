//! The order of query and key rows.
//!
//! llama.cpp rotates neighbouring pairs of a head's rows, Hugging Face row `i` with row `i + head_dim/2`. So
//! row `2 i + side` of a head in the file is row `side · head_dim/2 + i` in Hugging Face's layout.

/// Rows of the file as Hugging Face has them; `None` if they are not `heads` heads of even width.
pub(super) fn by_halves(shape: &[usize], values: &[f32], heads: usize) -> Option<Vec<f32>> {
    reordered(shape, values, heads, |half, row| 2 * (row % half) + row / half)
}

/// Rows of Hugging Face's layout as the file has them; the inverse of [`by_halves`].
pub(super) fn by_neighbours(shape: &[usize], values: &[f32], heads: usize) -> Option<Vec<f32>> {
    reordered(shape, values, heads, |half, row| row / 2 + half * (row % 2))
}

/// Takes row `from(head_dim / 2, row)` of each head as its row `row`.
fn reordered(shape: &[usize], values: &[f32], heads: usize, from: fn(usize, usize) -> usize) -> Option<Vec<f32>> {
    let (&rows, rest) = shape.split_first()?;
    if !rows.is_multiple_of(heads.checked_mul(2)?) {
        return None;
    }
    let width: usize = rest.iter().product();
    let half = rows / heads / 2;
    let mut result = Vec::with_capacity(values.len());
    for head in 0..heads {
        for row in 0..2 * half {
            let source = head * 2 * half + from(half, row);
            result.extend_from_slice(&values[source * width..][..width]);
        }
    }
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_orders_undo_each_other() {
        // Two heads of width 6, rows of two values.
        let values: Vec<f32> = (0..24).map(|value| value as f32).collect();
        let there = by_neighbours(&[12, 2], &values, 2).unwrap();
        // Row 1 of the file is row 3 of the head, the partner of row 0.
        assert_eq!(there[2..4], [6.0, 7.0]);
        assert_eq!(by_halves(&[12, 2], &there, 2).unwrap(), values);
        assert_eq!(by_halves(&[9, 2], &values, 2), None);
    }
}
