//! Rotary position embedding as one operation, on tokens as linear maps leave them.

use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};

use crate::cpu::rotary::RotaryTables;

/// `x · cos + rotate_half(x) · sin` on the first dimensions of every head.
///
/// # Shapes
/// - `x` and output: `[tokens, heads · head_dim]`
///
/// # Panics
/// If the tables are for another number of tokens or wider than a head.
pub fn rotary_embedding(x: Tensor<2>, head_dim: usize, tables: &RotaryTables) -> Tensor<2> {
    let [tokens, _] = x.dims();
    assert!(tokens == tables.tokens() && tables.dim <= head_dim, "tables for {tokens} tokens");
    #[cfg(feature = "flex")]
    if crate::host::is_on_cpu(&x) {
        return crate::flex::rotary::rotary_embedding(x, head_dim, tables);
    }
    rotary_embedding_composed(x, head_dim, tables)
}

/// The same from Burn's operations.
pub fn rotary_embedding_composed(x: Tensor<2>, head_dim: usize, tables: &RotaryTables) -> Tensor<2> {
    let [tokens, width] = x.dims();
    let device = x.device().without_autodiff();
    let table = |values: &Arc<Vec<f32>>| {
        Tensor::<3>::from_data(TensorData::new(values.to_vec(), [tokens, 1, tables.dim]), &device)
    };
    let heads = x.reshape([tokens, width / head_dim, head_dim]);
    let half = tables.dim / 2;
    let part = |start, len| heads.clone().narrow(2, start, len);
    let swapped = Tensor::cat(vec![part(half, half), part(0, half)], 2);
    let mut rotated = part(0, tables.dim) * table(&tables.cos) + swapped * table(&tables.sin);
    if tables.dim < head_dim {
        rotated = Tensor::cat(vec![rotated, part(tables.dim, head_dim - tables.dim)], 2);
    }
    rotated.reshape([tokens, width])
}
