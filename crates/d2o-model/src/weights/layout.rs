//! Between Hugging Face's layout, `[out, in]`, and the `[in, out]` of linear maps here.

use burn::tensor::{Device, Tensor, TensorData};

/// `values` of `[rows, columns]` as `[columns, rows]`; its own inverse with the sizes exchanged.
pub(crate) fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    // Blocks keep both sides in the cache.
    const BLOCK: usize = 32;
    let mut result = vec![0f32; values.len()];
    for row0 in (0..rows).step_by(BLOCK) {
        for column0 in (0..columns).step_by(BLOCK) {
            for row in row0..(row0 + BLOCK).min(rows) {
                for column in column0..(column0 + BLOCK).min(columns) {
                    result[column * rows + row] = values[row * columns + column];
                }
            }
        }
    }
    result
}

/// A plain tensor of these values.
pub(crate) fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// The values of a tensor, row by row.
pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

#[cfg(test)]
mod tests {
    use super::transposed;

    #[test]
    fn transposing_moves_every_value_across_block_borders() {
        let (rows, columns) = (70, 33);
        let values: Vec<f32> = (0..rows * columns).map(|i| i as f32).collect();
        let there = transposed(&values, rows, columns);
        assert_eq!(there[5 * rows + 69], values[69 * columns + 5]);
        assert_eq!(transposed(&there, columns, rows), values);
    }
}
