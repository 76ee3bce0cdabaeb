//! AdamW, one pass over each parameter; its state is Burn's, so checkpoints read on.

use burn::optim::{AdamWState, AdaptiveMomentumState, LearningRate, ModuleOptimizer, Optimizer};
use burn::tensor::{Device, Tensor};
use d2o_kernels::{AdamWStep, adamw};

/// AdamW's knobs (arXiv 1711.05101).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Decoupled weight decay; 0 switches it off.
    pub weight_decay: f64,
}

impl Default for AdamW {
    /// β 0.9 and 0.999, ε 1e-8, no weight decay.
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 }
    }
}

impl AdamW {
    /// The optimizer of a whole module.
    pub fn optimizer(self) -> ModuleOptimizer {
        ModuleOptimizer::from(self)
    }
}

impl Optimizer for AdamW {
    type State<const D: usize> = AdamWState<D>;

    fn step<const D: usize>(
        &self,
        learning_rate: LearningRate,
        tensor: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<AdamWState<D>>,
    ) -> (Tensor<D>, Option<AdamWState<D>>) {
        let Self { beta1, beta2, epsilon, weight_decay } = *self;
        let (before, moments) = match state {
            Some(AdamWState { momentum }) => (momentum.time, Some([momentum.moment_1, momentum.moment_2])),
            None => (0, None),
        };
        let time = before + 1;
        let step = AdamWStep { learning_rate, beta1, beta2, epsilon, weight_decay, time };
        let (tensor, [first, second]) = adamw(tensor, gradient, moments, step);
        (tensor, Some(AdamWState::new(AdaptiveMomentumState::new(time, first, second))))
    }

    fn to_device<const D: usize>(mut state: AdamWState<D>, device: &Device) -> AdamWState<D> {
        state.momentum = state.momentum.to_device(device);
        state
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::*;

    #[test]
    fn the_defaults_are_the_common_ones() {
        let AdamW { beta1, beta2, epsilon, weight_decay } = AdamW::default();
        assert_eq!((beta1, beta2, epsilon, weight_decay), (0.9, 0.999, 1e-8, 0.0));
    }

    /// Two steps on one weight of 1 at a rate of 0.1, with β 0.5 and 0.75, no ε and a decay of 0.5, gradients 2 and 4.
    #[test]
    fn two_steps_by_hand() {
        let device = d2o_testing::device::device();
        let tensor = |value: f32| Tensor::<1>::from_data(TensorData::from([value]), &device);
        let value = |tensor: Tensor<1>| tensor.into_data().iter::<f64>().next().unwrap();
        let adamw = AdamW { beta1: 0.5, beta2: 0.75, epsilon: 0.0, weight_decay: 0.5 };
        // Moments 1 and 1, corrected by 1/2 and 1/4: 2 and 4, a step of 0.1 · 2 / 2. The decay takes 0.1 · 0.5 of 1.
        let (weight, state) = adamw.step(0.1, tensor(1.0), tensor(2.0), None);
        assert!((value(weight.clone()) - 0.85).abs() < 1e-6);
        // Moments 0.5 + 2 and 0.75 + 4, corrected by 3/4 and 7/16: 10/3 and 76/7.
        let (weight, state) = adamw.step(0.1, weight, tensor(4.0), state);
        let expected = 0.85 * 0.95 - 0.1 * (10.0 / 3.0) / (76.0f64 / 7.0).sqrt();
        assert!((value(weight) - expected).abs() < 1e-6);
        assert_eq!(state.unwrap().momentum.time, 2);
    }
}
