//! What can go wrong in a run, and whose turn it is.

use std::path::PathBuf;

use d2o_model::ModelError;
use d2o_record::{FileError, LockError, ObserveError};
use thiserror::Error;

/// An error of a run.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum TrainError {
    /// Reading or writing a file failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another process trains here.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The model cannot be loaded or saved.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// An event could not be recorded.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// A knob of the run is out of its range.
    #[error("`{name}`: expected {expected}")]
    Setting {
        /// The knob, as the builder calls it.
        name: &'static str,
        /// What it takes.
        expected: String,
    },
    /// A checkpoint was written by another run.
    #[error("{}: stale: {reason}", path.display())]
    Stale {
        /// The artifact.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
    /// A checkpoint is damaged.
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
    /// The user asked to stop; a checkpoint holds the state.
    #[error("interrupted after step {step}; a checkpoint was written")]
    Interrupted {
        /// Steps that are done.
        step: usize,
    },
    /// Somebody whom the run asks, to draw anchors or to judge answers, failed.
    #[error(transparent)]
    Callback(Box<dyn std::error::Error + Send + Sync>),
}

impl TrainError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Model(error) => return error.hint(),
            Self::Observe(error) => return error.hint(),
            Self::File(error) => return error.hint(),
            Self::Lock(error) => return error.hint(),
            Self::Stale { .. } => "use another --out, or --fresh to throw it away and begin anew",
            Self::Damaged { .. } => "remove it; the stage that wrote it will make it again",
            Self::NonFinite { .. } => "lower train.learning_rate; the last checkpoint is intact",
            Self::Interrupted { .. } => "run the same command again to go on from the checkpoint",
            Self::Setting { .. } | Self::Callback(_) => return None,
        };
        Some(text.to_owned())
    }

    /// Whether the user's input is at fault (exit code 2) rather than the program or the machine.
    #[must_use]
    pub fn is_user_error(&self) -> bool {
        match self {
            Self::File(error) => error.is_user_error(),
            Self::Lock(error) => error.is_user_error(),
            Self::NonFinite { .. } | Self::Interrupted { .. } | Self::Callback(_) => false,
            _ => true,
        }
    }
}
