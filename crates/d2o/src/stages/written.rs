//! Prompts that the base writes itself: what it takes a user to ask.

use std::collections::HashSet;

use d2o_generate::{LanguageModel, continuations, ending, row_seed};
use d2o_sampler::{Finish, Request, SamplerConfig};
use d2o_text::Prompt;

use super::asker::Asker;
use crate::error::RunError;

/// A request of fewer words is a fragment.
const FEWEST_WORDS: usize = 3;
/// Drafts for each prompt that is wanted: some break off or come twice.
const DRAFTS: usize = 3;

/// Up to `wanted` different prompts, drawn at temperature 1 (top-p 0.9) behind an empty user's turn, in the order in which they were drawn.
///
/// Kept are drafts that the model ended by itself within `data.max_prompt_tokens` and that have three words or more.
///
/// # Errors
/// A model without a chat template that allows it, or that writes no such prompt; sampling errors; an interruption.
pub(super) fn written(asker: &mut Asker<'_>, wanted: usize) -> anyhow::Result<Vec<Prompt>> {
    let (config, base) = (asker.config, asker.base);
    let (before, stop) = frame(base)?;
    let max_new_tokens = config.data.max_prompt_tokens.min(base.context().saturating_sub(before.len())).max(1);
    let sampler = SamplerConfig {
        temperature: 1.0,
        top_p: 0.9,
        max_new_tokens,
        stop_tokens: vec![stop],
        ..SamplerConfig::default()
    };
    // A text that the model ends in another way is no whole turn of a user.
    let sampler = ending(sampler, &base.encoder);
    let request = |index| Request { prompt: before.clone(), seed: row_seed(config.seed, index) };
    let requests: Vec<Request> = (0..DRAFTS * wanted).map(request).collect();
    let (model, batch, interrupt, total) = (&base.model, config.anchors.batch, asker.interrupt, requests.len());
    let drafts = asker.observers.watch("written prompts", (total, "prompts"), |tick| {
        continuations(model, &requests, &sampler, batch, interrupt, tick)
    })?;
    let ended = drafts.into_iter().filter(|draft| draft.finished == Finish::Stop(stop));
    let texts = ended.map(|draft| base.encoder.tokenizer().decode(&draft.ids, true).trim().to_owned());
    let prompts = different(texts, wanted);
    if prompts.is_empty() {
        let reason = format!(
            "the model wrote no prompt of its own in {total} drafts; set retain.written to 0 and leave written:N out of data.prompts"
        );
        return Err(RunError::NoGroups { reason }.into());
    }
    Ok(prompts)
}

/// The ids before a user's text, and the token that ends it.
///
/// # Errors
/// [`RunError::NoGroups`] for a model without a chat template that allows it.
pub(super) fn frame(base: &LanguageModel) -> Result<(Vec<u32>, u32), RunError> {
    let encoder = &base.encoder;
    let frame = encoder.template().and_then(|template| template.empty_request(encoder.tokenizer()));
    frame.ok_or_else(|| {
        let reason = "the model cannot write prompts (retain.written, written:N in data.prompts): that needs a chat template with a \
                      special token behind the user's text"
            .to_owned();
        RunError::NoGroups { reason }
    })
}

/// The first `wanted` texts that are requests and differ.
fn different(texts: impl Iterator<Item = String>, wanted: usize) -> Vec<Prompt> {
    let mut seen = HashSet::new();
    let prompts = texts.filter(|text| text.split_whitespace().count() >= FEWEST_WORDS);
    prompts.map(Prompt::Text).filter(|prompt| seen.insert(prompt.key())).take(wanted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_and_repeats_are_left_out() {
        let texts = ["How do I", "yes", "", "how do  I", "Write me a poem.", "One more of these"].map(str::to_owned);
        let kept: Vec<String> = different(texts.into_iter(), 2).iter().map(Prompt::text).collect();
        assert_eq!(kept, ["How do I", "Write me a poem."]);
    }
}
