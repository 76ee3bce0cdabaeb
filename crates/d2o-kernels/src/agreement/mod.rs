//! Every operation against its composition: values and gradients, odd sizes, strided inputs, every
//! instruction set, any number of threads.

mod levels;
mod products;

use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::cpu::attention::{self, Inputs, Results};
use crate::cpu::head::{Head, Products, Wanted};
use crate::cpu::{gated, norm, rotary};
use crate::testing::{assert_close, noise, on_threads};
use crate::*;

fn leaf<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
    let device = Device::flex().autodiff();
    let values = noise(shape.iter().product(), seed);
    Tensor::from_data(TensorData::new(values, shape), &device).require_grad()
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// `f` of the leaves, and the gradients by each of a weighted sum of its values.
fn value_and_gradients<const D: usize, const O: usize, const N: usize>(
    leaves: &[Tensor<D>; N],
    f: impl Fn([Tensor<D>; N]) -> Tensor<O>,
) -> Vec<Vec<f32>> {
    let y = f(leaves.clone());
    let weights = Tensor::from_data(TensorData::new(noise(y.shape().num_elements(), 99), y.dims()), &Device::flex());
    let gradients = (y.clone() * weights).sum().backward();
    let mut all = vec![floats(y.inner())];
    all.extend(leaves.iter().map(|leaf| floats(leaf.grad(&gradients).expect("a leaf of the graph"))));
    all
}

/// Asserts that values and gradients of both agree; every leaf also enters as a strided view.
fn assert_agree<const D: usize, const O: usize, const N: usize>(
    leaves: &[Tensor<D>; N],
    fused: impl Fn([Tensor<D>; N]) -> Tensor<O>,
    composed: impl Fn([Tensor<D>; N]) -> Tensor<O>,
) {
    let expected = value_and_gradients(leaves, &composed);
    for (found, expected) in value_and_gradients(leaves, &fused).iter().zip(&expected) {
        assert_close(found, expected, 2e-5, "fused");
    }
    // A product that is transposed twice is no leaf and does not own its values alone.
    let strided = |x: [Tensor<D>; N]| x.map(|x| (x * 1.5).transpose().mul_scalar(1.0).transpose());
    let expected = value_and_gradients(leaves, |x| composed(strided(x)));
    for (found, expected) in value_and_gradients(leaves, |x| fused(strided(x))).iter().zip(&expected) {
        assert_close(found, expected, 2e-5, "fused, strided");
    }
}

#[test]
fn norms_agree() {
    for [rows, width] in [[1, 1], [3, 5], [70, 33], [130, 64]] {
        let weight = leaf([width], 3);
        let found = |x, w| rms_norm::<2>(x, w, 1e-5);
        assert_agree(
            &[leaf([rows, width], 1)],
            |[x]| found(x, weight.clone()),
            |[x]| rms_norm_composed(x, weight.clone(), 1e-5),
        );
        // By the weight, too.
        let x = leaf([rows, width], 1);
        let fused = value_and_gradients(std::array::from_ref(&weight), |[w]| found(x.clone(), w));
        let composed = value_and_gradients(&[weight], |[w]| rms_norm_composed(x.clone(), w, 1e-5));
        assert_close(&fused[1], &composed[1], 2e-5, "by the weight");
    }
}

#[test]
fn gates_agree() {
    for shape in [[1, 1], [3, 7], [129, 257]] {
        let leaves = [leaf(shape, 1) * 8.0, leaf(shape, 2)].map(|x| x.detach().require_grad());
        assert_agree(&leaves, |[gate, up]| swiglu(gate, up), |[gate, up]| swiglu_composed(gate, up));
    }
}

fn rotary_tables(tokens: usize, dim: usize) -> RotaryTables {
    let half = dim / 2;
    let angle = |token: usize, i: usize| (token * 3 + 1) as f32 * 0.7f32.powi(i as i32);
    let row = |token: usize, f: fn(f32) -> f32, sign: f32| {
        let low = (0..half).map(move |i| sign * f(angle(token, i)));
        low.chain((0..half).map(move |i| f(angle(token, i)))).collect::<Vec<f32>>()
    };
    let table = |f: fn(f32) -> f32, sign| Arc::new((0..tokens).flat_map(|token| row(token, f, sign)).collect());
    RotaryTables::new(dim, table(f32::cos, 1.0), table(f32::sin, -1.0))
}

#[test]
fn rotary_embeddings_agree_in_part_and_in_whole() {
    for (tokens, heads, head_dim, dim) in [(1, 1, 2, 2), (5, 3, 6, 6), (40, 2, 34, 20)] {
        let tables = rotary_tables(tokens, dim);
        let leaves = [leaf([tokens, heads * head_dim], 1)];
        assert_agree(
            &leaves,
            |[x]| rotary_embedding(x, head_dim, &tables),
            |[x]| rotary_embedding_composed(x, head_dim, &tables),
        );
    }
}

#[test]
fn a_rotary_embedding_leaves_its_input_to_others() {
    let x = Tensor::<2>::from_data(TensorData::new(noise(4 * 6, 1), [4, 6]), &Device::flex());
    let before = floats(x.clone());
    let rotated = rotary_embedding(x.clone(), 6, &rotary_tables(4, 6));
    assert_eq!(floats(x), before);
    assert_ne!(floats(rotated), before);
}

/// A prompt of 70 tokens with two responses, and a row of its own.
fn spans() -> Spans {
    let span = |tokens, prefix| Span { tokens, prefix };
    Spans::new(vec![span(0..70, 0..0), span(70..75, 0..70), span(75..140, 0..70), span(140..141, 0..0)])
}

const HEADS: Heads = Heads { queries: 4, kv: 2, dim: 5, scale: 0.4 };

fn attention_leaves(tokens: usize) -> [Tensor<2>; 3] {
    let width = |heads| heads * HEADS.dim;
    [leaf([tokens, width(4)], 1), leaf([tokens, width(2)], 2), leaf([tokens, width(2)], 3)]
        .map(|x| (x * 3.0).detach().require_grad())
}

#[test]
fn attention_agrees_with_a_mask_over_all_pairs() {
    for spans in [spans(), Spans::new(vec![Span { tokens: 0..1, prefix: 0..0 }])] {
        let leaves = attention_leaves(spans.tokens());
        assert_agree(
            &leaves,
            |[q, k, v]| span_attention(q, k, v, HEADS, &spans),
            |[q, k, v]| span_attention_composed(q, k, v, HEADS, &spans),
        );
    }
}

#[test]
fn attention_agrees_where_the_first_tokens_are_only_seen() {
    // Rows 0 to 2 ask nothing: what they give is not looked at, and they still receive gradients as keys.
    let spans = Spans::new(vec![Span { tokens: 3..5, prefix: 0..3 }, Span { tokens: 5..9, prefix: 0..3 }]);
    assert_agree(
        &attention_leaves(9),
        |[q, k, v]| span_attention(q, k, v, HEADS, &spans).narrow(0, 3, 6),
        |[q, k, v]| span_attention_composed(q, k, v, HEADS, &spans).narrow(0, 3, 6),
    );
}

#[test]
#[should_panic(expected = "spans follow each other")]
fn spans_leave_no_token_out() {
    let _ = Spans::new(vec![Span { tokens: 0..1, prefix: 0..0 }, Span { tokens: 2..4, prefix: 0..0 }]);
}
