//! A model's log-probabilities in both layouts, and sampling.
#![allow(missing_docs)]

use std::hint::black_box;

use burn::tensor::Device;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use d2o_generate::CachedLm;
use d2o_model::responses::{Chunking, score};
use d2o_model::{CausalLm, ModelConfig};
use d2o_sampler::{Distribution, Request, SamplerConfig, generate};
use serde_json::json;

fn model(vocab: usize) -> CausalLm {
    let config = json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "vocab_size": vocab,
        "hidden_size": 288, "intermediate_size": 768, "num_hidden_layers": 6, "num_attention_heads": 6,
        "num_key_value_heads": 6, "rms_norm_eps": 1e-5, "max_position_embeddings": 4096,
        "tie_word_embeddings": false,
    });
    let config = ModelConfig::from_json("config.json".as_ref(), config).expect("a complete configuration");
    CausalLm::init(&config, 1, &Device::flex())
}

fn ids(count: usize, seed: u32) -> Vec<u32> {
    (0..count as u32).map(|index| (index * 31 + seed * 7) % 4000).collect()
}

fn layouts(criterion: &mut Criterion) {
    let model = model(4096);
    let mut group = criterion.benchmark_group("log-probabilities of a group");
    group.sample_size(10);
    for responses in [2, 5, 9] {
        let (prompt, answers) = (ids(96, 0), (1..=responses).map(|seed| ids(96, seed)).collect::<Vec<_>>());
        let answers: Vec<&[u32]> = answers.iter().map(Vec::as_slice).collect();
        group.throughput(Throughput::Elements((96 * (responses + 1)).into()));
        for (name, tokens) in [("shared", 4096), ("naive", 0)] {
            group.bench_function(BenchmarkId::new(name, responses), |bencher| {
                let chunking = Chunking { tokens, head_rows: 256 };
                bencher.iter(|| black_box(score(&model, &prompt, &answers, chunking).into_data()));
            });
        }
    }
}

fn sampling(criterion: &mut Criterion) {
    let (plain, rounded) = (model(4096), model(4096).for_sampling());
    let mut group = criterion.benchmark_group("sampling");
    group.sample_size(10);
    for rows in [1, 4, 16] {
        let requests: Vec<Request> =
            (0..rows).map(|row| Request { prompt: ids(64, row), seed: u64::from(row) }).collect();
        let config = SamplerConfig { max_new_tokens: 16, ..SamplerConfig::default() };
        group.throughput(Throughput::Elements((rows * 16).into()));
        for (name, model) in [("f32", &plain), ("bf16", &rounded)] {
            group.bench_function(BenchmarkId::new(name, rows), |bencher| {
                bencher.iter(|| {
                    let mut cached = CachedLm::new(model.clone(), 16);
                    black_box(generate(&mut cached, &requests, &config, rows as usize, |_, _| {}).expect("drafts"))
                });
            });
        }
    }
}

fn choice(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("choice of a token");
    for vocab in [4096, 32_000, 150_000] {
        let logits: Vec<f32> = (0..vocab).map(|id| ((id * 7919 % 1000) as f32).sqrt() * -0.3).collect();
        for (name, top_p, top_k) in [("all", 1.0, 0), ("top-p", 0.9, 0), ("top-k", 1.0, 50)] {
            let config = SamplerConfig { top_p, top_k, ..SamplerConfig::default() };
            group.bench_function(BenchmarkId::new(name, vocab), |bencher| {
                bencher.iter(|| black_box(Distribution::new(&logits, &[], &config).draw(0.7)));
            });
        }
    }
}

criterion_group!(model_benches, layouts, sampling, choice);
criterion_main!(model_benches);
