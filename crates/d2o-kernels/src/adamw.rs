//! One AdamW update as one pass over a parameter.

use burn::tensor::Tensor;

use crate::cpu::adamw::{AdamWStep, Factors, update};
use crate::cpu::level::Level;
use crate::host;

/// `m ← β₁ m + (1 − β₁) g`, `v ← β₂ v + (1 − β₂) g²`,
/// `θ ← (1 − ηλ) θ − η (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)`; returns `θ` and `[m, v]`.
///
/// `moments` are absent at the first update: they are zero.
///
/// # Shapes
/// - all: the same
pub fn adamw<const D: usize>(
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    moments: Option<[Tensor<D>; 2]>,
    step: AdamWStep,
) -> (Tensor<D>, [Tensor<D>; 2]) {
    let [first, second] = moments.unwrap_or_else(|| [gradient.zeros_like(), gradient.zeros_like()]);
    if [&parameter, &gradient, &first, &second].into_iter().all(host::is_untracked_on_cpu) {
        let shape = parameter.dims();
        let [parameter, gradient, first, second] = [parameter, gradient, first, second].map(host::values);
        let updated = update(Level::best(), [&parameter, &gradient, &first, &second], step);
        let [parameter, first, second] = updated.map(|values| host::tensor(values, shape));
        return (parameter, [first, second]);
    }
    adamw_composed(parameter, gradient, [first, second], step)
}

/// The same from Burn's operations.
pub fn adamw_composed<const D: usize>(
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    [first, second]: [Tensor<D>; 2],
    step: AdamWStep,
) -> (Tensor<D>, [Tensor<D>; 2]) {
    let factors = Factors::of(step);
    let first = first.mul_scalar(step.beta1) + gradient.clone().mul_scalar(1.0 - step.beta1);
    let second = second.mul_scalar(step.beta2) + (gradient.clone() * gradient).mul_scalar(1.0 - step.beta2);
    let root = second.clone().mul_scalar(factors.second_scale).sqrt().add_scalar(step.epsilon);
    let parameter = parameter.mul_scalar(factors.keep) - first.clone().mul_scalar(factors.first_scale) / root;
    (parameter, [first, second])
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::testing::{assert_close, noise, on_threads};

    const STEP: AdamWStep =
        AdamWStep { learning_rate: 0.01, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weight_decay: 0.1, time: 1 };

    fn tensor(seed: u64, count: usize) -> Tensor<1> {
        Tensor::from_data(TensorData::new(noise(count, seed), [count]), &Device::flex())
    }

    fn floats(tensor: &Tensor<1>) -> Vec<f32> {
        tensor.to_data().iter::<f32>().collect()
    }

    #[test]
    fn the_first_update_moves_by_the_learning_rate_against_the_gradients_sign() {
        // m / (1 − β₁) = g and v / (1 − β₂) = g², so the quotient is the sign; decay takes 0.001 of θ.
        let (parameter, gradient) = (tensor(1, 40), tensor(2, 40));
        let (updated, _) = adamw(parameter.clone(), gradient.clone(), None, STEP);
        let expected = parameter.mul_scalar(0.999) - gradient.sign().mul_scalar(0.01);
        assert_close(&floats(&updated), &floats(&expected), 1e-6, "first update");
    }

    #[test]
    fn several_updates_equal_the_composition() {
        let (mut fused, mut moments) = (tensor(1, 100_003), None);
        let (mut composed, mut expected) = (fused.clone(), [fused.zeros_like(), fused.zeros_like()]);
        for time in 1..=3 {
            let (gradient, step) = (tensor(10 + time as u64, 100_003), AdamWStep { time, ..STEP });
            let both;
            (fused, both) = adamw(fused, gradient.clone(), moments.take(), step);
            moments = Some(both);
            (composed, expected) = adamw_composed(composed, gradient, expected, step);
        }
        assert_close(&floats(&fused), &floats(&composed), 1e-5, "parameter");
        for (found, expected) in moments.unwrap().iter().zip(&expected) {
            assert_close(&floats(found), &floats(expected), 1e-6, "moment");
        }
    }

    #[test]
    fn every_level_agrees_and_threads_change_no_bit() {
        let values = [1, 2, 3, 4].map(|seed| noise(50_001, seed).iter().map(|x| x.abs()).collect::<Vec<f32>>());
        let inputs = [&values[0][..], &values[1], &values[2], &values[3]];
        let portable = update(Level::all()[0], inputs, STEP).concat();
        for level in Level::all() {
            let alone = on_threads(1, || update(level, inputs, STEP).concat());
            assert_close(&alone, &portable, 1e-5, level.name());
            assert_eq!(alone, on_threads(3, || update(level, inputs, STEP).concat()));
        }
    }
}
