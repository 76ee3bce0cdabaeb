//! What can go wrong between a model and its texts.

use std::path::PathBuf;

use d2o_data::DataError;
use d2o_eval::EvalError;
use d2o_model::ModelError;
use d2o_record::{FileError, ObserveError};
use d2o_sampler::SamplerError;
use d2o_text::TextError;
use d2o_train::TrainError;
use thiserror::Error;

/// An error of opening a model, of answering or of drawing anchors.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum GenerateError {
    /// Reading or writing a file failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// Rows are wrong.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Tokenizer or template are wrong.
    #[error(transparent)]
    Text(#[from] TextError),
    /// Drafts could not be judged.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// The model cannot be loaded.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Progress could not be told.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// Sampling failed.
    #[error("sampling failed: {message}")]
    Sampling {
        /// What the sampler said.
        message: String,
    },
    /// The model computes what is no number.
    #[error("{what} is not finite ({value}): the model overflows")]
    NonFinite {
        /// What was computed.
        what: String,
        /// What came out.
        value: f64,
    },
    /// The tokenizer and the model do not belong together.
    #[error("{}: the tokenizer has {tokens} tokens, the model's embedding {embedding} rows", path.display())]
    TokenizerMismatch {
        /// The model's directory or file.
        path: PathBuf,
        /// Size of the tokenizer's vocabulary.
        tokens: usize,
        /// Rows of the embedding.
        embedding: usize,
    },
    /// An adapter where a model is needed.
    #[error("{}: expected a model, found an adapter", path.display())]
    AdapterAlone {
        /// The directory.
        path: PathBuf,
        /// The base that it names.
        base: Option<String>,
    },
    /// The model has no chat template but prompts are to be framed by one.
    #[error("{}: the model has no chat template", path.display())]
    NoChatTemplate {
        /// The model's directory or file.
        path: PathBuf,
    },
    /// The model's end token is unknown.
    #[error("{}: no end-of-sequence token in the configuration or tokenizer", path.display())]
    NoEndToken {
        /// The model's directory or file.
        path: PathBuf,
    },
    /// An anchor store was drawn from something else.
    #[error("{}: stale: {reason}", path.display())]
    Stale {
        /// The store.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
    /// An anchor store is damaged.
    #[error("{}: damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The user asked to stop.
    #[error("interrupted after {done} of {total} {unit}{}", if *kept { "; those are kept" } else { "" })]
    Interrupted {
        /// Units done.
        done: usize,
        /// Units in all.
        total: usize,
        /// What is counted, in the plural.
        unit: &'static str,
        /// Whether the same call goes on from there.
        kept: bool,
    },
}

impl GenerateError {
    /// What the sampler failed at.
    pub(crate) fn sampling<E: std::error::Error>(error: &SamplerError<E>) -> Self {
        match error {
            SamplerError::NonFinite { value, drawn, token, .. } => {
                Self::NonFinite { what: format!("logit {token} after {drawn} drawn tokens"), value: f64::from(*value) }
            }
            other => Self::Sampling { message: other.to_string() },
        }
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::File(error) => return error.hint(),
            Self::Data(error) => return error.hint(),
            Self::Text(error) => return error.hint(),
            Self::Eval(error) => return error.hint(),
            Self::Model(error) => return error.hint(),
            Self::Observe(error) => return error.hint(),
            Self::TokenizerMismatch { .. } => "use the tokenizer.json that was published with these weights",
            Self::AdapterAlone { base: Some(base), .. } => {
                return Some(format!("give its base, `{base}`, as the model, and this directory with --adapter"));
            }
            Self::AdapterAlone { .. } => "give its base as the model, and this directory with --adapter",
            Self::NonFinite { .. } => {
                "the weights may be damaged, or have overflowed in half precision: take an earlier checkpoint, or \
                 device.sampling = \"f32\""
            }
            Self::NoChatTemplate { .. } => "set data.chat = false, or put a chat_template.jinja beside the model",
            Self::NoEndToken { .. } => {
                "name it as eos_token in tokenizer_config.json, or as eos_token_id in generation_config.json"
            }
            Self::Stale { .. } => "use another --out, or --fresh to throw it away and begin anew",
            Self::Damaged { .. } => "remove it; the stage that wrote it will make it again",
            Self::Interrupted { kept: true, .. } => "run the same command again to go on from there",
            Self::Interrupted { kept: false, .. } => "run the same command again; these begin anew",
            Self::Sampling { .. } => return None,
        };
        Some(text.to_owned())
    }

    /// Whether the user's input is at fault (exit code 2) rather than the program or the machine.
    #[must_use]
    pub fn is_user_error(&self) -> bool {
        match self {
            Self::File(error) => error.is_user_error(),
            Self::Interrupted { .. } | Self::Sampling { .. } => false,
            _ => true,
        }
    }

    /// The same for a training run whose step `step` asked for it.
    #[must_use]
    pub fn in_training(self, step: usize) -> TrainError {
        match self {
            Self::Interrupted { .. } => TrainError::Interrupted { step },
            Self::File(error) => error.into(),
            other => TrainError::Callback(Box::new(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interrupted(unit: &'static str, kept: bool) -> GenerateError {
        GenerateError::Interrupted { done: 32, total: 90, unit, kept }
    }

    #[test]
    fn an_interruption_says_what_is_kept_and_speaks_of_no_checkpoint() {
        for (error, message, hint) in [
            (
                interrupted("prompts", true),
                "interrupted after 32 of 90 prompts; those are kept",
                "run the same command again to go on from there",
            ),
            (
                interrupted("answers", false),
                "interrupted after 32 of 90 answers",
                "run the same command again; these begin anew",
            ),
        ] {
            assert_eq!((error.to_string().as_str(), error.hint().as_deref()), (message, Some(hint)));
            assert!(!error.is_user_error(), "exit code 1: nothing is wrong with the input");
        }
    }

    #[test]
    fn in_training_an_interruption_is_the_run_s_and_anything_else_is_passed_on() {
        let error = interrupted("prompts", false).in_training(7);
        assert!(matches!(error, TrainError::Interrupted { step: 7 }), "{error}");
        let error = GenerateError::Sampling { message: "no logits".to_owned() }.in_training(7);
        assert!(matches!(error, TrainError::Callback(_)) && error.to_string().contains("no logits"), "{error}");
    }
}
