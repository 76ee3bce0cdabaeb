//! D²O on somebody else's model: a bigram language model, written here as any Burn module would be. A few AdamW
//! steps push one rejected answer per prompt down, while the model's own answers, the anchors, keep their likelihood.
#![allow(clippy::print_stdout, reason = "an example shows its output")]

use burn::module::{Module, Param};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use d2o_objective::{Group, ObjectiveConfig, Scored};

const VOCABULARY: usize = 8;
const WIDTH: usize = 4;
/// Per row a prompt of one token, and answers of three.
const PROMPTS: [i64; 2] = [0, 1];
const ANCHORS: [[[i64; 3]; 3]; 2] = [[[2, 3, 7], [3, 2, 7], [2, 2, 7]], [[3, 3, 7], [2, 3, 7], [3, 2, 7]]];
const REJECTED: [[i64; 3]; 2] = [[4, 5, 7], [5, 4, 7]];

/// The next token from the last one: an embedding and a linear map.
#[derive(Module, Debug)]
struct Bigram {
    embedding: Param<Tensor<2>>,
    output: Param<Tensor<2>>,
}

impl Bigram {
    /// Small weights that depend on nothing but their place.
    fn new(device: &Device) -> Self {
        let weights = |rows: usize, columns: usize, shift: f32| {
            let values: Vec<f32> = (0..rows * columns).map(|i| (i as f32 * 1.7 + shift).sin()).collect();
            Param::from_tensor(Tensor::from_data(TensorData::new(values, [rows, columns]), device))
        };
        Self { embedding: weights(VOCABULARY, WIDTH, 0.3), output: weights(WIDTH, VOCABULARY, 1.1) }
    }

    /// `Σ_t log p(y_t | y_{t−1})` in nats, the first token after the prompt's: `[batch]` from `[batch]` and
    /// `[batch, len]`.
    fn score(&self, prompts: Tensor<1, Int>, answers: Tensor<2, Int>) -> Tensor<1> {
        let [batch, len] = answers.dims();
        let before = Tensor::cat(vec![prompts.unsqueeze_dim(1), answers.clone().narrow(1, 0, len - 1)], 1);
        let states = self.embedding.val().select(0, before.reshape([batch * len]));
        let log_probs = log_softmax(states.matmul(self.output.val()), 1);
        let chosen = log_probs.gather(1, answers.reshape([batch * len, 1]));
        chosen.reshape([batch, len]).sum_dim(1).squeeze_dim(1)
    }

    /// Scores of all anchors, `[batch, k]`, and of the rejected answers, `[batch]`.
    fn scores(&self, device: &Device) -> (Tensor<2>, Tensor<1>) {
        let prompts = Tensor::<1, Int>::from_data(PROMPTS, device);
        let anchors = Tensor::<3, Int>::from_data(ANCHORS, device);
        let [batch, k, len] = anchors.dims();
        let repeated = prompts.clone().unsqueeze_dim::<2>(1).expand([batch, k]).reshape([batch * k]);
        let anchors = self.score(repeated, anchors.reshape([batch * k, len])).reshape([batch, k]);
        (anchors, self.score(prompts, Tensor::from_data(REJECTED, device)))
    }
}

/// Mean log-ratios against the start, in nats, of anchors and rejected answers.
#[derive(Debug)]
struct Moved {
    anchors: f32,
    rejected: f32,
}

/// Trains for `steps`, and tells where the answers stand at the end.
fn train(steps: usize) -> Moved {
    let device = Device::flex().autodiff();
    let mut model = Bigram::new(&device);
    // The frozen reference is the model as it is now; its scores suffice, no second copy of the weights is kept.
    let (anchors, rejected) = model.scores(&device);
    let (anchor_reference, rejected_reference) = (anchors.without_autodiff(), rejected.without_autodiff());
    let objective = ObjectiveConfig::default();
    let mut optimizer = AdamWConfig::new().init();
    let mut moved = Moved { anchors: 0.0, rejected: 0.0 };
    for step in 0..=steps {
        let (anchors, rejected) = model.scores(&device);
        let group = Group::new(
            Scored { tokens: anchor_reference.ones_like() * 3.0, reference: anchor_reference.clone(), policy: anchors },
            Scored {
                tokens: rejected_reference.ones_like() * 3.0,
                reference: rejected_reference.clone(),
                policy: rejected,
            },
        );
        let loss = objective.forward(&group);
        moved = Moved {
            anchors: loss.diagnostics.anchor_log_ratio.mean().into_scalar(),
            rejected: loss.diagnostics.rejected_log_ratio.mean().into_scalar(),
        };
        if step % 20 == 0 {
            let value: f32 = loss.per_example.clone().mean().into_scalar();
            println!("step {step:3}: loss {value:.4}, anchors {:+.2}, rejected {:+.2}", moved.anchors, moved.rejected);
        }
        let gradients = loss.per_example.mean().backward();
        model = optimizer.step(0.02, model.clone(), GradientsParams::from_grads(gradients, &model));
    }
    moved
}

/// Trains, prints, and checks what the method promises. In its place a test of the crate calls this function.
pub(crate) fn main() {
    let moved = train(100);
    assert!(moved.rejected < -3.0, "the rejected answers fall by some nats: {moved:?}");
    assert!(moved.anchors > -0.1, "the anchors hold: {moved:?}");
}
