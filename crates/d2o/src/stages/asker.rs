//! Who asks the base something before there is a run, and during it.

use std::sync::atomic::AtomicBool;

use d2o_generate::{Answer, Decoding, LanguageModel, answer};
use d2o_record::Observers;
use d2o_sampler::SamplerConfig;
use d2o_text::Prompt;
use serde::{Deserialize, Serialize};

use super::cache::cached_or_compute;
use crate::config::RunConfig;

/// The base with those who watch.
pub(crate) struct Asker<'a> {
    /// The resolved configuration.
    pub config: &'a RunConfig,
    /// The model.
    pub base: &'a LanguageModel,
    /// Who hears of progress.
    pub observers: &'a mut Observers,
    /// Set when the user asks to leave.
    pub interrupt: &'a AtomicBool,
}

/// What the base says to a prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Said {
    pub text: String,
    /// With the end token where the base ended by itself.
    pub ids: Vec<u32>,
}

impl Asker<'_> {
    /// The base's answers to bare prompts, drawn at temperature 1 (top-p 0.9) with the run's seed, of
    /// `data.max_response_tokens` tokens at the most; kept in the cache.
    ///
    /// # Errors
    /// Template and sampling errors, a cache that cannot be written, an interruption.
    pub(crate) fn own_answers(&mut self, prompts: &[Prompt]) -> anyhow::Result<Vec<Said>> {
        let config = self.config;
        let sampler = SamplerConfig {
            temperature: 1.0,
            top_p: 0.9,
            max_new_tokens: config.data.max_response_tokens,
            ..SamplerConfig::default()
        };
        let (batch, seed) = (config.anchors.batch, config.seed);
        let decoding = Decoding { sampler, prefill: String::new(), batch, seed };
        let texts: Vec<String> = prompts.iter().map(Prompt::text).collect();
        let weights = config.device.sampling;
        let key = (self.base.origins()?, texts, &decoding.sampler, seed, weights, config.device.backend.clone());
        cached_or_compute("rejected-", &key, || self.draw(prompts, &decoding))
    }

    fn draw(&mut self, prompts: &[Prompt], decoding: &Decoding) -> anyhow::Result<Vec<Said>> {
        let model = self.config.device.sampling.of(&self.base.model);
        let (encoder, interrupt) = (&self.base.encoder, self.interrupt);
        let answers = self.observers.watch("own answers", (prompts.len(), "answers"), |tick| {
            answer(&model, encoder, prompts, decoding, interrupt, tick)
        })?;
        let said = |answer: Answer| Said { ids: answer.ids_with_end(), text: answer.text };
        Ok(answers.into_iter().map(said).collect())
    }
}
