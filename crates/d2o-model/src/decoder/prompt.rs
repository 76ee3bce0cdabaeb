//! A prompt that is computed once, and what goes on behind it in later passes.

use std::ops::Range;

use burn::tensor::Tensor;

use super::cache::KvAccess;
use super::causal_lm::CausalLm;
use super::keys_values::KeysValues;
use super::placement::Placement;

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
        let context = self.context(at, &hidden.device());
        let layers = self.layers[range.clone()].iter().zip(&self.config.layers[range]);
        let mut left = Vec::new();
        let hidden = layers.fold(hidden, |hidden, (layer, spec)| {
            let mut own = None;
            let hidden = layer.forward(hidden, context.of_layer(spec), Some(KvAccess::Record(&mut own)));
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
        let context = self.context(at, &hidden.device());
        let layers = self.layers[range.clone()].iter().zip(&self.config.layers[range]).zip(prompt);
        layers.fold(hidden, |hidden, ((layer, spec), prompt)| {
            layer.forward(hidden, context.of_layer(spec), Some(KvAccess::Prompt(prompt)))
        })
    }
}
