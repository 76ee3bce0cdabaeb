//! Answers two prompts greedily and tells how likely each answer was: with the model directory or GGUF file whose path
//! is given, or with a tiny model of random weights that is written to a temporary directory.
//!
//! `cargo run -p d2o-generate --example answer -- [DIR|FILE.gguf]`

#![allow(clippy::print_stdout, missing_docs, reason = "an example prints what it finds")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use burn::tensor::Device;
use d2o_generate::{Answer, Decoding, LanguageModel, answer};
use d2o_model::responses::{Chunking, score};
use d2o_model::{CausalLm, Dtype, ModelConfig, save_hf};
use d2o_sampler::SamplerConfig;
use d2o_text::{Encoder, Prompt, TextTokenizer};
use serde_json::json;

pub(crate) const PROMPTS: [&str; 2] = ["How do I cook rice?", "How long does quinoa have to cook?"];

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let path = match std::env::args().skip(1).map(PathBuf::from).find(|path| path.exists()) {
        Some(path) => path,
        None => write_tiny(dir.path())?,
    };
    // `true` instead frames the prompts with the model's chat template.
    let model = LanguageModel::open(&path, false, &Device::flex())?;
    for (prompt, answer) in PROMPTS.iter().zip(answers(&model, 0.0)?) {
        let nats = log_prob(&model, prompt, &answer)?;
        println!("> {prompt}\n{:?} ({} tokens, {nats:.2} nats)", answer.text, answer.ids.len());
    }
    Ok(())
}

/// Answers to both prompts; temperature 0 is greedy.
pub(crate) fn answers(model: &LanguageModel, temperature: f64) -> Result<Vec<Answer>, Box<dyn Error>> {
    let sampler = SamplerConfig { temperature, max_new_tokens: 24, ..SamplerConfig::default() };
    let decoding = Decoding { sampler, prefill: String::new(), batch: 2, seed: 1 };
    let prompts = PROMPTS.map(|text| Prompt::Text(text.to_owned()));
    Ok(answer(&model.model, &model.encoder, &prompts, &decoding, &AtomicBool::new(false), |_| {})?)
}

/// Summed log-probability of an answer, its end token included, in nats.
pub(crate) fn log_prob(model: &LanguageModel, prompt: &str, answer: &Answer) -> Result<f64, Box<dyn Error>> {
    let prompt = model.encoder.prompt_ids(&Prompt::Text(prompt.to_owned()))?;
    let ids = answer.ids_with_end();
    let scores = score(&model.model, &prompt, &[&ids], Chunking { tokens: 512, head_rows: 256 });
    Ok(f64::from(scores.into_scalar::<f32>()))
}

/// Writes a Llama of two layers with random weights, and a tokenizer trained on the prompts, into `dir`.
pub(crate) fn write_tiny(dir: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let tokenizer = TextTokenizer::train(PROMPTS, 300, &["<|end|>"])?;
    let config = json!({
        "architectures": ["LlamaForCausalLM"], "vocab_size": tokenizer.vocab_size(), "hidden_size": 32,
        "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "rms_norm_eps": 1e-5, "max_position_embeddings": 128, "initializer_range": 0.3, "tie_word_embeddings": true,
    });
    let config = ModelConfig::from_json(Path::new("config.json"), config)?;
    save_hf(&CausalLm::init(&config, 1, &Device::flex()), dir, Dtype::F32, None)?;
    Encoder::new(tokenizer, None, 0).save(dir)?;
    Ok(dir.to_path_buf())
}
