//! Batches as plain numbers, and the way from them to tensors and back.

use burn::tensor::{DType, Device, Tensor, TensorData};
use d2o_objective::{Divergence, Group, ObjectiveConfig, Scored};

/// One batch in ordinary vectors; anchors are stored row by row.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) batch: usize,
    pub(crate) k: usize,
    pub(crate) anchors: Columns,
    pub(crate) rejected: Columns,
    /// `Σ_t log(1 − p_t)` of the rejected answers.
    pub(crate) avoidance: Vec<f64>,
}

/// Policy scores, reference scores and lengths of some responses.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    pub(crate) policy: Vec<f64>,
    pub(crate) reference: Vec<f64>,
    pub(crate) tokens: Vec<f64>,
}

impl Columns {
    fn scattered(count: usize, state: &mut u64) -> Self {
        let mut draw = |low: f64, high: f64| {
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            low + (high - low) * ((*state >> 11) as f64 / (1u64 << 53) as f64)
        };
        let reference: Vec<f64> = (0..count).map(|_| draw(-90.0, -10.0)).collect();
        Self {
            policy: reference.iter().map(|r| r + draw(-9.0, 9.0)).collect(),
            tokens: (0..count).map(|_| draw(3.0, 40.0).round()).collect(),
            reference,
        }
    }

    fn scored<const D: usize>(&self, shape: [usize; D], at: &Place) -> Scored<D> {
        Scored {
            policy: at.tensor(&self.policy, shape),
            reference: at.tensor(&self.reference, shape),
            tokens: at.tensor(&self.tokens, shape),
        }
    }
}

impl Sample {
    /// Scores like those of real answers, different for every seed.
    pub(crate) fn new(batch: usize, k: usize, seed: u64) -> Self {
        let mut state = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        Self {
            batch,
            k,
            anchors: Columns::scattered(batch * k, &mut state),
            rejected: Columns::scattered(batch, &mut state),
            avoidance: (1..=batch).map(|row| -0.3 * row as f64).collect(),
        }
    }

    /// The same responses with the policy equal to both references.
    pub(crate) fn at_reference(mut self) -> Self {
        self.anchors.policy.clone_from(&self.anchors.reference);
        self.rejected.policy.clone_from(&self.rejected.reference);
        self
    }

    /// Only anchor `i` of every row.
    pub(crate) fn only_anchor(&self, i: usize) -> Self {
        let pick = |values: &[f64]| values.iter().skip(i).step_by(self.k).copied().collect();
        Self {
            k: 1,
            anchors: Columns {
                policy: pick(&self.anchors.policy),
                reference: pick(&self.anchors.reference),
                tokens: pick(&self.anchors.tokens),
            },
            ..self.clone()
        }
    }

    pub(crate) fn group(&self, at: &Place) -> Group {
        Group {
            anchors: self.anchors.scored([self.batch, self.k], at),
            rejected: self.rejected.scored([self.batch], at),
            rejected_avoidance: Some(at.tensor(&self.avoidance, [self.batch])),
        }
    }

    /// The scores through which the loss of the rejected answers reaches the policy.
    pub(crate) fn pushed(&mut self, config: &ObjectiveConfig) -> &mut Vec<f64> {
        if config.needs_avoidance() { &mut self.avoidance } else { &mut self.rejected.policy }
    }

    /// The per-example losses, in `f64`.
    pub(crate) fn losses(&self, config: &ObjectiveConfig) -> Vec<f64> {
        values(config.forward(&self.group(&Place::double())).per_example)
    }
}

/// A device with a floating type.
pub(crate) struct Place {
    pub(crate) device: Device,
    pub(crate) dtype: DType,
}

impl Place {
    /// Single precision on the device under test.
    pub(crate) fn single() -> Self {
        Self { device: d2o_testing::device::device(), dtype: DType::F32 }
    }

    /// Double precision, which only the processor has.
    pub(crate) fn double() -> Self {
        Self { device: Device::flex(), dtype: DType::F64 }
    }

    pub(crate) fn autodiff(self) -> Self {
        Self { device: self.device.autodiff(), ..self }
    }

    pub(crate) fn tensor<const D: usize>(&self, values: &[f64], shape: [usize; D]) -> Tensor<D> {
        let data = TensorData::new(values.to_vec(), shape);
        Tensor::from_data(data, (&self.device, self.dtype))
    }
}

/// A group whose policy scores are leaves of the graph.
pub(crate) fn tracked(sample: &Sample, at: Place) -> Group {
    let mut group = sample.group(&at.autodiff());
    group.anchors.policy = group.anchors.policy.require_grad();
    group.rejected.policy = group.rejected.policy.require_grad();
    group.rejected_avoidance = group.rejected_avoidance.map(Tensor::require_grad);
    group
}

/// The tracked gradients of the summed loss at the anchors and at what the loss pushes down; zeros where
/// it does not depend on a leaf.
pub(crate) fn automatic(config: &ObjectiveConfig, group: &Group) -> [Vec<f64>; 2] {
    let [batch, k] = group.dims();
    let gradients = config.forward(group).per_example.sum().backward();
    let pushed = group.rejected_avoidance.as_ref().filter(|_| config.needs_avoidance());
    [
        group.anchors.policy.grad(&gradients).map_or_else(|| vec![0.0; batch * k], values),
        pushed.unwrap_or(&group.rejected.policy).grad(&gradients).map_or_else(|| vec![0.0; batch], values),
    ]
}

pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().convert::<f64>().try_into_vec().unwrap()
}

/// Every objective, with hyperparameters that differ from each other so that a mix-up shows.
pub(crate) fn all_objectives() -> Vec<ObjectiveConfig> {
    use ObjectiveConfig::*;
    vec![
        D2o { beta: 0.1, alpha: 0.25 },
        Dpo { beta: 0.2, label_smoothing: 0.0 },
        Dpo { beta: 0.2, label_smoothing: 0.15 },
        Sft {},
        Npo { beta: 0.3 },
        GradientAscent {},
        Ipo { tau: 0.4 },
        Slic { delta: 1.5, lambda: 0.2 },
        SimPo { beta: 2.0, gamma: 0.5 },
        Kto { beta: 0.1, desirable: 0.8, undesirable: 1.3, reference_point: 0.6 },
        SimNpo { beta: 2.5, gamma: 0.7 },
        Rpo { beta: 0.15, nll_weight: 0.7 },
        Dpop { beta: 0.3, lambda: 5.0 },
        CalDpo { beta: 0.2 },
        Unlikelihood {},
        Hinge { beta: 0.2 },
        Robust { beta: 0.2, label_smoothing: 0.15 },
        ExoPair { beta: 0.2, label_smoothing: 0.1 },
        NcaPair { beta: 0.3 },
        BcoPair { beta: 0.2 },
        SppoHard { beta: 0.15 },
        ApoZero { beta: 0.25 },
        ApoDown { beta: 0.2 },
        Discopop { beta: 0.1, tau: 0.3 },
        SigmoidNorm { beta: 1.5 },
        Aot { beta: 0.2, label_smoothing: 0.0 },
        AotUnpaired { beta: 0.2, label_smoothing: 0.1 },
        FDpo { beta: 0.2, divergence: Divergence::ForwardKl },
        FDpo { beta: 0.9, divergence: Divergence::JensenShannon },
        FDpo { beta: 0.3, divergence: Divergence::Alpha(0.5) },
        Cpo { beta: 0.1, nll_weight: 0.6 },
        Orpo { beta: 0.4 },
    ]
}

#[track_caller]
pub(crate) fn assert_close(actual: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(actual.len(), expected.len());
    for (position, (a, e)) in actual.iter().zip(expected).enumerate() {
        let close = (a - e).abs() <= tolerance * e.abs().max(1.0);
        assert!(close, "at {position}: {a} is not {e} within {tolerance}");
    }
}
