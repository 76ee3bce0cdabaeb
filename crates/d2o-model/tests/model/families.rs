//! Every family against itself: in other layouts, against a cache, written and read, with adapters.

use burn::tensor::Tensor;
use d2o_model::{CausalLm, Dtype, Placement, Trainable, load, save_hf};

use crate::golden::{FAMILIES, Golden, golden, gradients, tracked};
use crate::parity::report;
use crate::placements::{Case, continued, packed, separately};
use crate::tiny::{Weights, batch, device, floats, ids, moved, row, slopes, weights, worst, write};

/// Rounding of two ways to add the same numbers, in logits of order 10.
const ROUNDING: f64 = 5e-5;

/// Logits after the last of `ids`, in a row of its own.
fn last(model: &CausalLm, ids: &[u32]) -> Vec<f32> {
    let hidden = model.hidden(batch(&[ids.to_vec()]), &Placement::causal(1, ids.len(), &device()));
    floats(model.logits(row(&hidden, 0).narrow(0, ids.len() - 1, 1)))
}

/// How far row `index` of cached hidden states is from the full pass over `ids`.
fn apart(model: &CausalLm, hidden: &Tensor<3>, index: usize, ids: &[u32]) -> f32 {
    let [_, columns, _] = hidden.dims();
    let logits = floats(model.logits(row(hidden, index).narrow(0, columns - 1, 1)));
    worst(&logits, &last(model, ids))
}

#[test]
fn tokens_one_by_one_or_in_blocks_equal_the_full_pass() {
    for name in FAMILIES {
        let Golden { model, rows, .. } = golden(name);
        let mut difference = 0f32;
        for block in [1, 6] {
            let mut cache = model.new_cache(1, rows[0].len());
            let mut seen = 0;
            for part in rows[0].chunks(block) {
                seen += part.len();
                let hidden = model.forward_cached(batch(&[part.to_vec()]), &[0], &mut cache);
                difference = difference.max(apart(&model, &hidden, 0, &rows[0][..seen]));
            }
        }
        report(name, "cached decoding", ROUNDING, difference.into());
    }
}

#[test]
fn rows_of_different_lengths_decode_as_if_alone() {
    for name in FAMILIES {
        let model = golden(name).model;
        // The longest prompt is longer than any window, and the shortest grows over it.
        let mut rows = [ids(1, 9), ids(2, 2), ids(3, 5)];
        let padding = [0, 7, 4];
        let columns: Vec<_> = rows.iter().zip(padding).map(|(row, pad)| [vec![0; pad], row.clone()].concat()).collect();
        let mut cache = model.new_cache(3, 16);
        let mut hidden = model.forward_cached(batch(&columns), &padding, &mut cache);
        let mut difference = 0f32;
        for step in 0.. {
            for (index, row) in rows.iter().enumerate() {
                difference = difference.max(apart(&model, &hidden, index, row));
            }
            if step == 6 {
                break;
            }
            let next: Vec<Vec<u32>> = ids(10 + step, 3).into_iter().map(|id| vec![id]).collect();
            rows.iter_mut().zip(&next).for_each(|(row, next)| row.extend(next));
            hidden = model.forward_cached(batch(&next), &padding, &mut cache);
        }
        report(name, "cached decoding, padded batch", ROUNDING, difference.into());
    }
}

fn case() -> Case {
    Case { prompt: ids(10, 6), responses: vec![ids(20, 7), ids(21, 1), ids(22, 4)] }
}

#[test]
fn packed_responses_score_as_if_alone() {
    for name in FAMILIES {
        let model = golden(name).model;
        let (alone, together) = (floats(separately(&model, &case())), floats(packed(&model, &case())));
        report(name, "packed log-probabilities", ROUNDING, worst(&alone, &together).into());
        let behind = floats(continued(&model, &case()));
        report(name, "log-probabilities behind a prompt", ROUNDING, worst(&alone, &behind).into());
    }
}

#[test]
fn packed_gradients_are_those_of_separate_rows() {
    for name in FAMILIES {
        let model = golden(name).model.train_on(&Trainable::All {}, 0, &device().autodiff()).unwrap();
        let alone = slopes(&model, separately(&model, &case()).sum());
        let together = slopes(&model, packed(&model, &case()).sum());
        let relative = |(alone, together): (&Vec<f32>, &Vec<f32>)| {
            let size = alone.iter().fold(0f32, |size, value| size.max(value.abs()));
            assert!(size > 0.0, "{name}: no gradient vanishes");
            worst(alone, together) / size
        };
        let difference = alone.iter().zip(&together).map(relative).fold(0f32, f32::max);
        report(name, "packed gradients, relative", ROUNDING, difference.into());
        let behind = slopes(&model, continued(&model, &case()).sum());
        let difference = alone.iter().zip(&behind).map(relative).fold(0f32, f32::max);
        report(name, "gradients behind a prompt, relative", ROUNDING, difference.into());
    }
}

#[test]
fn what_is_written_is_read_back() {
    for name in FAMILIES {
        let golden = golden(name);
        let dir = tempfile::tempdir().unwrap();
        save_hf(&golden.model, dir.path(), Dtype::F32, None).unwrap();
        let loaded = load(dir.path(), &device()).unwrap().model;
        assert_eq!(weights(&loaded), weights(&golden.model), "{name}");
        let [config, read] = [golden.model.config(), loaded.config()];
        assert_eq!((&read.layers, &read.attention, &read.norm), (&config.layers, &config.attention, &config.norm));
        assert_eq!((read.ropes(), &read.feed_forward), (config.ropes(), &config.feed_forward));
        let difference = worst(&golden.logits(&loaded), &golden.logits(&golden.model));
        report(name, "logits, written and read", ROUNDING, difference.into());
    }
}

#[test]
fn the_last_layer_trains_alone_and_below_it_nothing_is_tracked() {
    for name in FAMILIES {
        let golden = golden(name);
        let count = golden.model.layers_len();
        let last = Trainable::LastLayers { layers: 1 };
        let policy = golden.model.train_on(&last, 0, &device().autodiff()).unwrap();
        assert_eq!(policy.first_trainable_layer(), count - 1);
        let at = Placement::causal(golden.rows.len(), golden.rows[0].len(), &device());
        let entering = policy.run_layers(policy.embed(batch(&golden.rows), &at), 0..count - 1, &at);
        assert!(!entering.is_autodiff(), "{name}");
        // Its gradients are those of the run in which all trains.
        let all = golden.model.train_on(&Trainable::All {}, 0, &device().autodiff()).unwrap();
        let expected = gradients(&all, &golden.log_probs(&all).sum().backward());
        let found = tracked(&policy, &golden.log_probs(&policy).sum().backward());
        assert!(found.len() > 3, "{name}: maps and norms");
        let relative = |(tensor, found): (&String, &Vec<f32>)| {
            assert!(tensor.contains(&format!(".{}.", count - 1)), "{name}: {tensor}");
            let expected = &expected[tensor].1;
            worst(found, expected) / expected.iter().fold(0f32, |size, value| size.max(value.abs()))
        };
        let difference = found.iter().map(relative).fold(0f32, f32::max);
        report(name, "gradients above a frozen trunk, relative", ROUNDING, difference.into());
    }
}

#[test]
fn adapters_sit_beside_every_map_and_fold_into_it() {
    for name in FAMILIES {
        let golden = golden(name);
        let lora = Trainable::Lora { rank: 2, alpha: 4.0, targets: Vec::new(), last_layers: None };
        let fresh = golden.model.train_on(&lora, 1, &device().autodiff()).unwrap();
        assert_eq!(golden.logits(&fresh.frozen()), golden.logits(&golden.model), "{name}: B is zero");
        let maps = weights(&golden.model).iter().filter(|(tensor, (shape, _))| is_map(tensor, shape)).count();
        assert_eq!(fresh.trainable().len(), 2 * maps, "{name}");
        let moved = moved(fresh);
        let [base, adapted] = [&golden.model, &moved.frozen()].map(|model| golden.logits(model));
        assert!(worst(&base, &adapted) > 1e-2, "{name}: moved adapters show");
        assert_eq!(golden.logits(&moved.base()), base, "{name}");
        let folded = golden.logits(&moved.merge_adapters());
        let size = adapted.iter().fold(0f32, |size, value| size.max(value.abs()));
        report(name, "logits, adapters folded in, relative", ROUNDING, (worst(&folded, &adapted) / size).into());
    }
}

/// Whether a tensor of the file is a linear map inside a layer.
fn is_map(tensor: &str, shape: &[usize]) -> bool {
    shape.len() == 2 && (tensor.contains(".layers.") || tensor.contains(".h."))
}

#[test]
fn families_name_the_maps_that_adapters_can_take() {
    let complaint = |name| {
        let targets = vec!["w".to_owned()];
        let lora = Trainable::Lora { rank: 1, alpha: 1.0, targets, last_layers: None };
        golden(name).model.train_on(&lora, 0, &device().autodiff()).unwrap_err().to_string()
    };
    assert!(complaint("phi3").contains("`w` is none of qkv_proj, o_proj, gate_up_proj, down_proj"));
    assert!(complaint("gpt2").contains("`w` is none of c_attn, c_proj, c_fc"));
    let all = "q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj";
    assert!(complaint("gemma3").contains(&format!("`w` is none of {all}")));
}

#[test]
#[should_panic(expected = "position 32 where longrope is computed for 32 tokens")]
fn longrope_is_not_computed_beyond_its_short_factors() {
    let model = golden("phi3-longrope").model;
    assert_eq!(model.config().max_position_embeddings, 32);
    model.hidden(batch(&[ids(1, 33)]), &Placement::causal(1, 33, &device()));
}

#[test]
#[should_panic(expected = "a position beyond the 24 that are learned")]
fn learned_positions_end() {
    golden("gpt2").model.hidden(batch(&[ids(1, 25)]), &Placement::causal(1, 25, &device()));
}

#[test]
fn a_file_of_gpt2_without_its_head_and_with_its_buffers_is_read() {
    let golden = golden("gpt2");
    let mut bare: Weights = weights(&golden.model)
        .into_iter()
        .map(|(name, tensor)| (name.strip_prefix("transformer.").unwrap().to_owned(), tensor))
        .collect();
    // The causal mask, as the files of 2019 carry it.
    bare.insert("h.0.attn.bias".to_owned(), (vec![1, 1, 2, 2], vec![1.0, 0.0, 1.0, 1.0]));
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), golden.model.config().raw(), &bare);
    let loaded = load(dir.path(), &device()).unwrap().model;
    assert_eq!(weights(&loaded), weights(&golden.model));
}
