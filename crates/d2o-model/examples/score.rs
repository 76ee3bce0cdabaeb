//! Scores tokens, then decodes a few greedily: with a tiny model of random weights, or with the Hugging Face directory
//! or GGUF file whose path is given.
//!
//! `cargo run -p d2o-model --example score -- [DIR|FILE.gguf]`

#![allow(clippy::print_stdout, missing_docs, reason = "an example prints what it finds")]

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Int, Tensor, TensorData};
use d2o_model::{CausalLm, ModelConfig, ModelError, Placement, load};
use serde_json::json;

/// Token ids of a prompt and of an answer, small enough for every vocabulary.
pub(crate) const PROMPT: [u32; 3] = [5, 6, 7];
pub(crate) const ANSWER: [u32; 2] = [10, 11];

pub(crate) fn main() -> Result<(), ModelError> {
    let device = Device::flex();
    let model = match std::env::args().skip(1).map(PathBuf::from).find(|path| path.exists()) {
        Some(path) => load(&path, &device)?.model,
        None => tiny(&device)?,
    };
    println!("{} parameters", model.parameters());
    println!("log-probability of {ANSWER:?} behind {PROMPT:?}: {:?} nats", scores(&model, &PROMPT, &ANSWER));
    println!("greedy: {:?}", greedy(&model, &PROMPT, 8));
    Ok(())
}

/// A Llama of two layers with random weights.
pub(crate) fn tiny(device: &Device) -> Result<CausalLm, ModelError> {
    let config = json!({
        "architectures": ["LlamaForCausalLM"], "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-5,
        "max_position_embeddings": 128, "initializer_range": 0.3, "tie_word_embeddings": true,
    });
    let config = ModelConfig::from_json(Path::new("config.json"), config)?;
    Ok(CausalLm::init(&config, 1, device))
}

/// `log π(y_t | x, y_<t)` of each token of `answer`, in nats.
pub(crate) fn scores(model: &CausalLm, prompt: &[u32], answer: &[u32]) -> Vec<f32> {
    let device = model.device();
    let ids = [prompt, answer].concat();
    let at = Placement::causal(1, ids.len(), &device);
    let hidden = model.hidden(int(&ids, &device).unsqueeze(), &at).squeeze_dim::<2>(0);
    // The token before each one predicts it.
    let predicting = hidden.narrow(0, prompt.len() - 1, answer.len());
    model.log_probs(predicting, int(answer, &device), 512).into_data().iter::<f32>().collect()
}

/// The `count` likeliest tokens, one after the other, decoded against a cache.
pub(crate) fn greedy(model: &CausalLm, prompt: &[u32], count: usize) -> Vec<u32> {
    let device = model.device();
    let mut cache = model.new_cache(1, prompt.len() + count);
    let mut new = prompt.to_vec();
    let mut drawn = Vec::with_capacity(count);
    while drawn.len() < count {
        let hidden = model.forward_cached(int(&new, &device).unsqueeze(), &[0], &mut cache);
        let last = hidden.squeeze_dim::<2>(0).narrow(0, new.len() - 1, 1);
        let token: i64 = model.logits(last).argmax(1).into_scalar();
        new = vec![token as u32];
        drawn.extend(&new);
    }
    drawn
}

fn int(ids: &[u32], device: &Device) -> Tensor<1, Int> {
    let ids: Vec<i64> = ids.iter().map(|&id| i64::from(id)).collect();
    Tensor::from_data(TensorData::from(ids.as_slice()), device)
}
