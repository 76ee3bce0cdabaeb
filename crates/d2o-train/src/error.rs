//! What can go wrong in a run, and whose turn it is.

use std::path::PathBuf;

use d2o_data::DataError;
use d2o_model::ModelError;
use d2o_record::FileError;
use thiserror::Error;

/// An error of a stage.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum TrainError {
    /// Reading or writing a file failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The user's data is wrong.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The model cannot be loaded or saved.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// An event could not be recorded.
    #[error(transparent)]
    Observe(#[from] crate::events::ObserveError),
    /// Sampling failed.
    #[error("sampling failed: {message}")]
    Sampling {
        /// What the sampler said.
        message: String,
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
    },
    /// A form of export that there is not.
    #[error("{}: {reason}", path.display())]
    ExportForm {
        /// What was to be written.
        path: PathBuf,
        /// What does not go together.
        reason: String,
    },
    /// The model has no chat template but the run asks for one.
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
    /// Prompt and answer together do not fit into the model's context.
    #[error("field `{field}`: {requested} tokens are longer than the model's context of {context}")]
    ContextTooLong {
        /// The configuration field or the row.
        field: String,
        /// Tokens asked for.
        requested: usize,
        /// Tokens the model was built for.
        context: usize,
    },
    /// Neither a run directory nor a name to derive one from.
    #[error("there is no run directory")]
    NoOutput,
    /// No group is left to train on.
    #[error("no group is left to train on: {reason}")]
    NoGroups {
        /// Where the rows went.
        reason: String,
    },
    /// An artifact in the run directory was made from something else.
    #[error("{}: stale: {reason}", path.display())]
    Stale {
        /// The artifact.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
    /// An artifact in the run directory is damaged.
    #[error("{}: damaged: {reason}", path.display())]
    Damaged {
        /// The artifact.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A loss or a gradient is not a number.
    #[error("step {step}: {quantity} is {value}, not a finite number")]
    NonFinite {
        /// Step, counted from 1.
        step: usize,
        /// Which quantity.
        quantity: &'static str,
        /// Its value.
        value: f64,
    },
    /// An objective's knobs are out of range.
    #[error("objective: {message}")]
    Objective {
        /// What is wrong.
        message: String,
    },
    /// The user asked to stop.
    #[error("interrupted after step {step}; a checkpoint was written")]
    Interrupted {
        /// Steps that are done.
        step: usize,
    },
    /// An evaluation or report failed.
    #[error("{what}: {message}")]
    Stage {
        /// Which part.
        what: &'static str,
        /// What it said.
        message: String,
    },
}

impl TrainError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Data(error) => return error.hint(),
            Self::Model(error) => return error.hint(),
            Self::Observe(error) => return error.hint(),
            Self::File(error) => return error.hint(),
            Self::TokenizerMismatch { .. } => "use the tokenizer.json that was published with these weights",
            Self::AdapterAlone { .. } => "give its base as the model, and this directory with --adapter",
            Self::ExportForm { .. } => "directories hold f32, bf16 and f16, GGUF q8_0 as well; peft needs --adapter",
            Self::NoChatTemplate { .. } => "set data.chat = false, or put a chat_template.jinja beside the model",
            Self::NoEndToken { .. } => "name it as eos_token in tokenizer_config.json",
            Self::ContextTooLong { .. } => {
                "lower data.max_prompt_tokens, data.max_response_tokens or anchors.sampler.max_new_tokens"
            }
            Self::NoOutput => "name one with --out DIR",
            Self::NoGroups { .. } => {
                "lower data.threshold, raise data.max_prompt_tokens or anchors.redraws, or give more rows"
            }
            Self::Stale { .. } => "use another --out, or --fresh to draw and train again",
            Self::Damaged { .. } => "remove the file; the stage that wrote it will make it again",
            Self::NonFinite { .. } => "lower train.learning_rate; the last checkpoint is intact",
            Self::Interrupted { .. } => "run the same command again to go on from the checkpoint",
            _ => return None,
        };
        Some(text.to_owned())
    }

    /// Whether the user's input is at fault (exit code 2) rather than the program or the machine.
    pub fn is_user_error(&self) -> bool {
        match self {
            Self::File(error) => error.is_user_error(),
            Self::NonFinite { .. } | Self::Interrupted { .. } | Self::Sampling { .. } | Self::Stage { .. } => false,
            _ => true,
        }
    }
}
