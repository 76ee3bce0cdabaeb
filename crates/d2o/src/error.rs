//! What can go wrong in a run of the command, and whose turn it is.

use std::path::PathBuf;

use d2o_record::{FileError, LockError};
use thiserror::Error;

/// An error of a stage or a command.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum RunError {
    /// Reading or writing a file failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another process works in the same place.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Something stands where an export is to go.
    #[error("{}: already exists and is not replaced: {reason}", path.display())]
    Occupied {
        /// Where the export was to go.
        path: PathBuf,
        /// Why it is not taken for an export.
        reason: String,
    },
    /// A place where no export can go.
    #[error("{}: no place for an export: {reason}", path.display())]
    ExportPlace {
        /// Where the export was to go.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A form of export that there is not.
    #[error("{}: {reason}", path.display())]
    ExportForm {
        /// What was to be written.
        path: PathBuf,
        /// What does not go together.
        reason: String,
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
    /// The program that compares methods is not installed.
    #[error("`reproduce` is done by the program d2o-lab, which was not found beside this one or on the path")]
    NoLab,
    /// The program that compares methods failed; it has said why.
    #[error("d2o-lab: {status}")]
    Lab {
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// The user asked to stop between two pieces of work.
    #[error("interrupted after {done} of {total} {unit}; those are kept")]
    Interrupted {
        /// Units done.
        done: usize,
        /// Units in all.
        total: usize,
        /// What is counted, in the plural.
        unit: &'static str,
    },
}

impl RunError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::File(error) => return error.hint(),
            Self::Lock(error) => return error.hint(),
            Self::Occupied { .. } => "name another --out, or replace it with --force; what is there is then lost",
            Self::ExportPlace { .. } => "name another --out",
            Self::ExportForm { .. } => "directories hold f32, bf16 and f16, GGUF q8_0 as well; peft needs --adapter",
            Self::ContextTooLong { .. } => {
                "lower data.max_prompt_tokens, data.max_response_tokens or anchors.sampler.max_new_tokens"
            }
            Self::NoOutput => "name one with --out DIR",
            Self::NoGroups { .. } => {
                "lower data.threshold, raise data.max_prompt_tokens or anchors.redraws, or give more rows"
            }
            Self::Stale { .. } => "use another --out, or --fresh to throw it away and begin anew",
            Self::Damaged { .. } => "remove it; the stage that wrote it will make it again",
            Self::NoLab => "in a checkout: cargo xtask reproduce",
            Self::Lab { .. } => return None,
            Self::Interrupted { .. } => "run the same command again to go on from there",
        };
        Some(text.to_owned())
    }

    /// Whether the user's input is at fault (exit code 2) rather than the program or the machine.
    #[must_use]
    pub fn is_user_error(&self) -> bool {
        match self {
            Self::File(error) => error.is_user_error(),
            Self::Lock(error) => error.is_user_error(),
            Self::Lab { status } => status.code() == Some(2),
            Self::Interrupted { .. } => false,
            _ => true,
        }
    }
}
