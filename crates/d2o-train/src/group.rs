//! What one optimizer step is made of: a prompt, its anchors and its rejected answer.

use d2o_model::CausalLm;
use d2o_model::responses::{Chunking, score};
use serde::{Deserialize, Serialize};

/// Token ids of one response and what the reference thinks of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// Response token ids, the end token included where the answer was not cut.
    pub ids: Vec<u32>,
    /// Summed log-probability under the frozen reference, nats.
    pub reference: f64,
}

/// One prompt with `K` anchors and one rejected answer.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingGroup {
    /// The row's identifier in the user's data.
    pub id: String,
    /// Prompt token ids, as the model sees them at deployment (no instruction in front).
    pub prompt: Vec<u32>,
    /// The model's own answers.
    pub anchors: Vec<Response>,
    /// The answer that people rejected.
    pub rejected: Response,
}

impl TrainingGroup {
    /// All responses in the order in which they are scored: the anchors, then the rejected answer.
    pub fn responses(&self) -> Vec<&[u32]> {
        self.anchors.iter().chain(std::iter::once(&self.rejected)).map(|response| response.ids.as_slice()).collect()
    }

    /// Puts the log-probabilities of a frozen `reference` beside all responses: what is done once before training for
    /// a stored reference, and at every step for a live one. Reads the device.
    ///
    /// # Panics
    /// If the prompt or a response is empty.
    pub fn score_reference(&mut self, reference: &CausalLm, chunking: Chunking) {
        let scores = score(reference, &self.prompt, &self.responses(), chunking).into_data();
        let responses = self.anchors.iter_mut().chain(std::iter::once(&mut self.rejected));
        responses.zip(scores.iter::<f64>()).for_each(|(response, score)| response.reference = score);
    }

    /// Tokens of the naive layout: the prompt counted once for each response.
    pub fn naive_tokens(&self) -> usize {
        self.responses().iter().map(|ids| self.prompt.len() + ids.len()).sum()
    }
}

/// A prompt with one response to it, as one list of ids: ordinary text that a run holds on to or validates on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    ids: Vec<u32>,
    prompt_len: usize,
}

impl Example {
    /// A prompt's ids followed by a response's.
    #[must_use]
    pub fn new(prompt: &[u32], response: &[u32]) -> Self {
        Self { ids: [prompt, response].concat(), prompt_len: prompt.len() }
    }

    /// All ids.
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The prompt's ids.
    #[must_use]
    pub fn prompt(&self) -> &[u32] {
        &self.ids[..self.prompt_len]
    }

    /// The response's ids.
    #[must_use]
    pub fn response(&self) -> &[u32] {
        &self.ids[self.prompt_len..]
    }
}
