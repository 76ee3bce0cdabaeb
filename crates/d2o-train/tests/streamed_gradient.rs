//! The streamed gradient of a group equals the gradient of its loss over separate rows in one graph.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};
use d2o_model::responses::{Chunking, score, score_pairs, token_batches};
use d2o_model::{CausalLm, ModelConfig, Placement, Trainable};
use d2o_objective::{Group, Guards, ObjectiveConfig, Scored};
use d2o_train::activation_cache::{ActivationCache, ActivationCacheConfig, ActivationType};
use d2o_train::gradient::GuardedObjective;
use d2o_train::gradient::batch::accumulate_coupled;
use d2o_train::gradient::group::GroupPass;
use d2o_train::group::{Response, TrainingGroup};
use d2o_train::optim::gradients::{GradientSum, clip_global_norm};
use serde_json::json;

fn model() -> CausalLm {
    model_on(&d2o_testing::device::device())
}

fn model_on(device: &Device) -> CausalLm {
    let config = json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "vocab_size": 40,
        "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 4, "rope_theta": 10000.0, "rms_norm_eps": 1e-5,
        "max_position_embeddings": 64, "tie_word_embeddings": true,
    });
    let config = ModelConfig::from_json("config.json".as_ref(), config).unwrap();
    CausalLm::init(&config, 5, device)
}

/// A prompt with three anchors and a rejected answer; the references are off, so that `h` is not zero.
fn group() -> TrainingGroup {
    let response = |ids: &[u32], reference: f64| Response { ids: ids.to_vec(), reference };
    TrainingGroup {
        id: "g".to_owned(),
        prompt: vec![1, 2, 3, 4],
        anchors: vec![response(&[5, 6, 7], -9.0), response(&[8, 9], -6.5), response(&[10, 11, 12, 13, 14], -20.0)],
        rejected: response(&[15, 16, 17, 18], -13.0),
    }
}

/// Summed log-probability of one response behind its own copy of the prompt: the textbook layout.
fn separate(model: &CausalLm, prompt: &[u32], response: &[u32]) -> Tensor<1> {
    let ids: Vec<i64> = prompt.iter().chain(response).map(|&id| i64::from(id)).collect();
    let device = model.device().without_autodiff();
    let length = ids.len();
    let input = Tensor::<2, Int>::from_data(TensorData::new(ids.clone(), [1, length]), &device);
    let hidden = model.hidden(input, &Placement::causal(1, length, &device));
    let [_, _, width] = hidden.dims();
    let rows = hidden.reshape([length, width]).narrow(0, prompt.len() - 1, response.len());
    let targets = Tensor::<1, Int>::from_data(TensorData::from(&ids[prompt.len()..]), &device);
    model.log_probs(rows, targets, 64).sum()
}

fn direct(model: &CausalLm, loss: impl Fn(&Group) -> Tensor<1>, group: &TrainingGroup) -> GradientsParams {
    let device = model.device().without_autodiff();
    let floats = |values: Vec<f64>| {
        let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
        Tensor::<1>::from_data(TensorData::from(values.as_slice()), &device)
    };
    let score = |response: &Response| separate(model, &group.prompt, &response.ids);
    let k = group.anchors.len() as i64;
    let anchors = Scored {
        policy: Tensor::cat(group.anchors.iter().map(score).collect(), 0).reshape([1, k]),
        reference: floats(group.anchors.iter().map(|anchor| anchor.reference).collect()).reshape([1, k]),
        tokens: floats(group.anchors.iter().map(|anchor| anchor.ids.len() as f64).collect()).reshape([1, k]),
    };
    let rejected = Scored {
        policy: score(&group.rejected),
        reference: floats(vec![group.rejected.reference]),
        tokens: floats(vec![group.rejected.ids.len() as f64]),
    };
    let loss = loss(&Group::new(anchors, rejected)).sum();
    GradientsParams::from_grads(loss.backward(), model)
}

struct Values<'a> {
    gradients: &'a GradientsParams,
    values: Vec<f32>,
}

impl ModuleVisitor for Values<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.values.extend(gradient.into_data().iter::<f32>());
        }
    }
}

fn cache(model: &CausalLm, kind: ActivationType, mib: usize) -> ActivationCache {
    ActivationCache::new(model, ActivationCacheConfig { kind, mib })
}

fn values(model: &CausalLm, gradients: &GradientsParams) -> Vec<f32> {
    let mut visitor = Values { gradients, values: Vec::new() };
    model.visit(&mut visitor);
    visitor.values
}

fn streamed(model: &CausalLm, objective: &ObjectiveConfig, tokens: usize, scale: f64) -> Vec<f32> {
    let mut sum = GradientSum::default();
    let (group, chunking) = (group(), Chunking { tokens, head_rows: 3 });
    let loss = &GuardedObjective::from(*objective);
    let pass = GroupPass { policy: model, loss, group: &group, scale, chunking };
    pass.accumulate(cache(model, ActivationType::F32, 0).group(0), &mut sum);
    values(model, &sum.take().unwrap())
}

#[test]
fn streamed_in_any_chunks_it_is_the_gradient_of_the_loss() {
    let objectives = [
        ObjectiveConfig::D2o { beta: 0.3, alpha: 0.1 },
        // Several pairs have no streamed form: scores first, then gradients.
        ObjectiveConfig::Dpo { beta: 0.3, label_smoothing: 0.1 },
        ObjectiveConfig::Sft {},
        ObjectiveConfig::Npo { beta: 0.2 },
    ];
    let autodiff = d2o_testing::device::device().autodiff();
    for trainable in [Trainable::All {}, Trainable::LastLayers { layers: 1 }] {
        let model = model().train_on(&trainable, 0, &autodiff).unwrap();
        for objective in objectives {
            let expected = values(&model, &direct(&model, |group| objective.forward(group).per_example, &group()));
            let largest = expected.iter().fold(0f32, |largest, value| largest.max(value.abs()));
            assert!(largest > 1e-4, "the gradient of {objective:?} is not zero");
            for tokens in [0, 1, 9, 1000] {
                let found = streamed(&model, &objective, tokens, 1.0);
                assert_eq!(found.len(), expected.len());
                for (a, b) in found.iter().zip(&expected) {
                    assert!((a - b).abs() <= 1e-4 * largest, "{objective:?}, {tokens} tokens: {a} {b}");
                }
            }
        }
    }
}

#[test]
fn guarded_it_is_the_gradient_of_the_guarded_loss() {
    let objective = ObjectiveConfig::D2o { beta: 0.3, alpha: 0.1 };
    let all = Guards {
        rejected_floor: 9.0,
        rejected_tokens: 6.0,
        anchor_nll: 0.4,
        anchor_hinge: 0.2,
        anchor_slack: 0.1,
        ..Guards::default()
    };
    let model = model().train_on(&Trainable::All {}, 0, &d2o_testing::device::device().autodiff()).unwrap();
    for guards in [Guards::default(), Guards { rejected_floor: 0.5, ..Guards::default() }, all] {
        let expected = values(&model, &direct(&model, |group| guards.loss(&objective, group), &group()));
        let largest = expected.iter().fold(0f32, |largest, value| largest.max(value.abs()));
        let mut sum = GradientSum::default();
        let chunking = Chunking { tokens: 9, head_rows: 3 };
        let (policy, loss, group) = (&model, &GuardedObjective { objective, guards }, &group());
        let pass = GroupPass { policy, loss, group, scale: 1.0, chunking };
        pass.accumulate(ActivationCache::default().group(0), &mut sum);
        let found = values(&model, &sum.take().unwrap());
        assert!(largest > 1e-4 && found.len() == expected.len());
        for (a, b) in found.iter().zip(&expected) {
            assert!((a - b).abs() <= 1e-4 * largest, "{guards:?}: {a} {b}");
        }
    }
}

/// Every pair of an anchor with its group's rejected answer as a row of its own, in one graph.
fn pairs(model: &CausalLm, groups: &[TrainingGroup]) -> Group {
    let device = model.device().without_autodiff();
    let column = |values: Vec<f64>| {
        let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
        Tensor::<1>::from_data(TensorData::from(values.as_slice()), &device)
    };
    let scored = |rows: Vec<(&TrainingGroup, &Response)>| Scored {
        policy: Tensor::cat(rows.iter().map(|(group, row)| separate(model, &group.prompt, &row.ids)).collect(), 0),
        reference: column(rows.iter().map(|(_, row)| row.reference).collect()),
        tokens: column(rows.iter().map(|(_, row)| row.ids.len() as f64).collect()),
    };
    let anchors = groups.iter().flat_map(|group| group.anchors.iter().map(move |anchor| (group, anchor)));
    let anchors = scored(anchors.collect());
    let rejected = groups.iter().flat_map(|group| group.anchors.iter().map(move |_| (group, &group.rejected)));
    let anchors = Scored {
        policy: anchors.policy.unsqueeze_dim(1),
        reference: anchors.reference.unsqueeze_dim(1),
        tokens: anchors.tokens.unsqueeze_dim(1),
    };
    Group::new(anchors, scored(rejected.collect()))
}

#[test]
fn over_groups_that_are_sorted_together_it_is_the_gradient_of_the_mean_over_all_pairs() {
    let objective = ObjectiveConfig::Aot { beta: 0.3, label_smoothing: 0.0 };
    assert!(objective.couples_groups());
    let response = |ids: &[u32], reference: f64| Response { ids: ids.to_vec(), reference };
    let other = TrainingGroup {
        id: "other".to_owned(),
        prompt: vec![21, 22],
        anchors: vec![response(&[23], -2.0), response(&[24, 25], -9.0), response(&[26, 27, 28], -11.5)],
        rejected: response(&[29, 30], -6.0),
    };
    let groups = [group(), other];
    let model = model().train_on(&Trainable::All {}, 0, &d2o_testing::device::device().autodiff()).unwrap();
    let per_pair = objective.forward(&pairs(&model, &groups)).per_example;
    let loss = per_pair.clone().narrow(0, 0, 3).mean() + per_pair.clone().narrow(0, 3, 3).mean();
    let expected = values(&model, &GradientsParams::from_grads(loss.backward(), &model));
    let largest = expected.iter().fold(0f32, |largest, value| largest.max(value.abs()));
    assert!(largest > 1e-4, "the gradient is not zero");

    let mut sum = GradientSum::default();
    let chunking = Chunking { tokens: 9, head_rows: 3 };
    let both: Vec<&TrainingGroup> = groups.iter().collect();
    let figures = accumulate_coupled(&model, &objective, &both, 0.5, chunking, &mut sum);
    let found = values(&model, &sum.take().unwrap());
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(&expected) {
        assert!((a - 0.5 * b).abs() <= 1e-4 * largest, "{a} {b}");
    }
    // A group's loss is the first of its figures.
    let losses: Vec<f32> = per_pair.into_data().iter::<f32>().collect();
    for (figures, losses) in figures.into_iter().zip(losses.chunks(3)) {
        let told: f32 = figures.narrow(0, 0, 1).into_scalar();
        assert!((told - losses.iter().sum::<f32>() / 3.0).abs() < 1e-5, "{told} {losses:?}");
    }
}

#[test]
fn the_scale_multiplies_and_sums_add_up() {
    let model = model().train_on(&Trainable::All {}, 0, &d2o_testing::device::device().autodiff()).unwrap();
    let objective = ObjectiveConfig::D2o { beta: 0.1, alpha: 0.1 };
    let once = streamed(&model, &objective, 1000, 1.0);
    let mut sum = GradientSum::default();
    let (policy, loss, group) = (&model, &GuardedObjective::from(objective), &group());
    let pass = GroupPass { policy, loss, group, scale: 0.5, chunking: Chunking { tokens: 1000, head_rows: 64 } };
    for _ in 0..2 {
        pass.accumulate(ActivationCache::default().group(0), &mut sum);
    }
    for (a, b) in values(&model, &sum.take().unwrap()).iter().zip(&once) {
        assert!((a - b).abs() <= 1e-6 + 1e-4 * b.abs(), "{a} {b}");
    }
}

#[test]
fn a_kept_activation_changes_no_bit() {
    // On the processor: equal bits are promised there, and software drivers know no bf16.
    let device = Device::flex();
    let model = model_on(&device).train_on(&Trainable::LastLayers { layers: 1 }, 0, &device.autodiff()).unwrap();
    let objective = ObjectiveConfig::D2o { beta: 0.1, alpha: 0.1 };
    for tokens in [0, 9, 1000] {
        let fresh = streamed(&model, &objective, tokens, 1.0);
        let mut kept = cache(&model, ActivationType::F32, 1);
        // The first pass fills it, the second reads it; then without room for anything.
        for _ in 0..2 {
            assert_eq!(with_cache(&model, &objective, tokens, &mut kept), fresh);
        }
        assert_eq!(with_cache(&model, &objective, tokens, &mut cache(&model, ActivationType::F32, 0)), fresh);
        let rounded = with_cache(&model, &objective, tokens, &mut cache(&model, ActivationType::Bf16, 1));
        let largest = fresh.iter().fold(0f32, |largest, value| largest.max(value.abs()));
        assert!(rounded != fresh && rounded.iter().zip(&fresh).all(|(a, b)| (a - b).abs() < 0.1 * largest));
    }
}

fn with_cache(model: &CausalLm, objective: &ObjectiveConfig, tokens: usize, cache: &mut ActivationCache) -> Vec<f32> {
    let mut sum = GradientSum::default();
    let (group, chunking) = (group(), Chunking { tokens, head_rows: 3 });
    let loss = &GuardedObjective::from(*objective);
    let pass = GroupPass { policy: model, loss, group: &group, scale: 1.0, chunking };
    pass.accumulate(cache.group(0), &mut sum);
    values(model, &sum.take().unwrap())
}

#[test]
fn pairs_in_one_pass_score_as_alone() {
    let model = model();
    let chunking = Chunking { tokens: 1000, head_rows: 2 };
    // Two prompts that begin alike, and one that differs at once.
    let pairs = vec![(vec![1, 2, 3, 4], vec![5, 6, 7]), (vec![1, 2, 9], vec![8]), (vec![1, 2], vec![3, 4])];
    for pairs in [&pairs[..], &[(vec![7, 2], vec![3]), (vec![1, 2], vec![3])]] {
        let together = score_pairs(&model, pairs, chunking).into_data();
        for ((prompt, response), score) in pairs.iter().zip(together.iter::<f32>()) {
            let alone: f32 = separate(&model, prompt, response).into_scalar();
            assert!((alone - score).abs() < 1e-4, "{alone} {score}");
        }
    }
    // 4 + 3 and 3 + 1 tokens make 11; 4 more exceed 14.
    assert_eq!(token_batches(&pairs, 14), [0..2, 2..3]);
    assert_eq!(token_batches(&pairs, 1).len(), 3);
}

#[test]
fn packed_scores_are_those_of_separate_rows() {
    let model = model();
    let group = group();
    for tokens in [0, 1, 10, 1000] {
        let packed = score(&model, &group.prompt, &group.responses(), Chunking { tokens, head_rows: 2 }).into_data();
        for (ids, score) in group.responses().iter().zip(packed.iter::<f32>()) {
            let alone: f32 = separate(&model, &group.prompt, ids).into_scalar();
            assert!((alone - score).abs() < 1e-4, "{alone} {score}");
        }
    }
}

#[test]
fn clipping_scales_all_parameters_by_one_factor() {
    let model = model().train_on(&Trainable::All {}, 0, &d2o_testing::device::device().autodiff()).unwrap();
    let objective = ObjectiveConfig::D2o { beta: 0.3, alpha: 0.3 };
    let gradients = direct(&model, |group| objective.forward(group).per_example, &group());
    let before = values(&model, &gradients);
    let norm = before.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    let limit = norm / 4.0;
    let (clipped, told) = clip_global_norm(&model, gradients, limit);
    let told: f32 = told.into_scalar();
    assert!((f64::from(told) - norm).abs() < 1e-4 * norm, "{told} {norm}");
    for (a, b) in values(&model, &clipped).iter().zip(&before) {
        assert!((a - b / 4.0).abs() <= 1e-4 * (b / 4.0).abs() + 1e-9, "{a} {b}");
    }
    let (kept, _) =
        clip_global_norm(&model, direct(&model, |group| objective.forward(group).per_example, &group()), 2.0 * norm);
    assert_eq!(values(&model, &kept), before);
    let (kept, _) =
        clip_global_norm(&model, direct(&model, |group| objective.forward(group).per_example, &group()), 0.0);
    assert_eq!(values(&model, &kept), before);
}
