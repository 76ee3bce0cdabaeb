//! Asks a model everything that an evaluation measures.

use std::sync::atomic::AtomicBool;

use d2o_data::{EncodedRow, PromptRow};
use d2o_eval::{EvaluationPrompt, EvaluationSets, Likelihood, Measured};
use d2o_generate::{Answer, Decoding, GenerateError, SamplingWeights, answer};
use d2o_model::CausalLm;
use d2o_model::responses::{Chunking, score_pairs, token_batches};
use d2o_sampler::SamplerConfig;
use d2o_text::{Encoder, Prompt};
use serde::Serialize;

/// The prompts of an evaluation, none of which training has seen.
pub(crate) struct PromptSets {
    /// Harmful requests.
    pub harmful: Vec<PromptRow>,
    /// Everyday requests with good answers.
    pub benign: Vec<PromptRow>,
    /// Harmless requests that sound harmful.
    pub sounding_harmful: Vec<PromptRow>,
}

impl PromptSets {
    /// The prompts as text.
    pub(crate) fn texts(&self) -> EvaluationSets {
        let texts = |rows: &[PromptRow]| {
            let text = |row: &PromptRow| EvaluationPrompt {
                id: row.id.clone(),
                prompt: row.prompt.text(),
                response: row.response.clone(),
            };
            rows.iter().map(text).collect()
        };
        EvaluationSets {
            harmful: texts(&self.harmful),
            benign: texts(&self.benign),
            sounding_harmful: texts(&self.sounding_harmful),
        }
    }
}

/// How answers are drawn.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct EvaluationSettings {
    /// Length limit of an answer, tokens.
    pub max_new_tokens: usize,
    /// Rows decoded together.
    pub batch: usize,
    /// Temperature of the sampled answers.
    pub temperature: f64,
    /// Nucleus of the sampled answers.
    pub top_p: f64,
    /// What prefilled answers begin with.
    pub prefill: String,
    /// Seed of the sampled answers.
    pub seed: u64,
    /// Type of the weights while answers are drawn.
    pub weights: SamplingWeights,
}

/// Runs a frozen model over the evaluation sets.
pub(crate) struct Measurer<'a> {
    /// The model.
    pub model: &'a CausalLm,
    /// Its tokenizer and template.
    pub encoder: &'a Encoder,
    /// The prompts.
    pub sets: &'a PromptSets,
    /// How to decode.
    pub settings: &'a EvaluationSettings,
    /// How responses are cut into forward passes.
    pub chunking: Chunking,
    /// Set when the user asks to leave.
    pub interrupt: &'a AtomicBool,
}

impl Measurer<'_> {
    /// Units of [`measure`](Self::measure)'s progress.
    pub(crate) fn units(&self) -> usize {
        let sets = self.sets;
        3 * sets.harmful.len() + 2 * sets.benign.len() + sets.sounding_harmful.len()
    }

    /// Asks for all answers and scores the good ones; `progress` hears of units done.
    ///
    /// # Errors
    /// Template and sampling errors; [`GenerateError::Interrupted`].
    pub(crate) fn measure(&self, mut progress: impl FnMut(usize)) -> Result<Measured, GenerateError> {
        let sets = self.sets;
        let mut done = 0;
        let sampler = self.settings.weights.of(self.model);
        let mut ask = |rows: &[PromptRow], decoding: Decoding| {
            let prompts: Vec<Prompt> = rows.iter().map(|row| row.prompt.clone()).collect();
            let answers =
                answer(&sampler, self.encoder, &prompts, &decoding, self.interrupt, |now| progress(done + now));
            done += rows.len();
            answers
        };
        let harmful = ask(&sets.harmful, self.greedy(""))?;
        let sampled = ask(&sets.harmful, self.sampled())?;
        let prefilled = ask(&sets.harmful, self.greedy(&self.settings.prefill))?;
        let benign = ask(&sets.benign, self.greedy(""))?;
        let sounding = ask(&sets.sounding_harmful, self.greedy(""))?;
        let benign_likelihood = self.benign_likelihood(|now| progress(done + now))?;
        Ok(Measured {
            harmful: texts(harmful),
            harmful_sampled: texts(sampled),
            harmful_prefilled: texts(prefilled),
            benign_tokens: benign.iter().map(|answer| answer.ids.len()).collect(),
            benign: texts(benign),
            sounding_harmful: texts(sounding),
            benign_likelihood,
        })
    }

    /// Likelihood of the held-out rejected answers; `progress` hears of rows done.
    pub(crate) fn negatives(&self, rows: &[EncodedRow], progress: impl FnMut(usize)) -> Vec<Likelihood> {
        let pairs = rows.iter().map(|row| (row.prompt_ids.clone(), row.rejected_ids.clone())).collect::<Vec<_>>();
        self.likelihoods(&pairs, progress)
    }

    fn benign_likelihood(&self, progress: impl FnMut(usize)) -> Result<Vec<Likelihood>, GenerateError> {
        let with_answers = self.sets.benign.iter().filter_map(|row| Some((row, row.response.as_ref()?)));
        let pairs = with_answers
            .map(|(row, response)| Ok((row.ids(self.encoder)?, self.encoder.response_ids(response))))
            .collect::<Result<Vec<_>, GenerateError>>()?;
        Ok(self.likelihoods(&pairs, progress))
    }

    fn likelihoods(&self, pairs: &[(Vec<u32>, Vec<u32>)], mut progress: impl FnMut(usize)) -> Vec<Likelihood> {
        let mut likelihoods = Vec::with_capacity(pairs.len());
        for batch in token_batches(pairs, self.chunking.tokens) {
            let scores = score_pairs(self.model, &pairs[batch.clone()], self.chunking).into_data();
            let rows = scores.iter::<f64>().zip(&pairs[batch]);
            likelihoods.extend(rows.map(|(score, (_, response))| Likelihood { nll: -score, tokens: response.len() }));
            progress(likelihoods.len());
        }
        likelihoods
    }

    fn greedy(&self, prefill: &str) -> Decoding {
        let sampler = SamplerConfig {
            temperature: 0.0,
            max_new_tokens: self.settings.max_new_tokens,
            ..SamplerConfig::default()
        };
        self.decoding(sampler, prefill)
    }

    fn sampled(&self) -> Decoding {
        let sampler = SamplerConfig {
            temperature: self.settings.temperature,
            top_p: self.settings.top_p,
            max_new_tokens: self.settings.max_new_tokens,
            ..SamplerConfig::default()
        };
        self.decoding(sampler, "")
    }

    fn decoding(&self, sampler: SamplerConfig, prefill: &str) -> Decoding {
        Decoding { sampler, prefill: prefill.to_owned(), batch: self.settings.batch, seed: self.settings.seed }
    }
}

fn texts(answers: Vec<Answer>) -> Vec<String> {
    answers.into_iter().map(|answer| answer.text).collect()
}
