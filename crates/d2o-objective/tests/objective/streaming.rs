//! One response at a time gives the gradient of the whole group.

use burn::tensor::{Tensor, activation::log_softmax};
use d2o_objective::{Coefficient, Group, ObjectiveConfig, Scored, Streaming, log_one_minus_exp};

use crate::sample::{Place, Sample, all_objectives, assert_close, values};

/// A "model" with one parameter per outcome: a response is a sequence of outcomes, and its score the
/// sum of their log-softmax.
struct Tabular {
    logits: Vec<f64>,
    anchors: Vec<Vec<usize>>,
    rejected: Vec<usize>,
}

impl Tabular {
    fn new(k: usize) -> Self {
        let anchor = |i: usize| (0..2 + i % 3).map(|t| (i + 2 * t) % 5).collect();
        Self { logits: vec![0.3, -1.2, 0.8, 0.1, -0.4], anchors: (0..k).map(anchor).collect(), rejected: vec![2, 4, 4] }
    }

    fn parameters(&self) -> Tensor<1> {
        Place::double().autodiff().tensor(&self.logits, [self.logits.len()]).require_grad()
    }

    fn score(&self, logits: &Tensor<1>, response: &[usize]) -> Tensor<1> {
        let mut counts = vec![0.0; self.logits.len()];
        for &outcome in response {
            counts[outcome] += 1.0;
        }
        let counts = Place::double().tensor(&counts, [counts.len()]);
        (log_softmax(logits.clone(), 0) * counts).sum()
    }

    /// The group in one graph; the reference scores are arbitrary constants.
    fn group(&self, logits: &Tensor<1>) -> Group {
        let place = Place::double();
        let k = self.anchors.len();
        let lengths: Vec<_> = self.anchors.iter().map(|a| a.len() as f64).collect();
        let references: Vec<_> = (0..k).map(|i| -3.0 - 0.7 * i as f64).collect();
        let scores = self.anchors.iter().map(|a| self.score(logits, a)).collect();
        Group {
            anchors: Scored {
                policy: Tensor::cat(scores, 0).reshape([1, k]),
                reference: place.tensor(&references, [1, k]),
                tokens: place.tensor(&lengths, [1, k]),
            },
            rejected: Scored {
                policy: self.score(logits, &self.rejected),
                reference: place.tensor(&[-4.5], [1]),
                tokens: place.tensor(&[self.rejected.len() as f64], [1]),
            },
            rejected_avoidance: Some(self.avoidance(logits, &self.rejected)),
        }
    }

    /// `Σ_t log(1 − p_t)`.
    fn avoidance(&self, logits: &Tensor<1>, response: &[usize]) -> Tensor<1> {
        let counts: Vec<_> =
            (0..self.logits.len()).map(|o| response.iter().filter(|r| **r == o).count() as f64).collect();
        let counts = Place::double().tensor(&counts, [self.logits.len()]);
        (log_one_minus_exp(log_softmax(logits.clone(), 0)) * counts).sum()
    }

    /// Gradient through the joint graph.
    fn direct(&self, config: &ObjectiveConfig) -> Vec<f64> {
        let logits = self.parameters();
        let loss = config.forward(&self.group(&logits)).per_example;
        values(logits.grad(&loss.sum().backward()).unwrap())
    }

    /// `Σ_j c_j ∇s_j`, each response in a graph of its own; for the rejected answer the score that the
    /// objective looks at.
    fn accumulated(&self, config: &ObjectiveConfig, coefficients: &[f64]) -> Vec<f64> {
        let responses = self.anchors.iter().chain([&self.rejected]);
        let mut buffer = vec![0.0; self.logits.len()];
        for (index, (response, c)) in responses.zip(coefficients).enumerate() {
            let logits = self.parameters();
            let avoided = config.needs_avoidance() && index == self.anchors.len();
            let score = if avoided { self.avoidance(&logits, response) } else { self.score(&logits, response) };
            let gradients = score.backward();
            for (sum, gradient) in buffer.iter_mut().zip(values(logits.grad(&gradients).unwrap())) {
                *sum += c * gradient;
            }
        }
        buffer
    }

    fn coefficients(&self, streaming: Streaming) -> Vec<f64> {
        let anchors = self.anchors.iter().map(|a| streaming.anchor.at(a.len()));
        anchors.chain([streaming.rejected.at(self.rejected.len())]).collect()
    }
}

#[test]
fn streamed_equals_direct_wherever_it_is_offered() {
    for k in [1, 4] {
        let table = Tabular::new(k);
        for config in all_objectives() {
            let Some(streaming) = config.streaming(k) else {
                continue;
            };
            let weight = values(config.weight(&table.group(&table.parameters())).unwrap())[0];
            let mut streamed = table.accumulated(&config, &table.coefficients(streaming));
            streamed.iter_mut().for_each(|gradient| *gradient *= weight);
            assert_close(&streamed, &table.direct(&config), 1e-13);
        }
    }
}

#[test]
fn two_passes_equal_direct_for_every_objective() {
    for k in [1, 4] {
        let table = Tabular::new(k);
        for config in all_objectives() {
            let gradients = config.score_gradients(&table.group(&table.parameters()));
            let mut coefficients = values(gradients.anchors);
            coefficients.extend(values(gradients.rejected));
            assert_close(&table.accumulated(&config, &coefficients), &table.direct(&config), 1e-13);
        }
    }
}

#[test]
fn coefficients_are_those_of_the_loss() {
    let d2o = ObjectiveConfig::D2o { beta: 0.2, alpha: 0.3 };
    let expected = Streaming { anchor: Coefficient::Summed(-0.05), rejected: Coefficient::Summed(0.3) };
    assert_eq!(d2o.streaming(4), Some(expected));
    // −(1/k) Σ s/len over four anchors
    let sft = ObjectiveConfig::Sft {}.streaming(4).unwrap();
    assert_eq!(sft.anchor, Coefficient::PerToken(-0.25));
    assert_eq!(sft.anchor.at(5), -0.05);
    assert!(sft.rejected.is_zero());
    // NPO's factor 2/β cancels the β inside the link.
    let npo = ObjectiveConfig::Npo { beta: 0.3 }.streaming(4).unwrap();
    assert!(npo.anchor.is_zero());
    assert_eq!(npo.rejected, Coefficient::Summed(2.0));
}

#[test]
fn weight_and_streaming_are_offered_together() {
    for config in all_objectives() {
        for k in [1, 3] {
            let group = Sample::new(2, k, 40).group(&Place::double());
            assert_eq!(config.streaming(k).is_some(), config.weight(&group).is_some());
        }
    }
    let dpo = ObjectiveConfig::Dpo { beta: 0.1, label_smoothing: 0.0 };
    assert!(dpo.streaming(1).is_some() && dpo.streaming(2).is_none());
}
