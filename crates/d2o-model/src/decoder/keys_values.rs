//! The keys and values that a layer makes of a prompt.

use burn::tensor::Tensor;

/// What one layer's later tokens see of a prompt, `[tokens, kv_heads · head_dim]` each; keys are normed and rotated.
#[derive(Clone, Debug)]
pub struct KeysValues {
    /// Keys.
    pub keys: Tensor<2>,
    /// Values.
    pub values: Tensor<2>,
}

impl KeysValues {
    pub(crate) fn tokens(&self) -> usize {
        self.keys.dims()[0]
    }

    /// From one row, `[1, kv_heads, tokens, dim]` each.
    pub(crate) fn of_heads(keys: Tensor<4>, values: Tensor<4>) -> Self {
        let rows = |x: Tensor<4>| {
            let [_, heads, tokens, dim] = x.dims();
            x.swap_dims(1, 2).reshape([tokens, heads * dim])
        };
        Self { keys: rows(keys), values: rows(values) }
    }

    /// These before later ones, `[tokens, kv_heads · dim]` each.
    pub(crate) fn before_rows(&self, keys: Tensor<2>, values: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        (Tensor::cat(vec![self.keys.clone(), keys], 0), Tensor::cat(vec![self.values.clone(), values], 0))
    }

    /// The same, `[1, kv_heads, tokens, dim]` each.
    pub(crate) fn before_heads(&self, keys: Tensor<4>, values: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
        let [_, heads, _, dim] = keys.dims();
        let split = |x: &Tensor<2>| x.clone().reshape([1, self.tokens(), heads, dim]).swap_dims(1, 2);
        (Tensor::cat(vec![split(&self.keys), keys], 2), Tensor::cat(vec![split(&self.values), values], 2))
    }
}
