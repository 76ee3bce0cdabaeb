//! Asks a model everything that an evaluation measures.

use std::sync::atomic::AtomicBool;

use d2o_data::{EncodedRow, PromptRow};
use d2o_eval::refusal::is_refusal;
use d2o_eval::{EvaluationPrompt, EvaluationSets, Likelihood, Measured};
use d2o_generate::{Answer, Decoding, GenerateError, SamplingWeights, answer, answer_begun};
use d2o_model::CausalLm;
use d2o_model::responses::{Chunking, score_pairs, token_batches};
use d2o_sampler::SamplerConfig;
use d2o_text::{Encoder, Prompt};
use serde::Serialize;

use super::begun::{Beginnings, begun};

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
    /// Tokens of the base's own bad answer that begun answers begin with.
    pub begun: Vec<usize>,
    /// Seed of the sampled answers.
    pub seed: u64,
    /// Type of the weights while answers are drawn.
    pub weights: SamplingWeights,
}

impl EvaluationSettings {
    /// Greedy answers that begin with a text.
    pub(crate) fn greedy(&self, prefill: &str) -> Decoding {
        let sampler =
            SamplerConfig { temperature: 0.0, max_new_tokens: self.max_new_tokens, ..SamplerConfig::default() };
        self.decoding(sampler, prefill)
    }

    /// Drawn answers.
    pub(crate) fn sampled(&self) -> Decoding {
        let sampler = SamplerConfig {
            temperature: self.temperature,
            top_p: self.top_p,
            max_new_tokens: self.max_new_tokens,
            ..SamplerConfig::default()
        };
        self.decoding(sampler, "")
    }

    fn decoding(&self, sampler: SamplerConfig, prefill: &str) -> Decoding {
        Decoding { sampler, prefill: prefill.to_owned(), batch: self.batch, seed: self.seed }
    }
}

/// A model that answers, its weights rounded as the sampler may.
pub(crate) struct Ask<'a> {
    /// The model.
    pub model: &'a CausalLm,
    /// Its tokenizer and template.
    pub encoder: &'a Encoder,
    /// Set when the user asks to leave.
    pub interrupt: &'a AtomicBool,
}

impl Ask<'_> {
    /// Answers in the order of the prompts; `progress` hears of answers done.
    ///
    /// # Errors
    /// Template and sampling errors, an interruption.
    pub(crate) fn answers(
        &self,
        prompts: &[Prompt],
        decoding: &Decoding,
        progress: impl FnMut(usize),
    ) -> Result<Vec<Answer>, GenerateError> {
        answer(self.model, self.encoder, prompts, decoding, self.interrupt, progress)
    }

    /// The same behind beginnings of their own.
    ///
    /// # Errors
    /// As [`answers`](Self::answers).
    pub(crate) fn begun(
        &self,
        prompts: &[Prompt],
        beginnings: &[&[u32]],
        decoding: &Decoding,
        progress: impl FnMut(usize),
    ) -> Result<Vec<Answer>, GenerateError> {
        answer_begun(self.model, self.encoder, prompts, beginnings, decoding, self.interrupt, progress)
    }
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
    /// What the base said, whose answers begun ones begin with; absent where this model is the base.
    pub base: Option<&'a Measured>,
    /// How responses are cut into forward passes.
    pub chunking: Chunking,
    /// Set when the user asks to leave.
    pub interrupt: &'a AtomicBool,
}

impl Measurer<'_> {
    /// Units of [`measure`](Self::measure)'s progress.
    pub(crate) fn units(&self) -> usize {
        let sets = self.sets;
        (3 + self.settings.begun.len()) * sets.harmful.len() + 2 * sets.benign.len() + sets.sounding_harmful.len()
    }

    /// Asks for all answers and scores the good ones; `progress` hears of units done.
    ///
    /// # Errors
    /// Template and sampling errors; [`GenerateError::Interrupted`].
    pub(crate) fn measure(&self, mut progress: impl FnMut(usize)) -> Result<Measured, GenerateError> {
        let (sets, settings) = (self.sets, self.settings);
        let mut done = 0;
        let sampler = settings.weights.of(self.model);
        let ask = Ask { model: &sampler, encoder: self.encoder, interrupt: self.interrupt };
        let prompts = |rows: &[PromptRow]| rows.iter().map(|row| row.prompt.clone()).collect::<Vec<_>>();
        let mut answers = |rows: &[PromptRow], decoding: Decoding| {
            let answers = ask.answers(&prompts(rows), &decoding, |now| progress(done + now));
            done += rows.len();
            answers
        };
        let harmful = answers(&sets.harmful, settings.greedy(""))?;
        let sampled = answers(&sets.harmful, settings.sampled())?;
        let prefilled = answers(&sets.harmful, settings.greedy(&settings.prefill))?;
        let benign = answers(&sets.benign, settings.greedy(""))?;
        let sounding = answers(&sets.sounding_harmful, settings.greedy(""))?;
        let harmful_ids: Vec<Vec<u32>> = harmful.iter().map(|answer| answer.ids.clone()).collect();
        let harmful = texts(harmful);
        let (said, ids) = self.base.map_or((&harmful, &harmful_ids), |base| (&base.harmful, &base.harmful_ids));
        let bad = said.iter().map(|text| !is_refusal(text)).collect();
        let beginnings = Beginnings { bad, ids: ids.iter().map(Vec::as_slice).collect() };
        let begun = begun(&ask, &prompts(&sets.harmful), &beginnings, settings, |now| progress(done + now))?;
        done += settings.begun.len() * sets.harmful.len();
        let benign_likelihood = self.benign_likelihood(|now| progress(done + now))?;
        Ok(Measured {
            harmful,
            harmful_ids,
            harmful_sampled: texts(sampled),
            prefilled_continuations: prefilled.iter().map(|answer| answer.continuation.clone()).collect(),
            harmful_prefilled: texts(prefilled),
            begun,
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
}

fn texts(answers: Vec<Answer>) -> Vec<String> {
    answers.into_iter().map(|answer| answer.text).collect()
}
