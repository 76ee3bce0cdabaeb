//! The head: logits, and log-probabilities of chosen tokens.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};
use d2o_kernels::{Weight, WeightForm, WeightLayout, linear, token_log_probs};

use super::activation::soft_cap;
use super::causal_lm::CausalLm;

impl CausalLm {
    /// Next-token logits after each row of final hidden states.
    ///
    /// # Shapes
    /// - `hidden`: `[rows, width]`; output: `[rows, vocab]`
    pub fn logits(&self, hidden: Tensor<2>) -> Tensor<2> {
        let logits = match (&self.head, &self.tied_form) {
            (Some(head), _) => head.forward(hidden.unsqueeze_dim(0)).squeeze_dim(0),
            (None, WeightForm::F32) => tied_logits(hidden, self.embedding.val()),
            (None, WeightForm::Bf16(_)) => linear(hidden, self.tied_weight()),
        };
        match self.config.logit_cap {
            Some(cap) => soft_cap(logits, cap),
            None => logits,
        }
    }

    /// Log-probability of each row's target, `log softmax(logits)[target]`, nats.
    ///
    /// The head runs on `chunk` rows at a time. On the processor the backward does so, too; elsewhere a
    /// tracked forward keeps the chunks' logits, and an untracked one holds one chunk.
    ///
    /// # Shapes
    /// - `hidden`: `[rows, width]`; `targets`: `[rows]`; output: `[rows]`
    ///
    /// # Panics
    /// If `chunk` is zero or the shapes disagree.
    pub fn log_probs(&self, hidden: Tensor<2>, targets: Tensor<1, Int>, chunk: usize) -> Tensor<1> {
        let [rows, _] = hidden.dims();
        assert_eq!(targets.dims(), [rows], "one target for each row");
        assert!(chunk > 0, "a chunk holds at least one row");
        let targets = targets.without_autodiff();
        if let Some(weight) = self.plain_head() {
            return token_log_probs(hidden, weight, targets, chunk);
        }
        let parts = hidden
            .split(chunk, 0)
            .into_iter()
            .zip(targets.split(chunk, 0))
            .map(|(hidden, targets)| {
                let log_probs = log_softmax(self.logits(hidden), 1);
                log_probs.gather(1, targets.unsqueeze_dim(1)).squeeze_dim(1)
            })
            .collect();
        Tensor::cat(parts, 0)
    }

    /// The head's weight, if it is a product and nothing else.
    fn plain_head(&self) -> Option<Weight<'_>> {
        if self.config.logit_cap.is_some() {
            return None;
        }
        match &self.head {
            Some(head) => head.plain_weight(),
            None => Some(self.tied_weight()),
        }
    }

    /// The embedding as the head.
    pub(crate) fn tied_weight(&self) -> Weight<'_> {
        Weight { values: self.embedding.val(), layout: WeightLayout::Transposed, form: &self.tied_form }
    }
}

/// `h Eᵀ` of the embedding `E`, `[vocab, width]`.
///
/// A product with a transposed right side packs all of it anew, which outweighs the arithmetic of a
/// decoding step; `(E hᵀ)ᵀ` reads it as it lies, and pays while the result is small.
fn tied_logits(hidden: Tensor<2>, embedding: Tensor<2>) -> Tensor<2> {
    const FEW_ROWS: usize = 32;
    let [rows, _] = hidden.dims();
    if rows <= FEW_ROWS {
        embedding.matmul(hidden.transpose()).transpose()
    } else {
        hidden.matmul(embedding.transpose())
    }
}
