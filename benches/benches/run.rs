//! The loss, reading rows, and a whole optimizer step.
#![allow(missing_docs)]

use std::fmt::Write as _;
use std::hint::black_box;

use burn::tensor::{Device, Distribution, Tensor};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use d2o_data::{LoadOptions, load_negatives};
use d2o_model::{CausalLm, ModelConfig, Trainable};
use d2o_objective::{Group, ObjectiveConfig, Scored};
use d2o_train::activation_cache::ActivationCache;
use d2o_train::gradient::GuardedObjective;
use d2o_train::gradient::group::GroupPass;
use d2o_train::optim::adamw::AdamW;
use d2o_train::optim::gradients::{GradientSum, clip_global_norm};
use d2o_train::{Chunking, Response, TrainingGroup};
use serde_json::json;

fn loss(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("loss of 64 prompts");
    let random = |shape: [usize; 2]| Tensor::<2>::random(shape, Distribution::Uniform(-90.0, -10.0), &Device::flex());
    for anchors in [1, 11, 64] {
        let scored = |shape| Scored { policy: random(shape), reference: random(shape), tokens: random(shape).neg() };
        let negatives = scored([64, 1]);
        let flat = |x: Tensor<2>| x.squeeze_dim::<1>(1);
        let rejected = Scored {
            policy: flat(negatives.policy),
            reference: flat(negatives.reference),
            tokens: flat(negatives.tokens),
        };
        let operands = Group::new(scored([64, anchors]), rejected);
        group.bench_function(BenchmarkId::from_parameter(anchors), |bencher| {
            bencher.iter(|| black_box(ObjectiveConfig::D2o { beta: 0.1, alpha: 0.1 }.forward(&operands)));
        });
    }
}

fn loader(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reading rows");
    for rows in [100, 1000, 10_000] {
        let file = tempfile::Builder::new().suffix(".jsonl").tempfile().expect("a temporary file");
        let mut text = String::new();
        for row in 0..rows {
            writeln!(text, "{}", json!({"prompt": format!("question {row}"), "rejected": "an answer ".repeat(20)}))
                .expect("a string takes everything");
        }
        std::fs::write(file.path(), text).expect("a file");
        group.bench_function(BenchmarkId::from_parameter(rows), |bencher| {
            bencher.iter(|| black_box(load_negatives(file.path(), &LoadOptions::default()).expect("good rows")));
        });
    }
}

fn model() -> CausalLm {
    let config = json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "vocab_size": 4096,
        "hidden_size": 288, "intermediate_size": 768, "num_hidden_layers": 6, "num_attention_heads": 6,
        "num_key_value_heads": 6, "rms_norm_eps": 1e-5, "max_position_embeddings": 4096,
        "tie_word_embeddings": false,
    });
    let config = ModelConfig::from_json("config.json".as_ref(), config).expect("a complete configuration");
    CausalLm::init(&config, 1, &Device::flex())
}

fn step(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("whole step of one prompt");
    group.sample_size(10);
    let loss = GuardedObjective::from(ObjectiveConfig::D2o { beta: 0.1, alpha: 0.1 });
    let chunking = Chunking { tokens: 1024, head_rows: 256 };
    for anchors in [1, 4, 8, 64] {
        let response =
            |seed: u32| Response { ids: (0..96).map(|i| (i * 31 + seed) % 4000).collect(), reference: -800.0 };
        let prompt = TrainingGroup {
            id: String::new(),
            prompt: (0..96).collect(),
            anchors: (0..anchors).map(response).collect(),
            rejected: response(999),
        };
        group.bench_function(BenchmarkId::from_parameter(anchors), |bencher| {
            let mut policy =
                Some(model().train_on(&Trainable::All {}, 0, &Device::flex().autodiff()).expect("a new model"));
            let adamw = AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 };
            let mut optimizer = adamw.optimizer();
            bencher.iter(|| {
                let model = policy.take().expect("back after every step");
                let pass = GroupPass { policy: &model, loss: &loss, group: &prompt, scale: 1.0, chunking };
                let mut sum = GradientSum::default();
                pass.accumulate(ActivationCache::default().group(0), &mut sum);
                let (gradients, _) = clip_global_norm(&model, sum.take().expect("a gradient"), 1.0);
                policy = Some(optimizer.step(1e-5, model, gradients));
            });
        });
    }
}

criterion_group!(run, loss, loader, step);
criterion_main!(run);
