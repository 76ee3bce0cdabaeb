//! Answers two prompts greedily, and tells how likely each answer was: with the model directory or GGUF file whose path
//! is given, or with the small model of d2o-datasets, written to a temporary directory.
//!
//! `cargo run -p d2o-generate --example answer -- [DIR|FILE.gguf]`

#![allow(clippy::print_stdout, missing_docs, reason = "an example prints what it finds")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use burn::tensor::Device;
use d2o_data::Prompt;
use d2o_datasets::hearth::BASE_MODEL;
use d2o_generate::{Answer, Decoding, LanguageModel, answer};
use d2o_model::responses::{Chunking, score};
use d2o_sampler::SamplerConfig;

pub(crate) const PROMPTS: [&str; 2] =
    ["How do I cook rice so that it does not stick?", "Can you tell me how long quinoa has to cook?"];

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let path = match std::env::args().skip(1).map(PathBuf::from).find(|path| path.exists()) {
        Some(path) => path,
        None => small_model(dir.path())?,
    };
    let model = LanguageModel::open(&path, true, &Device::flex())?;
    for (prompt, answer) in PROMPTS.iter().zip(answers(&model, 0.0)?) {
        let nats = log_prob(&model, prompt, &answer)?;
        println!("> {prompt}\n{} ({} tokens, {nats:.2} nats)\n", answer.text, answer.ids.len());
    }
    Ok(())
}

/// Answers to both prompts; temperature 0 is greedy.
pub(crate) fn answers(model: &LanguageModel, temperature: f64) -> Result<Vec<Answer>, Box<dyn Error>> {
    let sampler = SamplerConfig { temperature, max_new_tokens: 48, ..SamplerConfig::default() };
    let decoding = Decoding { sampler, prefill: String::new(), batch: 2, seed: 1 };
    let prompts = PROMPTS.map(|text| Prompt::Text(text.to_owned()));
    Ok(answer(&model.model, &model.encoder, &prompts, &decoding, &AtomicBool::new(false), |_| {})?)
}

/// Summed log-probability of an answer, its end token included, in nats.
pub(crate) fn log_prob(model: &LanguageModel, prompt: &str, answer: &Answer) -> Result<f64, Box<dyn Error>> {
    let prompt = model.encoder.prompt_ids(&Prompt::Text(prompt.to_owned()))?;
    let ids = answer.ids_with_end(model.encoder.end_token());
    let scores = score(&model.model, &prompt, &[&ids], Chunking { tokens: 512, head_rows: 256 });
    Ok(f64::from(scores.into_scalar::<f32>()))
}

/// Writes the base model of Hearth, the small synthetic world, below `dir`.
pub(crate) fn small_model(dir: &Path) -> std::io::Result<PathBuf> {
    for (name, bytes) in BASE_MODEL {
        std::fs::write(dir.join(name), bytes)?;
    }
    Ok(dir.to_path_buf())
}
