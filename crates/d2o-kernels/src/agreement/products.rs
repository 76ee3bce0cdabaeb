//! Linear maps and heads, in f32 and of factors rounded to bf16.

use super::*;

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
