//! Rows of any length side by side, and weights in bf16.

use burn::tensor::Device;
use d2o_model::{CausalLm, Fresh, Placement, RaggedCache, Trainable};

use crate::tiny::{batch, device, floats, ids, model, moved, worst};

/// Final hidden states after the last token of `whole`, in one pass of its own.
fn full(model: &CausalLm, whole: &[u32]) -> Vec<f32> {
    let hidden = floats(model.hidden(batch(&[whole.to_vec()]), &Placement::causal(1, whole.len(), &device())));
    hidden[hidden.len() - model.config().hidden_size..].to_vec()
}

fn begun(model: &CausalLm, lens: &[usize]) -> RaggedCache {
    let mut cache = model.new_ragged_cache().expect("a plain model on the processor");
    lens.iter().enumerate().for_each(|(slot, &len)| cache.begin(slot, len, None));
    cache
}

#[test]
fn rows_of_any_length_side_by_side_equal_the_full_pass() {
    let model = model(true);
    let rows = [ids(1, 9), ids(2, 4), ids(3, 13)];
    let mut cache = begun(&model, &[9, 4, 13]);
    // The second row comes later, beside single tokens of the first; the slots' order is not the rows'.
    let steps: [&[(usize, std::ops::Range<usize>)]; 4] =
        [&[(2, 0..5), (0, 0..7)], &[(0, 7..8), (1, 0..3), (2, 5..12)], &[(1, 3..4)], &[(2, 12..13), (0, 8..9)]];
    for step in steps {
        let new: Vec<u32> = step.iter().flat_map(|(row, range)| rows[*row][range.clone()].to_vec()).collect();
        let fresh: Vec<Fresh> = step.iter().map(|(row, range)| Fresh { slot: *row, tokens: range.len() }).collect();
        let found = floats(model.forward_ragged(&new, &fresh, &mut cache));
        for ((row, range), found) in step.iter().zip(found.chunks_exact(model.config().hidden_size)) {
            let difference = worst(found, &full(&model, &rows[*row][..range.end]));
            assert!(difference < 1e-5, "row {row} after {} tokens: {difference}", range.end);
        }
    }
}

#[test]
fn a_row_goes_on_from_anothers_beginning() {
    let model = model(false);
    let (first, second) = (ids(5, 8), [&ids(5, 8)[..6], &ids(9, 3)].concat());
    let mut cache = begun(&model, &[8]);
    model.forward_ragged(&first, &[Fresh { slot: 0, tokens: 8 }], &mut cache);
    cache.begin(1, 9, Some((0, 6)));
    let found = floats(model.forward_ragged(&second[6..], &[Fresh { slot: 1, tokens: 3 }], &mut cache));
    assert!(worst(&found, &full(&model, &second)) < 1e-5);
}

#[test]
fn rounded_weights_give_nearly_the_same_logits_whatever_the_company() {
    for tied in [false, true] {
        let model = model(tied);
        let sampler = model.for_sampling();
        let row = ids(4, 7);
        let alone = {
            let mut cache = begun(&sampler, &[7]);
            floats(sampler.logits(sampler.forward_ragged(&row, &[Fresh { slot: 0, tokens: 7 }], &mut cache)))
        };
        let mut cache = begun(&sampler, &[20, 7]);
        let both = [ids(8, 20), row.clone()].concat();
        let fresh = [Fresh { slot: 0, tokens: 20 }, Fresh { slot: 1, tokens: 7 }];
        let beside = floats(sampler.logits(sampler.forward_ragged(&both, &fresh, &mut cache)));
        assert_eq!(beside[beside.len() / 2..], alone);
        let hidden = burn::tensor::Tensor::<1>::from_data(full(&model, &row).as_slice(), &device()).unsqueeze_dim(0);
        let exact = floats(model.logits(hidden));
        let largest = exact.iter().fold(0f32, |largest, logit| largest.max(logit.abs()));
        // bf16 keeps 8 bits; some thirty roundings on the way add up to a few of their steps.
        let difference = worst(&alone, &exact);
        assert!(difference > 0.0 && difference < 0.03 * largest, "{difference} of {largest}");
    }
}

#[test]
fn a_sampler_has_its_adapters_folded_in() {
    let lora = Trainable::Lora { rank: 2, alpha: 4.0, targets: vec![], last_layers: None };
    let policy = moved(model(true).train_on(&lora, 1, &Device::flex().autodiff()).unwrap());
    let sampler = policy.for_sampling();
    assert!(!sampler.has_adapters());
    let row = ids(4, 7);
    let logits = |model: &CausalLm| {
        let mut cache = begun(model, &[7]);
        floats(model.logits(model.forward_ragged(&row, &[Fresh { slot: 0, tokens: 7 }], &mut cache)))
    };
    let (found, expected) = (logits(&sampler), logits(&policy.merge_adapters()));
    let largest = expected.iter().fold(0f32, |largest, logit| largest.max(logit.abs()));
    assert!(worst(&found, &expected) < 0.03 * largest);
    assert!(policy.new_ragged_cache().is_none(), "a tracked model would keep its graph");
}
