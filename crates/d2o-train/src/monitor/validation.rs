//! The validation set: ordinary prompts with good answers, measured while training. The answers are never trained on;
//! retain rows may share the prompts.

use burn::tensor::activation::softmax;
use burn::tensor::{Tensor, Transaction};
use d2o_model::CausalLm;
use d2o_model::responses::{Chunking, Packed};

use crate::group::Example;
use crate::stop::ValidationFigures;

/// Encoded prompts with answers.
#[derive(Clone, Debug, Default)]
pub struct ValidationSet {
    rows: Vec<Example>,
}

impl ValidationSet {
    /// A validation set of these rows.
    pub fn new(rows: Vec<Example>) -> Self {
        Self { rows }
    }

    /// Whether there is nothing to measure.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Mean negative log-likelihood and mean next-token entropy, both in nats over all answer tokens.
    ///
    /// `model` must be frozen. An empty set gives zeros.
    pub fn measure(&self, model: &CausalLm, chunking: Chunking) -> ValidationFigures {
        let device = model.device();
        let (mut nll, mut entropy, mut tokens) = (0.0, 0.0, 0usize);
        for row in &self.rows {
            let packed = Packed::new(row.prompt(), &[row.response()], &device);
            let hidden = packed.predicting_hidden(model);
            let log_probs = model.log_probs(hidden.clone(), packed.targets(), chunking.head_rows);
            let entropies = self::entropy(model, hidden, chunking.head_rows);
            let [log_probs, entropies] = Transaction::default()
                .register(log_probs.sum())
                .register(entropies)
                .execute()
                .try_into()
                .expect("two tensors were registered");
            nll -= log_probs.iter::<f64>().sum::<f64>();
            entropy += entropies.iter::<f64>().sum::<f64>();
            tokens += row.response().len();
        }
        let per_token = 1.0 / tokens.max(1) as f64;
        ValidationFigures { nll: nll * per_token, entropy: entropy * per_token }
    }
}

/// Summed entropy `−Σ_v p log p` of the next-token distributions after each row of `hidden`, nats, `[1]`.
fn entropy(model: &CausalLm, hidden: Tensor<2>, rows: usize) -> Tensor<1> {
    let parts = hidden
        .split(rows, 0)
        .into_iter()
        .map(|hidden| {
            let logits = model.logits(hidden);
            let probabilities = softmax(logits.clone(), 1);
            // −Σ p log p = log Σ exp(z) − Σ p z, shifted by the largest logit.
            let largest = logits.clone().max_dim(1);
            let shifted = logits - largest;
            let normaliser = shifted.clone().exp().sum_dim(1).log();
            (normaliser - (probabilities * shifted).sum_dim(1)).sum()
        })
        .collect::<Vec<_>>();
    Tensor::cat(parts, 0).sum()
}
