//! Every operation and its gradient beside the composition of Burn's operations: how far apart, and how long each
//! takes. Run it with `--features flex`; without that feature both sides are the composition.
#![allow(clippy::print_stdout, reason = "an example shows its output")]

use std::time::Instant;

use burn::tensor::{Device, Distribution, Tensor};
use d2o_kernels::{
    Heads, Level, Span, Spans, rms_norm, rms_norm_composed, span_attention, span_attention_composed, swiglu,
    swiglu_composed,
};

/// Prints the table. In its place a test of the crate calls this function.
pub(crate) fn main() {
    println!("instructions: {}", Level::best().name());
    for (name, difference, fused_ms, composed_ms) in compare() {
        println!("{name:15} differs by {difference:.1e}; {fused_ms:.1} ms, composed {composed_ms:.1} ms");
        assert!(difference < 1e-3, "{name} differs by {difference}");
    }
}

/// Name, largest difference of value or gradient, milliseconds of both.
fn compare() -> Vec<(&'static str, f32, f64, f64)> {
    let spans = Spans::new(vec![Span { tokens: 0..96, prefix: 0..0 }, Span { tokens: 96..128, prefix: 0..96 }]);
    let heads = Heads { queries: 4, kv: 4, dim: 16, scale: 0.25 };
    let weight = Tensor::<1>::ones([64], &Device::flex().autodiff());
    let scale = weight.clone();
    vec![
        measure("swiglu", |[gate, up, _]| swiglu(gate, up), |[gate, up, _]| swiglu_composed(gate, up)),
        measure(
            "rms_norm",
            |[x, _, _]| rms_norm(x, weight.clone(), 1e-5),
            |[x, _, _]| rms_norm_composed(x, scale.clone(), 1e-5),
        ),
        measure(
            "span_attention",
            |[q, k, v]| span_attention(q, k, v, heads, &spans),
            |[q, k, v]| span_attention_composed(q, k, v, heads, &spans),
        ),
    ]
}

fn measure(
    name: &'static str,
    fused: impl Fn([Tensor<2>; 3]) -> Tensor<2>,
    composed: impl Fn([Tensor<2>; 3]) -> Tensor<2>,
) -> (&'static str, f32, f64, f64) {
    let device = Device::flex().autodiff();
    let inputs = [(); 3].map(|()| Tensor::random([128, 64], Distribution::Default, &device).require_grad());
    let (found, fused_ms) = value_and_gradient(&inputs, fused);
    let (expected, composed_ms) = value_and_gradient(&inputs, composed);
    let differences = found.into_iter().zip(expected).map(|(a, b)| (a - b).abs().max().into_scalar::<f32>());
    (name, differences.fold(0.0, f32::max), fused_ms, composed_ms)
}

/// The operation's value, the gradient of the sum of its squares by the first input, and the milliseconds of both.
fn value_and_gradient(
    inputs: &[Tensor<2>; 3],
    operation: impl Fn([Tensor<2>; 3]) -> Tensor<2>,
) -> ([Tensor<2>; 2], f64) {
    let started = Instant::now();
    let value = operation(inputs.clone());
    let gradients = value.clone().square().sum().backward();
    let gradient = inputs[0].grad(&gradients).expect("an input of the operation");
    ([value.inner(), gradient], started.elapsed().as_secs_f64() * 1e3)
}
