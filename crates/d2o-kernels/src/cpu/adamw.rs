//! One AdamW update on slices.

use rayon::prelude::*;

use crate::cpu::level::{Level, madd, multiversion};

/// Values of one task.
const CHUNK: usize = 16_384;

/// The settings and the count of one update (arXiv 1711.05101).
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

/// What an update multiplies by, in f32.
#[derive(Clone, Copy)]
pub(crate) struct Factors {
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    /// `1 − ηλ`.
    pub(crate) keep: f32,
    /// `η / (1 − β₁ᵗ)`.
    pub(crate) first_scale: f32,
    /// `1 / (1 − β₂ᵗ)`.
    pub(crate) second_scale: f32,
}

impl Factors {
    pub(crate) fn of(step: AdamWStep) -> Self {
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
pub(crate) fn update(level: Level, inputs: [&[f32]; 4], step: AdamWStep) -> [Vec<f32>; 3] {
    let factors = Factors::of(step);
    let mut outputs = [(); 3].map(|()| vec![0f32; inputs[0].len()]);
    let [parameter, first, second] = &mut outputs;
    let written = parameter.par_chunks_mut(CHUNK).zip(first.par_chunks_mut(CHUNK)).zip(second.par_chunks_mut(CHUNK));
    written.enumerate().for_each(|(chunk, ((parameter, first), second))| {
        let start = chunk * CHUNK;
        let inputs = inputs.map(|values| &values[start..start + parameter.len()]);
        update_chunk(level, inputs, factors, parameter, first, second);
    });
    outputs
}

multiversion! {
    fn update_chunk(
        inputs: [&[f32]; 4],
        factors: Factors,
        parameter: &mut [f32],
        first: &mut [f32],
        second: &mut [f32],
    ) = update_body
}

#[inline(always)]
fn update_body<const FMA: bool>(
    [old, gradient, old_first, old_second]: [&[f32]; 4],
    factors: Factors,
    parameter: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
) {
    let Factors { beta1, beta2, epsilon, keep, first_scale, second_scale } = factors;
    let read = old.iter().zip(gradient).zip(old_first.iter().zip(old_second));
    let written = parameter.iter_mut().zip(first.iter_mut().zip(second));
    for (((&old, &gradient), (&m, &v)), (parameter, (first, second))) in read.zip(written) {
        *first = madd::<FMA>(beta1, m, (1.0 - beta1) * gradient);
        *second = madd::<FMA>(beta2, v, (1.0 - beta2) * gradient * gradient);
        *parameter = old * keep - first_scale * *first / ((*second * second_scale).sqrt() + epsilon);
    }
}
