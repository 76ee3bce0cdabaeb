//! What one optimizer step is made of: a prompt, its anchors and its rejected answer.

/// Token ids of one response and what the reference thinks of it.
#[derive(Clone, Debug, PartialEq)]
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

    /// Tokens of the naive layout: the prompt counted once for each response.
    pub fn naive_tokens(&self) -> usize {
        self.responses().iter().map(|ids| self.prompt.len() + ids.len()).sum()
    }
}
