//! Operations of the decoder: fused beside composed, forward and backward.
#![allow(missing_docs)]

use std::hint::black_box;

use burn::tensor::{Device, Distribution, Int, Tensor, TensorData};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use d2o_kernels::{
    Heads, Span, Spans, Weight, WeightForm, WeightLayout, rms_norm, rms_norm_composed, span_attention,
    span_attention_composed, swiglu, swiglu_composed, token_log_probs, token_log_probs_composed,
};

fn leaf<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), &Device::flex().autodiff()).require_grad()
}

/// A prompt of 96 tokens and `responses` of 96.
fn spans(responses: usize) -> Spans {
    let span = |index: usize| Span { tokens: 96 * index..96 * (index + 1), prefix: 0..if index == 0 { 0 } else { 96 } };
    Spans::new((0..=responses).map(span).collect())
}

fn attention(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("attention over a shared prompt");
    let heads = Heads { queries: 6, kv: 6, dim: 48, scale: 0.144 };
    for responses in [1, 3, 9] {
        let spans = spans(responses);
        let [q, k, v] = [(); 3].map(|()| leaf([spans.tokens(), 288]));
        let inputs = || (q.clone(), k.clone(), v.clone());
        group.bench_function(BenchmarkId::new("fused", responses), |bencher| {
            bencher.iter(|| {
                let (q, k, v) = inputs();
                black_box(span_attention(q, k, v, heads, &spans).sum().backward())
            });
        });
        group.bench_function(BenchmarkId::new("composed", responses), |bencher| {
            bencher.iter(|| {
                let (q, k, v) = inputs();
                black_box(span_attention_composed(q, k, v, heads, &spans).sum().backward())
            });
        });
    }
}

fn head(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("head");
    group.sample_size(10);
    for vocab in [4096, 32_000] {
        let (hidden, weights) = (leaf([512, 288]), leaf([288, vocab]));
        let ids: Vec<i64> = (0..512).map(|row| row * 7).collect();
        let targets = Tensor::<1, Int>::from_data(TensorData::from(ids.as_slice()), &Device::flex());
        let weight = || Weight { values: weights.clone(), layout: WeightLayout::Straight, form: &WeightForm::F32 };
        let inputs = || (hidden.clone(), weight(), targets.clone(), 256);
        group.bench_function(BenchmarkId::new("fused", vocab), |bencher| {
            bencher.iter(|| {
                let (h, w, t, chunk) = inputs();
                black_box(token_log_probs(h, w, t, chunk).sum().backward())
            });
        });
        group.bench_function(BenchmarkId::new("composed", vocab), |bencher| {
            bencher.iter(|| {
                let (h, w, t, chunk) = inputs();
                black_box(token_log_probs_composed(h, w, t, chunk).sum().backward())
            });
        });
    }
}

fn row_wise(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("norm and gate");
    for rows in [64, 512, 2048] {
        let (x, weight) = (leaf([rows, 288]), leaf([288]));
        let (gate, up) = (leaf([rows, 768]), leaf([rows, 768]));
        group.bench_function(BenchmarkId::new("norm fused", rows), |bencher| {
            bencher.iter(|| black_box(rms_norm(x.clone(), weight.clone(), 1e-5).sum().backward()));
        });
        group.bench_function(BenchmarkId::new("norm composed", rows), |bencher| {
            bencher.iter(|| black_box(rms_norm_composed(x.clone(), weight.clone(), 1e-5).sum().backward()));
        });
        group.bench_function(BenchmarkId::new("gate fused", rows), |bencher| {
            bencher.iter(|| black_box(swiglu(gate.clone(), up.clone()).sum().backward()));
        });
        group.bench_function(BenchmarkId::new("gate composed", rows), |bencher| {
            bencher.iter(|| black_box(swiglu_composed(gate.clone(), up.clone()).sum().backward()));
        });
    }
}

criterion_group!(kernels, attention, head, row_wise);
criterion_main!(kernels);
