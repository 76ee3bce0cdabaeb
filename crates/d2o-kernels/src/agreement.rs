//! Every operation against its composition: values and gradients, odd sizes, strided inputs, every
//! instruction set, any number of threads.

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

fn targets(rows: usize, vocab: usize) -> Tensor<1, Int> {
    let ids: Vec<i64> = (0..rows).map(|row| ((row * 7 + 3) % vocab) as i64).collect();
    Tensor::from_data(TensorData::from(ids.as_slice()), &Device::flex())
}

/// A weight that is multiplied as it is.
fn plain(values: Tensor<2>, layout: WeightLayout) -> Weight<'static> {
    Weight { values, layout, form: &WeightForm::F32 }
}

/// `‖a − b‖ / ‖b‖`.
fn apart(found: &[f32], expected: &[f32]) -> f32 {
    let norm = |values: &mut dyn Iterator<Item = f32>| values.map(|value| value * value).sum::<f32>().sqrt();
    norm(&mut found.iter().zip(expected).map(|(a, b)| a - b)) / norm(&mut expected.iter().copied())
}

#[test]
fn linear_maps_of_rounded_factors_agree_in_both_layouts() {
    for (rows, inputs, outputs) in [(1, 1, 1), (5, 7, 50), (70, 33, 131)] {
        for layout in [WeightLayout::Straight, WeightLayout::Transposed] {
            let shape = if layout == WeightLayout::Straight { [inputs, outputs] } else { [outputs, inputs] };
            let leaves = [leaf([rows, inputs], 1), leaf(shape, 2)];
            let rounded = |values| Weight { values, layout, form: &WeightForm::Bf16(None) };
            assert_agree(&leaves, |[x, w]| linear(x, rounded(w)), |[x, w]| linear_composed(x, rounded(w)));
            // They are rounded, and to rounding they are what they would be in f32.
            let found = value_and_gradients(&leaves, |[x, w]| linear(x, rounded(w)));
            let exact = value_and_gradients(&leaves, |[x, w]| linear(x, plain(w, layout)));
            for (found, exact) in found.iter().zip(&exact) {
                assert!((1e-5..8e-3).contains(&apart(found, exact)), "{rows} × {inputs} × {outputs}");
            }
            // One of the two frozen.
            let frozen = leaves[1].clone().inner();
            assert_agree(
                &[leaves[0].clone()],
                |[x]| linear(x, rounded(frozen.clone())),
                |[x]| linear_composed(x, rounded(frozen.clone())),
            );
            let x = leaves[0].clone().inner();
            let by_weights = |f: fn(Tensor<2>, Weight<'_>) -> Tensor<2>| {
                value_and_gradients(&[leaves[1].clone()], |[w]| f(x.clone(), rounded(w)))
            };
            assert_close(&by_weights(linear)[1], &by_weights(linear_composed)[1], 2e-5, "by the weights alone");
        }
    }
}

#[test]
fn packed_weights_change_no_bit_and_serve_no_others() {
    for layout in [WeightLayout::Straight, WeightLayout::Transposed] {
        let leaves = [leaf([20, 50], 1), leaf([50, 50], 2)];
        let anew = value_and_gradients(&leaves, |[x, w]| {
            linear(x, Weight { values: w, layout, form: &WeightForm::Bf16(None) })
        });
        for packed in [Packed::Forward, Packed::Both] {
            let matrix = Bf16Matrix::of(&leaves[1], layout, packed).expect("on the processor");
            assert!(matrix.serves(&leaves[1], packed));
            assert_eq!(matrix.serves(&leaves[1], Packed::Both), packed == Packed::Both);
            // Equal values elsewhere in memory are others: they may change.
            assert!(!matrix.serves(&leaf([50, 50], 2), packed));
            let form = WeightForm::Bf16(Some(Arc::new(matrix)));
            let of = |w: Tensor<2>, x: Tensor<2>| linear(x, Weight { values: w, layout, form: &form });
            assert_eq!(value_and_gradients(&leaves, |[x, w]| of(w, x)), anew, "{packed:?}");
            let changed = [leaves[0].clone(), leaf([50, 50], 3)];
            let expected = value_and_gradients(&changed, |[x, w]| {
                linear(x, Weight { values: w, layout, form: &WeightForm::Bf16(None) })
            });
            assert_eq!(value_and_gradients(&changed, |[x, w]| of(w, x)), expected, "{packed:?}, changed");
        }
    }
}

#[test]
fn heads_of_rounded_factors_agree_to_rounding() {
    for (rows, width, vocab, chunk) in [(13, 5, 37, 4), (40, 17, 67, 100)] {
        for layout in [WeightLayout::Straight, WeightLayout::Transposed] {
            let shape = if layout == WeightLayout::Straight { [width, vocab] } else { [vocab, width] };
            let leaves = [leaf([rows, width], 1), leaf(shape, 2)];
            let targets = targets(rows, vocab);
            let rounded = |values| Weight { values, layout, form: &WeightForm::Bf16(None) };
            let fused = value_and_gradients(&leaves, |[h, w]| token_log_probs(h, rounded(w), targets.clone(), chunk));
            let composed =
                value_and_gradients(&leaves, |[h, w]| token_log_probs_composed(h, rounded(w), targets.clone(), chunk));
            assert_close(&fused[0], &composed[0], 2e-5, "log-probabilities");
            // The kernel rounds residuals before they are scaled by the gradient, the composition after.
            for (fused, composed) in fused.iter().zip(&composed).skip(1) {
                assert!(apart(fused, composed) < 6e-3, "{}", apart(fused, composed));
            }
            let packed = Bf16Matrix::of(&leaves[1], layout, Packed::Both).map(Arc::new);
            let form = WeightForm::Bf16(packed);
            let packed = |values| Weight { values, layout, form: &form };
            let known = value_and_gradients(&leaves, |[h, w]| token_log_probs(h, packed(w), targets.clone(), chunk));
            assert_eq!(known, fused);
        }
    }
}

#[test]
fn heads_agree_in_both_layouts_and_any_chunk() {
    for (rows, width, vocab, chunk) in [(1, 3, 2, 1), (13, 5, 37, 4), (40, 17, 67, 100)] {
        for layout in [WeightLayout::Straight, WeightLayout::Transposed] {
            let shape = if layout == WeightLayout::Straight { [width, vocab] } else { [vocab, width] };
            let leaves = [leaf([rows, width], 1), leaf(shape, 2)];
            let targets = targets(rows, vocab);
            assert_agree(
                &leaves,
                |[h, w]| token_log_probs(h, plain(w, layout), targets.clone(), chunk),
                |[h, w]| token_log_probs_composed(h, plain(w, layout), targets.clone(), chunk),
            );
            // A frozen head, and one whose probabilities are not kept.
            let frozen = leaves[1].clone().inner();
            assert_agree(
                &[leaves[0].clone()],
                |[h]| token_log_probs(h, plain(frozen.clone(), layout), targets.clone(), chunk),
                |[h]| token_log_probs_composed(h, plain(frozen.clone(), layout), targets.clone(), chunk),
            );
        }
    }
}

#[test]
fn a_head_that_keeps_nothing_gives_the_same_weights_gradient() {
    let (rows, width, vocab) = (13, 5, 37);
    let (hidden, weights, gradient) = (noise(rows * width, 1), noise(width * vocab, 2), noise(rows, 3));
    let targets: Vec<usize> = (0..rows).map(|row| row * 2).collect();
    let level = Level::best();
    let head = Head {
        level,
        hidden: &hidden,
        weights: &weights,
        layout: WeightLayout::Straight,
        products: Products::F32,
        targets: &targets,
        chunk: 4,
    };
    let recomputed = |head: Head<'_>| {
        let scored = head.forward(Wanted { hidden: false, weights: true });
        let kept = scored.residual.expect("small enough to be kept");
        let from_kept = head.weight_gradient(&scored.sums, Some(&kept), &gradient);
        assert_close(&head.weight_gradient(&scored.sums, None, &gradient), &from_kept, 1e-6, "recomputed");
    };
    recomputed(head);
    for layout in [WeightLayout::Straight, WeightLayout::Transposed] {
        let shape = if layout == WeightLayout::Straight { [width, vocab] } else { [vocab, width] };
        let packed = Bf16Matrix::pack(level, layout.matrix(&weights, shape), Packed::Forward);
        recomputed(Head {
            layout,
            products: Products::Bf16 { level, forward: packed.forward(), backward: None },
            ..head
        });
    }
}

#[test]
fn every_instruction_set_gives_the_same_to_rounding() {
    let (x, w, dy) = (noise(70 * 33, 1), noise(33, 2), noise(70 * 33, 3));
    let norm_at = |level| {
        let (y, inverses) = norm::forward(level, &x, &w, 1e-5);
        let mut dx = dy.clone();
        let dw = norm::backward(level, &x, &w, &inverses, &mut dx);
        [y, dx, dw].concat()
    };
    let gate_at = |level| {
        let mut gradient = dy.clone();
        let up = gated::backward(level, &x, &dy, &mut gradient);
        [gated::forward(level, &x, &dy), gradient, up].concat()
    };
    let rotary_at = |level| {
        let mut x = x.clone();
        rotary::rotate(level, &mut x, 11, &rotary_tables(70, 6), false);
        x
    };
    let attention_at = |level| attention_slices(level).concat();
    let head_at = |level| {
        let targets: Vec<usize> = (0..70).map(|row| row % 19).collect();
        let head = Head {
            level,
            hidden: &x,
            weights: &dy[..33 * 19],
            layout: WeightLayout::Straight,
            products: Products::F32,
            targets: &targets,
            chunk: 9,
        };
        let scored = head.forward(Wanted { hidden: true, weights: true });
        let gradients = scored.gradients.expect("wanted").to_vec();
        let weights = head.weight_gradient(&scored.sums, None, &dy[..70]);
        [scored.log_probs, gradients, weights].concat()
    };
    type Kernel<'a> = (&'a str, &'a dyn Fn(Level) -> Vec<f32>);
    let kernels: [Kernel<'_>; 5] = [
        ("norm", &norm_at),
        ("gate", &gate_at),
        ("rotary", &rotary_at),
        ("attention", &attention_at),
        ("head", &head_at),
    ];
    for (name, kernel) in kernels {
        let portable = kernel(Level::all()[0]);
        for level in Level::all() {
            assert_close(&kernel(level), &portable, 1e-5, &format!("{name}, {}", level.name()));
        }
        let best = Level::best();
        let alone = on_threads(1, || Arc::new(kernel_on(name, best)));
        for threads in [2, 3, 8] {
            let together = on_threads(threads, || Arc::new(kernel_on(name, best)));
            assert!(alone == together, "{name}: {threads} threads change bits");
        }
    }
}

fn attention_slices(level: Level) -> [Vec<f32>; 5] {
    let spans = spans();
    let tokens = spans.tokens();
    let (q, kv) = (tokens * HEADS.queries * HEADS.dim, tokens * HEADS.kv * HEADS.dim);
    let (queries, keys, values, gradient) = (noise(q, 1), noise(kv, 2), noise(kv, 3), noise(q, 4));
    let inputs = Inputs { queries: &queries, keys: &keys, values: &values };
    let (output, sums) = attention::forward(level, inputs, HEADS, &spans);
    let results = Results { output: &output, sums: &sums, gradient: &gradient };
    let [dq, dk, dv] = attention::backward(level, inputs, results, HEADS, &spans);
    [output, sums, dq, dk, dv]
}

/// The kernels whose work is split among threads, on larger inputs.
fn kernel_on(name: &str, level: Level) -> Vec<f32> {
    let (x, w) = (noise(1000 * 48, 1), noise(48, 2));
    match name {
        "norm" => {
            let (y, inverses) = norm::forward(level, &x, &w, 1e-5);
            let mut dx = y;
            let dw = norm::backward(level, &x, &w, &inverses, &mut dx);
            [dx, dw].concat()
        }
        "gate" => {
            let mut gradient = x.clone();
            let up = gated::backward(level, &x, &x, &mut gradient);
            [gradient, up].concat()
        }
        "rotary" => {
            let mut x = x;
            rotary::rotate(level, &mut x, 24, &rotary_tables(1000, 24), true);
            x
        }
        "attention" => attention_slices(level).concat(),
        _ => {
            let targets: Vec<usize> = (0..1000).map(|row| row % 500).collect();
            let weights = noise(48 * 500, 3);
            let head = Head {
                level,
                hidden: &x,
                weights: &weights,
                layout: WeightLayout::Transposed,
                products: Products::F32,
                targets: &targets,
                chunk: 128,
            };
            let scored = head.forward(Wanted { hidden: true, weights: false });
            [scored.log_probs, head.weight_gradient(&scored.sums, None, &x[..1000])].concat()
        }
    }
}
