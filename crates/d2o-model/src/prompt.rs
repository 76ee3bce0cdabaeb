//! A prompt that is computed once, and what goes on behind it in later passes.

use std::ops::Range;

use burn::tensor::Tensor;

use crate::cache::Seen;
use crate::decoder::CausalLm;
use crate::placement::Placement;

/// What one layer's later tokens see of a prompt, `[tokens, kv_heads · head_dim]` each; keys are normed and turned.
#[derive(Clone, Debug)]
pub struct KeysValues {
    /// Keys.
    pub keys: Tensor<2>,
    /// Values.
    pub values: Tensor<2>,
}

impl CausalLm {
    /// Runs the layers of `range` on a prompt; beside its hidden states, what each of these layers leaves for
    /// [`run_continued`](Self::run_continued), tracked where the weights are.
    ///
    /// # Shapes
    /// - `hidden` and output: `[1, len, width]`
    ///
    /// # Panics
    /// If `range` goes beyond the layers or `at` was made for other tokens.
    pub fn run_prompt(&self, hidden: Tensor<3>, range: Range<usize>, at: &Placement) -> (Tensor<3>, Vec<KeysValues>) {
        let surroundings = self.surroundings(at, &hidden.device());
        let layers = self.layers[range.clone()].iter().zip(&self.config.layers[range]);
        let mut left = Vec::new();
        let hidden = layers.fold(hidden, |hidden, (layer, spec)| {
            let mut own = None;
            let hidden = layer.forward(hidden, surroundings.sight(spec), Some(Seen::Recorded(&mut own)));
            left.extend(own);
            hidden
        });
        (hidden, left)
    }

    /// Runs the layers of `range` on what goes on behind a prompt, [`at`](Placement::continued) its places; equal to
    /// the same rows of [`run_layers`](Self::run_layers) on prompt and continuations together.
    ///
    /// # Shapes
    /// - `hidden` and output: `[1, len, width]`, the prompt's tokens not among them
    ///
    /// # Panics
    /// If `range` goes beyond the layers, `prompt` was left by another range, or `at` was made for other tokens.
    pub fn run_continued(
        &self,
        hidden: Tensor<3>,
        range: Range<usize>,
        at: &Placement,
        prompt: &[KeysValues],
    ) -> Tensor<3> {
        assert_eq!(prompt.len(), range.len(), "keys and values of each layer");
        let surroundings = self.surroundings(at, &hidden.device());
        let layers = self.layers[range.clone()].iter().zip(&self.config.layers[range]).zip(prompt);
        layers.fold(hidden, |hidden, ((layer, spec), prompt)| {
            layer.forward(hidden, surroundings.sight(spec), Some(Seen::Prompt(prompt)))
        })
    }
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
