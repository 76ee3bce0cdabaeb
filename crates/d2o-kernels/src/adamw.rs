//! One AdamW update as one pass over a parameter.

use burn::tensor::Tensor;
use rayon::prelude::*;

use crate::host;
use crate::level::{Level, madd, multiversion};

/// Values of one task.
const CHUNK: usize = 16_384;

/// The numbers of one update (arXiv 1711.05101).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWStep {
    /// Learning rate.
    pub learning_rate: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Decoupled weight decay; 0 is none.
    pub weight_decay: f64,
    /// Number of this update, counted from 1.
    pub time: usize,
}

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
    if [&parameter, &gradient, &first, &second].into_iter().all(host::is_plain) {
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
    let numbers = Numbers::of(step);
    let first = first.mul_scalar(step.beta1) + gradient.clone().mul_scalar(1.0 - step.beta1);
    let second = second.mul_scalar(step.beta2) + (gradient.clone() * gradient).mul_scalar(1.0 - step.beta2);
    let root = second.clone().mul_scalar(numbers.second_scale).sqrt().add_scalar(step.epsilon);
    let parameter = parameter.mul_scalar(numbers.keep) - first.clone().mul_scalar(numbers.first_scale) / root;
    (parameter, [first, second])
}

/// What an update multiplies by, in f32.
#[derive(Clone, Copy)]
pub(crate) struct Numbers {
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    /// `1 − ηλ`.
    keep: f32,
    /// `η / (1 − β₁ᵗ)`.
    first_scale: f32,
    /// `1 / (1 − β₂ᵗ)`.
    second_scale: f32,
}

impl Numbers {
    fn of(step: AdamWStep) -> Self {
        let correction = |beta: f64| 1.0 - beta.powf(step.time as f64);
        Self {
            beta1: step.beta1 as f32,
            beta2: step.beta2 as f32,
            epsilon: step.epsilon as f32,
            keep: (1.0 - step.learning_rate * step.weight_decay) as f32,
            first_scale: (step.learning_rate / correction(step.beta1)) as f32,
            second_scale: (1.0 / correction(step.beta2)) as f32,
        }
    }
}

/// Parameter and both moments after the update of `[parameter, gradient, first, second]`.
fn update(level: Level, inputs: [&[f32]; 4], step: AdamWStep) -> [Vec<f32>; 3] {
    let numbers = Numbers::of(step);
    let mut outputs = [(); 3].map(|()| vec![0f32; inputs[0].len()]);
    let [parameter, first, second] = &mut outputs;
    let written = parameter.par_chunks_mut(CHUNK).zip(first.par_chunks_mut(CHUNK)).zip(second.par_chunks_mut(CHUNK));
    written.enumerate().for_each(|(chunk, ((parameter, first), second))| {
        let start = chunk * CHUNK;
        let inputs = inputs.map(|values| &values[start..start + parameter.len()]);
        update_chunk(level, inputs, numbers, parameter, first, second);
    });
    outputs
}

multiversion! {
    fn update_chunk(
        inputs: [&[f32]; 4],
        numbers: Numbers,
        parameter: &mut [f32],
        first: &mut [f32],
        second: &mut [f32],
    ) = update_body
}

#[inline(always)]
fn update_body<const FMA: bool>(
    [old, gradient, old_first, old_second]: [&[f32]; 4],
    numbers: Numbers,
    parameter: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
) {
    let Numbers { beta1, beta2, epsilon, keep, first_scale, second_scale } = numbers;
    let read = old.iter().zip(gradient).zip(old_first.iter().zip(old_second));
    let written = parameter.iter_mut().zip(first.iter_mut().zip(second));
    for (((&old, &gradient), (&m, &v)), (parameter, (first, second))) in read.zip(written) {
        *first = madd::<FMA>(beta1, m, (1.0 - beta1) * gradient);
        *second = madd::<FMA>(beta2, v, (1.0 - beta2) * gradient * gradient);
        *parameter = old * keep - first_scale * *first / ((*second * second_scale).sqrt() + epsilon);
    }
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
