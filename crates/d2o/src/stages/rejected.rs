//! Rejected answers that the base gives itself, in place of the rows' own.

use d2o_eval::refusal::is_refusal;
use d2o_generate::{Answer, Decoding, answer};
use d2o_sampler::SamplerConfig;
use d2o_text::Prompt;
use serde::{Deserialize, Serialize};

use super::cache::cached_or_compute;
use super::run::Run;

/// What the base says to a prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    text: String,
    /// With the end token where the base ended by itself.
    ids: Vec<u32>,
}

/// Puts the base's answers to the bare prompts to train on, drawn at temperature 1 (top-p 0.9), in the place of the rejected
/// ones. A row whose prompt the base declines or says nothing to keeps its own.
///
/// # Errors
/// Template and sampling errors, a cache that cannot be written, an interruption.
pub(super) fn replace_by_own(run: &mut Run<'_>) -> anyhow::Result<()> {
    let prompts: Vec<Prompt> = run.data.train.iter().map(|row| row.prompt.clone()).collect();
    let sampler = SamplerConfig {
        temperature: 1.0,
        top_p: 0.9,
        max_new_tokens: run.config.data.max_response_tokens,
        ..SamplerConfig::default()
    };
    let (batch, seed) = (run.config.anchors.batch, run.config.seed);
    let decoding = Decoding { sampler, prefill: String::new(), batch, seed };
    let texts: Vec<String> = prompts.iter().map(Prompt::text).collect();
    let weights = run.config.device.sampling;
    let key = (run.base.origins()?, texts, &decoding.sampler, seed, weights, run.config.device.backend.clone());
    let said: Vec<Said> = cached_or_compute("rejected-", &key, || draw(run, &prompts, &decoding))?;
    let taken = said.into_iter().map(|said| {
        let bad = !said.ids.is_empty() && !is_refusal(&said.text);
        bad.then_some((said.text, said.ids))
    });
    run.data.replace_rejected(taken, run.config.data.max_rejected_tokens);
    Ok(())
}

fn draw(run: &mut Run<'_>, prompts: &[Prompt], decoding: &Decoding) -> anyhow::Result<Vec<Said>> {
    let model = run.config.device.sampling.of(&run.base.model);
    let (encoder, interrupt) = (&run.base.encoder, run.interrupt);
    let answers = run.observers.watch("rejected", (prompts.len(), "answers"), |tick| {
        answer(&model, encoder, prompts, decoding, interrupt, tick)
    })?;
    let said = |answer: Answer| Said { ids: answer.ids_with_end(), text: answer.text };
    Ok(answers.into_iter().map(said).collect())
}
