//! What can go wrong.

use burn::tensor::TensorReadError;
use std::convert::Infallible;

/// Everything that sampling refuses or fails at. `E` is the model's own error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SamplerError<E = Infallible> {
    /// A setting lies outside its range.
    #[error("field `{field}` is {value}, expected {expected}")]
    Setting {
        /// Name of the field as it is written in a configuration.
        field: &'static str,
        /// What was found there.
        value: String,
        /// The range that would have been accepted.
        expected: &'static str,
    },
    /// A request has no token to continue from.
    #[error("request {request}: field `prompt` is empty")]
    EmptyPrompt {
        /// Index of the request.
        request: usize,
    },
    /// A prompt holds a token that the model has no logit for.
    #[error("request {request}: token {token} is outside the model's vocabulary of {vocab}")]
    TokenOutOfRange {
        /// Index of the request.
        request: usize,
        /// The offending id.
        token: u32,
        /// Number of logits that the model gave.
        vocab: usize,
    },
    /// A logit is infinite or not a number.
    #[error("request {request}: logit of token {token} is {value} after {drawn} drawn tokens")]
    NonFinite {
        /// Index of the request.
        request: usize,
        /// First token whose logit is not finite.
        token: usize,
        /// The logit.
        value: f32,
        /// Tokens that this request had been given before.
        drawn: usize,
    },
    /// The model failed.
    #[error("model failed to give the next logits")]
    Model {
        /// The model's error.
        #[source]
        source: E,
    },
    /// The logits could not be read from the device.
    #[error("logits could not be read from the device")]
    Read {
        /// The device's error.
        #[source]
        source: TensorReadError,
    },
}

impl<E> SamplerError<E> {
    /// A remedy in one sentence, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Setting { field: "temperature", .. } => {
                Some("use 0 for greedy decoding, 1 for the model's own distribution".into())
            }
            Self::Setting { field, .. } => Some(format!("change `{field}` in the configuration")),
            Self::EmptyPrompt { .. } => {
                Some("begin the prompt with at least one token, such as the model's start token".into())
            }
            Self::TokenOutOfRange { .. } => {
                Some("the tokenizer does not fit the model: take both from one directory".into())
            }
            Self::NonFinite { .. } => Some(
                "the weights may be damaged, or have overflowed in half precision: check the model, or run it in f32"
                    .into(),
            ),
            Self::Model { .. } | Self::Read { .. } => None,
        }
    }

    /// The same error with its request renumbered by `place`.
    pub(crate) fn renumber(mut self, place: impl FnOnce(usize) -> usize) -> Self {
        if let Self::EmptyPrompt { request } | Self::TokenOutOfRange { request, .. } | Self::NonFinite { request, .. } =
            &mut self
        {
            *request = place(*request);
        }
        self
    }
}
