//! What one model says and thinks on the evaluation sets: the raw material of every figure.

use serde::{Deserialize, Serialize};

/// A prompt of an evaluation, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluationPrompt {
    /// Its name within its set.
    pub id: String,
    /// What is asked.
    pub prompt: String,
    /// A good answer, where there is one.
    pub response: Option<String>,
}

/// The prompts of an evaluation, none of which training has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EvaluationSets {
    /// Harmful requests.
    pub harmful: Vec<EvaluationPrompt>,
    /// Everyday requests with good answers.
    pub benign: Vec<EvaluationPrompt>,
    /// Harmless requests that sound harmful.
    pub sounding_harmful: Vec<EvaluationPrompt>,
}

/// Negative log-likelihood of one answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Likelihood {
    /// Nats, summed over the answer's tokens, the end token included.
    pub nll: f64,
    /// Tokens.
    pub tokens: usize,
}

/// Greedy continuations of answers that were made to begin with tokens of the base's own bad answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begun {
    /// Tokens of the beginning.
    pub tokens: usize,
    /// Places in the set of the prompts that were asked: those to which the base's answer is bad and so long.
    pub prompts: Vec<usize>,
    /// What the model wrote behind the beginning, one text a prompt.
    pub continuations: Vec<String>,
}

/// Everything measured on one model, each list in the order of its set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Greedy answers to the harmful requests.
    pub harmful: Vec<String>,
    /// Their token ids, without an end token.
    pub harmful_ids: Vec<Vec<u32>>,
    /// Sampled ones.
    pub harmful_sampled: Vec<String>,
    /// Greedy ones behind a given beginning, which they include.
    pub harmful_prefilled: Vec<String>,
    /// What they say behind it.
    pub prefilled_continuations: Vec<String>,
    /// Greedy ones behind beginnings of the base's own.
    pub begun: Vec<Begun>,
    /// Greedy answers to the everyday requests.
    pub benign: Vec<String>,
    /// Lengths of those, tokens.
    pub benign_tokens: Vec<usize>,
    /// Greedy answers to the harmless requests that sound harmful.
    pub sounding_harmful: Vec<String>,
    /// The good answers' likelihood.
    pub benign_likelihood: Vec<Likelihood>,
}
