//! `d2o generate`: answers to a file of prompts.

use std::io::Write;

use d2o_data::load_prompts;
use d2o_generate::{Decoding, answer};
use d2o_sampler::SamplerConfig;
use d2o_text::Prompt;
use serde_json::json;

use super::{interrupt, open_model};
use crate::commands::cli::GenerateArgs;
use crate::device;
use crate::stages::prompts::framed;

/// Prints `{"id", "sample", "text", "tokens"}` for each answer; `tokens` are the generated ids.
///
/// # Errors
/// A model or prompts that cannot be read, settings that the sampler refuses.
pub fn generate(args: &GenerateArgs) -> anyhow::Result<()> {
    device::limit_threads(args.model.threads);
    let device = device::open(&args.model.backend)?;
    let rows = load_prompts(&args.prompts)?;
    let base = open_model(&args.model, &args.adapter, &device)?;
    framed(&rows, &base.encoder)?;
    let samples = if args.greedy { 1 } else { args.samples.max(1) };
    let prompts: Vec<Prompt> = rows.iter().flat_map(|row| std::iter::repeat_n(row.prompt.clone(), samples)).collect();
    let sampler = SamplerConfig {
        temperature: if args.greedy { 0.0 } else { args.temperature },
        top_p: args.top_p,
        top_k: args.top_k,
        max_new_tokens: args.max_new_tokens,
        ..SamplerConfig::default()
    };
    let decoding = Decoding { sampler, prefill: args.prefill.clone(), batch: args.batch, seed: args.seed };
    let answers = answer(&base.model, &base.encoder, &prompts, &decoding, interrupt(), |_| {})?;
    let mut out = std::io::stdout().lock();
    for (index, answer) in answers.iter().enumerate() {
        let row = &rows[index / samples];
        let line = json!({"id": row.id, "sample": index % samples, "text": answer.text, "tokens": answer.ids});
        writeln!(out, "{line}")?;
    }
    Ok(())
}
