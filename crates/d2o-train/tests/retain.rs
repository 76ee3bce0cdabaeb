//! The penalties on retain rows and on anchors are the Kullback–Leibler divergence from the base, and so are their gradients.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use d2o_model::responses::Chunking;
use d2o_model::{CausalLm, ModelConfig, Placement, Trainable};
use d2o_train::activation_cache::{ActivationCache, ActivationCacheConfig, ActivationType};
use d2o_train::group::{Example, Response, TrainingGroup};
use d2o_train::optim::gradients::GradientSum;
use d2o_train::optim::order::Order;
use d2o_train::penalty::AnchorKl;
use d2o_train::penalty::Retain;
use serde_json::json;

fn model(seed: u64) -> CausalLm {
    let config = json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "vocab_size": 40,
        "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 4, "rope_theta": 10000.0, "rms_norm_eps": 1e-5,
        "max_position_embeddings": 64, "tie_word_embeddings": true, "initializer_range": 0.3,
    });
    let config = ModelConfig::from_json("config.json".as_ref(), config).unwrap();
    CausalLm::init(&config, seed, &Device::flex())
}

fn row(ids: &[u32], prompt_len: usize) -> Example {
    Example::new(&ids[..prompt_len], &ids[prompt_len..])
}

fn tracked(model: &CausalLm) -> CausalLm {
    model.train_on(&Trainable::All {}, 0, &Device::flex().autodiff()).unwrap()
}

/// Next-token probabilities after the prompt's last token and each answer token but the last.
fn probabilities(model: &CausalLm, row: &Example) -> Tensor<2> {
    let device = model.device().without_autodiff();
    let ids: Vec<i64> = row.ids().iter().map(|&id| i64::from(id)).collect();
    let length = ids.len();
    let input = Tensor::<2, Int>::from_data(TensorData::new(ids, [1, length]), &device);
    let hidden = model.hidden(input, &Placement::causal(1, length, &device)).squeeze_dim::<2>(0);
    softmax(model.logits(hidden.narrow(0, row.prompt().len() - 1, row.response().len())), 1)
}

struct Values<'a>(&'a GradientsParams, Vec<f32>);

impl ModuleVisitor for Values<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.0.get::<D>(param.id) {
            self.1.extend(gradient.into_data().iter::<f32>());
        }
    }
}

fn cache(model: &CausalLm, kind: ActivationType, mib: usize) -> ActivationCache {
    ActivationCache::new(model, ActivationCacheConfig { kind, mib })
}

fn values(model: &CausalLm, gradients: &GradientsParams) -> Vec<f32> {
    let mut visitor = Values(gradients, Vec::new());
    model.visit(&mut visitor);
    visitor.1
}

fn penalty(base: &CausalLm, policy: &CausalLm, rows: Vec<Example>, opening: f64, head_rows: usize) -> (f32, Vec<f32>) {
    let order = Order::new(rows.len(), rows.len(), 0);
    let retain = Retain { base, rows, order, weight: 1.5, opening };
    let mut sum = GradientSum::default();
    let divergence = retain.accumulate(policy, 0, Chunking { tokens: 64, head_rows }, &mut sum);
    (divergence.into_scalar(), values(policy, &sum.take().unwrap()))
}

#[test]
fn it_is_the_divergence_over_all_tokens_in_any_chunks() {
    let (base, policy) = (model(5), tracked(&model(6)));
    let rows = vec![row(&[1, 2, 3, 4, 5, 6, 7, 8, 9], 3), row(&[9, 8, 7], 1)];
    // Σ_v p log(p / q), the first four tokens eightfold, mean over each row's tokens, mean over the rows; the weight is 1.5.
    let divergence = |row: &Example| {
        let (p, q) = (probabilities(&base, row), probabilities(&policy, row));
        let each = (p.clone() * (p.log() - q.log())).sum_dim(1).squeeze_dim::<1>(1);
        let opening = each.clone().narrow(0, 0, row.response().len().min(4)).sum();
        (each.sum() + opening.mul_scalar(7.0)).div_scalar(row.response().len() as f64)
    };
    let mean = (divergence(&rows[0]) + divergence(&rows[1])).div_scalar(2.0);
    let expected: f32 = mean.clone().inner().into_scalar();
    let gradients = GradientsParams::from_grads(mean.mul_scalar(1.5).backward(), &policy);
    let expected_gradient = values(&policy, &gradients);
    let largest = expected_gradient.iter().fold(0f32, |largest, value| largest.max(value.abs()));
    assert!(expected > 0.01 && largest > 0.01, "{expected} {largest}");
    for head_rows in [1, 3, 64] {
        let (found, gradient) = penalty(&base, &policy, rows.clone(), 8.0, head_rows);
        assert!((found - expected).abs() < 1e-5 * expected.max(1.0), "{found} {expected}");
        assert_eq!(gradient.len(), expected_gradient.len());
        for (a, b) in gradient.iter().zip(&expected_gradient) {
            assert!((a - b).abs() <= 1e-4 * largest, "{a} {b}");
        }
    }
}

#[test]
fn at_the_base_there_is_neither_penalty_nor_gradient() {
    let base = model(5);
    let (found, gradient) = penalty(&base, &tracked(&base), vec![row(&[1, 2, 3, 4, 5], 2)], 8.0, 64);
    assert!(found.abs() < 1e-6, "{found}");
    let largest = gradient.iter().fold(0f32, |largest, value| largest.max(value.abs()));
    assert!(largest < 1e-5, "{largest}");
}

/// A prompt with two anchors of two and four tokens and a rejected answer of three.
fn group() -> TrainingGroup {
    let response = |ids: &[u32]| Response { ids: ids.to_vec(), reference: 0.0 };
    TrainingGroup {
        id: "g".to_owned(),
        prompt: vec![1, 2, 3],
        anchors: vec![response(&[4, 5]), response(&[6, 7, 8, 9])],
        rejected: response(&[10, 11, 12]),
    }
}

fn on_anchors(base: &CausalLm, policy: &CausalLm, cache: &mut ActivationCache, chunking: Chunking) -> (f32, Vec<f32>) {
    let mut sum = GradientSum::default();
    let penalty = AnchorKl { base, weight: 1.5 };
    let divergence = penalty.accumulate(policy, &group(), 0.5, chunking, cache.group(0), &mut sum);
    (divergence.into_scalar(), values(policy, &sum.take().unwrap()))
}

fn close(found: &[f32], expected: &[f32]) -> bool {
    let largest = expected.iter().fold(0f32, |largest, value| largest.max(value.abs()));
    found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-4 * largest)
}

#[test]
fn on_anchors_it_is_the_mean_of_their_means_and_the_rejected_answer_has_no_part() {
    let (base, policy) = (model(5), tracked(&model(6)));
    // The anchors as retain rows, one each: mean over each one's tokens, mean over the two; 1.5 times the scale 0.5.
    let rows = vec![row(&[1, 2, 3, 4, 5], 3), row(&[1, 2, 3, 6, 7, 8, 9], 3)];
    let (expected, gradient) = penalty(&base, &policy, rows, 1.0, 64);
    let gradient: Vec<f32> = gradient.iter().map(|value| 0.5 * value).collect();
    assert!(expected > 0.01);
    // Everything in one chunk; the rejected answer alone; each response alone.
    for tokens in [64, 9, 1] {
        for head_rows in [1, 4, 64] {
            let (found, gradients) =
                on_anchors(&base, &policy, &mut ActivationCache::default(), Chunking { tokens, head_rows });
            assert!((found - expected).abs() < 1e-5 * expected.max(1.0), "{tokens} {head_rows}: {found} {expected}");
            assert!(close(&gradients, &gradient), "{tokens} {head_rows}");
        }
    }
}

#[test]
fn on_anchors_a_kept_activation_changes_no_bit_and_at_the_base_nothing_pulls() {
    let base = model(5);
    let last =
        |model: &CausalLm| model.train_on(&Trainable::LastLayers { layers: 1 }, 0, &Device::flex().autodiff()).unwrap();
    for tokens in [64, 1] {
        let chunking = Chunking { tokens, head_rows: 4 };
        for kind in [ActivationType::F32, ActivationType::Bf16] {
            let at_base = last(&base);
            let mut kept = cache(&at_base, kind, 1);
            let fresh = on_anchors(&base, &at_base, &mut kept, chunking);
            assert!(fresh.0.abs() < 1e-6 && fresh.1.iter().all(|value| value.abs() < 1e-5), "{fresh:?}");
            assert_eq!(on_anchors(&base, &at_base, &mut kept, chunking), fresh);
            kept.forget(0);
            assert_eq!(on_anchors(&base, &at_base, &mut kept, chunking), fresh);
        }
        // Lower layers as the base's and another last one: with what is kept below it, and without.
        let moved = last(&base).load_trainable(last(&model(6)).trainable().into_iter().collect()).unwrap();
        let (found, gradients) = on_anchors(&base, &moved, &mut cache(&moved, ActivationType::F32, 1), chunking);
        let (expected, gradient) = on_anchors(&base, &moved, &mut ActivationCache::default(), chunking);
        assert!(expected > 0.01 && (found - expected).abs() < 1e-5, "{found} {expected}");
        assert!(close(&gradients, &gradient));
    }
}
