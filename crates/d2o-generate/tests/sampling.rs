//! The cached model draws what the whole model would, whoever its rows stand beside.

use std::convert::Infallible;

use burn::tensor::{Int, Tensor, TensorData};
use d2o_generate::CachedLm;
use d2o_model::{CausalLm, ModelConfig, Placement};
use d2o_sampler::{Draft, Request, Row, SamplerConfig, generate};
use serde_json::json;

fn model() -> CausalLm {
    let config = json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "vocab_size": 40,
        "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 4, "rope_theta": 10000.0, "rms_norm_eps": 1e-5,
        "max_position_embeddings": 64, "tie_word_embeddings": true, "initializer_range": 0.5,
    });
    let config = ModelConfig::from_json("config.json".as_ref(), config).unwrap();
    CausalLm::init(&config, 5, &d2o_testing::device::device())
}

/// Logits by a full pass over each row.
fn whole(model: &CausalLm, rows: &[Row<'_>]) -> Tensor<2> {
    let logits = rows.iter().map(|row| {
        let ids: Vec<i64> = row.ids.iter().map(|&id| i64::from(id)).collect();
        let len = ids.len();
        let input = Tensor::<2, Int>::from_data(TensorData::new(ids, [1, len]), &model.device());
        let hidden = model.hidden(input, &Placement::causal(1, len, &model.device()));
        model.logits(hidden.narrow(1, len - 1, 1).squeeze_dim(0))
    });
    Tensor::cat(logits.collect(), 0)
}

/// Prompts of several lengths: some the same, some with a long common beginning.
fn requests() -> Vec<Request> {
    let long: Vec<u32> = (1..20).collect();
    let mut prompts = vec![vec![3, 4], long.clone(), long.clone(), vec![9], [&long[..12], &[30, 31]].concat()];
    prompts.extend([vec![3, 4], long, vec![5, 6, 7]]);
    prompts.into_iter().zip(100..).map(|(prompt, seed)| Request { prompt, seed }).collect()
}

fn sampler() -> SamplerConfig {
    SamplerConfig { top_p: 0.9, max_new_tokens: 12, stop_tokens: vec![0, 1, 2], ..SamplerConfig::default() }
}

fn drawn(model: &CausalLm, batch: usize) -> Vec<Draft> {
    let mut cached = CachedLm::new(model.clone(), 12);
    generate(&mut cached, &requests(), &sampler(), batch, |_, _| {}).unwrap()
}

#[test]
fn cached_drafts_are_those_of_full_passes() {
    let model = model();
    let mut full = |rows: &[Row<'_>]| Ok::<_, Infallible>(whole(&model, rows));
    let expected = generate(&mut full, &requests(), &sampler(), 8, |_, _| {}).unwrap();
    for batch in [1, 3, 8] {
        let found = drawn(&model, batch);
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!((&found.ids, found.finished), (&expected.ids, expected.finished), "batch {batch}");
        }
    }
}

#[test]
fn drafts_of_rounded_weights_are_the_same_bits_in_any_company() {
    let model = model().for_sampling();
    let alone = drawn(&model, 1);
    for batch in [2, 5, 8] {
        assert_eq!(drawn(&model, batch), alone, "batch {batch}");
    }
}
